//! What the parts of one chain share, and what happens when one of them has news.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use otedama_chain::{ChainSpec, Template};
use otedama_hash::{Hash256, Target};
use otedama_pool::{Candidate, ShareRow};
use tracing::{error, info, warn};

use super::clock::Clock;
use super::meter::Meter;
use super::rewards::{CarryDelta, Rewards};
use crate::node::Nodes;
use crate::node::candidates::Verdict;
use crate::node::confirmations::Change;
use crate::shard::{Command, Mailbox, Snapshot};
use crate::store::{BlockRow, BlockStatus, FoundBlock, Request};
use crate::verify::Verification;

/// Blocks that are shown.
const BLOCKS_SHOWN: usize = 50;

/// Blocks whose carry is remembered in case they leave the best chain.
const SETTLED_KEPT: usize = 2000;

/// What is mined on now.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Height of the block that is looked for.
    pub height: u64,
    /// The block it builds on.
    pub prev_hash: Hash256,
    /// What its hash has to meet.
    pub target: Target,
    /// What it pays.
    pub reward: u64,
    /// When it came, in Unix seconds.
    pub unix_s: u64,
}

/// One chain that the program serves.
pub struct Chain {
    /// As the store calls it: "BTC mainnet".
    pub name: Arc<str>,
    /// The coin.
    pub spec: &'static ChainSpec,
    /// Its nodes.
    pub nodes: Arc<Nodes>,
    /// Its pool objects.
    pub shards: Vec<Mailbox>,
    /// What they show.
    pub snapshots: Vec<Arc<Mutex<Snapshot>>>,
    /// Height of the newest template.
    pub height: Arc<AtomicU64>,
    /// How often templates are renewed.
    pub template_refresh: Duration,
    /// Who verifies its shares, if not the shards themselves.
    pub verification: Option<Arc<Verification>>,
    /// Where found blocks are until nodes and journal have them.
    pub block_folder: Arc<Path>,
    clock: Clock,
    store: Sender<Request>,
    rewards: Mutex<Rewards>,
    meter: Mutex<Meter>,
    work: Mutex<Option<Work>>,
    blocks: Mutex<VecDeque<BlockRow>>,
    settled: Mutex<Settled>,
}

/// What blocks left owed, oldest first.
#[derive(Default)]
struct Settled {
    blocks: HashMap<String, Owed>,
    order: VecDeque<String>,
}

/// What a block leaves owed, and whether it counts now.
struct Owed {
    delta: CarryDelta,
    counts: bool,
}

/// What a chain is made of.
pub struct ChainParts {
    /// The coin.
    pub spec: &'static ChainSpec,
    /// Its nodes.
    pub nodes: Arc<Nodes>,
    /// Its pool objects.
    pub shards: Vec<Mailbox>,
    /// Its reward side.
    pub rewards: Rewards,
    /// The store's requests.
    pub store: Sender<Request>,
    /// The clock of the program.
    pub clock: Clock,
    /// Blocks found before, newest first.
    pub blocks: Vec<BlockRow>,
    /// What those left owed, and whether they count.
    pub settled: Vec<(String, CarryDelta, bool)>,
    /// How often templates are renewed.
    pub template_refresh: Duration,
    /// Who verifies its shares, if not the shards themselves.
    pub verification: Option<Arc<Verification>>,
    /// Where found blocks are until nodes and journal have them.
    pub block_folder: Arc<Path>,
}

/// How the store calls a chain.
pub fn store_name(spec: &ChainSpec) -> String {
    format!("{} {}", spec.symbol, spec.network)
}

