//! The miner's thread, and the handle on it.

use std::num::NonZeroUsize;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use otedama_devices::cpu::{CpuMiner, CpuOptions, topology};
use otedama_devices::{JobError, OpenError, Solution};
use otedama_hash::{Algorithm, HashBackend, MemoryPlan, Registry};
use tokio::sync::{mpsc, watch};

use super::miner::Miner;
use super::{Event, MineConfig, Stats};
use crate::config::Priority;

/// Solutions between the devices and the miner's loop.
const MAX_SOLUTIONS: usize = 256;

/// A running miner. It stops when it is dropped.
#[derive(Debug)]
pub struct Engine {
    stop: watch::Sender<bool>,
    stats: Arc<Mutex<Stats>>,
    thread: Option<JoinHandle<()>>,
}

/// Why a miner does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The list of pools is empty.
    #[error("no pool to mine on")]
    NoPool,
    /// The build lacks the algorithm.
    #[error("the algorithm {0} is not in this build")]
    NoAlgorithm(&'static str),
    /// The machine or the build lacks the backend that was asked for.
    #[error("the backend {0} of {1} does not run here; allowed: {2}")]
    NoBackend(String, &'static str, String),
    /// The CPU can't be made ready.
    #[error(transparent)]
    Device(#[from] OpenError),
    /// No device can work on the job.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The system gives no thread or no event queue.
    #[error("cannot start the miner")]
    System(#[from] std::io::Error),
}

impl Engine {
    /// Starts a miner in a thread of its own. What happens is sent to `events`, as far as there is room, and logged.
    ///
    /// # Errors
    /// When there is no pool, or the CPU cannot be made ready.
    pub fn spawn(config: MineConfig, events: Option<mpsc::Sender<Event>>) -> Result<Self, EngineError> {
        if config.pools.is_empty() {
            return Err(EngineError::NoPool);
        }
        let (stop, stopped) = watch::channel(false);
        let stats = Arc::new(Mutex::new(Stats::default()));
        let (report, ready) = sync_channel(1);
        let shared = Arc::clone(&stats);
        let thread = std::thread::Builder::new()
            .name("miner".to_owned())
            .spawn(move || {
                match prepare(config, events, shared) {
                    Ok((runtime, miner)) => {
                        // The other end waits for exactly this.
                        let _ = report.send(Ok(()));
                        runtime.block_on(miner.run(stopped));
                    }
                    Err(error) => {
                        let _ = report.send(Err(error));
                    }
                }
            })?;
        let started = ready
            .recv()
            .map_err(|_| std::io::Error::other("the miner's thread ended"))?;
        let engine = Self {
            stop,
            stats,
            thread: Some(thread),
        };
        started.map(|()| engine)
    }

    /// What it has done so far; at most a second old.
    pub fn stats(&self) -> Stats {
        lock(&self.stats).clone()
    }

    /// Whether it still mines; `false` only after a fault in its own thread.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Stops it, waits a moment for the answers that are under way, and returns the final count.
    pub fn stop(mut self) -> Stats {
        self.end();
        self.stats()
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has already said so on standard error.
            let _ = thread.join();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end();
    }
}

/// Nobody panics while holding the lock, so a poisoned one guards whole statistics.
pub(super) fn lock(stats: &Mutex<Stats>) -> MutexGuard<'_, Stats> {
    stats.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything that can fail, in the miner's thread because priority is inherited from it.
fn prepare(
    config: MineConfig,
    events: Option<mpsc::Sender<Event>>,
    stats: Arc<Mutex<Stats>>,
) -> Result<(tokio::runtime::Runtime, Miner), EngineError> {
    if config.priority == Priority::Low {
        crate::priority::lower(crate::priority::Work::Mining);
    }
    let registry = Registry::with_builtin();
    let backend = choose(&registry, config.algorithm, config.backend.as_deref())?;
    let (to_forwarder, from_devices) = sync_channel::<Solution>(MAX_SOLUTIONS);
    let options = options(config.threads, config.light, config.seed);
    let device = CpuMiner::start(Arc::clone(backend), options, &to_forwarder)?;
    let (forward, solutions) = mpsc::channel(MAX_SOLUTIONS);
    // Devices block, the miner's loop must not: this thread stands between. It ends with the devices.
    std::thread::Builder::new()
        .name("miner-solutions".to_owned())
        .spawn(move || {
            while let Ok(solution) = from_devices.recv() {
                if forward.blocking_send(solution).is_err() {
                    break;
                }
            }
        })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    lock(&stats).threads = device.running_threads();
    Ok((runtime, Miner::new(config, device, solutions, events, stats)))
}

/// How the CPU mines.
pub(super) fn options(wanted_threads: usize, light: bool, seed: u64) -> CpuOptions {
    let mut options = CpuOptions::new(threads(wanted_threads), seed);
    if light {
        options.epochs.memory = MemoryPlan::Light;
    }
    options
}

/// The backend with the name `wanted`, or the fastest on this machine.
pub(super) fn choose<'a>(
    registry: &'a Registry,
    algorithm: Algorithm,
    wanted: Option<&str>,
) -> Result<&'a Arc<dyn HashBackend>, EngineError> {
    let no_algorithm = EngineError::NoAlgorithm(algorithm.name());
    match wanted {
        None => registry.fastest(algorithm, &mut clock()).ok_or(no_algorithm),
        Some(name) => registry.find(algorithm, name).ok_or_else(|| {
            let names: Vec<_> = registry.of(algorithm).map(|backend| backend.name()).collect();
            EngineError::NoBackend(name.to_owned(), algorithm.name(), names.join(", "))
        }),
    }
}

/// Time since it was made, for the race of backends.
pub(crate) fn clock() -> impl FnMut() -> Duration {
    let start = Instant::now();
    move || start.elapsed()
}

/// The number of mining threads that `wanted` stands for.
pub(super) fn threads(wanted: usize) -> NonZeroUsize {
    NonZeroUsize::new(wanted).unwrap_or_else(topology::logical_cpus)
}
