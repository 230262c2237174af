//! A mining thread, and what the threads of one miner share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use otedama_hash::backend::NONCE_OFFSET;
use otedama_hash::{Hasher, Hit, Hits, PowHash, PowInput, ScanWork};

use crate::driver::Solution;
use crate::job::{JobDescription, JobError};
use crate::scheduler::{WorkSource, WorkUnit};

/// How long a thread sleeps between two attempts to send into a full channel.
const FULL_CHANNEL_WAIT: Duration = Duration::from_millis(5);

/// What the threads of one miner share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Signalled when the state changes.
    changed: Condvar,
    /// Hashes computed, by thread.
    pub(super) hashes: Box<[AtomicU64]>,
    /// Solutions sent.
    pub(super) solutions: AtomicU64,
    /// Hits that a second hash didn't confirm.
    pub(super) invalid: AtomicU64,
}

struct State {
    /// The job at hand, kept without a `stop` flag after [`Shared::clear`] so that the same headers
    /// are not searched again when the job comes back.
    source: Option<WorkSource>,
    /// Tells those who work on the current job to leave it; `None` when there is nothing to do.
    /// Only set to true under the lock, so whoever holds the lock and reads false may send.
    stop: Option<Arc<AtomicBool>>,
    closed: bool,
}

/// A unit of work and the job that it belongs to.
struct Assignment {
    job: Arc<JobDescription>,
    unit: WorkUnit,
    stop: Arc<AtomicBool>,
}

/// Whether a thread goes on.
#[derive(PartialEq, Eq)]
enum Next {
    Continue,
    LeaveJob,
    End,
}

impl Shared {
    pub(super) fn new(threads: usize) -> Self {
        Self {
            state: Mutex::new(State {
                source: None,
                stop: None,
                closed: false,
            }),
            changed: Condvar::new(),
            hashes: (0..threads).map(|_| AtomicU64::new(0)).collect(),
            solutions: AtomicU64::new(0),
            invalid: AtomicU64::new(0),
        }
    }

    pub(super) fn set_job(&self, job: Arc<JobDescription>) -> Result<(), JobError> {
        let mut state = self.lock();
        match &mut state.source {
            Some(source) => source.switch_to(job)?,
            None => state.source = Some(WorkSource::new(job)?),
        }
        state.leave_job();
        state.stop = Some(Arc::new(AtomicBool::new(false)));
        self.changed.notify_all();
        Ok(())
    }

    pub(super) fn clear(&self) {
        self.lock().leave_job();
        self.changed.notify_all();
    }

    /// Ends all threads.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.leave_job();
        state.closed = true;
        self.changed.notify_all();
    }

    /// No code panics while it holds the lock, so a poisoned one guards a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work; `None` when the miner is closed.
    fn assignment(&self, max_nonces: u64) -> Option<Assignment> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(assignment) = state.assignment(max_nonces) {
                return Some(assignment);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sends `solution` unless its job has been left, waiting while the channel is full.
    fn deliver(&self, stop: &AtomicBool, mut solution: Solution, to: &SyncSender<Solution>) -> Next {
        let mut state = self.lock();
        loop {
            if stop.load(Ordering::Relaxed) {
                return Next::LeaveJob;
            }
            match to.try_send(solution) {
                Ok(()) => {
                    self.solutions.fetch_add(1, Ordering::Relaxed);
                    return Next::Continue;
                }
                Err(TrySendError::Disconnected(_)) => return Next::End,
                Err(TrySendError::Full(back)) => solution = back,
            }
            let waited = self.changed.wait_timeout(state, FULL_CHANNEL_WAIT);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    fn leave_job(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.store(true, Ordering::Relaxed);
        }
    }

    fn assignment(&mut self, max_nonces: u64) -> Option<Assignment> {
        let stop = Arc::clone(self.stop.as_ref()?);
        let source = self.source.as_mut()?;
        let unit = source.next_unit(max_nonces)?;
        Some(Assignment {
            job: Arc::clone(source.job()),
            unit,
            stop,
        })
    }
}

/// One thread.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) index: usize,
    pub(super) hasher: Box<dyn Hasher>,
    pub(super) scan_len: u64,
    pub(super) solutions: SyncSender<Solution>,
}

impl Worker {
    /// Works until the miner is closed or nobody takes solutions any more.
    pub(super) fn run(mut self) {
        while let Some(assignment) = self.shared.assignment(self.scan_len) {
            if self.mine(&assignment) == Next::End {
                break;
            }
        }
    }

    /// Searches one unit; a hit ends a scan, so that it is on its way before the search goes on.
    fn mine(&mut self, assignment: &Assignment) -> Next {
        let Assignment { job, unit, stop } = assignment;
        let work = ScanWork {
            blob: &unit.header,
            height: 0,
            target: job.target,
            stop: Some(stop),
        };
        let mut hits = Hits::with_capacity(1);
        let mut nonces = unit.nonces.clone();
        while !nonces.is_empty() {
            let done = self.hasher.scan(&work, nonces.clone(), &mut hits);
            self.shared.hashes[self.index].fetch_add(done, Ordering::Relaxed);
            for hit in hits.drain() {
                let Some(solution) = confirm(self.hasher.as_mut(), assignment, &hit) else {
                    self.shared.invalid.fetch_add(1, Ordering::Relaxed);
                    continue;
                };
                match self.shared.deliver(stop, solution, &self.solutions) {
                    Next::Continue => {}
                    next => return next,
                }
            }
            // A scan that computed nothing was told to stop, or can't do this work at all.
            if done == 0 || stop.load(Ordering::Relaxed) {
                return Next::LeaveJob;
            }
            nonces.start = nonces.start.saturating_add(done);
        }
        Next::Continue
    }
}

/// The solution that `hit` is if the header, put together and hashed anew, meets the target.
fn confirm(hasher: &mut dyn Hasher, assignment: &Assignment, hit: &Hit) -> Option<Solution> {
    let Assignment { job, unit, .. } = assignment;
    if !unit.nonces.contains(&hit.nonce) {
        return None;
    }
    let nonce = u32::try_from(hit.nonce).ok()?;
    let mut header = unit.header;
    header[NONCE_OFFSET..].copy_from_slice(&nonce.to_le_bytes());
    let mut pow = [PowHash::default()];
    hasher.hash_batch(&[PowInput::of(&header)], &mut pow);
    let [pow] = pow;
    job.target.is_met_by(&pow.hash).then(|| Solution {
        job: Arc::clone(job),
        extranonce2: unit.extranonce2,
        ntime: unit.ntime,
        nonce,
        version_bits: unit.version_bits,
        pow,
    })
}
