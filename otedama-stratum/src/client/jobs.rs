use std::collections::VecDeque;
use std::sync::Arc;

use otedama_hash::Difficulty;

use super::{ClientJob, MAX_JOBS};
use crate::v1::{ExtranonceBytes, Notify};

/// The newest jobs, and what the next one will be built with.
#[derive(Debug)]
pub(super) struct Jobs {
    recent: VecDeque<Arc<ClientJob>>,
    /// A job that came before the extranonce was known.
    early: Option<Notify<'static>>,
    pub(super) extranonce: Option<(ExtranonceBytes, usize)>,
    pub(super) difficulty: Difficulty,
    pub(super) version_mask: u32,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            recent: VecDeque::new(),
            early: None,
            extranonce: None,
            difficulty: Difficulty::ONE,
            version_mask: 0,
        }
    }
}

impl Jobs {
    /// Builds the job with the difficulty, extranonce and mask that count at this moment. Before the
    /// extranonce is known the job is kept for later.
    pub(super) fn add(&mut self, notify: Notify<'_>) -> Option<Arc<ClientJob>> {
        let Some((extranonce1, extranonce2_len)) = self.extranonce else {
            self.early = Some(notify.into_owned());
            return None;
        };
        let job = Arc::new(ClientJob {
            job_id: notify.job_id.into(),
            prev_hash: notify.prev_hash,
            coinbase1: notify.coinbase1.into(),
            coinbase2: notify.coinbase2.into(),
            merkle_branch: notify.merkle_branch.into(),
            version: notify.version,
            bits: notify.bits,
            ntime: notify.ntime,
            // With nothing before it on this connection, all that a miner still has is void.
            clean: notify.clean || self.recent.is_empty(),
            extranonce1,
            extranonce2_len,
            difficulty: self.difficulty,
            version_mask: self.version_mask,
        });
        if job.clean {
            self.recent.clear();
        }
        self.recent.retain(|old| old.job_id != job.job_id);
        if self.recent.len() == MAX_JOBS {
            self.recent.pop_front();
        }
        self.recent.push_back(job.clone());
        Some(job)
    }

    /// The job that came before the extranonce was known.
    pub(super) fn add_early(&mut self) {
        if let Some(notify) = self.early.take() {
            self.add(notify);
        }
    }

    pub(super) fn find(&self, job_id: &str) -> Option<&Arc<ClientJob>> {
        self.recent.iter().rev().find(|job| &*job.job_id == job_id)
    }

    pub(super) fn newest(&self) -> Option<&Arc<ClientJob>> {
        self.recent.back()
    }
}
