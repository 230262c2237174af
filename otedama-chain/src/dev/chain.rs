//! The tree of blocks and the best chain through it.

use std::collections::{BTreeMap, BTreeSet};

use otedama_hash::sha256d::sha256d;
use otedama_hash::{EpochKey, Hash256, Hasher, PowHash, PowInput, Registry, Target, Work};

use super::mempool::{self, Pending};
use super::retarget::{self, Past, WINDOW};
use super::{DevConfig, DevConfigError, RejectReason, decode, template, validate};
use crate::PayoutOutput;
use crate::node::bitcoind::BlockHeader;
use crate::spec::{BitcoinRules, HeaderRule, RetargetRule};

/// Blocks whose payouts are remembered.
const PAYOUTS_KEPT: u64 = 1_000;
/// How far below the tip a branch may leave the best chain.
const REORG_DEPTH_MAX: u64 = 288;
/// Blocks beside the best chain that are remembered.
const SIDE_BLOCKS_MAX: usize = 4_096;
/// Blocks over which the median of times runs (BIP 113).
const MEDIAN_BLOCKS: usize = 11;

/// A block that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its id.
    pub hash: Hash256,
    /// Its height.
    pub height: u64,
    /// Whether it is the new tip; otherwise it lies on a branch with no more work.
    pub tip_changed: bool,
}

/// A block of the best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevBlock<'a> {
    /// Its id.
    pub hash: Hash256,
    /// Its height.
    pub height: u64,
    /// Its time, Unix seconds.
    pub time_s: u32,
    /// Its compact target.
    pub bits: u32,
    /// The outputs of its coinbase that have an amount; empty for blocks too deep to be remembered.
    pub payouts: &'a [PayoutOutput],
}

struct Entry {
    prev_hash: Hash256,
    height: u64,
    time_s: u32,
    bits: u32,
    /// Of the whole branch up to and with this block.
    work: Work,
    payouts: Vec<PayoutOutput>,
}

/// A node of a worthless chain: it proposes templates, judges blocks and follows the branch with the
/// most work, the first one seen where several have the same.
///
/// Which transactions wait depends on the tip and the time alone, so the same blocks at the same
/// times give the same chain.
pub struct DevChain {
    coin: &'static BitcoinRules,
    config: DevConfig,
    hasher: Box<dyn Hasher>,
    entries: BTreeMap<Hash256, Entry>,
    /// The best chain by height.
    best: Vec<Hash256>,
    /// Everything else, lowest first.
    side: BTreeSet<(u64, Hash256)>,
    /// What the best chain has paid to each script.
    paid: BTreeMap<Vec<u8>, u64>,
}

impl DevChain {
    /// A chain of one block, which pays nobody.
    ///
    /// # Errors
    /// When the configuration makes no chain.
    pub fn new(config: DevConfig) -> Result<Self, DevConfigError> {
        let algorithm = config.spec.algorithm;
        let hasher = Registry::with_builtin()
            .get(algorithm)
            .and_then(|backend| backend.verifier(EpochKey::default()).ok())
            .ok_or(DevConfigError::Algorithm(algorithm.name()))?;
        Self::with_hasher(config, hasher)
    }

    /// A chain of one block whose blocks' proofs of work `hasher` computes.
    ///
    /// # Errors
    /// When the configuration makes no chain.
    pub fn with_hasher(config: DevConfig, hasher: Box<dyn Hasher>) -> Result<Self, DevConfigError> {
        let target = Target::from_compact(config.initial_bits)
            .map_err(|_| DevConfigError::Bits(config.initial_bits))?;
        if config.block_interval_s == 0 {
            return Err(DevConfigError::Interval);
        }
        let other_chain = || DevConfigError::Chain(config.spec.to_string());
        let coin = config.spec.bitcoin().ok_or_else(other_chain)?;
        let is_simple = matches!(coin.retarget, RetargetRule::EachBlock | RetargetRule::Fixed);
        if !is_simple || coin.header != HeaderRule::Plain {
            return Err(other_chain());
        }
        // Nobody checks the first block's proof of work, and nothing of it but the id matters.
        let seed = [
            config.genesis_time_s,
            config.initial_bits,
            config.block_interval_s,
        ]
        .map(u32::to_le_bytes);
        let hash = sha256d(&[config.spec.symbol.as_bytes(), &seed.concat()].concat());
        let genesis = Entry {
            prev_hash: Hash256::ZERO,
            height: 0,
            time_s: config.genesis_time_s,
            bits: config.initial_bits,
            work: target.work(),
            payouts: Vec::new(),
        };
        Ok(Self {
            coin,
            config,
            hasher,
            entries: BTreeMap::from([(hash, genesis)]),
            best: vec![hash],
            side: BTreeSet::new(),
            paid: BTreeMap::new(),
        })
    }

