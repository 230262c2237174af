//! Deterministic simulation of a whole pool: miners, network, nodes, store and process in one thread, from one seed.
//!
//! Production code, unmodified: the pools, the gate, the queue of unverified shares, the rewards, the codecs, what the
//! coins' families make of templates and blocks, and the development chain. The simulator's own: what the binary does
//! with sockets, disks and clocks, its loop that verifies shares included; the nodes of Monero, Ethereum Classic and
//! Ravencoin, of which the first two read blocks with the pool's own types, so that an error there agrees with itself;
//! and the work (see the oracle). Checkers run all the time; then faults end and progress is required.
//!
//! ```
//! use std::time::Duration;
//! let config = otedama_sim::SimConfig { miners: 5, duration: Duration::from_secs(120), ..Default::default() };
//! let summary = otedama_sim::run(config).expect("every rule holds");
//! assert!(summary.events > 0);
//! ```
#![forbid(unsafe_code)]

mod chainwork;
mod checker;
mod clock;
mod coin;
mod coinbase;
mod config;
mod driving;
mod event;
mod faults;
mod inspection;
mod ledger;
mod link;
mod miner;
mod mining;
mod mixed;
mod network;
mod node;
mod oracle;
mod process;
mod random;
mod report;
mod settlement;
mod store;
mod stranger;
mod templates;
mod trace;
mod verification;
mod world;

pub use config::{Sabotage, SimConfig};
pub use report::{ChainSummary, Counts, Failure, MixedSummary, Summary};

/// Simulates the development chain; the same configuration gives the same result.
///
/// # Errors
/// The first broken rule, with the seed and the simulated time.
pub fn run(config: SimConfig) -> Result<Summary, Box<Failure>> {
    world::World::new(config, &coin::DEV).run()
}

/// Simulates five chains in one process, with miners of every dialect: SHA-256d, Scrypt, `RandomX`, `KawPow` and Etchash.
/// There are `miners` on each. The same configuration gives the same result.
///
/// # Errors
/// The first broken rule, with the seed, the chain and the simulated time.
pub fn run_five(config: &SimConfig) -> Result<MixedSummary, Box<Failure>> {
    mixed::Mixed::new(config).run()
}
