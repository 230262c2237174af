//! What becomes of shares: found by a device, sent, answered.

use std::time::Duration;

use super::Event;
use super::engine::lock;
use super::link::LinkId;
use super::miner::Miner;

/// What is known of a share until its answer comes.
#[derive(Clone, Copy)]
pub(super) struct Share {
    difficulty: f64,
    block: bool,
}

impl Miner {
    pub(super) fn on_solution(&mut self, solution: &otedama_devices::Solution) {
        self.next_tag += 1;
        let tag = self.next_tag;
        let Some(found) = self.jobs.found(solution, self.config.algorithm, tag) else {
            return;
        };
        let share = Share {
            difficulty: found.difficulty.get(),
            block: found.block,
        };
        {
            let mut stats = lock(&self.stats);
            stats.best_difficulty = stats.best_difficulty.max(share.difficulty);
        }
        let connections = self.active.iter().chain(&self.leaving);
        let link = connections
            .map(|connection| &connection.link)
            .find(|link| link.id == found.link);
        if link.is_some_and(|link| link.submit(found.solution)) {
            self.submitted.insert(tag, share);
        } else {
            lock(&self.stats).unanswered += 1;
        }
    }

    pub(super) fn on_accepted(&mut self, id: LinkId, tag: u64, latency: Duration) {
        let Some(share) = self.submitted.remove(&tag) else {
            return;
        };
        if let Some(active) = self.active.as_ref().filter(|active| active.link.id == id) {
            self.pools.proved(active.pool);
        }
        let count = {
            let mut stats = lock(&self.stats);
            stats.accepted += 1;
            stats.blocks += u64::from(share.block);
            stats.latency = Some(latency);
            stats.accepted
        };
        self.report(Event::Accepted {
            count,
            difficulty: share.difficulty,
            block: share.block,
            latency,
        });
    }

    pub(super) fn on_rejected(&mut self, tag: u64, code: i32, message: String) {
        self.submitted.remove(&tag);
        let count = {
            let mut stats = lock(&self.stats);
            stats.rejected += 1;
            stats.rejected
        };
        self.report(Event::Rejected { count, code, message });
    }

    pub(super) fn on_unanswered(&mut self, tag: u64) {
        if self.submitted.remove(&tag).is_some() {
            lock(&self.stats).unanswered += 1;
        }
    }
}