    /// Id and height of the best chain's last block.
    pub fn tip(&self) -> (Hash256, u64) {
        let height = self.best.len() - 1;
        (self.best[height], height as u64)
    }

    /// The `result` of `getblocktemplate` for the next block.
    pub fn template_json(&self, now_unix_s: u64) -> String {
        let (prev_hash, height) = self.tip();
        let min_time_s = self.median_time_s(&prev_hash).saturating_add(1);
        let time_s = u32::try_from(now_unix_s).unwrap_or(u32::MAX).max(min_time_s);
        let next = template::Next {
            prev_hash,
            height: height + 1,
            bits: self.next_bits(&prev_hash),
            min_time_s,
            time_s,
        };
        let elapsed_s = now_unix_s.saturating_sub(u64::from(self.entries[&prev_hash].time_s));
        let count = mempool::count(elapsed_s, self.config.block_interval_s);
        template::json(self.coin, &next, &self.pending(&prev_hash, count))
    }

    /// Judges a block and, if it is valid, takes it.
    ///
    /// # Errors
    /// The first rule that the block breaks.
    pub fn submit(&mut self, block: &[u8], now_unix_s: u64) -> Result<Accepted, RejectReason> {
        let block = decode::block(block).ok_or(RejectReason::Undecodable)?;
        let hash = block.header.hash;
        if self.entries.contains_key(&hash) {
            return Err(RejectReason::Duplicate);
        }
        let prev_hash = block.header.prev_hash;
        let parent = self.entries.get(&prev_hash).ok_or(RejectReason::UnknownParent)?;
        let (height, work) = (parent.height + 1, parent.work);
        self.check_place(&prev_hash)?;
        let rules = validate::HeaderRules {
            bits: self.next_bits(&prev_hash),
            median_time_s: self.median_time_s(&prev_hash),
            now_unix_s,
        };
        let mut pow = [PowHash::default()];
        self.hasher
            .hash_batch(&[PowInput::of(block.header_bytes)], &mut pow);
        validate::header(&block.header, &pow[0].hash, &rules)?;
        let pending = self.pending(&prev_hash, mempool::COUNT_MAX);
        validate::body(self.coin, &block, height, &pending)?;

        let target = Target::from_compact(block.header.bits).map_err(|_| RejectReason::WrongBits)?;
        let entry = Entry {
            prev_hash,
            height,
            time_s: block.header.time_s,
            bits: block.header.bits,
            work: work + target.work(),
            payouts: payouts(&block),
        };
        Ok(Accepted {
            hash,
            height,
            tip_changed: self.insert(hash, entry),
        })
    }

    /// What the best chain has paid to `script`, in the smallest unit.
    pub fn paid_to(&self, script: &[u8]) -> u64 {
        self.paid.get(script).copied().unwrap_or(0)
    }

    /// What the node knows about a block, as `getblockheader` answers it.
    pub fn header(&self, hash: &Hash256) -> Option<BlockHeader> {
        let entry = self.entries.get(hash)?;
        let depth = self.tip().1.saturating_sub(entry.height) + 1;
        let confirmations = if self.is_best(hash, entry.height) {
            depth.cast_signed()
        } else {
            -1
        };
        Some(BlockHeader {
            hash: *hash,
            confirmations,
            height: entry.height,
            bits: entry.bits,
            time_s: entry.time_s,
            median_time_s: self.median_time_s(hash),
            prev_hash: (entry.height > 0).then_some(entry.prev_hash),
        })
    }