impl Chain {
    /// A chain on which nothing is mined yet.
    pub fn new(parts: ChainParts) -> Self {
        let snapshots = parts.shards.iter().map(|_| Arc::default()).collect();
        let mut settled = Settled::default();
        for (hash, delta, counts) in parts.settled {
            settled.insert(hash, delta, counts);
        }
        Self {
            name: store_name(parts.spec).into(),
            spec: parts.spec,
            nodes: parts.nodes,
            shards: parts.shards,
            snapshots,
            height: Arc::default(),
            template_refresh: parts.template_refresh,
            verification: parts.verification,
            block_folder: parts.block_folder,
            clock: parts.clock,
            store: parts.store,
            rewards: Mutex::new(parts.rewards),
            meter: Mutex::new(Meter::new(parts.clock.now().unix_s)),
            work: Mutex::new(None),
            blocks: Mutex::new(parts.blocks.into()),
            settled: Mutex::new(settled),
        }
    }

    /// The reward side, for an instant.
    pub fn rewards(&self) -> MutexGuard<'_, Rewards> {
        lock(&self.rewards)
    }

    /// What is mined on now.
    pub fn work(&self) -> Option<Work> {
        *lock(&self.work)
    }

    /// The newest blocks, newest first.
    pub fn blocks(&self) -> Vec<BlockRow> {
        lock(&self.blocks).iter().cloned().collect()
    }

    /// Hashes per second over the last ten minutes.
    pub fn hashrate(&self) -> f64 {
        lock(&self.meter).rate(self.clock.now().unix_s)
    }

    /// A template came: plan whom it pays and tell every shard.
    pub fn on_template(&self, template: &Arc<Template>) {
        if let Some(verification) = &self.verification {
            verification.advance(template.epoch, template.next_epoch);
        }
        let unix_s = self.clock.now().unix_s;
        let payouts = self.rewards().payouts(template, unix_s);
        for shard in &self.shards {
            shard.send(Command::Template {
                template: Arc::clone(template),
                payouts: payouts.clone(),
            });
        }
        self.height.store(template.height, Ordering::Relaxed);
        *lock(&self.work) = Some(Work {
            height: template.height,
            prev_hash: template.prev_hash,
            target: template.network_target,
            reward: template.reward,
            unix_s,
        });
    }

    /// Shares are durable.
    pub fn on_persisted(&self, shard: usize, rows: &[ShareRow]) {
        if let (Some(mailbox), Some(last)) = (self.shards.get(shard), rows.last()) {
            mailbox.send(Command::Persisted { seq: last.seq });
        }
        self.rewards().credit_rows(rows);
        let mut meter = lock(&self.meter);
        for row in rows {
            meter.add(row.unix_s, row.work.get());
        }
    }

    /// A block is about to go to the nodes. What it pays and leaves owed is noted before anybody can
    /// know whether it counts, so that it can be settled after a restart too.
    pub fn on_candidate(&self, block: &Candidate) {
        let carry = self.rewards().carry_delta(block.plan.id, &block.account);
        let record = FoundBlock::new(block, &carry);
        if let Err(error) = record.write_note(&self.block_folder) {
            let folder = self.block_folder.display();
            error!(%folder, %error, ?record, "no note of a found block can be written");
        }
        lock(&self.settled).insert(record.hash.clone(), carry, false);
        let row = record.row();
        self.write(Request::BlockFound {
            chain: Arc::clone(&self.name),
            block: Box::new(record),
            folder: Arc::clone(&self.block_folder),
        });
        let mut blocks = lock(&self.blocks);
        blocks.push_front(row);
        blocks.truncate(BLOCKS_SHOWN);
    }

    /// The nodes have judged a block of `shard`, as far as they did.
    pub fn on_verdict(&self, shard: usize, block: &Candidate, verdict: &Verdict) -> BlockStatus {
        let (hash, height) = (block.hash.to_string(), block.height);
        let (status, detail, result) = match verdict {
            Verdict::Accepted(how) => {
                self.count(&hash, true);
                let (reward, finder) = (
                    self.amount(block.reward),
                    worker_name(&block.account, &block.worker),
                );
                info!(
                    "BLOCK FOUND on {}: height {height} {hash} pays {reward}, found by {finder} ({how})",
                    self.name
                );
                (BlockStatus::Accepted, (*how).to_owned(), Some(Ok(())))
            }
            Verdict::Refused(why) => {
                error!("BLOCK REFUSED on {}: height {height} {hash}: {why}", self.name);
                (BlockStatus::Rejected, why.clone(), Some(Err(why.clone())))
            }
            Verdict::Unknown(why) => {
                error!(
                    "BLOCK UNANSWERED on {}: height {height} {hash}: {why}; it counts once a node has it in its chain",
                    self.name
                );
                (BlockStatus::Submitted, why.clone(), None)
            }
        };
        self.show_status(&hash, status);
        self.write(Request::BlockStatus { hash, status, detail });
        if let (Some(mailbox), Some(result)) = (self.shards.get(shard), result) {
            mailbox.send(Command::BlockResult {
                hash: block.hash,
                result,
            });
        }
        status
    }

    /// A block was buried, replaced by another branch, or came into the best chain after all.
    pub fn on_change(&self, hash: &Hash256, change: Change) {
        let hash = hash.to_string();
        let status = match change {
            Change::Orphaned => {
                warn!("block {hash} on {}: another branch has its place", self.name);
                self.count(&hash, false);
                BlockStatus::Orphaned
            }
            Change::Restored => {
                info!("block {hash} on {} is in the best chain", self.name);
                self.count(&hash, true);
                BlockStatus::Accepted
            }
            Change::Mature => BlockStatus::Mature,
        };
        self.show_status(&hash, status);
        self.write(Request::BlockStatus {
            hash,
            status,
            detail: String::new(),
        });
    }

    /// An amount in whole coins.
    pub fn amount(&self, units: u64) -> String {
        let digits = usize::from(self.spec.unit_decimals);
        let scale = 10_u64.saturating_pow(u32::from(self.spec.unit_decimals));
        format!(
            "{}.{:0digits$} {}",
            units / scale,
            units % scale,
            self.spec.symbol
        )
    }

    /// A block counts from now on, or no longer does.
    fn count(&self, hash: &str, counts: bool) {
        let delta = lock(&self.settled).change(hash, counts);
        if let Some(delta) = delta {
            self.rewards().settle(delta, counts);
        }
    }

    fn show_status(&self, hash: &str, status: BlockStatus) {
        if let Some(block) = lock(&self.blocks).iter_mut().find(|block| block.hash == hash) {
            block.status = status;
        }
    }

    fn write(&self, request: Request) {
        if let Err(unsent) = self.store.send(request) {
            error!(request = ?unsent.0, "the store has ended; this is not recorded");
        }
    }
}

