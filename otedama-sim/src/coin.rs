//! The chains that can be simulated: what distinguishes them, as data.

use std::time::Duration;

use bech32::{Hrp, segwit};
use otedama_chain::spec::{FamilyRules, HeaderRule};
use otedama_chain::{ChainSpec, coins};
use otedama_hash::{Algorithm, Difficulty};
use otedama_pool::VardiffConfig;
use otedama_stratum::v1::dialect::ethereum::Protocol;

use crate::config::Sabotage;
use crate::random::derive;

/// What a miner speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    Bitcoin,
    CryptoNote,
    KawPow,
    Ethereum(Protocol),
}

/// What verifying a share costs where a cache has to be built first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlowProof {
    pub(crate) hash: Duration,
    pub(crate) build: Duration,
}

impl SlowProof {
    /// It takes no time.
    pub(crate) const NONE: Self = Self {
        hash: Duration::ZERO,
        build: Duration::ZERO,
    };
}

/// One chain.
#[derive(Debug)]
pub(crate) struct Coin {
    pub(crate) spec: &'static ChainSpec,
    /// Height of the block that everybody starts from. Epochs end some blocks above it.
    pub(crate) first_height: u64,
    /// Hashes per second of the slowest miner and of the fastest.
    pub(crate) hashrates: (f64, f64),
    pub(crate) cheat_hashrate: f64,
    pub(crate) agents: &'static [(&'static str, Speech)],
    /// Agents of miners from a hashrate on.
    pub(crate) industrial: Option<(f64, &'static [(&'static str, Speech)])>,
    /// Difficulty of an unknown miner and the lowest one, where the pool's defaults would not do.
    pub(crate) difficulties: Option<(f64, f64)>,
    pub(crate) slow: Option<SlowProof>,
}

const BITCOIN: Speech = Speech::Bitcoin;

/// The development chain with SHA-256d.
pub(crate) static DEV: Coin = Coin {
    spec: &coins::dev::REGTEST,
    first_height: 0,
    hashrates: (1e5, 1e18),
    cheat_hashrate: 1e12,
    agents: &[
        ("cpuminer/2.5.1", BITCOIN),
        ("bitaxe/BM1366/v2.4", BITCOIN),
        ("NerdMinerV2", BITCOIN),
        ("ccminer/2.3", BITCOIN),
    ],
    industrial: Some((
        1e13,
        &[
            ("cgminer/4.12.1", BITCOIN),
            ("bmminer/2.0.0", BITCOIN),
            ("Antminer S21/Tue", BITCOIN),
            ("whatsminer/v1.1", BITCOIN),
            ("bosminer-plus-tuner/0.2", BITCOIN),
            ("PowerPlay-BM/0.1", BITCOIN),
        ],
    )),
    difficulties: None,
    slow: None,
};

/// A chain with Scrypt.
static SCRYPT: Coin = Coin {
    spec: &coins::ltc::REGTEST,
    first_height: 0,
    hashrates: (1e4, 1e12),
    cheat_hashrate: 1e9,
    agents: &[
        ("cpuminer/2.5.1", BITCOIN),
        ("cgminer/4.12.1", BITCOIN),
        ("bfgminer/5.5", BITCOIN),
    ],
    industrial: None,
    difficulties: None,
    slow: None,
};

/// A chain with RandomX. Its key changes 65 blocks after every 2048th.
static RANDOMX: Coin = Coin {
    spec: &coins::xmr::REGTEST,
    first_height: 2048 * 1500 + 64 - 15,
    hashrates: (1e2, 1e6),
    cheat_hashrate: 1e5,
    agents: &[
        ("XMRig/6.21.0 (Linux x86_64)", Speech::CryptoNote),
        ("xmrig-proxy/6.21.1", Speech::CryptoNote),
    ],
    industrial: None,
    difficulties: Some((10_000.0, 1.0)),
    slow: Some(SlowProof {
        hash: Duration::from_millis(15),
        build: Duration::from_millis(600),
    }),
};

/// A chain with `KawPow`. Its epochs have 7500 blocks.
static KAWPOW: Coin = Coin {
    spec: &coins::rvn::MAINNET,
    first_height: 7500 * 460 - 10,
    hashrates: (1e6, 1e10),
    cheat_hashrate: 1e9,
    agents: &[
        ("kawpowminer/1.2.4", Speech::KawPow),
        ("T-Rex/0.26.8", Speech::KawPow),
        ("xmrig/6.21.0", Speech::KawPow),
    ],
    industrial: None,
    difficulties: Some((0.05, 5e-6)),
    slow: Some(SlowProof {
        hash: Duration::from_millis(4),
        build: Duration::from_millis(2500),
    }),
};

