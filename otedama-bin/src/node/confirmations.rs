//! What becomes of found blocks: buried deep enough, or replaced by another branch. A node's answer to a block may get
//! lost or be wrong; what its chain holds is neither.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use otedama_hash::Hash256;
use tokio::sync::Notify;

use super::Fate;
use super::health::Nodes;

/// Blocks that are followed at one time; beyond it the lowest are let go.
const MAX_FOLLOWED: usize = 1000;

/// Blocks this far below the tip are looked at with every new block, deeper ones now and then.
const SHALLOW: u64 = 12;

/// How often deeper ones are looked at.
const NOW_AND_THEN: u64 = 10;

/// How long news gathers before the blocks are looked at.
const GATHER: Duration = Duration::from_millis(200);

/// What happened to a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another branch has its place.
    Orphaned,
    /// It is in the best chain, which it wasn't before.
    Restored,
    /// Its coins can be spent.
    Mature,
}

#[derive(Clone, Copy, Debug)]
struct Followed {
    height: u64,
    /// Where it stood when it was last looked at, if that is known.
    stood: Option<Fate>,
}

/// Called for every change.
pub type OnChange = Box<dyn Fn(&Hash256, Change) + Send + Sync>;

/// Follows blocks until they are mature, or will never be.
pub struct Confirmations {
    nodes: Arc<Nodes>,
    blocks: Mutex<BTreeMap<Hash256Key, Followed>>,
    new_tip: Notify,
    height: AtomicU64,
    on_change: OnChange,
}

type Hash256Key = [u8; 32];

impl Confirmations {
    /// Follows no block yet.
    pub fn new(nodes: Arc<Nodes>, on_change: OnChange) -> Self {
        Self {
            nodes,
            blocks: Mutex::new(BTreeMap::new()),
            new_tip: Notify::new(),
            height: AtomicU64::new(0),
            on_change,
        }
    }

    /// Follows a block. `stands` is where it is thought to stand, if anything is known: only what differs from it is
    /// a change.
    pub fn follow(&self, hash: &Hash256, height: u64, stands: Option<Fate>) {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.insert(
            hash.to_le_bytes(),
            Followed {
                height,
                stood: stands,
            },
        );
        if blocks.len() > MAX_FOLLOWED
            && let Some(lowest) = blocks.iter().min_by_key(|(_, b)| b.height).map(|(hash, _)| *hash)
        {
            blocks.remove(&lowest);
        }
        // The tip that replaces it may have come before the block's own verdict.
        self.new_tip.notify_one();
    }

    /// The chain has a new tip, at `height`.
    pub fn tip_changed(&self, height: u64) {
        self.height.store(height, Ordering::Relaxed);
        self.new_tip.notify_one();
    }

    /// Looks after the blocks for ever.
    pub async fn run(self: Arc<Self>) {
        loop {
            self.new_tip.notified().await;
            // Blocks of a burst are looked at together, not one scan each.
            tokio::time::sleep(GATHER).await;
            let Some(index) = self.nodes.best() else { continue };
            let tip = self.height.load(Ordering::Relaxed);
            for (key, block) in self.due(tip) {
                self.look_at(index, tip, key, block).await;
            }
        }
    }

    fn due(&self, tip: u64) -> Vec<(Hash256Key, Followed)> {
        let maturity = u64::from(self.nodes.spec.maturity);
        let blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = |block: &Followed| {
            let depth = tip.saturating_sub(block.height);
            depth <= SHALLOW || depth + 1 >= maturity || depth.is_multiple_of(NOW_AND_THEN)
        };
        blocks
            .iter()
            .filter(|(_, block)| is_due(block))
            .map(|(key, block)| (*key, *block))
            .collect()
    }

    async fn look_at(&self, index: usize, tip: u64, key: Hash256Key, block: Followed) {
        let hash = Hash256::from_le_bytes(key);
        let deep = tip.saturating_sub(block.height) > u64::from(self.nodes.spec.maturity);
        let fate = match self.nodes.handles[index].fate(&hash, block.height).await {
            Ok(Some(fate)) => fate,
            // A chain that has grown so far without the block doesn't have it.
            Ok(None) if deep => Fate::Orphaned,
            // A node that doesn't answer, or doesn't know the block yet, says nothing about it.
            Ok(None) | Err(_) => return,
        };
        if block.stood != Some(fate) {
            self.follow(&hash, block.height, Some(fate));
            let change = match fate {
                Fate::Orphaned => Change::Orphaned,
                Fate::InBestChain => Change::Restored,
            };
            (self.on_change)(&hash, change);
        }
        if deep {
            self.blocks
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&key);
        }
        if deep && fate == Fate::InBestChain {
            (self.on_change)(&hash, Change::Mature);
        }
    }
}
