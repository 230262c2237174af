//! Monero's node.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::http::uri::InvalidUri;
use otedama_chain::family::cryptonote::RESERVE_LEN;
use otedama_chain::node::monerod::{self, BlockHeader, NodeInfo};
use otedama_chain::node::{SubmitOutcome, check_genesis, check_network};
use otedama_chain::{ChainSpec, Family, Template};
use otedama_hash::Hash256;

use super::http::Http;
use super::zmq::{Feed, FeedKind};
use super::{Fate, NodeError, SUBMIT, Tip};
use crate::config;

/// How often a node is asked for its tip while a changed template is waited for.
const POLL: Duration = Duration::from_millis(500);
/// The same while announcements come by ZMQ, which may get lost.
const POLL_BESIDE_ZMQ: Duration = Duration::from_secs(5);

/// A node behind a JSON-RPC address.
#[derive(Debug)]
pub struct MonerodNode {
    http: Http,
    feed: Option<Feed>,
    /// Whom its templates pay.
    pool_address: String,
    genesis_checked: AtomicBool,
}

impl MonerodNode {
    /// A node that nobody has talked to yet, whose blocks are to pay `pool_address`.
    ///
    /// # Errors
    /// When its address is no URL.
    pub fn new(node: &config::Node, pool_address: &str) -> Result<Self, InvalidUri> {
        Ok(Self {
            http: Http::new(node, "/json_rpc")?,
            feed: node
                .zmq_block
                .as_deref()
                .map(|address| FeedKind::Monero.at(address)),
            pool_address: pool_address.to_owned(),
            genesis_checked: AtomicBool::new(false),
        })
    }

    pub(super) fn name(&self) -> &str {
        self.http.name()
    }

    pub(super) fn feed(&self) -> Option<Feed> {
        self.feed.clone()
    }

    /// The node has no long polling: with the id of an earlier template, its tip is asked for until it changes.
    pub(super) async fn template(
        &self,
        spec: &'static ChainSpec,
        family: &dyn Family,
        long_poll_id: Option<&str>,
    ) -> Result<Template, NodeError> {
        if let Some(id) = long_poll_id {
            while Hash256::from_be_bytes(self.info().await?.top_id).to_string() == id {
                let feed = self.feed.as_ref();
                let is_heard = feed.is_some_and(|feed| feed.is_heard.load(Ordering::Relaxed));
                tokio::time::sleep(if is_heard { POLL_BESIDE_ZMQ } else { POLL }).await;
            }
        }
        let (status, body) = self
            .http
            .call(
                monerod::get_block_template(&self.pool_address, RESERVE_LEN),
                self.http.timeout(),
            )
            .await?;
        let mut template = family.parse_template(spec, monerod::block_template(status, &body)?)?;
        template.long_poll_id = Some(template.prev_hash.to_string());
        Ok(template)
    }

    pub(super) async fn submit(&self, block: &[u8]) -> Result<SubmitOutcome, NodeError> {
        let (status, body) = self.http.call(monerod::submit_block(block), SUBMIT).await?;
        Ok(monerod::submit_outcome(status, &body)?)
    }

    pub(super) async fn tip(&self, spec: &'static ChainSpec) -> Result<Tip, NodeError> {
        let info = self.info().await?;
        check_network(spec, &info.network)?;
        if !self.genesis_checked.load(Ordering::Relaxed) {
            let genesis = self.header_at(0).await?;
            check_genesis(spec, &Hash256::from_be_bytes(genesis.id))?;
            self.genesis_checked.store(true, Ordering::Relaxed);
        }
        let height = info.next_height.saturating_sub(1);
        if !info.is_synchronized {
            return Err(NodeError::Syncing {
                height,
                headers: info.target_height.max(height),
            });
        }
        Ok(Tip {
            height,
            hash: Hash256::from_be_bytes(info.top_id),
        })
    }

    /// What became of a block at a height; `None` while the chain doesn't reach so far.
    pub(super) async fn fate(&self, hash: &Hash256, height: u64) -> Result<Option<Fate>, NodeError> {
        if self.info().await?.next_height <= height {
            return Ok(None);
        }
        let there = self.header_at(height).await?;
        Ok(Some(if Hash256::from_be_bytes(there.id) == *hash {
            Fate::InBestChain
        } else {
            Fate::Orphaned
        }))
    }

    async fn info(&self) -> Result<NodeInfo, NodeError> {
        let (status, body) = self.http.call(monerod::get_info(), self.http.timeout()).await?;
        Ok(monerod::node_info(status, &body)?)
    }

    async fn header_at(&self, height: u64) -> Result<BlockHeader, NodeError> {
        let call = monerod::get_block_header_by_height(height);
        let (status, body) = self.http.call(call, self.http.timeout()).await?;
        Ok(monerod::block_header(status, &body)?)
    }
}
