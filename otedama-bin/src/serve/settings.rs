//! From the config to what the machines take.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use otedama_chain::{ChainSpec, Network};
use otedama_hash::{Algorithm, Difficulty};
use otedama_pool::gate::GateConfig;
use otedama_pool::{BanConfig, PoolConfig, VardiffConfig};

use crate::config::{Chain, Config, Vardiff};
use crate::store::WriterConfig;

/// How long a failing commit is tried again before its shares are answered with an error.
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// Settings of a chain's pool objects.
pub fn pool(config: &Config, chain: &Chain, spec: &ChainSpec) -> PoolConfig {
    let pool = &config.pool;
    let vardiff = vardiff(config, chain, spec);
    let difficulty = |value: f64, otherwise: Difficulty| Difficulty::new(value).unwrap_or(otherwise);
    let default = VardiffConfig::default();
    PoolConfig {
        tag: chain.coinbase_tag.clone().into_bytes(),
        max_line: pool.limits.max_line_bytes,
        max_connections: pool.max_connections,
        max_inflight: pool.limits.shares_in_flight.min(in_flight_max(spec)),
        job_grace: pool.job_grace,
        login_timeout: pool.limits.login_timeout,
        idle_timeout: pool.limits.idle_timeout,
        vardiff: VardiffConfig {
            start: difficulty(vardiff.start, default.start),
            min: difficulty(vardiff.min, default.min),
            max: difficulty(vardiff.max, default.max),
            shares_per_minute: vardiff.shares_per_minute,
        },
        ban: BanConfig {
            enable: pool.ban.enable,
            threshold: pool.ban.threshold,
            duration: pool.ban.duration,
        },
        ..PoolConfig::default()
    }
}

/// Where the found blocks of the chain that the store calls `name` are until nodes and journal have them.
pub fn block_folder(config: &Config, name: &str) -> PathBuf {
    let storage = config.storage.path.parent().unwrap_or(Path::new("."));
    storage.join("blocks").join(name.to_lowercase().replace(' ', "-"))
}

/// Unanswered shares of one connection where each may take milliseconds to verify.
const SLOW_IN_FLIGHT: usize = 16;

fn in_flight_max(spec: &ChainSpec) -> usize {
    match slow_start(spec) {
        Some(_) => SLOW_IN_FLIGHT,
        None => usize::MAX,
    }
}

/// A share difficulty for a miner of unknown speed, where one processor makes thousands of hashes a second or one
/// graphics card millions. In units of the algorithm.
fn slow_start(spec: &ChainSpec) -> Option<f64> {
    match spec.algorithm {
        Algorithm::RANDOMX => Some(10_000.0),
        Algorithm::ETHASH | Algorithm::ETCHASH | Algorithm::KAWPOW => Some(0.05),
        _ => None,
    }
}

/// The difficulty control of a chain.
fn vardiff(config: &Config, chain: &Chain, spec: &ChainSpec) -> Vardiff {
    if let Some(vardiff) = &chain.vardiff {
        return vardiff.clone();
    }
    let of_pool = config.pool.vardiff.clone();
    match slow_start(spec) {
        None => of_pool,
        // The pool's own limits are in units of another algorithm.
        Some(start) => Vardiff {
            start,
            // On a private network everything counts that is a block.
            min: if spec.network == Network::Regtest {
                start * 1e-4
            } else {
                start * 0.05
            },
            max: Vardiff::default().max,
            shares_per_minute: of_pool.shares_per_minute,
        },
    }
}

/// Settings of the gate that all ports share.
pub fn gate(config: &Config) -> GateConfig {
    let (pool, default) = (&config.pool, GateConfig::default());
    let rate = pool.limits.connects_per_second_per_address;
    GateConfig {
        max_connections: pool.max_connections,
        max_per_address: pool.limits.connections_per_address,
        connects_per_second: rate,
        connect_burst: default
            .connect_burst
            .max(rate * 10.0)
            .max(pool.limits.connections_per_address as f64),
        ..default
    }
}

/// How the store groups and gives up.
pub fn writer(config: &Config) -> WriterConfig {
    WriterConfig {
        batch: config.storage.batch.max(1),
        commit_interval: config.storage.commit_interval,
        give_up_after: GIVE_UP_AFTER,
    }
}

/// Threads that verify the shares of one chain, where shards don't do it themselves. One core is left to whoever waits
/// for nothing but a core.
pub fn verifiers(config: &Config) -> NonZeroUsize {
    let spare = || std::thread::available_parallelism().map_or(0, |cores| cores.get() - 1);
    NonZeroUsize::new(config.pool.verification_threads)
        .or_else(|| NonZeroUsize::new(spare()))
        .unwrap_or(NonZeroUsize::MIN)
}

/// Pool objects of a chain. Where all sessions hash the same, one has to know every share, or the same nonce could be
/// submitted to each.
pub fn shards(config: &Config, spec: &ChainSpec) -> usize {
    match config.pool.shards {
        _ if !spec.jobs_differ() => 1,
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count => count,
    }
}

#[cfg(test)]
mod tests {
    use otedama_chain::coins;

    use super::*;

    #[test]
    fn limits_for_one_algorithm_do_not_contradict_the_start_of_another() {
        for limits in [(0.05, 0.001, 100.0), (1e-9, 1e-9, 1e-9), (1e12, 1e12, 1e13)] {
            let mut config = Config::default();
            let (start, min, max) = limits;
            config.pool.vardiff = Vardiff {
                start,
                min,
                max,
                ..Vardiff::default()
            };
            for spec in coins::all() {
                let vardiff = pool(&config, &Chain::default(), spec).vardiff;
                assert!(
                    vardiff.min <= vardiff.start && vardiff.start <= vardiff.max,
                    "{spec}: {vardiff:?}"
                );
            }
        }
    }
}
