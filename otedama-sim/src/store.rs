//! The pool's durable storage: one writer, group commit, and what survives when the process dies.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use otedama_hash::Hash256;
use otedama_pool::{ExtranonceLease, ShareRow};
use otedama_rewards::{CarryBook, CoinbasePlan, ShareRecord};

use crate::random::Random;

/// Values in one lease: few, so that leases run out in a simulation too.
const LEASE: u32 = 6000;
/// Plans that are kept although no block pays them.
const PLANS_KEPT: u64 = 400;
/// Writes that one commit takes.
const COMMIT_MAX: usize = 1024;

/// Something to make durable.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Rows {
        shard: usize,
        rows: Vec<ShareRow>,
    },
    Lease {
        shard: usize,
    },
    /// A template waits for these plans.
    Plans(Vec<(u64, Arc<CoinbasePlan>)>),
    /// A block, and whether what it leaves owed counts.
    Block {
        hash: Hash256,
        plan: u64,
        height: u64,
        is_settled: bool,
    },
}

/// What a commit has to tell.
#[derive(Clone, Debug)]
pub(crate) enum Ack {
    Persisted { shard: usize, rows: Vec<ShareRow> },
    GivenUp { shard: usize, seq: u64, rows: u64 },
    Leased { shard: usize, lease: ExtranonceLease },
    Planned { plan: u64 },
}

/// A block that the pool found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockRecord {
    pub(crate) plan: u64,
    pub(crate) height: u64,
    pub(crate) is_settled: bool,
}

/// What is on disk.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    /// Accepted work, added up per account and slot of the reward scheme.
    pub(crate) work: BTreeMap<(u64, Arc<str>), u128>,
    pub(crate) plans: BTreeMap<u64, Arc<CoinbasePlan>>,
    pub(crate) blocks: BTreeMap<Hash256, BlockRecord>,
    pub(crate) book: CarryBook,
    /// The proofs of the greatest height, and that height.
    pub(crate) newest: (u64, Vec<Hash256>),
    next_extranonce: u32,
}

/// The store: what is on disk, and what is on its way there.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) durable: Durable,
    pub(crate) slot_s: u64,
    queue: VecDeque<Write>,
    committing: Vec<Write>,
    /// Whether writes fail now.
    pub(crate) is_full: bool,
}

impl Durable {
    /// Everything that the reward scheme has to know.
    pub(crate) fn records(&self) -> impl Iterator<Item = ShareRecord> {
        self.work.iter().map(|((time_s, account), work)| ShareRecord {
            account: account.clone(),
            work: *work,
            time_s: *time_s,
        })
    }

    /// Extranonces begin again: the bug that a lease prevents.
    pub(crate) fn forget_extranonces(&mut self) {
        self.next_extranonce = 0;
    }

    fn add_row(&mut self, row: &ShareRow, slot_s: u64) {
        if row.height > self.newest.0 {
            self.newest = (row.height, Vec::new());
        }
        if row.height == self.newest.0 {
            self.newest.1.push(row.hash);
        }
        let slot = row.unix_s / slot_s * slot_s;
        *self.work.entry((slot, row.account.clone())).or_default() += row.work.get();
    }

    fn lease(&mut self) -> ExtranonceLease {
        let first = self.next_extranonce;
        self.next_extranonce = first.wrapping_add(LEASE);
        ExtranonceLease { first, count: LEASE }
    }

    fn set_block(&mut self, hash: Hash256, record: BlockRecord) {
        let was_settled = self.blocks.insert(hash, record).is_some_and(|old| old.is_settled);
        let Some(plan) = self.plans.get(&record.plan) else {
            return;
        };
        match (was_settled, record.is_settled) {
            (false, true) => self.book.settle(plan),
            (true, false) => self.book.reverse(plan),
            _ => {}
        }
    }

    fn add_plans(&mut self, plans: &[(u64, Arc<CoinbasePlan>)]) {
        self.plans.extend(plans.iter().cloned());
        let newest = plans.last().map_or(0, |(id, _)| *id);
        let paid: Vec<u64> = self.blocks.values().map(|b| b.plan).collect();
        self.plans
            .retain(|id, _| id + PLANS_KEPT >= newest || paid.contains(id));
    }
}

