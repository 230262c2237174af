//! What waits to be verified: by epoch, and within it every connection in its turn.
//!
//! For drivers that leave proofs of work which take long to threads of their own.

use std::collections::{BTreeMap, VecDeque};

use otedama_hash::EpochKey;

use crate::io::{ConnId, VerifyRequest};

/// A proof that waits.
#[derive(Debug)]
pub struct Pending {
    /// Index of the pool object that wants it.
    pub shard: usize,
    /// What it asked for.
    pub request: VerifyRequest,
}

impl Pending {
    fn sender(&self) -> Sender {
        (self.shard, self.request.conn)
    }
}

type Sender = (usize, ConnId);

/// The proofs that wait. It takes as many as it is given: its owner reads no further where that is too many.
#[derive(Debug, Default)]
pub struct Queue {
    /// One per epoch, the one whose turn it is first.
    lanes: VecDeque<Lane>,
}

/// The proofs of one epoch. Whoever has sent many waits for their own, not for others'.
#[derive(Debug)]
struct Lane {
    key: EpochKey,
    /// Everybody who has something here, once, the next one first.
    turns: VecDeque<Sender>,
    waiting: BTreeMap<Sender, VecDeque<Pending>>,
    /// What claims to be a block: a block that waits is a block that may be lost. They go first, but never two of them
    /// while something else waits, so that false claims take half of the time at the most.
    blocks: VecDeque<Pending>,
    block_went_last: bool,
}

impl Lane {
    fn new(key: EpochKey) -> Self {
        Self {
            key,
            turns: VecDeque::new(),
            waiting: BTreeMap::new(),
            blocks: VecDeque::new(),
            block_went_last: false,
        }
    }

    fn push(&mut self, pending: Pending, claims_block: bool) {
        if claims_block {
            return self.blocks.push_back(pending);
        }
        let sender = pending.sender();
        let queue = self.waiting.entry(sender).or_default();
        if queue.is_empty() {
            self.turns.push_back(sender);
        }
        queue.push_back(pending);
    }

    fn is_empty(&self) -> bool {
        self.turns.is_empty() && self.blocks.is_empty()
    }

    fn pop(&mut self) -> Option<Pending> {
        let is_its_turn = !self.block_went_last || self.turns.is_empty();
        self.block_went_last = is_its_turn && !self.blocks.is_empty();
        if self.block_went_last {
            return self.blocks.pop_front();
        }
        let sender = self.turns.pop_front()?;
        let queue = self.waiting.get_mut(&sender)?;
        let pending = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&sender);
        } else {
            self.turns.push_back(sender);
        }
        pending
    }
}

