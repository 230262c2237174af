//! What a miner has done so far.

use std::time::Duration;

use super::Rates;

/// A snapshot of a miner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// The pool it works for, if it is connected to one.
    pub pool: Option<String>,
    /// That pool's place in the list, from 0.
    pub pool_index: Option<usize>,
    /// Difficulty of the current job.
    pub difficulty: Option<f64>,
    /// Shares that pools took.
    pub accepted: u64,
    /// Shares that pools refused.
    pub rejected: u64,
    /// Shares that no pool answered, because the connection ended.
    pub unanswered: u64,
    /// Shares that also met the network's target.
    pub blocks: u64,
    /// Hits that a second hash didn't confirm.
    pub invalid: u64,
    /// Difficulty of the best share.
    pub best_difficulty: f64,
    /// Hashes computed.
    pub hashes: u64,
    /// Hashes per second.
    pub rates: Rates,
    /// Mining threads.
    pub threads: usize,
    /// Time between the last answered share and its answer.
    pub latency: Option<Duration>,
    /// Since the start.
    pub uptime: Duration,
    /// Connections that came about, over all pools.
    pub connections: u64,
}