impl Store {
    pub(crate) fn new(slot_s: u64) -> Self {
        Self {
            durable: Durable::default(),
            slot_s,
            queue: VecDeque::new(),
            committing: Vec::new(),
            is_full: false,
        }
    }

    /// Hands something over.
    pub(crate) fn push(&mut self, write: Write) {
        self.queue.push_back(write);
    }

    /// Notes a block beside the journal, at once and past everything that waits. Whether the disk had room.
    pub(crate) fn note(&mut self, hash: Hash256, record: BlockRecord) -> bool {
        if !self.is_full {
            self.durable.set_block(hash, record);
        }
        !self.is_full
    }

    /// Begins a commit with everything that waits; false when there is one already, or nothing to do.
    pub(crate) fn begin(&mut self) -> bool {
        if !self.committing.is_empty() || self.queue.is_empty() {
            return false;
        }
        let count = self.queue.len().min(COMMIT_MAX);
        self.committing = self.queue.drain(..count).collect();
        true
    }

    /// Ends the commit. `row` is told each row as it becomes durable.
    pub(crate) fn finish(&mut self, row: &mut dyn FnMut(usize, &ShareRow)) -> Vec<Ack> {
        let writes = std::mem::take(&mut self.committing);
        if self.is_full {
            return self.fail(writes);
        }
        let mut acks = Vec::with_capacity(writes.len());
        for write in writes {
            acks.extend(self.apply(write, usize::MAX, row));
        }
        acks
    }

    /// Rows are given up, everything else is tried again.
    fn fail(&mut self, writes: Vec<Write>) -> Vec<Ack> {
        let mut acks = Vec::new();
        let mut again = Vec::new();
        for write in writes {
            match write {
                Write::Rows { shard, rows } => acks.push(Ack::GivenUp {
                    shard,
                    seq: rows.last().map_or(0, |row| row.seq),
                    rows: rows.len() as u64,
                }),
                other => again.push(other),
            }
        }
        for write in again.into_iter().rev() {
            self.queue.push_front(write);
        }
        acks
    }

    /// Makes a write durable, or its first `rows_max` rows.
    fn apply(
        &mut self,
        write: Write,
        rows_max: usize,
        told: &mut dyn FnMut(usize, &ShareRow),
    ) -> Option<Ack> {
        match write {
            Write::Rows { shard, mut rows } => {
                rows.truncate(rows_max);
                for row in &rows {
                    self.durable.add_row(row, self.slot_s);
                    told(shard, row);
                }
                Some(Ack::Persisted { shard, rows })
            }
            Write::Lease { shard } => Some(Ack::Leased {
                shard,
                lease: self.durable.lease(),
            }),
            Write::Plans(plans) => {
                self.durable.add_plans(&plans);
                plans.first().map(|(plan, _)| Ack::Planned { plan: *plan })
            }
            Write::Block {
                hash,
                plan,
                height,
                is_settled,
            } => {
                self.durable.set_block(
                    hash,
                    BlockRecord {
                        plan,
                        height,
                        is_settled,
                    },
                );
                None
            }
        }
    }

    /// The process dies. Of the commit under way a part has reached the disk, torn at a random row; nobody hears of it.
    pub(crate) fn crash(&mut self, random: &mut Random, told: &mut dyn FnMut(usize, &ShareRow)) {
        let writes = std::mem::take(&mut self.committing);
        self.queue.clear();
        if self.is_full || writes.is_empty() {
            return;
        }
        let whole = random.index(writes.len() + 1);
        for (index, write) in writes.into_iter().enumerate() {
            if index < whole {
                self.apply(write, usize::MAX, told);
            } else {
                let rows = if let Write::Rows { rows, .. } = &write {
                    rows.len()
                } else {
                    0
                };
                if rows > 0 {
                    let torn = random.index(rows);
                    self.apply(write, torn, told);
                }
                break;
            }
        }
    }

    /// Writes that wait or are under way.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len() + self.committing.len()
    }
}
