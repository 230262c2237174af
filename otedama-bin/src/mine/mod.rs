//! The miner: devices on one side, a list of pools on the other, in a thread of its own.
//!
//! `otedama mine` and the miner inside `otedama serve` are both an [`Engine`].

mod address;
mod backoff;
mod benchmark;
mod detect;
mod difficulty;
mod engine;
mod event;
mod language;
mod link;
mod miner;
mod pools;
mod rate;
mod redirect;
mod shares;
mod stats;
mod work;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use otedama_hash::{Algorithm, Difficulty};

pub use address::{AddressError, PoolAddress};
pub use benchmark::{Benchmark, benchmark};
pub use detect::{Undetected, detect};
pub use difficulty::difficulty_text;
pub(crate) use engine::clock as race_clock;
pub use engine::{Engine, EngineError};
pub use event::Event;
pub use rate::{Rates, hashrate_text};
pub use stats::Stats;

use crate::config::Priority;

/// One pool and how to log in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolLogin {
    /// Where it is.
    pub address: PoolAddress,
    /// Usually "address.worker".
    pub user: String,
    /// Often "x", or options such as "d=1024".
    pub password: String,
}

/// What to mine with, and where.
#[derive(Clone, Debug)]
pub struct MineConfig {
    /// The pools, the preferred one first.
    pub pools: Vec<PoolLogin>,
    /// Proof of work.
    pub algorithm: Algorithm,
    /// Name of the backend; the fastest without one.
    pub backend: Option<String>,
    /// Mining threads; 0 is one per core.
    pub threads: usize,
    /// Whether to do without datasets, which make mining many times faster and take gigabytes.
    pub light: bool,
    /// Scheduling priority of the mining threads.
    pub priority: Priority,
    /// A difficulty to suggest to the pools.
    pub suggest_difficulty: Option<Difficulty>,
    /// How long things may take.
    pub timing: Timing,
    /// Where the jitter of reconnects comes from, and the first nonce where the pool fixes no part of it: with the
    /// same seed two miners do the same work there.
    pub seed: u64,
}

impl MineConfig {
    /// A config with every default: all cores, sha256d.
    pub fn new(pools: Vec<PoolLogin>) -> Self {
        Self {
            pools,
            algorithm: Algorithm::SHA256D,
            backend: None,
            threads: 0,
            light: false,
            priority: Priority::Normal,
            suggest_difficulty: None,
            timing: Timing::default(),
            seed: random_number(),
        }
    }
}

/// Another number in every process: the standard library seeds its hash maps with what the system gives. A process id
/// would be the same in every container.
fn random_number() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// For a TCP connection to come about.
    pub connect: Duration,
    /// From there to the first job.
    pub first_job: Duration,
    /// First pause before a pool that failed is tried again; doubles from failure to failure.
    pub retry_min: Duration,
    /// Longest such pause.
    pub retry_max: Duration,
    /// How often a preferred pool is tried while a backup is in use.
    pub probe: Duration,
    /// A connection that lasted this long makes earlier failures forgotten.
    pub stable: Duration,
    /// How long a connection that was left may take to answer what it was sent.
    pub farewell: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_job: Duration::from_secs(30),
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            probe: Duration::from_secs(30),
            stable: Duration::from_secs(60),
            farewell: Duration::from_secs(5),
        }
    }
}
