//! Block announcements over ZMQ.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use otedama_chain::node::bitcoind::hash_block;
use otedama_chain::node::monerod::{Publication, publication};
use otedama_hash::Hash256;
use tokio::sync::mpsc;
use tracing::{debug, warn};
use zeromq::{Socket as _, SocketRecv as _, SubSocket};

/// A node says that it has a new best block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Announcement {
    /// Which node.
    pub(super) node: usize,
    /// The block.
    pub(super) hash: Hash256,
}

/// Longest time without a block before the subscription is made anew; the connection may be dead.
const SILENCE: Duration = Duration::from_secs(3600);

/// Where a node announces blocks, and how.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    pub(super) kind: FeedKind,
    /// `tcp://host:port`.
    pub(super) address: String,
    /// Whether the present subscription has brought an announcement: a connection alone proves nothing.
    pub(super) is_heard: Arc<AtomicBool>,
}

/// What a node announces.
#[derive(Clone, Copy, Debug)]
pub(super) enum FeedKind {
    /// Bitcoin Core's `zmqpubhashblock`.
    HashBlock,
    /// Monero's `zmq-pub`.
    Monero,
}

impl FeedKind {
    /// A feed of this kind that nobody has listened to yet.
    pub(super) fn at(self, address: &str) -> Feed {
        Feed {
            kind: self,
            address: address.to_owned(),
            is_heard: Arc::default(),
        }
    }

    fn topics(self) -> &'static [&'static str] {
        match self {
            Self::HashBlock => &["hashblock"],
            Self::Monero => &["json-minimal-chain_main", "json-full-miner_data"],
        }
    }

    /// The tip that a message announces; `None` if it is none of the topics.
    fn tip(self, frames: &[Bytes]) -> Option<Hash256> {
        match self {
            Self::HashBlock => hash_block(frames).ok().map(|block| block.hash),
            Self::Monero => match publication(frames.first()?).ok()? {
                Publication::NewBlocks(blocks) => Some(Hash256::from_be_bytes(blocks.tip)),
                Publication::MinerData(data) => Some(Hash256::from_be_bytes(data.prev_id)),
            },
        }
    }
}

/// Listens to one node for ever.
pub(super) async fn listen(node: usize, feed: Feed, to: mpsc::Sender<Announcement>) {
    let address = &feed.address;
    let mut pause = Duration::from_secs(1);
    let mut warned = false;
    loop {
        let why = subscription(node, &feed, &to).await;
        let heard = feed.is_heard.swap(false, Ordering::Relaxed);
        if to.is_closed() {
            return;
        }
        if heard {
            (pause, warned) = (Duration::from_secs(1), false);
        }
        if warned {
            debug!(%address, %why, "no block announcements");
        } else {
            warn!(%address, %why, "no block announcements; until they come, new blocks show by asking the node");
            warned = true;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
}

/// One subscription; returns why it ended.
async fn subscription(node: usize, feed: &Feed, to: &mpsc::Sender<Announcement>) -> String {
    let address = &feed.address;
    let mut socket = SubSocket::new();
    if let Err(error) = socket.connect(address).await {
        return error.to_string();
    }
    for topic in feed.kind.topics() {
        if let Err(error) = socket.subscribe(topic).await {
            return error.to_string();
        }
    }
    loop {
        let message = match tokio::time::timeout(SILENCE, socket.recv()).await {
            Ok(Ok(message)) => message,
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "silence".to_owned(),
        };
        let Some(hash) = feed.kind.tip(&message.into_vec()) else {
            debug!(%address, "not a block announcement");
            continue;
        };
        feed.is_heard.store(true, Ordering::Relaxed);
        if to.send(Announcement { node, hash }).await.is_err() {
            return "nobody listens".to_owned();
        }
    }
}
