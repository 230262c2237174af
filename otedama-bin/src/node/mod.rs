//! Nodes: where templates come from and blocks go to.

mod bitcoind;
pub mod candidates;
pub mod confirmations;
mod dev;
mod geth;
mod health;
mod http;
mod monerod;
pub mod templates;
mod zmq;

use std::sync::Arc;
use std::time::Duration;

use otedama_chain::node::{ChainMismatch, ReplyError, RpcError, SubmitOutcome};
use otedama_chain::{ChainSpec, Family, Template, TemplateError, TipHeader};
use otedama_hash::Hash256;

pub use bitcoind::BitcoindNode;
pub use dev::{DevNode, DevStartError};
pub use geth::{GethNode, Posts};
pub use health::{NodeState, Nodes, Tip};
pub use monerod::MonerodNode;

use zmq::Feed;

/// A whole block is judged within this time even by a slow node.
const SUBMIT: Duration = Duration::from_secs(60);

/// Why a node gave no answer that can be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    Timeout(std::time::Duration),
    /// It can't be reached, or the connection broke.
    #[error("{0}")]
    Transport(String),
    /// The cookie file can't be read.
    #[error("cookie file {0}")]
    Cookie(String),
    /// It refused, or answered with something else.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// Its template can't be mined on.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// It serves another chain.
    #[error(transparent)]
    Mismatch(#[from] ChainMismatch),
    /// It lacks a block that it should have.
    #[error("the node lacks {0}")]
    Missing(&'static str),
    /// It is still downloading the chain.
    #[error("the node is still downloading the chain: block {height} of {headers}")]
    Syncing {
        /// Height of its tip.
        height: u64,
        /// Height of the best header it knows.
        headers: u64,
    },
    /// It has fewer blocks than another node.
    #[error("the node is behind: block {height}, another node has {best}")]
    Behind {
        /// Height of its tip.
        height: u64,
        /// Height of the other's.
        best: u64,
    },
}

impl NodeError {
    /// Whether the node says that it doesn't know the block asked for.
    pub fn is_unknown_block(&self) -> bool {
        matches!(self, Self::Reply(ReplyError::Rpc(RpcError { code: -5, .. })))
    }
}

/// Where a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// In the best chain.
    InBestChain,
    /// Another one took its place.
    Orphaned,
}

/// One node, real or embedded.
#[derive(Clone, Debug)]
pub enum NodeHandle {
    /// Bitcoin Core, or one that descends from it.
    Bitcoind(Arc<BitcoindNode>),
    /// Monero's.
    Monerod(Arc<MonerodNode>),
    /// core-geth, or another Ethereum node.
    Geth(Arc<GethNode>),
    /// The embedded development chain.
    Dev(Arc<DevNode>),
}

impl NodeHandle {
    /// What logs and the API call it; holds no secret.
    pub fn name(&self) -> &str {
        match self {
            Self::Bitcoind(node) => node.name(),
            Self::Monerod(node) => node.name(),
            Self::Geth(node) => node.name(),
            Self::Dev(_) => "embedded development chain",
        }
    }

    /// Where it announces blocks, if it does.
    fn feed(&self) -> Option<Feed> {
        match self {
            Self::Bitcoind(node) => node.feed(),
            Self::Monerod(node) => node.feed(),
            Self::Geth(_) | Self::Dev(_) => None,
        }
    }

    /// A template. With the id of an earlier one it comes when something has changed since.
    ///
    /// # Errors
    /// When none came in time, or it can't be mined on.
    pub async fn template(
        &self,
        spec: &'static ChainSpec,
        family: &dyn Family,
        long_poll_id: Option<&str>,
    ) -> Result<Template, NodeError> {
        match self {
            Self::Bitcoind(node) => node.template(spec, family, long_poll_id).await,
            Self::Monerod(node) => node.template(spec, family, long_poll_id).await,
            Self::Geth(node) => node.template(spec, family, long_poll_id).await,
            Self::Dev(node) => node.template(spec, family, long_poll_id).await,
        }
    }

    /// Hands a block over.
    ///
    /// # Errors
    /// When nothing is known about what became of it.
    pub async fn submit(&self, block: &[u8]) -> Result<SubmitOutcome, NodeError> {
        match self {
            Self::Bitcoind(node) => node.submit(block).await,
            Self::Monerod(node) => node.submit(block).await,
            Self::Geth(node) => node.submit(block).await,
            Self::Dev(node) => Ok(node.submit(block)),
        }
    }

    /// Its tip, once it is known to serve the right chain and to have caught up.
    ///
    /// # Errors
    /// When it doesn't answer, serves another chain, or is still downloading.
    pub async fn tip(&self, spec: &'static ChainSpec) -> Result<Tip, NodeError> {
        match self {
            Self::Bitcoind(node) => node.tip(spec).await,
            Self::Monerod(node) => node.tip(spec).await,
            Self::Geth(node) => node.tip(spec).await,
            Self::Dev(node) => Ok(node.tip()),
        }
    }

    /// What became of a block; `None` if the node doesn't know it.
    ///
    /// # Errors
    /// When it doesn't answer.
    pub async fn fate(&self, hash: &Hash256, height: u64) -> Result<Option<Fate>, NodeError> {
        let header = match self {
            Self::Bitcoind(node) => node.header(hash).await?,
            Self::Dev(node) => node.header(hash),
            Self::Monerod(node) => return node.fate(hash, height).await,
            Self::Geth(node) => return node.fate(hash, height).await,
        };
        Ok(header.map(|header| {
            if header.is_orphaned() {
                Fate::Orphaned
            } else {
                Fate::InBestChain
            }
        }))
    }

    /// What an empty block on top of an announced one needs; `None` where there is no such thing.
    ///
    /// # Errors
    /// When it doesn't answer.
    pub async fn tip_header(&self, hash: &Hash256) -> Result<Option<TipHeader>, NodeError> {
        let header = match self {
            Self::Bitcoind(node) => node.header(hash).await?,
            Self::Dev(node) => node.header(hash),
            Self::Monerod(_) | Self::Geth(_) => None,
        };
        Ok(header.map(|header| header.tip()))
    }
}
