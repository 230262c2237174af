//! What waits to be verified: by epoch, and within it every connection in its turn.
//!
//! For drivers that leave proofs of work which take milliseconds to threads of their own.

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
}

impl Lane {
    fn new(key: EpochKey) -> Self {
        Self {
            key,
            turns: VecDeque::new(),
            waiting: BTreeMap::new(),
        }
    }

    fn push(&mut self, pending: Pending) {
        let sender = pending.sender();
        let queue = self.waiting.entry(sender).or_default();
        if queue.is_empty() {
            self.turns.push_back(sender);
        }
        queue.push_back(pending);
    }

    fn pop(&mut self) -> Option<Pending> {
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
    /// Puts a proof at the end of its sender's, among those of the epoch `key`.
    pub fn push(&mut self, key: EpochKey, pending: Pending) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.key == key) {
            return lane.push(pending);
        }
        let mut lane = Lane::new(key);
        lane.push(pending);
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
        if !lane.turns.is_empty() {
            self.lanes.push_back(lane);
        }
        Some((key, batch))
    }

    /// Takes out everything that a connection of a pool object left.
    pub fn forget(&mut self, shard: usize, conn: ConnId) -> Vec<Pending> {
        let sender = (shard, conn);
        let mut dropped = Vec::new();
        for lane in &mut self.lanes {
            if let Some(queue) = lane.waiting.remove(&sender) {
                lane.turns.retain(|turn| *turn != sender);
                dropped.extend(queue);
            }
        }
        self.lanes.retain(|lane| !lane.turns.is_empty());
        dropped
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }
}
