//! From the config to what the machines take.

use std::time::Duration;

use otedama_hash::Difficulty;
use otedama_pool::gate::GateConfig;
use otedama_pool::{BanConfig, PoolConfig, VardiffConfig};

use crate::config::{Chain, Config};
use crate::store::WriterConfig;

/// How long a failing commit is tried again before its shares are answered with an error.
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// Settings of a chain's pool objects.
pub fn pool(config: &Config, chain: &Chain) -> PoolConfig {
    let pool = &config.pool;
    let difficulty = |value: f64, otherwise: Difficulty| Difficulty::new(value).unwrap_or(otherwise);
    let default = VardiffConfig::default();
    PoolConfig {
        tag: chain.coinbase_tag.clone().into_bytes(),
        max_line: pool.limits.max_line_bytes,
        max_connections: pool.max_connections,
        max_inflight: pool.limits.shares_in_flight,
        job_grace: pool.job_grace,
        login_timeout: pool.limits.login_timeout,
        idle_timeout: pool.limits.idle_timeout,
        vardiff: VardiffConfig {
            start: difficulty(pool.vardiff.start, default.start),
            min: difficulty(pool.vardiff.min, default.min),
            max: difficulty(pool.vardiff.max, default.max),
            shares_per_minute: pool.vardiff.shares_per_minute,
        },
        ban: BanConfig {
            enable: pool.ban.enable,
            threshold: pool.ban.threshold,
            duration: pool.ban.duration,
        },
        ..PoolConfig::default()
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

/// Pool objects per chain.
pub fn shards(config: &Config) -> usize {
    match config.pool.shards {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count => count,
    }
}