    /// The best chain, tip first.
    pub fn best_chain(&self) -> impl Iterator<Item = DevBlock<'_>> {
        self.best.iter().rev().map(|hash| {
            let entry = &self.entries[hash];
            DevBlock {
                hash: *hash,
                height: entry.height,
                time_s: entry.time_s,
                bits: entry.bits,
                payouts: &entry.payouts,
            }
        })
    }

    fn pending(&self, tip: &Hash256, count: u64) -> Vec<Pending> {
        if self.config.mempool {
            mempool::pending(tip, count)
        } else {
            Vec::new()
        }
    }

    fn is_best(&self, hash: &Hash256, height: u64) -> bool {
        self.best.get(height as usize) == Some(hash)
    }

    /// The branch that ends with `hash`, last block first.
    fn branch(&self, hash: &Hash256) -> impl Iterator<Item = (Hash256, &Entry)> {
        let with_entry = |hash: Hash256| self.entries.get(&hash).map(|entry| (hash, entry));
        core::iter::successors(with_entry(*hash), move |(_, entry)| with_entry(entry.prev_hash))
    }

    /// Refuses blocks on branches that leave the best chain far below the tip, and too many of them.
    fn check_place(&self, prev_hash: &Hash256) -> Result<(), RejectReason> {
        let tip_height = self.tip().1;
        let fork = self
            .branch(prev_hash)
            .find(|(hash, entry)| self.is_best(hash, entry.height));
        match fork {
            Some((_, entry)) if entry.height + REORG_DEPTH_MAX >= tip_height => {}
            _ => return Err(RejectReason::TooDeep),
        }
        if *prev_hash != self.tip().0 && self.side.len() >= SIDE_BLOCKS_MAX {
            return Err(RejectReason::TooManyBranches);
        }
        Ok(())
    }

    /// Median time of the eleven blocks that end with `hash`.
    fn median_time_s(&self, hash: &Hash256) -> u32 {
        let mut times: Vec<u32> = self
            .branch(hash)
            .take(MEDIAN_BLOCKS)
            .map(|(_, entry)| entry.time_s)
            .collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or(0)
    }

    /// Compact target of a block that builds on `hash`.
    fn next_bits(&self, hash: &Hash256) -> u32 {
        let initial = self.config.initial_bits;
        let (RetargetRule::EachBlock, Ok(target)) = (self.coin.retarget, Target::from_compact(initial))
        else {
            return initial;
        };
        let mut recent: Vec<Past> = self
            .branch(hash)
            .take_while(|(_, entry)| entry.height > 0)
            .take(WINDOW + 1)
            .filter_map(|(_, entry)| {
                Some(Past {
                    time_s: entry.time_s,
                    target: Target::from_compact(entry.bits).ok()?,
                })
            })
            .collect();
        recent.reverse();
        retarget::next_bits(target, self.config.block_interval_s, &recent)
    }

    /// Adds a valid block; returns whether it is the new tip.
    fn insert(&mut self, hash: Hash256, entry: Entry) -> bool {
        let (height, work) = (entry.height, entry.work);
        self.entries.insert(hash, entry);
        self.side.insert((height, hash));
        let tip_changed = work > self.entries[&self.tip().0].work;
        if tip_changed {
            self.reorganise(&hash);
            self.prune();
        }
        tip_changed
    }

    /// Makes the branch that ends with `tip` the best chain.
    fn reorganise(&mut self, tip: &Hash256) {
        let mut joining: Vec<(u64, Hash256)> = self
            .branch(tip)
            .take_while(|(hash, entry)| !self.is_best(hash, entry.height))
            .map(|(hash, entry)| (entry.height, hash))
            .collect();
        joining.reverse();
        let Some(&(first, _)) = joining.first() else {
            return;
        };
        for hash in self.best.split_off(first as usize) {
            let entry = &self.entries[&hash];
            for output in &entry.payouts {
                if let Some(sum) = self.paid.get_mut(&output.script) {
                    *sum -= output.amount;
                }
            }
            self.side.insert((entry.height, hash));
        }
        for (height, hash) in joining {
            for output in &self.entries[&hash].payouts {
                *self.paid.entry(output.script.clone()).or_default() += output.amount;
            }
            self.side.remove(&(height, hash));
            self.best.push(hash);
        }
    }

    /// Forgets branches that can't come back, and payouts of deep blocks.
    fn prune(&mut self) {
        let tip_height = self.tip().1;
        while let Some(&(height, hash)) = self.side.first() {
            if height + REORG_DEPTH_MAX >= tip_height {
                break;
            }
            self.side.pop_first();
            self.entries.remove(&hash);
        }
        let deep = tip_height
            .checked_sub(PAYOUTS_KEPT)
            .map_or(0, |height| height as usize + 1);
        for hash in self.best[..deep].iter().rev() {
            match self.entries.get_mut(hash) {
                Some(entry) if !entry.payouts.is_empty() => entry.payouts = Vec::new(),
                _ => break,
            }
        }
    }
}

fn payouts(block: &decode::Block<'_>) -> Vec<PayoutOutput> {
    let coinbase = block.transactions.first();
    let outputs = coinbase.into_iter().flat_map(|coinbase| &coinbase.outputs);
    outputs
        .filter(|output| output.amount > 0)
        .map(|output| PayoutOutput {
            script: output.script.to_vec(),
            amount: output.amount,
        })
        .collect()
}