impl Settled {
    /// Adds a block, unless it is known: the journal keeps what it was first told as well.
    fn insert(&mut self, hash: String, delta: CarryDelta, counts: bool) {
        if let Entry::Vacant(new) = self.blocks.entry(hash.clone()) {
            new.insert(Owed { delta, counts });
            self.order.push_back(hash);
        }
        while self.order.len() > SETTLED_KEPT {
            if let Some(oldest) = self.order.pop_front() {
                self.blocks.remove(&oldest);
            }
        }
    }

    /// What changes when a block counts from now on, or no longer does; `None` if that is so already.
    fn change(&mut self, hash: &str, counts: bool) -> Option<CarryDelta> {
        let owed = self.blocks.get_mut(hash).filter(|owed| owed.counts != counts)?;
        owed.counts = counts;
        Some(owed.delta.clone())
    }
}

/// "address.worker", or the address alone.
fn worker_name(account: &str, worker: &str) -> String {
    if worker.is_empty() {
        account.to_owned()
    } else {
        format!("{account}.{worker}")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_settled_once_however_often_it_is_said_to_count() {
        let mut settled = Settled::default();
        settled.insert("a".to_owned(), vec![("miner".into(), 5)], false);
        assert_eq!(settled.change("a", false), None, "it never counted");
        assert_eq!(settled.change("a", true), Some(vec![("miner".into(), 5)]));
        assert_eq!(settled.change("a", true), None);
        settled.insert("a".to_owned(), Vec::new(), false);
        assert_eq!(settled.change("a", false), Some(vec![("miner".into(), 5)]));
        assert_eq!(settled.change("b", true), None);
    }
}
