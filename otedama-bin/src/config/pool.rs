//! `pool`: the stratum server and its rules.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::{Window, duration};

choice! {
    /// How a block's reward is shared.
    pub enum System {
        /// Pay per last N shares.
        Pplns = "PPLNS",
        /// The finder gets all of it, less the fee.
        Solo = "SOLO",
    }
}

/// The stratum server and its rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pool {
    /// Whether the pool runs.
    pub enable: bool,
    /// Where the first chain's miners connect.
    pub address: SocketAddr,
    /// Connections at one time, over all chains.
    pub max_connections: usize,
    /// The operator's part of every block, in percent.
    pub fee_percentage: f64,
    /// How a block's reward is shared.
    pub rewards: Rewards,
    /// Threads that serve connections; 0 is one per core. Chains whose miners all hash the same (Ethash) have one.
    pub shards: usize,
    /// Threads that verify the shares of one chain whose proof of work needs a cache (RandomX, Ethash, `KawPow`);
    /// 0 is all cores but one.
    pub verification_threads: usize,
    /// How long shares of an older job on the same previous block are taken.
    #[serde(with = "duration")]
    pub job_grace: Duration,
    /// The encrypted port.
    pub tls: Tls,
    /// How share difficulty follows a miner's speed.
    pub vardiff: Vardiff,
    /// What one connection or one address may take up.
    pub limits: Limits,
    /// When an address is refused for a while.
    pub ban: Ban,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            enable: true,
            address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 3333)),
            max_connections: 10_000,
            fee_percentage: 1.0,
            rewards: Rewards::default(),
            shards: 0,
            verification_threads: 0,
            job_grace: Duration::from_secs(60),
            tls: Tls::default(),
            vardiff: Vardiff::default(),
            limits: Limits::default(),
            ban: Ban::default(),
        }
    }
}

impl Pool {
    /// The fee in parts per million of a block's reward.
    #[expect(clippy::cast_sign_loss, reason = "validated to lie between 0 and 100 percent")]
    pub fn fee_ppm(&self) -> u32 {
        (self.fee_percentage.clamp(0.0, 100.0) * 10_000.0).round() as u32
    }
}

/// How a block's reward is shared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rewards {
    /// The scheme.
    pub system: System,
    /// What PPLNS looks back on.
    pub window: Window,
}

impl Default for Rewards {
    fn default() -> Self {
        Self {
            system: System::Pplns,
            window: Window::Time(Duration::from_secs(2 * 3600)),
        }
    }
}

/// The encrypted port of the first chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Whether there is one.
    pub enable: bool,
    /// Where it listens.
    pub address: SocketAddr,
    /// Certificate chain, PEM.
    pub cert_file: Option<PathBuf>,
    /// Private key, PEM.
    pub key_file: Option<PathBuf>,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            enable: false,
            address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 3334)),
            cert_file: None,
            key_file: None,
        }
    }
}

/// How share difficulty follows a miner's speed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vardiff {
    /// Difficulty of a new session.
    pub start: f64,
    /// It never falls below.
    pub min: f64,
    /// It never rises above.
    pub max: f64,
    /// The rate it aims for, per connection.
    pub shares_per_minute: f64,
}

impl Default for Vardiff {
    fn default() -> Self {
        Self {
            start: 1024.0,
            min: 0.001,
            max: 1e15,
            shares_per_minute: 12.0,
        }
    }
}

/// What one connection or one address may take up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections from one IP address at one time.
    pub connections_per_address: usize,
    /// New connections from one IP address in one second.
    pub connects_per_second_per_address: f64,
    /// Longest line that is read, in bytes.
    pub max_line_bytes: usize,
    /// Time to subscribe and authorise.
    #[serde(with = "duration")]
    pub login_timeout: Duration,
    /// Silence after which a connection is closed.
    #[serde(with = "duration")]
    pub idle_timeout: Duration,
    /// Unanswered shares of one connection before reading pauses.
    pub shares_in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_per_address: 1000,
            connects_per_second_per_address: 50.0,
            max_line_bytes: 8192,
            login_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(600),
            shares_in_flight: 64,
        }
    }
}

/// When an address is refused for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ban {
    /// Whether anybody is banned.
    pub enable: bool,
    /// Score at which an address is banned.
    pub threshold: u32,
    /// For how long.
    #[serde(with = "duration")]
    pub duration: Duration,
}

impl Default for Ban {
    fn default() -> Self {
        Self {
            enable: true,
            threshold: 100,
            duration: Duration::from_secs(600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fee_in_parts_per_million_is_exact() {
        for (percent, ppm) in [
            (0.0, 0),
            (1.0, 10_000),
            (1.5, 15_000),
            (0.0001, 1),
            (100.0, 1_000_000),
        ] {
            assert_eq!(
                Pool {
                    fee_percentage: percent,
                    ..Pool::default()
                }
                .fee_ppm(),
                ppm
            );
        }
    }
}