/// A chain with Etchash. Its epochs have 60,000 blocks.
static ETCHASH: Coin = Coin {
    spec: &coins::etc::REGTEST,
    first_height: 60_000 * 330 - 20,
    hashrates: (1e6, 1e10),
    cheat_hashrate: 1e9,
    agents: &[
        ("lolMiner 1.98a", Speech::Ethereum(Protocol::V1)),
        ("nsfminer/1.3.14", Speech::Ethereum(Protocol::V2)),
        ("ethminer/0.19.0", Speech::Ethereum(Protocol::Proxy)),
    ],
    industrial: None,
    difficulties: Some((0.05, 5e-6)),
    slow: Some(SlowProof {
        hash: Duration::from_millis(2),
        build: Duration::from_millis(2500),
    }),
};

/// One chain of every algorithm.
pub(crate) static FIVE: [&Coin; 5] = [&DEV, &SCRYPT, &RANDOMX, &KAWPOW, &ETCHASH];

impl Coin {
    /// A purpose of random numbers, so that chains of one seed differ in theirs.
    pub(crate) fn purpose(&self, purpose: &str) -> String {
        if self.spec == DEV.spec {
            purpose.to_owned()
        } else {
            format!("{} {purpose}", self.spec.name)
        }
    }

    /// Pool objects that serve behind the one port. Where all sessions hash the same, one of them has to see every
    /// share: another would credit it again.
    pub(crate) fn shards(&self, sabotage: Option<Sabotage>) -> usize {
        if self.spec.jobs_differ() || sabotage == Some(Sabotage::SplitSameWork) {
            crate::config::SHARDS
        } else {
            1
        }
    }

    /// Hashes that a share of difficulty 1 takes on average.
    pub(crate) fn hashes_per_difficulty(&self) -> f64 {
        match self.spec.algorithm {
            Algorithm::RANDOMX => 1.0,
            Algorithm::SCRYPT => 65_536.0,
            _ => 4_294_967_296.0,
        }
    }

    /// Settings of the difficulty control: the defaults, but for miners as slow as the slowest here.
    pub(crate) fn vardiff(&self) -> VardiffConfig {
        let default = VardiffConfig::default();
        let difficulty = |value, otherwise| Difficulty::new(value).unwrap_or(otherwise);
        let (start, min) = self.difficulties.unwrap_or((default.start.get(), 0.0001));
        VardiffConfig {
            start: difficulty(start, default.start),
            min: difficulty(min, default.min),
            ..default
        }
    }

    /// The address with this number.
    pub(crate) fn address(&self, number: u64) -> String {
        let program = derive(number, "address");
        match &self.spec.family {
            FamilyRules::Bitcoin(rules) => {
                if let Some(prefix) = rules.addresses.bech32_hrp {
                    let hrp = Hrp::parse(prefix).expect("the chain's own prefix is valid");
                    return segwit::encode_v0(hrp, &program[..20])
                        .expect("20 bytes are a witness program of version 0");
                }
                let bytes = [&[rules.addresses.p2pkh_version], &program[..20]].concat();
                base58ck::Base58CkString::encode_unbounded(&bytes).to_string()
            }
            FamilyRules::CryptoNote(rules) => {
                let keys = [program, derive(number, "view key")].concat();
                let bytes = [&[rules.standard_tag], &keys[..]].concat();
                base58_monero::encode_check(&bytes).expect("any bytes can be written so")
            }
            _ => format!("0x{}", const_hex::encode(&program[..20])),
        }
    }

    /// Length of the header before a block's transactions, where blocks say whom they pay.
    pub(crate) fn header_len(&self) -> Option<usize> {
        let rules = self.spec.bitcoin()?;
        Some(match rules.header {
            HeaderRule::Plain => 80,
            HeaderRule::KawPow { .. } => crate::ledger::kawpow::HEADER_LEN,
        })
    }

    /// The pool's own.
    pub(crate) fn pool_address(&self) -> String {
        self.address(u64::MAX)
    }

    /// That of everybody who mines elsewhere.
    pub(crate) fn strangers_address(&self) -> String {
        self.address(u64::MAX - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_their_chain() {
        for coin in FIVE {
            let family = otedama_chain::family(coin.spec);
            let [first, second] = [0, 1].map(|n| family.payout_script(coin.spec, &coin.address(n)));
            assert!(first.is_ok(), "{}: {first:?}", coin.spec);
            assert_ne!(first, second, "{}", coin.spec);
        }
    }
}
