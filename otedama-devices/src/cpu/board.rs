//! What the threads of one miner share: the job at hand, and what they have done.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use otedama_hash::{EpochKey, HashBackend, PrepareError, Prepared};

use super::worker::Tool;
use crate::driver::{Solution, Status};
use crate::epochs::{EpochState, Epochs};
use crate::job::{JobDescription, JobError};
use crate::scheduler::{WorkSource, WorkUnit};

/// How long a thread sleeps between two attempts to send into a full channel.
const FULL_CHANNEL_WAIT: Duration = Duration::from_millis(5);

/// The epochs that a job needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    pub(super) key: EpochKey,
    pub(super) next: Option<EpochKey>,
}

/// Where threads find their work.
///
/// Its lock is taken before that of [`Epochs`], never while that one is held.
pub(super) struct Board {
    backend: Arc<dyn HashBackend>,
    /// Where the search of a blob begins.
    seed: u64,
    state: Mutex<State>,
    /// Signalled when the state changes, and by [`ring`](Self::ring).
    changed: Condvar,
    /// Hashes computed, by thread.
    pub(super) hashes: Box<[AtomicU64]>,
    /// Solutions sent.
    pub(super) solutions: AtomicU64,
    /// Hits that a second hash didn't confirm.
    pub(super) invalid: AtomicU64,
}

#[derive(Default)]
struct State {
    /// The job at hand, kept without a `stop` flag after [`Board::clear`] so that the same work is not
    /// done again when the job comes back.
    source: Option<WorkSource>,
    /// The epoch of that job.
    key: EpochKey,
    /// Counts jobs.
    number: u64,
    /// Tells those who work on the current job to leave it; `None` when there is nothing to do.
    /// Only set to true under the lock, so whoever holds the lock and reads false may send.
    stop: Option<Arc<AtomicBool>>,
    /// Why a thread can't work on the job at hand.
    failed: Option<PrepareError>,
    closed: bool,
}

/// A unit of work and the job that it belongs to.
pub(super) struct Assignment {
    pub(super) job: Arc<JobDescription>,
    /// The count of that job.
    pub(super) number: u64,
    pub(super) unit: WorkUnit,
    pub(super) stop: Arc<AtomicBool>,
}

/// What a thread is to do.
pub(super) enum Step {
    /// Search a unit.
    Mine(Assignment),
    /// Get a hasher of this epoch, for the job with that count.
    Equip {
        prepared: Arc<dyn Prepared>,
        key: EpochKey,
        number: u64,
    },
    /// Let go of its hasher, whose memory is needed.
    Release,
    /// End.
    End,
}

/// Whether a thread goes on.
#[derive(PartialEq, Eq)]
pub(super) enum Next {
    Continue,
    LeaveJob,
    End,
}

impl Board {
    pub(super) fn new(backend: Arc<dyn HashBackend>, seed: u64, threads: usize) -> Self {
        Self {
            backend,
            seed,
            state: Mutex::default(),
            changed: Condvar::new(),
            hashes: (0..threads).map(|_| AtomicU64::new(0)).collect(),
            solutions: AtomicU64::new(0),
            invalid: AtomicU64::new(0),
        }
    }

    pub(super) fn set_job(
        &self,
        job: Arc<JobDescription>,
        need: Need,
        epochs: &Epochs,
    ) -> Result<(), JobError> {
        let mut state = self.lock();
        match &mut state.source {
            Some(source) => source.switch_to(job)?,
            None => state.source = Some(WorkSource::new(job, Arc::clone(&self.backend), self.seed)?),
        }
        state.leave_job();
        state.stop = Some(Arc::new(AtomicBool::new(false)));
        state.key = need.key;
        state.number += 1;
        state.failed = None;
        // Before any thread looks, so that none keeps what is let go here.
        epochs.advance(need.key, need.next);
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

    /// Has every thread without work look again.
    pub(super) fn ring(&self) {
        // With the lock, as a thread may have looked already, but not be waiting yet.
        let _state = self.lock();
        self.changed.notify_all();
    }

    pub(super) fn status(&self, epochs: &Epochs) -> Status {
        let state = self.lock();
        if state.stop.is_none() {
            return Status::Idle;
        }
        if let Some(error) = &state.failed {
            return Status::Failed(error.clone());
        }
        match epochs.get(state.key) {
            EpochState::Missing => Status::Preparing,
            EpochState::Failed(error) => Status::Failed(error),
            EpochState::Ready(_) if state.is_exhausted() => Status::Exhausted,
            EpochState::Ready(prepared) => Status::Mining(prepared.plan()),
        }
    }

    /// Takes note that a thread can't work on the job with that count.
    pub(super) fn fail(&self, number: u64, error: PrepareError) {
        let mut state = self.lock();
        if state.number == number {
            state.failed = Some(error);
        }
    }

    /// Waits for something to do. `refused` is the count of a job that the thread can't work on.
    pub(super) fn next_step(&self, epochs: &Epochs, tool: Option<&Tool>, refused: Option<u64>) -> Step {
        let mut state = self.lock();
        loop {
            if let Some(step) = state.next_step(epochs, tool, refused) {
                return step;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sends `solution` unless its job has been left, waiting while the channel is full.
    pub(super) fn deliver(
        &self,
        stop: &AtomicBool,
        mut solution: Solution,
        to: &SyncSender<Solution>,
    ) -> Next {
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

    /// No code panics while it holds the lock, so a poisoned one guards a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn leave_job(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.store(true, Ordering::Relaxed);
        }
    }

    fn is_exhausted(&self) -> bool {
        self.source.as_ref().is_none_or(WorkSource::is_exhausted)
    }

    /// `None` when there is nothing to do.
    fn next_step(&mut self, epochs: &Epochs, tool: Option<&Tool>, refused: Option<u64>) -> Option<Step> {
        if self.closed {
            return Some(Step::End);
        }
        let has_work = self.stop.is_some() && refused != Some(self.number) && !self.is_exhausted();
        if has_work && let EpochState::Ready(prepared) = epochs.get(self.key) {
            return match tool {
                Some(tool) if Arc::ptr_eq(&tool.prepared, &prepared) => self.assign(tool.scan_len),
                // Without a hasher, with one of another epoch, or with one of light memory when there is full.
                _ => Some(Step::Equip {
                    prepared,
                    key: self.key,
                    number: self.number,
                }),
            };
        }
        let is_kept = |tool: &Tool| match epochs.get(tool.key) {
            EpochState::Ready(prepared) => Arc::ptr_eq(&tool.prepared, &prepared),
            _ => false,
        };
        tool.is_some_and(|tool| !is_kept(tool)).then_some(Step::Release)
    }

    fn assign(&mut self, max_nonces: u64) -> Option<Step> {
        let stop = Arc::clone(self.stop.as_ref()?);
        let source = self.source.as_mut()?;
        let unit = source.next_unit(max_nonces)?;
        Some(Step::Mine(Assignment {
            job: Arc::clone(source.job()),
            number: self.number,
            unit,
            stop,
        }))
    }
}
