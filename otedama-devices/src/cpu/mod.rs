//! The CPU as a mining device: threads that share one source of work.

mod board;
mod crew;
pub mod memory;
pub mod topology;
mod worker;

use core::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::thread::{Builder, JoinHandle};

use otedama_hash::{
    Algorithm, EpochInput, EpochKey, HashBackend, MemoryPlan, PagePolicy, PrepareError, Prepared,
};

use crate::driver::{Counters, Device, DeviceDriver, OpenError, Solution, Status};
use crate::epochs::{EpochOptions, EpochState, Epochs};
use crate::job::{JobDescription, JobError, WorkDescription};
use board::{Board, Need};
pub use crew::Threads;
use worker::{Tool, Worker};

/// An epoch that is ready, and its key.
type Epoch = (EpochKey, Arc<dyn Prepared>);

/// How the CPU mines.
#[derive(Clone, Copy, Debug)]
pub struct CpuOptions {
    /// Mining threads.
    pub threads: NonZeroUsize,
    /// How caches and datasets are made ready, for algorithms that have them.
    pub epochs: EpochOptions,
    /// Chooses the nonce with which a blob is begun, as in [`WorkSource::new`](crate::WorkSource::new).
    pub seed: u64,
}

impl CpuOptions {
    /// So many mining threads; see [`topology::logical_cpus`]. Datasets where there is room for them, on huge
    /// pages where the system gives some, built by all cores.
    ///
    /// `seed` is a random number: with the same one, two miners on a pool that fixes no part of the nonce do the
    /// same work.
    pub fn new(threads: NonZeroUsize, seed: u64) -> Self {
        Self {
            threads,
            epochs: EpochOptions {
                memory: MemoryPlan::Full,
                pages: PagePolicy::default(),
                threads: topology::logical_cpus(),
                room: memory::available_bytes,
            },
            seed,
        }
    }
}

/// Opens the CPU as one device.
#[derive(Clone, Copy, Debug)]
pub struct CpuDriver {
    options: CpuOptions,
}

impl CpuDriver {
    /// The CPU with these options.
    pub const fn new(options: CpuOptions) -> Self {
        Self { options }
    }
}

impl DeviceDriver for CpuDriver {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn open(
        &self,
        backend: &Arc<dyn HashBackend>,
        solutions: &SyncSender<Solution>,
    ) -> Result<Vec<Box<dyn Device>>, OpenError> {
        let miner = CpuMiner::start(Arc::clone(backend), self.options, solutions)?;
        Ok(vec![Box::new(miner)])
    }
}

/// Threads that mine one job at a time and send what they find to a bounded channel.
///
/// A thread whose solution finds the channel full waits until there is room or another job comes. When
/// the receiver is gone, the threads end.
///
/// The cache or dataset of a job's epoch is built when the job comes, that of the next epoch thereafter, as
/// [`Epochs`] does it. While the job's own is being built no thread hashes. When it can't be had,
/// [`status`](Device::status) tells why, and each later job tries again.
pub struct CpuMiner {
    backend: Arc<dyn HashBackend>,
    board: Arc<Board>,
    /// `None` once stopped.
    epochs: Option<Arc<Epochs>>,
    threads: Vec<JoinHandle<()>>,
}

