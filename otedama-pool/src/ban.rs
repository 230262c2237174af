//! Points against addresses that misbehave.

use std::net::IpAddr;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use otedama_hash::Monotonic;

use crate::config::BanConfig;

/// Addresses with points that are remembered at once.
const MAX_ADDRESSES: usize = 1 << 16;
/// Time in which points halve.
const HALF_LIFE: Duration = Duration::from_secs(300);
/// What a good share takes away.
const GOOD_SHARE: f64 = 1.0;

/// Something that a well-behaved miner rarely does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A line that is no request.
    Malformed,
    /// A share that can't have come from the job it names.
    InvalidShare,
    /// A share whose hash is not the one that the miner said.
    WrongProof,
    /// A share whose hash is above the target.
    LowDifficulty,
    /// A share sent before.
    Duplicate,
    /// A share or a login without a valid name.
    Unauthorized,
    /// A line beyond the limit.
    LineTooLong,
}

impl Fault {
    const fn points(self) -> f64 {
        match self {
            Self::Malformed => 10.0,
            // It cost a whole verification, which may be milliseconds of a core.
            Self::WrongProof => 25.0,
            Self::InvalidShare | Self::Unauthorized => 4.0,
            Self::LowDifficulty | Self::Duplicate => 2.0,
            Self::LineTooLong => 50.0,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Score {
    points: f64,
    at: Monotonic,
}

impl Score {
    fn now(self, now: Monotonic) -> f64 {
        let half_lives = now.since(self.at).as_secs_f64() / HALF_LIFE.as_secs_f64();
        // Halving by whole steps keeps the arithmetic exact on every platform.
        self.points * 0.5f64.powi(half_lives.min(60.0) as i32)
    }
}

/// The points of every address that has some.
#[derive(Debug)]
pub(crate) struct Scores {
    config: BanConfig,
    by_address: HashMap<IpAddr, Score, FixedState>,
}

impl Scores {
    pub(crate) fn new(config: BanConfig, seed: u64) -> Self {
        Self {
            config,
            by_address: HashMap::with_hasher(FixedState::with_seed(seed)),
        }
    }

    /// Adds a fault's points. True when the address is to be banned; its points are forgotten then.
    pub(crate) fn fault(&mut self, now: Monotonic, address: IpAddr, fault: Fault) -> bool {
        if !self.config.enable {
            return false;
        }
        if self.by_address.len() >= MAX_ADDRESSES && !self.by_address.contains_key(&address) {
            self.by_address.retain(|_, score| score.now(now) >= 1.0);
            if self.by_address.len() >= MAX_ADDRESSES {
                self.by_address.clear();
            }
        }
        let score = self
            .by_address
            .entry(address)
            .or_insert(Score { points: 0.0, at: now });
        let points = score.now(now) + fault.points();
        if points >= f64::from(self.config.threshold) {
            self.by_address.remove(&address);
            return true;
        }
        *score = Score { points, at: now };
        false
    }

    /// A share was accepted.
    pub(crate) fn good_share(&mut self, now: Monotonic, address: IpAddr) {
        if self.by_address.is_empty() {
            return;
        }
        if let Some(score) = self.by_address.get_mut(&address) {
            let points = score.now(now) - GOOD_SHARE;
            *score = Score { points, at: now };
            if points <= 0.0 {
                self.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn scores() -> Scores {
        Scores::new(
            BanConfig {
                threshold: 20,
                ..BanConfig::default()
            },
            1,
        )
    }

    #[test]
    fn repeated_faults_ban() {
        let mut scores = scores();
        let now = Monotonic::ZERO;
        assert!(!scores.fault(now, ADDRESS, Fault::Malformed));
        assert!(scores.fault(now, ADDRESS, Fault::Malformed));
        assert!(
            !scores.fault(now, ADDRESS, Fault::Malformed),
            "a ban starts from nothing"
        );
    }

    #[test]
    fn good_shares_and_time_forgive() {
        let mut scores = scores();
        scores.fault(Monotonic::ZERO, ADDRESS, Fault::Malformed);
        for _ in 0..10 {
            scores.good_share(Monotonic::ZERO, ADDRESS);
        }
        assert!(scores.by_address.is_empty());
        scores.fault(Monotonic::ZERO, ADDRESS, Fault::Malformed);
        let later = Monotonic::ZERO + HALF_LIFE * 4;
        assert!(!scores.fault(later, ADDRESS, Fault::Malformed));
    }
}
