use std::collections::VecDeque;
use std::sync::Arc;

use super::{ClientJob, MAX_JOBS};

/// The newest jobs of a connection.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    recent: VecDeque<Arc<ClientJob>>,
}

impl Jobs {
    pub(super) fn add(&mut self, mut job: ClientJob) -> Arc<ClientJob> {
        // With nothing before it on this connection, all that a miner still has is void.
        job.clean |= self.recent.is_empty();
        if job.clean {
            self.recent.clear();
        }
        self.recent.retain(|old| old.job_id != job.job_id);
        if self.recent.len() == MAX_JOBS {
            self.recent.pop_front();
        }
        let job = Arc::new(job);
        self.recent.push_back(job.clone());
        job
    }

    pub(super) fn find(&self, job_id: &str) -> Option<&Arc<ClientJob>> {
        self.recent.iter().rev().find(|job| &*job.job_id == job_id)
    }

    pub(super) fn newest(&self) -> Option<&Arc<ClientJob>> {
        self.recent.back()
    }

    pub(super) fn clear(&mut self) {
        self.recent.clear();
    }
}

impl ClientJob {
    /// Whether `other` says the same again; that it voids older jobs is no news.
    pub(super) fn repeats(&self, other: &Self) -> bool {
        self.job_id == other.job_id && self.target == other.target && self.work == other.work
    }
}
