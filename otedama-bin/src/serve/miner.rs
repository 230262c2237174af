//! The miner inside `serve`, connected to our own port like any other.

use std::net::SocketAddr;

use tracing::{info, warn};

use super::addresses::reachable;
use super::startup::payout_address;
use crate::config::{Chain, Config};
use crate::mine::{Engine, MineConfig, PoolLogin, Timing};

/// Where the development chain's own miner is paid.
pub const DEVELOPMENT_MINER: &str = "bcrt1qxt427gjcdasetaxhmfg6n3kkkfp7k0kdcqx3mc";

/// Starts it on the first chain with its algorithm, if the config wants it.
pub fn start(config: &Config, chains: &[Chain], stratum: &[SocketAddr]) -> Option<Engine> {
    if !config.mining.enable_cpu {
        return None;
    }
    let algorithm = config.mining.algorithm.to_hash();
    let found = chains
        .iter()
        .zip(stratum)
        .find(|(chain, _)| chain.spec().is_some_and(|spec| spec.algorithm == algorithm));
    let Some((chain, bound)) = found else {
        warn!(
            "mining.enable_cpu: no chain is mined with {}, so this CPU has nothing to do",
            algorithm.name()
        );
        return None;
    };
    let account = match (chain.payout_address.is_empty(), chain.is_development()) {
        (true, true) => DEVELOPMENT_MINER,
        _ => payout_address(chain),
    };
    let address = format!("stratum+tcp://{}", reachable(*bound));
    let address = match address.parse() {
        Ok(address) => address,
        Err(error) => {
            warn!(%error, "the CPU can't mine here");
            return None;
        }
    };
    let login = PoolLogin {
        address,
        user: format!("{account}.cpu"),
        password: "x".to_owned(),
    };
    let mine = MineConfig {
        algorithm,
        backend: config.mining.cpu.backend.clone(),
        threads: config.mining.cpu.threads,
        light: config.mining.cpu.light,
        priority: config.mining.cpu.priority,
        timing: Timing {
            farewell: std::time::Duration::from_millis(500),
            ..Timing::default()
        },
        ..MineConfig::new(vec![login])
    };
    match Engine::spawn(mine, None) {
        Ok(engine) => {
            info!(threads = engine.stats().threads, "mining with the CPU");
            Some(engine)
        }
        Err(error) => {
            warn!(%error, "the CPU can't mine; the pool goes on");
            None
        }
    }
}
