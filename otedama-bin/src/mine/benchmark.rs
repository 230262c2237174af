//! How fast the devices are, without a pool.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use otedama_devices::cpu::CpuMiner;
use otedama_devices::{BlobWork, Device, HeaderWork, JobDescription, OpenError, Status, WorkDescription};
use otedama_hash::{Algorithm, EpochInput, Hash256, Registry, Target, U256};

use super::EngineError;
use super::engine::{choose, options, threads};
use super::language::needs_memory;

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
    light: bool,
    duration: Duration,
) -> Result<Benchmark, EngineError> {
    let registry = Registry::with_builtin();
    let backend = choose(&registry, algorithm, backend)?;
    let count = threads(wanted);
    // The target is met by one hash in 2^256, so nothing ever arrives here.
    let (solutions, _none) = sync_channel(1);
    let mut device = CpuMiner::start(Arc::clone(backend), options(wanted, light, 0), &solutions)?;
    device.set_job(Arc::new(job(algorithm)))?;
    loop {
        std::thread::sleep(WARM_UP);
        match device.status() {
            Status::Preparing | Status::Idle => {}
            Status::Failed(why) => return Err(OpenError::from(why).into()),
            _ => break,
        }
    }
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

fn job(algorithm: Algorithm) -> JobDescription {
    let work = match algorithm {
        Algorithm::RANDOMX => blob(76, 0..1 << 32),
        _ if needs_memory(algorithm) => blob(32, 0..u64::MAX),
        _ => WorkDescription::Headers(headers()),
    };
    JobDescription {
        id: 1,
        target: Target::from_u256(U256::ZERO),
        work,
    }
}

/// So many bytes of the first epoch.
fn blob(len: usize, nonces: Range<u64>) -> WorkDescription {
    WorkDescription::Blob(BlobWork {
        blob: vec![0; len],
        nonces,
        epoch: EpochInput {
            height: 0,
            seed: Some([0; 32]),
        },
        next_seed: None,
    })
}

fn headers() -> HeaderWork {
    HeaderWork {
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
    }
}
