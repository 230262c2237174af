//! From a pool's job to a device's, and from a device's solution back.

use std::collections::VecDeque;
use std::sync::Arc;

use otedama_devices::{Answer, BlobWork, HeaderWork, JobDescription, WorkDescription};
use otedama_hash::{Algorithm, Difficulty, EpochInput, Target};
use otedama_stratum::client::{ClientJob, ClientWork, MAX_JOBS, Proof, Solution};
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
    /// The job for devices; `None` for work that they can't do.
    pub(super) fn describe(&mut self, link: LinkId, job: Arc<ClientJob>) -> Option<JobDescription> {
        let work = work(&job.work)?;
        self.next += 1;
        let description = JobDescription {
            id: self.next,
            target: job.target,
            work,
        };
        if self.recent.len() == MAX_JOBS {
            self.recent.pop_front();
        }
        self.recent.push_back((self.next, link, job));
        Some(description)
    }

    /// What to submit, or `None` when the job is forgotten.
    pub(super) fn found(
        &self,
        found: &otedama_devices::Solution,
        algorithm: Algorithm,
        tag: u64,
    ) -> Option<Found> {
        let (_, link, job) = self.recent.iter().rev().find(|(id, ..)| *id == found.job.id)?;
        let proof = match &found.answer {
            Answer::Header(answer) => Proof::Header {
                extranonce2: ExtranonceBytes::from_slice(answer.extranonce2.as_bytes()).ok()?,
                ntime: answer.ntime,
                nonce: answer.nonce,
                version_bits: answer.version_bits,
            },
            Answer::Blob { nonce } => Proof::Nonce {
                nonce: *nonce,
                hash: found.pow.hash.to_le_bytes(),
                mix: found.pow.mix,
            },
        };
        let network = match &job.work {
            ClientWork::Headers(work) => Target::from_compact(work.bits).ok(),
            ClientWork::Blob(work) => work.network_target,
            _ => None,
        };
        Some(Found {
            link: *link,
            solution: Solution {
                job_id: Arc::clone(&job.job_id),
                tag,
                proof,
            },
            difficulty: Difficulty::of_hash(&found.pow.hash, algorithm.diff1()),
            block: network.is_some_and(|target| target.is_met_by(&found.pow.hash)),
        })
    }

    /// Forgets everything; solutions that still come are worth nothing.
    pub(super) fn clear(&mut self) {
        self.recent.clear();
    }
}

fn work(work: &ClientWork) -> Option<WorkDescription> {
    Some(match work {
        ClientWork::Headers(work) => WorkDescription::Headers(HeaderWork {
            coinbase1: work.coinbase1.to_vec(),
            coinbase2: work.coinbase2.to_vec(),
            extranonce1: work.extranonce1.as_slice().to_vec(),
            extranonce2_len: work.extranonce2_len,
            merkle_branch: work.merkle_branch.to_vec(),
            version: work.version,
            version_mask: work.version_mask,
            prev_hash: work.prev_hash,
            bits: work.bits,
            ntime: work.ntime,
        }),
        ClientWork::Blob(work) => WorkDescription::Blob(BlobWork {
            blob: work.blob.to_vec(),
            nonces: work.nonces.clone(),
            epoch: EpochInput {
                height: work.height.unwrap_or(0),
                seed: work.seed,
            },
            next_seed: work.next_seed,
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use otedama_stratum::client;

    use super::*;

    #[test]
    fn a_device_hears_of_the_key_that_follows() {
        let job = ClientWork::Blob(client::BlobWork {
            blob: vec![1; 76].into(),
            nonces: 0..1 << 32,
            height: Some(7),
            seed: Some([1; 32]),
            next_seed: Some([2; 32]),
            algorithm: None,
            network_target: None,
        });
        let Some(WorkDescription::Blob(work)) = work(&job) else {
            panic!("no blob")
        };
        assert_eq!((work.epoch.seed, work.next_seed), (Some([1; 32]), Some([2; 32])));
    }
}
