//! From a pool's job to a device's, and from a device's solution back.

use std::collections::VecDeque;
use std::sync::Arc;

use otedama_devices::{Answer, HeaderWork, JobDescription, WorkDescription};
use otedama_hash::{Algorithm, Difficulty, Target};
use otedama_stratum::client::{ClientJob, MAX_JOBS, Solution};
use otedama_stratum::v1::ExtranonceBytes;

use super::link::LinkId;

/// The newest jobs that devices were given, by number.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    next: u64,
    recent: VecDeque<(u64, LinkId, Arc<ClientJob>)>,
}

/// A solution on its way to the connection that its job came through.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) link: LinkId,
    pub(super) solution: Solution,
    /// What it proves.
    pub(super) difficulty: Difficulty,
    /// Whether it meets the network's target, too.
    pub(super) block: bool,
}

impl Jobs {
    /// The job for devices.
    pub(super) fn describe(
        &mut self,
        link: LinkId,
        job: Arc<ClientJob>,
        algorithm: Algorithm,
    ) -> JobDescription {
        self.next += 1;
        let work = HeaderWork {
            coinbase1: job.coinbase1.to_vec(),
            coinbase2: job.coinbase2.to_vec(),
            extranonce1: job.extranonce1.as_slice().to_vec(),
            extranonce2_len: job.extranonce2_len,
            merkle_branch: job.merkle_branch.to_vec(),
            version: job.version,
            version_mask: job.version_mask,
            prev_hash: job.prev_hash,
            bits: job.bits,
            ntime: job.ntime,
        };
        let description = JobDescription {
            id: self.next,
            target: job.difficulty.to_target(algorithm.diff1()),
            work: WorkDescription::Headers(work),
        };
        if self.recent.len() == MAX_JOBS {
            self.recent.pop_front();
        }
        self.recent.push_back((self.next, link, job));
        description
    }

    /// What to submit, or `None` when the job is forgotten or is none of headers.
    pub(super) fn found(
        &self,
        found: &otedama_devices::Solution,
        algorithm: Algorithm,
        tag: u64,
    ) -> Option<Found> {
        let (_, link, job) = self.recent.iter().rev().find(|(id, ..)| *id == found.job.id)?;
        let Answer::Header(header) = &found.answer else {
            return None;
        };
        let solution = Solution {
            job_id: Arc::clone(&job.job_id),
            extranonce2: ExtranonceBytes::from_slice(header.extranonce2.as_bytes()).ok()?,
            ntime: header.ntime,
            nonce: header.nonce,
            version_bits: header.version_bits,
            tag,
        };
        let network = Target::from_compact(job.bits).ok();
        Some(Found {
            link: *link,
            solution,
            difficulty: Difficulty::of_hash(&found.pow.hash, algorithm.diff1()),
            block: network.is_some_and(|target| target.is_met_by(&found.pow.hash)),
        })
    }

    /// Forgets everything; solutions that still come are worth nothing.
    pub(super) fn clear(&mut self) {
        self.recent.clear();
    }
}
