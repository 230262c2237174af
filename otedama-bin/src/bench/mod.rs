//! How fast each backend hashes on this machine.

mod race;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use otedama_devices::cpu::topology::logical_cpus;
use otedama_devices::cpu::{Threads, memory};
use otedama_hash::{
    Algorithm, EpochInput, EpochKey, HashBackend, MemoryPlan, PagePolicy, PrepareError, Prepared, Registry,
    Setup,
};
use serde::Serialize;

pub use race::Spread;

/// Runs whose median counts.
pub const RUNS: u32 = 5;
/// The key under which RandomX is measured.
const SEED: [u8; 32] = [0; 32];

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// One algorithm, or all.
    pub algorithm: Option<Algorithm>,
    /// The backends of that name, or all.
    pub backend: Option<String>,
    /// One mode, or both.
    pub mode: Option<Mode>,
    /// Threads that hash at once.
    pub threads: NonZeroUsize,
    /// Mine without datasets.
    pub light: bool,
    /// Pages for caches and datasets.
    pub pages: PagePolicy,
    /// Height that decides the epoch.
    pub height: u64,
    /// Time for all runs of one measurement.
    pub time: Duration,
}

/// What hashers were asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Many nonces of one job.
    Mine,
    /// Single shares, in batches.
    Verify,
}

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Name of the algorithm.
    pub algorithm: &'static str,
    /// Name of the backend.
    pub backend: &'static str,
    /// What was done.
    pub mode: Mode,
    /// Threads that hashed at once.
    pub threads: usize,
    /// Hashes per second of all threads together, over the runs.
    #[serde(flatten)]
    pub rate: Spread,
    /// Whether with a dataset (`full`) or without (`light`).
    pub memory: &'static str,
    /// Bytes of the cache or dataset.
    pub memory_bytes: u64,
}

/// Measures what `plan` asks for. Each row goes to `row` as soon as it is there; `note` says what takes time
/// or was left out.
///
/// With datasets, only the preferred backend of an algorithm mines unless one is named: building one takes
/// minutes.
///
/// # Errors
/// What `row` fails with, and when a backend that was asked for by name can't be prepared.
pub fn run<E: From<PrepareError>>(
    registry: &Registry,
    plan: &Plan,
    mut row: impl FnMut(Row) -> Result<(), E>,
    mut note: impl FnMut(&str),
) -> Result<(), E> {
    let names = registry.names();
    let wanted = names
        .iter()
        .filter_map(|name| registry.by_name(name))
        .map(|backend| backend.algorithm())
        .filter(|algorithm| plan.algorithm.is_none_or(|wanted| wanted == *algorithm));
    for algorithm in wanted {
        let backends = registry.of(algorithm);
        for (index, backend) in backends.enumerate() {
            if plan.backend.as_ref().is_some_and(|name| name != backend.name()) {
                continue;
            }
            let mines_full = !plan.light && (index == 0 || plan.backend.is_some());
            match measure(backend, plan, mines_full, &mut row, &mut note)? {
                Ok(()) => {}
                Err(error) if plan.backend.is_some() => return Err(error.into()),
                Err(error) => note(&format!("{backend:?} left out: {error}")),
            }
        }
    }
    Ok(())
}

/// All rows of one backend; the inner error means that it couldn't be prepared.
fn measure<E>(
    backend: &Arc<dyn HashBackend>,
    plan: &Plan,
    mines_full: bool,
    row: &mut impl FnMut(Row) -> Result<(), E>,
    note: &mut impl FnMut(&str),
) -> Result<Result<(), PrepareError>, E> {
    let seed = (backend.algorithm() == Algorithm::RANDOMX).then_some(SEED);
    let key = match backend.epoch(EpochInput {
        height: plan.height,
        seed,
    }) {
        Ok(key) => key,
        Err(error) => return Ok(Err(error)),
    };
    // Algorithms without a dataset are the same in both modes.
    let has_dataset = backend.memory(key, MemoryPlan::Full) != backend.memory(key, MemoryPlan::Light);
    let mut run = |prepared: &dyn Prepared, mode| -> Result<Result<(), PrepareError>, E> {
        let mut hashers = Vec::new();
        for _ in 0..plan.threads.get() {
            match prepared.hasher() {
                Ok(hasher) => hashers.push(hasher),
                Err(error) => return Ok(Err(error)),
            }
        }
        let step = backend.scan_len(prepared.plan());
        let job = race::Job::new(backend.algorithm(), plan.height, mode, step);
        row(Row {
            algorithm: backend.algorithm().name(),
            backend: backend.name(),
            mode,
            threads: plan.threads.get(),
            rate: race::run(hashers, &job, RUNS, plan.time / RUNS),
            memory: match prepared.plan() {
                MemoryPlan::Light => "light",
                MemoryPlan::Full => "full",
            },
            memory_bytes: prepared.memory().bytes,
        })
        .map(Ok)
    };
    let wants = |mode| plan.mode.is_none_or(|wanted| wanted == mode);
    let mine_light = wants(Mode::Mine) && (!has_dataset || plan.light);
    if wants(Mode::Verify) || mine_light {
        let light = match prepare(backend, key, MemoryPlan::Light, plan, note) {
            Ok(light) => light,
            Err(error) => return Ok(Err(error)),
        };
        for (mode, wanted) in [(Mode::Verify, wants(Mode::Verify)), (Mode::Mine, mine_light)] {
            if wanted && let Err(error) = run(light.as_ref(), mode)? {
                return Ok(Err(error));
            }
        }
    }
    if mine_light || !mines_full || !wants(Mode::Mine) {
        return Ok(Ok(()));
    }
    match prepare(backend, key, MemoryPlan::Full, plan, note) {
        Ok(full) => run(full.as_ref(), Mode::Mine),
        Err(error) => Ok(Err(error)),
    }
}

fn prepare(
    backend: &Arc<dyn HashBackend>,
    key: EpochKey,
    memory: MemoryPlan,
    plan: &Plan,
    note: &mut impl FnMut(&str),
) -> Result<Arc<dyn Prepared>, PrepareError> {
    let bytes = backend.memory(key, memory)?;
    if bytes > 0 {
        note(&format!("{backend:?} takes {} MiB", bytes.div_ceil(1 << 20)));
    }
    let start = Instant::now();
    let setup = Setup {
        memory,
        pages: plan.pages,
        limit_bytes: memory::available_bytes(plan.pages),
        crew: &Threads::new(logical_cpus()),
        stop: None,
    };
    let prepared = backend.prepare(key, &setup)?;
    if bytes > 0 {
        let seconds = start.elapsed().as_secs_f64();
        note(&format!(
            "{backend:?} ready after {seconds:.2} s, on {}",
            prepared.memory().pages
        ));
    }
    Ok(prepared)
}
