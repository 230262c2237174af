//! Sessions that closed a moment ago, for miners that come back and name them.

use std::collections::VecDeque;
use std::time::Duration;

use otedama_hash::{Difficulty, Monotonic};
use smallvec::SmallVec;

use super::Step;

const MAX_CLOSED: usize = 4096;
const KEPT: Duration = Duration::from_secs(300);

/// What a miner gets back.
#[derive(Clone, Debug)]
pub(crate) struct Closed {
    pub(crate) session_id: u64,
    pub(crate) extranonce1: u32,
    pub(crate) difficulty: Difficulty,
    pub(crate) steps: SmallVec<[Step; 2]>,
    pub(crate) last_job: Option<u32>,
    pub(crate) closed_at: Monotonic,
}

/// The sessions that may be resumed, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Resumable(VecDeque<Closed>);

impl Resumable {
    pub(crate) fn add(&mut self, closed: Closed) {
        while self.0.len() >= MAX_CLOSED
            || self
                .0
                .front()
                .is_some_and(|c| closed.closed_at.since(c.closed_at) > KEPT)
        {
            self.0.pop_front();
        }
        self.0.push_back(closed);
    }

    /// Takes a session out, so that two connections never share an extranonce1.
    pub(crate) fn take(&mut self, now: Monotonic, session_id: u64) -> Option<Closed> {
        let index = self.0.iter().position(|c| c.session_id == session_id)?;
        self.0.remove(index).filter(|c| now.since(c.closed_at) <= KEPT)
    }
}
