//! Bitcoin Core, and nodes that descend from it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::http::uri::InvalidUri;
use otedama_chain::node::bitcoind::{self, BlockHeader};
use otedama_chain::node::{SubmitOutcome, check_genesis, check_network};
use otedama_chain::{ChainSpec, Family, Template};
use otedama_hash::Hash256;

use super::http::Http;
use super::zmq::{Feed, FeedKind};
use super::{NodeError, SUBMIT, Tip};
use crate::config;

/// How long a long poll may take; then another one is sent.
const LONG_POLL: Duration = Duration::from_secs(300);

/// A node behind a JSON-RPC address.
#[derive(Debug)]
pub struct BitcoindNode {
    http: Http,
    feed: Option<Feed>,
    genesis_checked: AtomicBool,
}

impl BitcoindNode {
    /// A node that nobody has talked to yet.
    ///
    /// # Errors
    /// When its address is no URL.
    pub fn new(node: &config::Node) -> Result<Self, InvalidUri> {
        Ok(Self {
            http: Http::new(node, "/")?,
            feed: node
                .zmq_block
                .as_deref()
                .map(|address| FeedKind::HashBlock.at(address)),
            genesis_checked: AtomicBool::new(false),
        })
    }

    pub(super) fn name(&self) -> &str {
        self.http.name()
    }

    pub(super) fn feed(&self) -> Option<Feed> {
        self.feed.clone()
    }

    pub(super) async fn template(
        &self,
        spec: &'static ChainSpec,
        family: &dyn Family,
        long_poll_id: Option<&str>,
    ) -> Result<Template, NodeError> {
        let timeout = if long_poll_id.is_some() {
            LONG_POLL
        } else {
            self.http.timeout()
        };
        let (status, body) = self
            .http
            .call(bitcoind::get_block_template(spec, long_poll_id), timeout)
            .await?;
        Ok(family.parse_template(spec, bitcoind::block_template(status, &body)?)?)
    }

    pub(super) async fn submit(&self, block: &[u8]) -> Result<SubmitOutcome, NodeError> {
        let (status, body) = self.http.call(bitcoind::submit_block(block), SUBMIT).await?;
        Ok(bitcoind::submit_outcome(status, &body)?)
    }

    pub(super) async fn tip(&self, spec: &'static ChainSpec) -> Result<Tip, NodeError> {
        let timeout = self.http.timeout();
        let (status, body) = self.http.call(bitcoind::get_blockchain_info(), timeout).await?;
        let info = bitcoind::blockchain_info(status, &body)?;
        check_network(spec, &info.chain)?;
        if !self.genesis_checked.load(Ordering::Relaxed) {
            let (status, body) = self.http.call(bitcoind::get_block_hash(0), timeout).await?;
            check_genesis(spec, &bitcoind::block_hash(status, &body)?)?;
            self.genesis_checked.store(true, Ordering::Relaxed);
        }
        // A private network starts out with an old tip, which looks like a download to the node.
        if info.initial_block_download && info.height < info.headers {
            return Err(NodeError::Syncing {
                height: info.height,
                headers: info.headers,
            });
        }
        Ok(Tip {
            height: info.height,
            hash: info.best_block_hash,
        })
    }

    /// `None` if it doesn't know the block.
    pub(super) async fn header(&self, hash: &Hash256) -> Result<Option<BlockHeader>, NodeError> {
        let timeout = self.http.timeout();
        let (status, body) = self.http.call(bitcoind::get_block_header(hash), timeout).await?;
        match bitcoind::block_header(status, &body).map_err(NodeError::from) {
            Err(error) if error.is_unknown_block() => Ok(None),
            other => other.map(Some),
        }
    }
}