impl Queue {
    /// Puts a proof at the end of its sender's, among those of the epoch `key`. What `claims_block` goes before them.
    pub fn push(&mut self, key: EpochKey, pending: Pending, claims_block: bool) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.key == key) {
            return lane.push(pending, claims_block);
        }
        let mut lane = Lane::new(key);
        lane.push(pending, claims_block);
        self.lanes.push_back(lane);
    }

    /// Up to `max` proofs of one epoch that `may_go`; epochs take turns.
    pub fn take(
        &mut self,
        max: usize,
        may_go: impl Fn(EpochKey) -> bool,
    ) -> Option<(EpochKey, Vec<Pending>)> {
        let at = self.lanes.iter().position(|lane| may_go(lane.key))?;
        let mut lane = self.lanes.remove(at)?;
        let batch: Vec<_> = std::iter::from_fn(|| lane.pop()).take(max).collect();
        let key = lane.key;
        if !lane.is_empty() {
            self.lanes.push_back(lane);
        }
        Some((key, batch))
    }

    /// Takes out the shares that a connection of a pool object left. What claims to be a block stays: whoever sent it,
    /// a block is a block.
    pub fn forget(&mut self, shard: usize, conn: ConnId) -> Vec<Pending> {
        let sender = (shard, conn);
        let mut dropped = Vec::new();
        for lane in &mut self.lanes {
            if let Some(queue) = lane.waiting.remove(&sender) {
                lane.turns.retain(|turn| *turn != sender);
                dropped.extend(queue);
            }
        }
        self.lanes.retain(|lane| !lane.is_empty());
        dropped
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use otedama_hash::{Algorithm, EpochInput, Target};
    use proptest::prelude::*;

    use super::*;
    use crate::io::Ticket;

    const A: EpochKey = EpochKey([1; 32]);
    const B: EpochKey = EpochKey([2; 32]);

    fn pending(conn: u64, number: u32) -> Pending {
        Pending {
            shard: 0,
            request: VerifyRequest {
                ticket: Ticket {
                    slot: number,
                    generation: 1,
                },
                conn: ConnId(conn),
                algorithm: Algorithm::RANDOMX,
                epoch: EpochInput::default(),
                blob: otedama_chain::PowBlob::new(),
                nonce: 0,
                claim: None,
                target: Target::MAX,
                network_target: Target::MAX,
            },
        }
    }

    fn numbers(batch: &[Pending]) -> Vec<u32> {
        batch.iter().map(|p| p.request.ticket.slot).collect()
    }

    #[test]
    fn a_flood_waits_for_itself() {
        let mut queue = Queue::default();
        for number in 0..100 {
            queue.push(A, pending(1, number), false);
        }
        queue.push(A, pending(2, 100), false);
        let (_, batch) = queue.take(4, |_| true).expect("something waits");
        assert_eq!(numbers(&batch), [0, 100, 1, 2]);
    }

    #[test]
    fn a_block_goes_first_and_epochs_take_turns() {
        let mut queue = Queue::default();
        queue.push(A, pending(1, 0), false);
        queue.push(B, pending(1, 1), false);
        queue.push(A, pending(2, 2), true);
        queue.push(A, pending(1, 3), false);
        let mut taken = Vec::new();
        while let Some((key, batch)) = queue.take(2, |_| true) {
            taken.push((key, numbers(&batch)));
        }
        assert_eq!(taken, [(A, vec![2, 0]), (B, vec![1]), (A, vec![3])]);
        queue.push(A, pending(1, 4), false);
        assert!(queue.take(9, |key| key == B).is_none(), "its epoch is not ready");
        assert!(!queue.is_empty());
    }

    #[test]
    fn claims_of_blocks_take_half_of_the_time_at_the_most() {
        let mut queue = Queue::default();
        for number in 0..4 {
            queue.push(A, pending(1, number), true);
        }
        for number in 4..6 {
            queue.push(A, pending(2, number), false);
        }
        let (_, batch) = queue.take(9, |_| true).expect("something waits");
        assert_eq!(numbers(&batch), [0, 4, 1, 5, 2, 3]);
    }

    #[test]
    fn what_a_banned_connection_left_is_taken_out_but_for_blocks() {
        let mut queue = Queue::default();
        for (conn, number, block) in [(1, 0, false), (2, 1, false), (1, 2, true), (1, 3, false)] {
            queue.push(A, pending(conn, number), block);
        }
        assert_eq!(numbers(&queue.forget(0, ConnId(1))), [0, 3]);
        assert!(queue.forget(1, ConnId(2)).is_empty(), "another pool object's");
        assert_eq!(
            numbers(&queue.take(9, |_| true).expect("some are left").1),
            [2, 1]
        );
        assert!(queue.is_empty());
    }

    proptest! {
        #[test]
        fn everything_comes_out_once_and_in_its_senders_order(
            pushes in proptest::collection::vec((0_u64..5, any::<bool>(), any::<bool>()), 0..60),
            max in 1_usize..7,
        ) {
            let mut queue = Queue::default();
            for (number, (conn, second, block)) in pushes.iter().enumerate() {
                let key = if *second { B } else { A };
                queue.push(key, pending(*conn, number as u32), *block);
            }
            let mut taken = Vec::new();
            while let Some((key, batch)) = queue.take(max, |_| true) {
                prop_assert!(!batch.is_empty() && batch.len() <= max);
                taken.extend(batch.into_iter().map(|p| (key, p.request.conn, p.request.ticket.slot)));
            }
            prop_assert!(queue.is_empty());
            for (conn, _, block) in &pushes {
                for key in [A, B] {
                    let own: Vec<_> = taken
                        .iter()
                        .filter(|t| (t.0, t.1) == (key, ConnId(*conn)) && pushes[t.2 as usize].2 == *block)
                        .map(|t| t.2)
                        .collect();
                    prop_assert!(own.is_sorted());
                }
            }
            let mut all: Vec<_> = taken.iter().map(|t| t.2).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..pushes.len() as u32).collect::<Vec<_>>());
        }
    }
}