impl CpuMiner {
    /// Starts the threads; they wait for a job.
    ///
    /// # Errors
    /// When the system gives no further thread, or an algorithm without caches can't be made ready. That of
    /// the others shows when there is a job.
    pub fn start(
        backend: Arc<dyn HashBackend>,
        options: CpuOptions,
        solutions: &SyncSender<Solution>,
    ) -> Result<Self, OpenError> {
        let board = Arc::new(Board::new(
            Arc::clone(&backend),
            options.seed,
            options.threads.get(),
        ));
        let bell = Arc::clone(&board);
        let epochs = Epochs::start_notifying(Arc::clone(&backend), options.epochs, move || bell.ring());
        let epochs = Arc::new(epochs.map_err(OpenError::Thread)?);
        let mut miner = Self {
            backend,
            board,
            epochs: Some(Arc::clone(&epochs)),
            threads: Vec::new(),
        };
        let ready = miner.ready_at_once(&epochs, options.epochs.memory)?;
        for index in 0..options.threads.get() {
            let tool = match &ready {
                Some((key, prepared)) => Some(Tool::new(miner.backend.as_ref(), *key, Arc::clone(prepared))?),
                None => None,
            };
            let worker = Worker {
                board: Arc::clone(&miner.board),
                epochs: Arc::clone(&epochs),
                backend: Arc::clone(&miner.backend),
                index,
                tool,
                solutions: solutions.clone(),
            };
            // An error drops the miner, which ends the threads that have started.
            let name = format!("mine-cpu-{index}");
            let thread = Builder::new()
                .name(name)
                .spawn(move || worker.run())
                .map_err(OpenError::Thread)?;
            miner.threads.push(thread);
        }
        Ok(miner)
    }

    /// What every job needs, for algorithms in which that is the same and takes no memory.
    fn ready_at_once(&self, epochs: &Epochs, memory: MemoryPlan) -> Result<Option<Epoch>, PrepareError> {
        let at = EpochInput::default();
        let Ok(key) = self.backend.epoch(at) else {
            return Ok(None);
        };
        if self.backend.memory(key, memory) != Ok(0) || self.backend.upcoming(at).is_some() {
            return Ok(None);
        }
        epochs.advance(key, None);
        match epochs.wait(key) {
            EpochState::Ready(prepared) => Ok(Some((key, prepared))),
            EpochState::Failed(error) => Err(error),
            EpochState::Missing => Ok(None),
        }
    }

    /// The epochs that `job` needs.
    fn need(&self, job: &JobDescription) -> Result<Need, PrepareError> {
        let at = job.epoch();
        let next_seed = match &job.work {
            WorkDescription::Headers(_) => None,
            WorkDescription::Blob(work) => work.next_seed,
        };
        let key_of = |at| self.backend.epoch(at).ok();
        let named = next_seed.map(|seed| EpochInput {
            seed: Some(seed),
            ..at
        });
        Ok(Need {
            key: self.backend.epoch(at)?,
            // Only a hint: a seed of no epoch does no harm.
            next: named
                .and_then(key_of)
                .or_else(|| self.backend.upcoming(at).and_then(key_of)),
        })
    }

    /// How many threads are alive; fewer than were started when one has panicked or the receiver of
    /// solutions is gone.
    pub fn running_threads(&self) -> usize {
        self.threads.iter().filter(|thread| !thread.is_finished()).count()
    }
}

impl Device for CpuMiner {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn algorithm(&self) -> Algorithm {
        self.backend.algorithm()
    }

    fn set_job(&mut self, job: Arc<JobDescription>) -> Result<(), JobError> {
        job.check(&*self.backend)?;
        let need = self.need(&job)?;
        match &self.epochs {
            Some(epochs) => self.board.set_job(job, need, epochs),
            None => Ok(()),
        }
    }

    fn clear(&mut self) {
        self.board.clear();
    }

    fn status(&self) -> Status {
        let status = |epochs: &Arc<Epochs>| self.board.status(epochs);
        self.epochs.as_ref().map_or(Status::Idle, status)
    }

    fn counters(&self) -> Counters {
        Counters {
            unit_hashes: self
                .board
                .hashes
                .iter()
                .map(|count| count.load(Ordering::Relaxed))
                .collect(),
            solutions: self.board.solutions.load(Ordering::Relaxed),
            invalid: self.board.invalid.load(Ordering::Relaxed),
        }
    }

    fn stop(&mut self) {
        self.board.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has already said so on standard error; there is nothing left to stop.
            let _ = thread.join();
        }
        // The last to hold it: this calls off and awaits what is being built.
        self.epochs = None;
    }
}

impl Drop for CpuMiner {
    fn drop(&mut self) {
        self.stop();
    }
}
