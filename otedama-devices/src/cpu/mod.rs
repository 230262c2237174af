//! The CPU as a mining device: threads that share one source of work.

mod crew;
pub mod memory;
pub mod topology;
mod worker;

use core::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::thread::{Builder, JoinHandle};

use otedama_hash::{Algorithm, EpochInput, HashBackend, MemoryPlan, PagePolicy, PrepareError, Setup};

use crate::driver::{Counters, Device, DeviceDriver, OpenError, Solution};
use crate::job::{JobDescription, JobError};
pub use crew::Threads;
use worker::{Shared, Worker};

/// Opens the CPU as one device.
#[derive(Clone, Copy, Debug)]
pub struct CpuDriver {
    threads: NonZeroUsize,
}

impl CpuDriver {
    /// The CPU with this many mining threads; see [`topology::logical_cpus`].
    pub const fn new(threads: NonZeroUsize) -> Self {
        Self { threads }
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
        let miner = CpuMiner::start(backend.as_ref(), self.threads, solutions)?;
        Ok(vec![Box::new(miner)])
    }
}

/// Threads that mine one job at a time and send what they find to a bounded channel.
///
/// A thread whose solution finds the channel full waits until there is room or another job comes. When
/// the receiver is gone, the threads end.
pub struct CpuMiner {
    algorithm: Algorithm,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl CpuMiner {
    /// Starts the threads; they wait for a job.
    ///
    /// # Errors
    /// When the algorithm can't be made ready or the system gives no further thread.
    pub fn start(
        backend: &dyn HashBackend,
        threads: NonZeroUsize,
        solutions: &SyncSender<Solution>,
    ) -> Result<Self, OpenError> {
        let key = backend.epoch(EpochInput::default())?;
        let setup = Setup {
            memory: MemoryPlan::Full,
            limit_bytes: memory::available_bytes(PagePolicy::default()),
            crew: &Threads::new(topology::logical_cpus()),
            ..Setup::default()
        };
        let prepared = match backend.prepare(key, &setup) {
            // Slow is better than not at all.
            Err(PrepareError::OutOfMemory { .. }) => {
                let memory = MemoryPlan::Light;
                backend.prepare(key, &Setup { memory, ..setup })?
            }
            prepared => prepared?,
        };
        let shared = Arc::new(Shared::new(threads.get()));
        let mut miner = Self {
            algorithm: backend.algorithm(),
            shared,
            threads: Vec::new(),
        };
        for index in 0..threads.get() {
            let worker = Worker {
                shared: Arc::clone(&miner.shared),
                index,
                hasher: prepared.hasher()?,
                scan_len: backend.scan_len(prepared.plan()),
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
        self.algorithm
    }

    fn set_job(&mut self, job: Arc<JobDescription>) -> Result<(), JobError> {
        self.shared.set_job(job)
    }

    fn clear(&mut self) {
        self.shared.clear();
    }

    fn counters(&self) -> Counters {
        Counters {
            unit_hashes: self
                .shared
                .hashes
                .iter()
                .map(|count| count.load(Ordering::Relaxed))
                .collect(),
            solutions: self.shared.solutions.load(Ordering::Relaxed),
            invalid: self.shared.invalid.load(Ordering::Relaxed),
        }
    }

    fn stop(&mut self) {
        self.shared.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has already said so on standard error; there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

impl Drop for CpuMiner {
    fn drop(&mut self) {
        self.stop();
    }
}
