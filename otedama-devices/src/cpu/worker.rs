//! A mining thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

use otedama_hash::{
    EpochKey, HashBackend, Hasher, Hit, Hits, PowHash, PowInput, PrepareError, Prepared, ScanWork,
};

use super::board::{Assignment, Board, Next, Step};
use crate::driver::Solution;
use crate::epochs::Epochs;

/// One thread.
pub(super) struct Worker {
    pub(super) board: Arc<Board>,
    pub(super) epochs: Arc<Epochs>,
    pub(super) backend: Arc<dyn HashBackend>,
    pub(super) index: usize,
    pub(super) tool: Option<Tool>,
    pub(super) solutions: SyncSender<Solution>,
}

/// A hasher, and what it was made from.
pub(super) struct Tool {
    hasher: Box<dyn Hasher>,
    /// Hashes to ask of one scan.
    pub(super) scan_len: u64,
    pub(super) key: EpochKey,
    /// Kept as long as the hasher and dropped after it, so that [`Epochs`] sees whether its memory is free.
    pub(super) prepared: Arc<dyn Prepared>,
}

impl Tool {
    pub(super) fn new(
        backend: &dyn HashBackend,
        key: EpochKey,
        prepared: Arc<dyn Prepared>,
    ) -> Result<Self, PrepareError> {
        Ok(Self {
            hasher: prepared.hasher()?,
            scan_len: backend.scan_len(prepared.plan()),
            key,
            prepared,
        })
    }
}

impl Worker {
    /// Works until the miner is closed or nobody takes solutions any more.
    pub(super) fn run(mut self) {
        // The count of a job that this thread can't work on.
        let mut refused = None;
        loop {
            match self.board.next_step(&self.epochs, self.tool.as_ref(), refused) {
                Step::Mine(assignment) => match self.mine(&assignment) {
                    Ok(Next::End) => break,
                    Ok(Next::Continue | Next::LeaveJob) => {}
                    Err(error) => {
                        refused = Some(assignment.number);
                        self.board.fail(assignment.number, error);
                    }
                },
                Step::Equip {
                    prepared,
                    key,
                    number,
                } => {
                    // First, as there may be no room for two.
                    self.tool = None;
                    match Tool::new(self.backend.as_ref(), key, prepared) {
                        Ok(tool) => self.tool = Some(tool),
                        Err(error) => {
                            refused = Some(number);
                            self.board.fail(number, error);
                        }
                    }
                }
                Step::Release => self.tool = None,
                Step::End => break,
            }
        }
    }

    /// Searches one unit; a hit ends a scan, so that it is on its way before the search goes on.
    ///
    /// Fails when the hasher can't do this work at all.
    fn mine(&mut self, assignment: &Assignment) -> Result<Next, PrepareError> {
        let Assignment { job, unit, stop, .. } = assignment;
        let Some(tool) = &mut self.tool else {
            return Ok(Next::LeaveJob);
        };
        let work = ScanWork {
            blob: unit.blob(job),
            height: job.epoch().height,
            target: job.target,
            stop: Some(stop),
        };
        let mut hits = Hits::with_capacity(1);
        let mut nonces = unit.nonces.clone();
        while !nonces.is_empty() {
            let done = tool.hasher.scan(&work, nonces.clone(), &mut hits);
            self.board.hashes[self.index].fetch_add(done, Ordering::Relaxed);
            for hit in hits.drain() {
                let Some(solution) = confirm(self.backend.as_ref(), tool.hasher.as_mut(), assignment, &hit)
                else {
                    self.board.invalid.fetch_add(1, Ordering::Relaxed);
                    continue;
                };
                match self.board.deliver(stop, solution, &self.solutions) {
                    Next::Continue => {}
                    next => return Ok(next),
                }
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(Next::LeaveJob);
            }
            // Not told to stop, so it would do no better with the next unit.
            if done == 0 {
                return Err(PrepareError::Unsupported {
                    algorithm: self.backend.algorithm(),
                    reason: "the backend does not take the job",
                });
            }
            nonces.start = nonces.start.saturating_add(done);
        }
        Ok(Next::Continue)
    }
}

/// The solution that `hit` is if its nonce, put in place and hashed anew, meets the target.
fn confirm(
    backend: &dyn HashBackend,
    hasher: &mut dyn Hasher,
    assignment: &Assignment,
    hit: &Hit,
) -> Option<Solution> {
    let Assignment { job, unit, .. } = assignment;
    let answer = unit.answer(hit.nonce)?;
    let blob = unit.blob_with(job, backend.layout(), hit.nonce);
    let input = PowInput {
        blob: &blob,
        nonce: hit.nonce,
        height: job.epoch().height,
    };
    let mut pow = [PowHash::default()];
    hasher.hash_batch(&[input], &mut pow);
    let [pow] = pow;
    job.target.is_met_by(&pow.hash).then(|| Solution {
        job: Arc::clone(job),
        answer,
        pow,
    })
}
