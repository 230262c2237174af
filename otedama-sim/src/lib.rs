//! Deterministic simulation of a whole pool: miners, network, nodes, store and process in one thread, from one seed.
//!
//! The pools, the gate, the chain and its nodes, the rewards and the codecs are the production code, unmodified; what
//! the binary does with sockets, disks and clocks is simulated, and so is the work (see the oracle). Checkers run all
//! the time; then faults end and progress is required.
//!
//! ```
//! use std::time::Duration;
//! let config = otedama_sim::SimConfig { miners: 5, duration: Duration::from_secs(120), ..Default::default() };
//! let summary = otedama_sim::run(config).expect("every rule holds");
//! assert!(summary.events > 0);
//! ```
#![forbid(unsafe_code)]

mod address;
mod chainwork;
mod checker;
mod clock;
mod config;
mod driving;
mod event;
mod faults;
mod inspection;
mod link;
mod miner;
mod mining;
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
mod world;

pub use config::{Sabotage, SimConfig};
pub use report::{Counts, Failure, Summary};

/// Simulates; the same configuration gives the same result.
///
/// # Errors
/// The first broken rule, with the seed and the simulated time.
pub fn run(config: SimConfig) -> Result<Summary, Box<Failure>> {
    world::World::new(config).run()
}
