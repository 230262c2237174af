use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::ShareRecord;

use super::accounts::Accounts;

/// A merged slot spans at most its distance from the newest slot divided by this.
const SLOTS_PER_AGE: u64 = 256;

/// No slot spans more than `2^MAX_LEVEL` times the shortest.
const MAX_LEVEL: u32 = 48;

/// Which slots are kept, and how.
#[derive(Clone, Copy, Debug)]
pub(super) enum Retention {
    /// The newest ones, as they are.
    Newest { slots: u64 },
    /// All, merged with their neighbours as they grow old.
    Tiled,
}

/// Work per account in consecutive spans of time.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    slot_s: u64,
    retention: Retention,
    /// By index: Unix seconds of the first span in it, divided by `slot_s`.
    by_index: BTreeMap<u64, Slot>,
    newest: u64,
    /// Work of all slots, by account number.
    sums: Vec<u128>,
    total: u128,
}

/// Work of one span of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    work: BTreeMap<u32, u128>,
    total: u128,
}

impl Slot {
    pub(super) const fn total(&self) -> u128 {
        self.total
    }

    /// Account numbers and their work.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u128)> {
        self.work.iter().map(|(id, work)| (*id, *work))
    }

    fn add(&mut self, accounts: &mut Accounts, id: u32, work: u128) {
        *self.work.entry(id).or_insert_with(|| {
            accounts.retain(id);
            0
        }) += work;
        self.total += work;
    }

    /// The slot is gone from the map.
    fn release(self, accounts: &mut Accounts) {
        for id in self.work.into_keys() {
            accounts.release(id);
        }
    }
}

impl Slots {
    pub(super) const fn new(slot_s: u64, retention: Retention) -> Self {
        Self {
            slot_s,
            retention,
            by_index: BTreeMap::new(),
            newest: 0,
            sums: Vec::new(),
            total: 0,
        }
    }

    pub(super) const fn slot_s(&self) -> u64 {
        self.slot_s
    }

    /// Counts a record where it belongs; all work together saturates at 2^128 - 1, so that no sum can overflow.
    pub(super) fn add(&mut self, accounts: &mut Accounts, share: &ShareRecord) {
        let work = share.work.min(u128::MAX - self.total);
        let index = share.time_s / self.slot_s;
        if work == 0 {
            return;
        }
        if index > self.newest {
            let before = core::mem::replace(&mut self.newest, index);
            self.grow_old(accounts, before);
        }
        let Some(index) = self.place(index) else { return };
        let id = accounts.id(&share.account);
        self.total += work;
        self.sums.resize(accounts.ids_end(), 0);
        self.sums[id as usize] += work;
        self.by_index.entry(index).or_default().add(accounts, id, work);
    }

    /// The slots up to the one that holds `time_s`, newest first, with their indices.
    pub(super) fn back_from(&self, time_s: u64) -> impl Iterator<Item = (u64, &Slot)> {
        let last = time_s / self.slot_s;
        let first = match self.retention {
            Retention::Newest { slots } => last.saturating_sub(slots - 1),
            Retention::Tiled => 0,
        };
        let slots = self.by_index.range(first..=last).rev();
        slots.map(|(index, slot)| (*index, slot))
    }

    /// Work of the slots with these indices, by account number. Costs as much as the smaller of the two parts into which
    /// the range divides the slots: nothing, where a window holds all that is kept.
    pub(super) fn sum(&self, range: &RangeInclusive<u64>) -> Vec<u128> {
        let (inside, outside): (Vec<_>, Vec<_>) =
            self.by_index.iter().partition(|(index, _)| range.contains(index));
        let entries = |slots: &[(&u64, &Slot)]| slots.iter().map(|(_, slot)| slot.work.len()).sum::<usize>();
        let mut sums;
        if entries(&inside) < entries(&outside) {
            sums = vec![0; self.sums.len()];
            for (id, work) in inside.iter().flat_map(|(_, slot)| slot.iter()) {
                sums[id as usize] += work;
            }
        } else {
            sums = self.sums.clone();
            for (id, work) in outside.iter().flat_map(|(_, slot)| slot.iter()) {
                sums[id as usize] -= work;
            }
        }
        sums
    }

    /// All slots with their first second, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Slot)> {
        self.by_index
            .iter()
            .map(|(index, slot)| (index * self.slot_s, slot))
    }

    /// Drops the oldest slots while the newer ones hold at least `keep` work.
    pub(super) fn forget_beyond(&mut self, accounts: &mut Accounts, keep: u128) {
        while let Some(oldest) = self.by_index.first_entry() {
            if self.total - oldest.get().total < keep {
                return;
            }
            let slot = oldest.remove();
            self.discount(&slot);
            slot.release(accounts);
        }
    }

    /// Index of the slot that holds the span `index`, `None` when it is too old to be kept. Depends on nothing but
    /// `index` and `newest`: an aligned block of `2^level` spans is one slot when all of it is at least
    /// `SLOTS_PER_AGE * 2^level` spans old. Such a block stays whole as `newest` rises.
    fn place(&self, index: u64) -> Option<u64> {
        let age = self.newest.saturating_sub(index);
        match self.retention {
            Retention::Newest { slots } => (age < slots).then_some(index),
            Retention::Tiled => {
                let fits = |level: u32| {
                    let last = index | ((1 << level) - 1);
                    self.newest.saturating_sub(last) >= SLOTS_PER_AGE << level
                };
                let level = (1..=MAX_LEVEL)
                    .take_while(|level| fits(*level))
                    .last()
                    .unwrap_or(0);
                Some(index >> level << level)
            }
        }
    }

    /// Drops or merges what has become too old since `newest` was `before`.
    fn grow_old(&mut self, accounts: &mut Accounts, before: u64) {
        for index in self.moved_since(before) {
            let Some(slot) = self.by_index.remove(&index) else {
                continue;
            };
            if let Some(place) = self.place(index) {
                let older = self.by_index.entry(place).or_default();
                for (id, work) in slot.iter() {
                    older.add(accounts, id, work);
                }
            } else {
                self.discount(&slot);
            }
            slot.release(accounts);
        }
    }

    /// The slot's work is not kept any more.
    fn discount(&mut self, slot: &Slot) {
        self.total -= slot.total;
        for (id, work) in slot.iter() {
            self.sums[id as usize] -= work;
        }
    }

    /// Slots that have another place than when `newest` was `before`.
    fn moved_since(&self, before: u64) -> Vec<u64> {
        let mut moved = Vec::new();
        let mut look = |from: u64, to: u64| {
            let slots = self.by_index.range(from..=to).map(|(index, _)| *index);
            moved.extend(slots.filter(|index| self.place(*index) != Some(*index)));
        };
        match self.retention {
            Retention::Newest { slots } => {
                if let Some(to) = self.newest.checked_sub(slots) {
                    look(0, to);
                }
            }
            Retention::Tiled => {
                // A block of this level became one slot if its end passed the age that the level asks for.
                for level in 1..=MAX_LEVEL {
                    let age = SLOTS_PER_AGE << level;
                    let Some(to) = self.newest.checked_sub(age) else {
                        break;
                    };
                    look((before + 1).saturating_sub(age + (1 << level)), to);
                }
            }
        }
        moved
    }
}
