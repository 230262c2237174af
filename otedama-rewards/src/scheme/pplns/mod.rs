//! Pay per last N shares.

mod accounts;
mod slots;

use std::ops::RangeInclusive;

use crate::apportion::{apportion, mul_div};
use crate::{BlockReward, Distribution, Fee, RewardScheme, ShareRecord};

use accounts::Accounts;
use slots::{Retention, Slots};

const PPM: u128 = 1_000_000;

/// A time window is gathered in at most that many slots.
const TIME_SLOTS: u64 = 720;

/// A work window keeps this many times its own work when it forgets, so that the network's difficulty can rise by
/// that factor before something is missing.
const KEPT_WINDOWS: u128 = 4;

/// Which of the last shares a block is divided among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The last `multiple_ppm / 1000000` times the block's own expected hashes; at least 1 ppm.
    Work {
        /// Multiple of the network's work per block, in parts per million.
        multiple_ppm: u64,
    },
    /// The shares of the last seconds before the block; at least one second. They are counted in slots of a 720th of
    /// the window, in whole seconds; the last of them, unfinished, is the block's.
    Time {
        /// Length of the window.
        seconds: u64,
    },
}

impl Window {
    /// Seconds per slot, a multiple of `granularity_s`.
    fn slot_s(self, granularity_s: u64) -> u64 {
        let granularity_s = granularity_s.max(1);
        match self {
            Self::Work { .. } => granularity_s,
            Self::Time { seconds } => seconds
                .div_ceil(TIME_SLOTS)
                .max(1)
                .next_multiple_of(granularity_s),
        }
    }

    fn retention(self, slot_s: u64) -> Retention {
        match self {
            Self::Work { .. } => Retention::Tiled,
            Self::Time { seconds } => Retention::Newest {
                slots: seconds.div_ceil(slot_s).max(1),
            },
        }
    }

    /// How much of the newest work counts for a block.
    fn work(self, network_work: u128) -> u128 {
        match self {
            Self::Work { multiple_ppm } => mul_div(network_work, multiple_ppm.into(), PPM).max(1),
            Self::Time { .. } => u128::MAX,
        }
    }
}

/// A block is divided among the accounts in proportion to their work in the last window before it.
///
/// Work is gathered per account in slots of time. A time window has at most 720 of them. A work window has slots
/// of a second, or of the granularity that was asked for, that are merged as they grow old, to at most a 256th of their age, so that their number grows with the
/// logarithm of the time; the slot in which the window begins counts in part, the same fraction for all of its
/// accounts. The state is a function of the credited records alone, not of their order or of how they were added up
/// within slots: replaying records that were rolled up per account and [`Pplns::slot_s`], or a
/// [`Pplns::snapshot`], gives the same distributions. Memory grows with accounts times slots.
#[derive(Clone, Debug)]
pub struct Pplns {
    window: Window,
    fee: Fee,
    accounts: Accounts,
    slots: Slots,
}

impl Pplns {
    /// A scheme that has no work yet, with slots as short as the window needs them.
    pub fn new(window: Window, fee: Fee) -> Self {
        Self::with_granularity(window, fee, 1)
    }

    /// A scheme that has no work yet and whose slots are multiples of `granularity_s` seconds, for a store that adds work
    /// up over that time: the distribution is then the same before a restart and after it.
    pub fn with_granularity(window: Window, fee: Fee, granularity_s: u64) -> Self {
        let slot_s = window.slot_s(granularity_s);
        let slots = Slots::new(slot_s, window.retention(slot_s));
        Self {
            window,
            fee,
            accounts: Accounts::default(),
            slots,
        }
    }

    /// A scheme as [`Pplns::snapshot`] or a store's roll-up describes it, in any order.
    pub fn restore(window: Window, fee: Fee, records: impl IntoIterator<Item = ShareRecord>) -> Self {
        let mut pplns = Self::new(window, fee);
        for record in records {
            pplns.credit(&record);
        }
        pplns
    }

    /// All work that is still kept, one record per account and slot, at the slot's first second, oldest first.
    pub fn snapshot(&self) -> impl Iterator<Item = ShareRecord> {
        self.slots.iter().flat_map(|(time_s, slot)| {
            let mut records: Vec<_> = slot
                .iter()
                .map(|(id, work)| ShareRecord {
                    account: self.accounts.name(id).clone(),
                    work,
                    time_s,
                })
                .collect();
            records.sort_unstable_by(|a, b| a.account.cmp(&b.account));
            records
        })
    }

    /// Seconds per slot. Records may be added up within spans of this length that begin at its multiples.
    pub fn slot_s(&self) -> u64 {
        self.slots.slot_s()
    }

    /// The work that counts for a block, per account number, and its sum.
    fn counted(&self, block: &BlockReward) -> (Vec<u128>, u128) {
        let window = self.window.work(block.network_work);
        let mut counted = 0;
        let mut whole = RangeInclusive::new(1, 0);
        let mut first_in_part = None;
        for (index, slot) in self.slots.back_from(block.time_s) {
            let missing = window - counted;
            if slot.total() > missing {
                first_in_part = Some((slot, missing));
                break;
            }
            counted += slot.total();
            let newest = if whole.is_empty() { index } else { *whole.end() };
            whole = index..=newest;
        }
        let mut per_account = self.slots.sum(&whole);
        if let Some((slot, missing)) = first_in_part {
            let mut by_name: Vec<_> = slot.iter().collect();
            by_name.sort_unstable_by_key(|(id, _)| self.accounts.name(*id));
            for (id, part) in apportion(missing, slot.total(), by_name.into_iter()) {
                per_account[id as usize] += part;
            }
            counted = window;
        }
        (per_account, counted)
    }
}

impl RewardScheme for Pplns {
    fn credit(&mut self, share: &ShareRecord) {
        self.slots.add(&mut self.accounts, share);
    }

    fn distribute(&self, block: &BlockReward) -> Distribution {
        let (per_account, total) = self.counted(block);
        if total == 0 {
            return super::to_finder(block, self.fee);
        }
        let fee = self.fee.of(block.reward);
        let weights = self
            .accounts
            .by_name()
            .map(|(name, id)| (name, per_account[id as usize]));
        let mut credits = Vec::new();
        for (account, amount) in apportion((block.reward - fee).into(), total, weights) {
            super::push_credit(&mut credits, account, amount as u64);
        }
        Distribution { credits, fee }
    }

    fn observe_network(&mut self, network_work: u128) {
        if matches!(self.window, Window::Work { .. }) {
            let keep = self.window.work(network_work).saturating_mul(KEPT_WINDOWS);
            self.slots.forget_beyond(&mut self.accounts, keep);
        }
    }
}

#[cfg(test)]
mod tests;
