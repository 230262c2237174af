//! core-geth, and other Ethereum nodes that hand out work.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use hyper::http::uri::InvalidUri;
use otedama_chain::family::ethereum::{Header, Solution};
use otedama_chain::node::geth::{self, BlockAt, Syncing};
use otedama_chain::node::{SubmitOutcome, check_genesis, check_network};
use otedama_chain::{ChainSpec, Family, Template};
use otedama_hash::Hash256;
use tokio::sync::watch;
use tracing::debug;

use super::http::Http;
use super::{Fate, NodeError, SUBMIT, Tip};
use crate::config;

/// How often a node is asked for work while changed work is waited for.
const POLL: Duration = Duration::from_millis(500);

/// Headers that were posted and may still be worked on.
const HEADERS_KEPT: usize = 16;

/// Where nodes post their work (`--miner.notify`).
///
/// Anybody might post there, so a post is a hint to ask the node, no more; a posted header is used if the node itself
/// names its hash as work.
#[derive(Debug)]
pub struct Posts {
    count: watch::Sender<u64>,
    headers: Mutex<VecDeque<([u8; 32], Bytes)>>,
}

impl Default for Posts {
    fn default() -> Self {
        Self {
            count: watch::Sender::new(0),
            headers: Mutex::default(),
        }
    }
}

impl Posts {
    /// What answers the posts.
    pub fn routes(self: &Arc<Self>) -> Router {
        let posts = Arc::clone(self);
        let take = move |body: Bytes| {
            posts.take(body);
            std::future::ready(StatusCode::OK)
        };
        Router::new().route("/", post(take.clone())).fallback(post(take))
    }

    fn take(&self, body: Bytes) {
        if let Ok(header) = Header::parse(&body) {
            let mut headers = self.headers.lock().unwrap_or_else(PoisonError::into_inner);
            headers.push_back((header.seal_hash(), body));
            if headers.len() > HEADERS_KEPT {
                headers.pop_front();
            }
        }
        self.count.send_modify(|count| *count += 1);
    }

    /// The header with this seal hash, as it was posted.
    fn header(&self, seal_hash: &[u8]) -> Option<Bytes> {
        let headers = self.headers.lock().unwrap_or_else(PoisonError::into_inner);
        let found = headers.iter().rev().find(|(hash, _)| hash == seal_hash);
        found.map(|(_, body)| body.clone())
    }
}

/// A node behind a JSON-RPC address.
#[derive(Debug)]
pub struct GethNode {
    http: Http,
    posts: Arc<Posts>,
    genesis_checked: AtomicBool,
}

impl GethNode {
    /// A node that nobody has talked to yet.
    ///
    /// # Errors
    /// When its address is no URL.
    pub fn new(node: &config::Node, posts: Arc<Posts>) -> Result<Self, InvalidUri> {
        Ok(Self {
            http: Http::new(node, "/")?,
            posts,
            genesis_checked: AtomicBool::new(false),
        })
    }

    pub(super) fn name(&self) -> &str {
        self.http.name()
    }

    /// The node has no long polling: with the id of an earlier template, it is asked until its work changes.
    pub(super) async fn template(
        &self,
        spec: &'static ChainSpec,
        family: &dyn Family,
        long_poll_id: Option<&str>,
    ) -> Result<Template, NodeError> {
        let mut posts = self.posts.count.subscribe();
        loop {
            let template = self.work(spec, family).await?;
            if template.long_poll_id.as_deref() != long_poll_id {
                return Ok(template);
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                _ = posts.changed() => debug!(node = self.name(), "work was posted"),
            }
        }
    }

    async fn work(&self, spec: &'static ChainSpec, family: &dyn Family) -> Result<Template, NodeError> {
        let (status, body) = self.call(geth::get_work()).await?;
        let json = geth::work(status, &body)?;
        let mut template = family.parse_template(spec, json)?;
        let id = template.work_id();
        if let Some(header) = id.as_ref().and_then(|id| self.posts.header(id))
            && let Ok(full) = family.parse_template(spec, &header)
        {
            template = full;
        } else {
            let parent = template.height.saturating_sub(1);
            let parent = self.block(BlockAt::Height(parent)).await?;
            let missing = NodeError::Missing("the block before its work");
            template.prev_hash = Hash256::from_be_bytes(parent.ok_or(missing)?.hash());
        }
        template.long_poll_id = id.map(const_hex::encode);
        Ok(template)
    }

    pub(super) async fn submit(&self, block: &[u8]) -> Result<SubmitOutcome, NodeError> {
        let Some(solution) = Solution::from_bytes(block) else {
            return Ok(SubmitOutcome::Rejected("not a solution".to_owned()));
        };
        let (status, body) = self.http.call(geth::submit_work(&solution), SUBMIT).await?;
        Ok(geth::submit_outcome(status, &body)?)
    }

    pub(super) async fn tip(&self, spec: &'static ChainSpec) -> Result<Tip, NodeError> {
        let (status, body) = self.call(geth::get_chain_id()).await?;
        check_network(spec, &geth::chain_id(status, &body)?.to_string())?;
        let missing = || NodeError::Missing("its first or last block");
        if !self.genesis_checked.load(Ordering::Relaxed) {
            let genesis = self.block(BlockAt::Height(0)).await?.ok_or_else(missing)?;
            check_genesis(spec, &Hash256::from_be_bytes(genesis.hash()))?;
            self.genesis_checked.store(true, Ordering::Relaxed);
        }
        let (status, body) = self.call(geth::get_syncing()).await?;
        if let Syncing::Behind { height, highest } = geth::syncing(status, &body)? {
            return Err(NodeError::Syncing {
                height,
                headers: highest,
            });
        }
        let latest = self.block(BlockAt::Latest).await?.ok_or_else(missing)?;
        Ok(Tip {
            height: latest.number,
            hash: Hash256::from_be_bytes(latest.hash()),
        })
    }

    /// What became of a block, named by its own hash or by its seal hash; `None` while the chain doesn't reach so far.
    pub(super) async fn fate(&self, hash: &Hash256, height: u64) -> Result<Option<Fate>, NodeError> {
        let there = self.block(BlockAt::Height(height)).await?;
        Ok(there.map(|header| {
            let is_it = [header.hash(), header.seal_hash()]
                .into_iter()
                .any(|id| Hash256::from_be_bytes(id) == *hash);
            if is_it { Fate::InBestChain } else { Fate::Orphaned }
        }))
    }

    async fn block(&self, at: BlockAt) -> Result<Option<Header>, NodeError> {
        let (status, body) = self.call(geth::get_block(at)).await?;
        Ok(geth::block(status, &body)?)
    }

    async fn call(&self, body: String) -> Result<(u16, Bytes), NodeError> {
        self.http.call(body, self.http.timeout()).await
    }
}
