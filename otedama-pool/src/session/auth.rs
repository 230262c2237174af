//! Who a connection mines for.

use std::sync::Arc;

use otedama_chain::spec::Dialect;
use otedama_hash::Algorithm;
use otedama_stratum::v1::dialect::ethereum::Protocol;
use otedama_stratum::v1::password::PasswordOptions;
use otedama_stratum::v1::user;

use super::{Session, Worker};
use crate::io::Payouts;
use crate::pool::Pool;

/// Why a login was refused, as the miner reads it.
type Refused = String;

impl Pool {
    /// Adds a worker to a session, or says why not.
    pub(crate) fn authorize(&mut self, slot: usize, name: &str, pass: &str) -> Result<(), Refused> {
        let (address, worker) = user::split(name);
        if address.is_empty() {
            return Err("user name must be ADDRESS.WORKER".to_owned());
        }
        let script = self
            .family
            .payout_script(self.spec, address)
            .map_err(|e| e.to_string())?;
        let finder = self
            .payouts
            .as_deref()
            .is_some_and(|p| matches!(p, Payouts::Finder { .. }));
        // Where they don't, all count for the first.
        let shares_name_workers = match self.spec.dialect {
            Dialect::CryptoNote => false,
            Dialect::Ethereum => self.sessions[slot].protocol != Some(Protocol::Proxy),
            _ => true,
        };
        let max_workers = self.config.max_workers;
        let options = PasswordOptions::parse(pass);
        let session = &mut self.sessions[slot];
        if session.workers.iter().any(|w| &*w.user == name) {
            return Ok(());
        }
        if session.workers.first().is_some_and(|w| &*w.account != address) {
            if finder {
                return Err("solo mining takes one address per connection".to_owned());
            }
            if !shares_name_workers {
                return Err("shares don't say whose they are here: one address per connection".to_owned());
            }
        }
        if session.workers.len() >= max_workers {
            return Err(format!("at most {max_workers} workers on one connection"));
        }
        let account = session
            .workers
            .iter()
            .find(|w| &*w.account == address)
            .map_or_else(|| Arc::from(address), |w| w.account.clone());
        let first = session.workers.is_empty();
        session.workers.push(Worker {
            user: name.into(),
            account,
            worker: Arc::from(worker),
            script: script.into_boxed_slice(),
        });
        if first {
            let wanted = options.difficulty.or(user::difficulty(name));
            session.fixed = wanted.is_some();
            if let Some(floor) = options.min_difficulty {
                session.floor = session.floor.max(floor.get());
            }
            let start = wanted.or(options.start_difficulty).unwrap_or(session.difficulty);
            self.ask_difficulty(slot, start.get());
        }
        Ok(())
    }

    /// Sets the difficulty that a miner asks for, within the limits.
    pub(crate) fn ask_difficulty(&mut self, slot: usize, wanted: f64) {
        let session = &mut self.sessions[slot];
        let floor = difficulty_floor(session, self.spec.algorithm);
        session.difficulty = crate::vardiff::within(wanted, floor, &self.config.vardiff);
    }
}

/// The lowest difficulty that a miner and its firmware allow.
pub(crate) fn difficulty_floor(session: &Session, algorithm: Algorithm) -> f64 {
    let lowest = session.firmware.min_difficulty_for(algorithm);
    lowest.unwrap_or(0.0).max(session.floor)
}
