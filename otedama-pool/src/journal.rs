//! Accepted shares on their way to storage.

use std::collections::VecDeque;

use otedama_hash::Work;

use crate::io::{ShareRow, Ticket};

/// Rows in one batch; more make another batch.
const MAX_BATCH: usize = 4096;

/// Numbers rows, gathers them into batches and remembers who waits for which row.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    last_seq: u64,
    batch: Vec<ShareRow>,
    waiting: VecDeque<Waiting>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    seq: u64,
    ticket: Ticket,
    work: Work,
}

impl Journal {
    /// Takes a row; its `seq` is set here.
    pub(crate) fn append(&mut self, mut row: ShareRow, ticket: Ticket) {
        self.last_seq += 1;
        row.seq = self.last_seq;
        self.waiting.push_back(Waiting {
            seq: row.seq,
            ticket,
            work: row.work,
        });
        self.batch.push(row);
    }

    /// The next batch to store.
    pub(crate) fn take_batch(&mut self) -> Option<Vec<ShareRow>> {
        if self.batch.is_empty() {
            return None;
        }
        let rest = self.batch.split_off(self.batch.len().min(MAX_BATCH));
        Some(std::mem::replace(&mut self.batch, rest))
    }

    /// The next share whose row is at or before `seq`, with the work it is credited.
    pub(crate) fn settle(&mut self, seq: u64) -> Option<(Ticket, Work)> {
        let next = *self.waiting.front().filter(|w| w.seq <= seq)?;
        self.waiting.pop_front();
        Some((next.ticket, next.work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> ShareRow {
        ShareRow {
            seq: 0,
            unix_s: 1,
            account: "a".into(),
            worker: "w".into(),
            work: Work::new(3),
            hash: otedama_hash::Hash256::ZERO,
            height: 1,
            extranonce1: 0,
            is_block: false,
        }
    }

    #[test]
    fn rows_are_numbered_and_settled_in_order() {
        let mut journal = Journal::default();
        let ticket = |slot| Ticket { slot, generation: 1 };
        for slot in 0..3 {
            journal.append(row(), ticket(slot));
        }
        let seqs: Vec<u64> = journal.take_batch().unwrap().iter().map(|r| r.seq).collect();
        assert_eq!(seqs, [1, 2, 3]);
        assert!(journal.take_batch().is_none());
        assert_eq!(journal.settle(2).unwrap().0, ticket(0));
        assert_eq!(journal.settle(2).unwrap().0, ticket(1));
        assert!(journal.settle(2).is_none());
        assert_eq!(journal.settle(3), Some((ticket(2), Work::new(3))));
    }

    #[test]
    fn batches_are_bounded() {
        let mut journal = Journal::default();
        for slot in 0..=MAX_BATCH as u32 {
            journal.append(row(), Ticket { slot, generation: 1 });
        }
        assert_eq!(journal.take_batch().unwrap().len(), MAX_BATCH);
        assert_eq!(journal.take_batch().unwrap()[0].seq, MAX_BATCH as u64 + 1);
    }
}
