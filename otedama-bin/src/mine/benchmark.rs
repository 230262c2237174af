//! How fast the devices are, without a pool.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use otedama_devices::cpu::{CpuMiner, CpuOptions};
use otedama_devices::{Device, HeaderWork, JobDescription, WorkDescription};
use otedama_hash::{Algorithm, Hash256, Registry, Target, U256};

use super::EngineError;
use super::engine::{choose, threads};

/// Hashes are counted in steps; before this they say nothing.
const WARM_UP: Duration = Duration::from_millis(200);

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Benchmark {
    /// Mining threads.
    pub threads: usize,
    /// Hashes computed.
    pub hashes: u64,
    /// Over this time.
    pub elapsed: Duration,
}

impl Benchmark {
    /// Hashes per second, of all threads together.
    pub fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 {
            self.hashes as f64 / seconds
        } else {
            0.0
        }
    }
}

/// Hashes for `duration` with that many threads; 0 is one per core.
///
/// # Errors
/// When the CPU cannot be made ready for the algorithm.
pub fn benchmark(
    algorithm: Algorithm,
    backend: Option<&str>,
    wanted: usize,
    duration: Duration,
) -> Result<Benchmark, EngineError> {
    let registry = Registry::with_builtin();
    let backend = choose(&registry, algorithm, backend)?;
    let count = threads(wanted);
    // The target is met by one hash in 2^256, so nothing ever arrives here.
    let (solutions, _none) = sync_channel(1);
    let mut device = CpuMiner::start(Arc::clone(backend), CpuOptions::new(count), &solutions)?;
    device.set_job(Arc::new(job()))?;
    std::thread::sleep(WARM_UP);
    let (before, start) = (device.counters().hashes(), Instant::now());
    std::thread::sleep(duration);
    let (after, elapsed) = (device.counters().hashes(), start.elapsed());
    device.stop();
    Ok(Benchmark {
        threads: count.get(),
        hashes: after.saturating_sub(before),
        elapsed,
    })
}

fn job() -> JobDescription {
    let work = HeaderWork {
        coinbase1: vec![0; 60],
        coinbase2: vec![0; 60],
        extranonce1: vec![0; 4],
        extranonce2_len: 8,
        merkle_branch: vec![Hash256::ZERO; 4],
        version: 0x2000_0000,
        version_mask: 0x1fff_e000,
        prev_hash: Hash256::ZERO,
        bits: 0x207f_ffff,
        ntime: 1_700_000_000,
    };
    JobDescription {
        id: 1,
        target: Target::from_u256(U256::ZERO),
        work: WorkDescription::Headers(work),
    }
}
