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
use tokio::time::Instant;
use tracing::{debug, warn};

use super::http::Http;
use super::{Fate, NodeError, SUBMIT, Tip};
use crate::config;

/// How often a node is asked for work while changed work is waited for.
const POLL: Duration = Duration::from_millis(500);

/// Between two calls for work at least, however much is posted.
const BETWEEN_ASKS: Duration = Duration::from_millis(50);

/// Headers that were posted and may still be worked on.
const HEADERS_KEPT: usize = 16;

/// How often a seal is handed over that the node answers with `false`. core-geth answers so too while its sealer is
/// busy ("Sealing result is not read by miner"), and doesn't say which it was.
const SEAL_TRIES: u32 = 3;

/// Pause before a seal is handed over again.
const SEAL_AGAIN: Duration = Duration::from_millis(300);

/// Where nodes post their work (`--miner.notify`).
///
/// Anybody might post there, so a post is a hint to ask the node, no more; a posted header is used if the node itself
/// names its hash as work.
pub struct Posts {
    spec: &'static ChainSpec,
    family: Arc<dyn Family>,
    count: watch::Sender<u64>,
    headers: Mutex<VecDeque<Posted>>,
}

/// A header that was posted.
#[derive(Clone)]
struct Posted {
    seal_hash: [u8; 32],
    coinbase: [u8; 20],
    body: Bytes,
}

impl std::fmt::Debug for Posts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Posts")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl Posts {
    /// Takes the work of nodes of this chain.
    pub fn new(spec: &'static ChainSpec) -> Self {
        Self {
            spec,
            family: otedama_chain::family(spec),
            count: watch::Sender::new(0),
            headers: Mutex::default(),
        }
    }

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
        if let Err(error) = self.family.parse_template(self.spec, &body) {
            return debug!(%error, "what was posted is no work");
        }
        if let Ok(header) = Header::parse(&body) {
            let posted = Posted {
                seal_hash: header.seal_hash(),
                coinbase: header.coinbase,
                body,
            };
            let mut headers = self.headers.lock().unwrap_or_else(PoisonError::into_inner);
            headers.retain(|known| known.seal_hash != posted.seal_hash);
            headers.push_back(posted);
            if headers.len() > HEADERS_KEPT {
                headers.pop_front();
            }
        }
        self.count.send_modify(|count| *count += 1);
    }

    /// The header with this seal hash, as it was posted.
    fn header(&self, seal_hash: &[u8]) -> Option<Posted> {
        let headers = self.headers.lock().unwrap_or_else(PoisonError::into_inner);
        headers.iter().find(|known| known.seal_hash == seal_hash).cloned()
    }
}

/// A node behind a JSON-RPC address.
#[derive(Debug)]
pub struct GethNode {
    http: Http,
    posts: Arc<Posts>,
    /// Whom its blocks should pay.
    payout: Vec<u8>,
    /// Whom they pay instead, as far as that has been said.
    pays_instead: Mutex<Option<[u8; 20]>>,
    genesis_checked: AtomicBool,
}

impl GethNode {
    /// A node that nobody has talked to yet, whose blocks should pay the account `payout`.
    ///
    /// # Errors
    /// When its address is no URL.
    pub fn new(node: &config::Node, posts: Arc<Posts>, payout: Vec<u8>) -> Result<Self, InvalidUri> {
        Ok(Self {
            http: Http::new(node, "/")?,
            posts,
            payout,
            pays_instead: Mutex::new(None),
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
            let earliest = Instant::now() + BETWEEN_ASKS;
            let template = self.work(spec, family).await?;
            if template.long_poll_id.as_deref() != long_poll_id {
                return Ok(template);
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                _ = posts.changed() => debug!(node = self.name(), "work was posted"),
            }
            tokio::time::sleep_until(earliest).await;
            // Whatever was posted meanwhile is asked for now.
            posts.mark_unchanged();
        }
    }

    async fn work(&self, spec: &'static ChainSpec, family: &dyn Family) -> Result<Template, NodeError> {
        let (status, body) = self.call(geth::get_work()).await?;
        let json = geth::work(status, &body)?;
        let mut template = family.parse_template(spec, json)?;
        let id = template.work_id();
        if let Some(posted) = id.as_ref().and_then(|id| self.posts.header(id))
            && let Ok(full) = family.parse_template(spec, &posted.body)
        {
            self.check_payee(posted.coinbase);
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
        for _ in 1..SEAL_TRIES {
            let outcome = self.submit_once(&solution).await?;
            if outcome.is_kept() {
                return Ok(outcome);
            }
            tokio::time::sleep(SEAL_AGAIN).await;
        }
        self.submit_once(&solution).await
    }

    async fn submit_once(&self, solution: &Solution) -> Result<SubmitOutcome, NodeError> {
        let (status, body) = self.http.call(geth::submit_work(solution), SUBMIT).await?;
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
            if !is_it {
                return Fate::Orphaned;
            }
            self.check_payee(header.coinbase);
            Fate::InBestChain
        }))
    }

    /// Says so, once for each account, if the node has its blocks pay another account than the pool's.
    fn check_payee(&self, coinbase: [u8; 20]) {
        if coinbase[..] == self.payout[..] {
            return;
        }
        let before = self
            .pays_instead
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(coinbase);
        if before != Some(coinbase) {
            warn!(
                node = self.name(),
                pays = const_hex::encode_prefixed(coinbase),
                payout_address = const_hex::encode_prefixed(&self.payout),
                "this node has blocks that do not pay payout_address, from which the pool's miners are to be paid; \
                 start the node that makes them with that --miner.etherbase"
            );
        }
    }

    async fn block(&self, at: BlockAt) -> Result<Option<Header>, NodeError> {
        let (status, body) = self.call(geth::get_block(at)).await?;
        Ok(geth::block(status, &body)?)
    }

    async fn call(&self, body: String) -> Result<(u16, Bytes), NodeError> {
        self.http.call(body, self.http.timeout()).await
    }
}

#[cfg(test)]
mod tests {
    use otedama_chain::coins::etc;

    use super::*;

    #[test]
    fn a_post_that_is_no_work_is_no_hint() {
        let posts = Posts::new(&etc::REGTEST);
        let count = posts.count.subscribe();
        for body in ["", "{}", "[]", r#"["0x00"]"#, r#"{"number":"0x1"}"#] {
            posts.take(Bytes::from(body));
            assert!(!count.has_changed().unwrap(), "{body}");
        }
        let hash = "0".repeat(64);
        let work = format!(r#"["0x{hash}","0x{hash}","0x{}","0x1"]"#, "f".repeat(64));
        posts.take(Bytes::from(work));
        assert!(count.has_changed().unwrap());
    }
}
