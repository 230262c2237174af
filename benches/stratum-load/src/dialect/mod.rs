//! What a target speaks, and what its lines mean.
//!
//! Bitcoin's dialect has files of its own (`session`, `job`, `wire`), because its shares are found while they are sent.
//! The shares of the others take milliseconds, so they are minted ahead; their lines are read and written here, apart
//! from the pool's own codecs, so that the two check each other.

pub(crate) mod cryptonote;
pub(crate) mod ethereum;
pub(crate) mod ethproxy;
mod hex;
pub(crate) mod kawpow;

use std::fmt;
use std::ops::Range;

use clap::ValueEnum;
use otedama_hash::{Algorithm, EpochInput, Target};
use serde::Serialize;

use crate::wire::Verdict;

/// What a target speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Dialect {
    /// Stratum version 1 as Bitcoin's miners speak it.
    Bitcoin,
    /// Monero's miners: login, job, submit.
    Cryptonote,
    /// Ravencoin's miners.
    Kawpow,
    /// Ethash's miners, as `NiceHash` specified it (`EthereumStratum/1.0.0`).
    Ethereum1,
    /// Ethash's miners, as EIP-1571 specified it (`EthereumStratum/2.0.0`).
    Ethereum2,
    /// Ethash's miners as they talk to a node (eth-proxy).
    Ethproxy,
}

impl Dialect {
    /// What is hashed, where nothing else is said.
    pub(crate) const fn usual_algorithm(self) -> Algorithm {
        match self {
            Self::Bitcoin => Algorithm::SHA256D,
            Self::Cryptonote => Algorithm::RANDOMX,
            Self::Kawpow => Algorithm::KAWPOW,
            Self::Ethereum1 | Self::Ethereum2 | Self::Ethproxy => Algorithm::ETCHASH,
        }
    }

    /// Whether its miners can hash with `algorithm`.
    pub(crate) fn can_hash(self, algorithm: Algorithm) -> bool {
        match self {
            Self::Bitcoin => [Algorithm::SHA256D, Algorithm::SCRYPT].contains(&algorithm),
            Self::Cryptonote => algorithm == Algorithm::RANDOMX,
            Self::Kawpow => algorithm == Algorithm::KAWPOW,
            Self::Ethereum1 | Self::Ethereum2 | Self::Ethproxy => {
                [Algorithm::ETHASH, Algorithm::ETCHASH].contains(&algorithm)
            }
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// What tells one block's jobs from the next one's, as far as a dialect says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tip {
    /// The previous block's hash or, where that is not told, the header's; in the order in which it is shown.
    Hash([u8; 32]),
    /// The height of the block being mined.
    Height(u64),
}

impl fmt::Display for Tip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash(hash) => f.write_str(&const_hex::encode(hash)),
            Self::Height(height) => write!(f, "height {height}"),
        }
    }
}

/// Work whose shares are minted ahead.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Work {
    /// The job's name; empty in eth-proxy, where the header names it.
    pub(crate) id: String,
    /// What is hashed: a blob with room for the nonce, or a header's hash.
    pub(crate) blob: Vec<u8>,
    /// Height and seed, as far as the dialect tells them.
    pub(crate) epoch: EpochInput,
    /// What a share has to meet, where the job says so itself.
    pub(crate) target: Option<Target>,
    /// The nonces that are this connection's, where the job says so itself.
    pub(crate) nonces: Option<Range<u64>>,
    /// How many bytes of its nonces the pool fixed, as far as the connection's settings say it.
    pub(crate) prefix_len: usize,
    pub(crate) tip: Tip,
    /// Whether older jobs are void; `None` where the dialect does not say, so that the tip has to tell.
    pub(crate) clean: Option<bool>,
}

/// What a line of one of these dialects means.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    /// The answer to the request with this number.
    Reply { id: u64, verdict: Verdict },
    /// A job.
    Work(Box<Work>),
    /// What holds for the jobs that follow, as far as it changes.
    Settings {
        target: Option<Target>,
        /// The first bytes of every nonce.
        prefix: Option<Vec<u8>>,
    },
    /// A request that wants an answer.
    Request { id: String, answer: &'static str },
    /// Anything else.
    Other,
}

/// A share as it is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Solution<'a> {
    pub(crate) work: &'a Work,
    pub(crate) nonce: u64,
    /// The hash of cryptonote, or the mix of the others, in the order of its bytes.
    pub(crate) proof: [u8; 32],
}

/// The nonces of 64 bits that begin with `prefix`, which is shorter than they are. The very last nonce there is
/// is left out, so that the end has a number.
pub(crate) fn nonces_behind(prefix: &[u8]) -> Range<u64> {
    debug_assert!(prefix.len() < 8);
    let free_bits = 64 - 8 * prefix.len() as u32;
    let value = prefix.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    let start = u64::checked_shl(value, free_bits).unwrap_or(0);
    let len = 1_u64.checked_shl(free_bits).unwrap_or(u64::MAX);
    start..start.saturating_add(len)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nonces_begin_with_the_prefix() {
        assert_eq!(nonces_behind(&[]), 0..u64::MAX);
        assert_eq!(
            nonces_behind(&[0x08, 0x0c]),
            0x080c_0000_0000_0000..0x080d_0000_0000_0000
        );
        assert_eq!(
            nonces_behind(&[0xff, 0xff]),
            0xffff_0000_0000_0000..u64::MAX,
            "all nonces but the very last one"
        );
    }

    #[test]
    fn dialects_are_called_as_on_the_command_line() {
        assert_eq!(Dialect::Ethereum1.to_string(), "ethereum1");
        assert_eq!(Dialect::from_str("cryptonote", false), Ok(Dialect::Cryptonote));
    }

    proptest! {
        #[test]
        fn every_nonce_keeps_its_prefix(prefix in proptest::collection::vec(any::<u8>(), 0..7), at: u64) {
            let nonces = nonces_behind(&prefix);
            let nonce = nonces.start + at % (nonces.end - nonces.start);
            prop_assert_eq!(&nonce.to_be_bytes()[..prefix.len()], &prefix[..]);
        }

        #[test]
        fn no_line_panics_in_any_dialect(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            for parse in [cryptonote::parse, kawpow::parse, ethereum::parse_v1, ethereum::parse_v2, ethproxy::parse] {
                let _ = parse(&line);
            }
        }

        #[test]
        fn no_params_panic_in_any_dialect(
            method in "(job|mining\\.(notify|set|set_target|set_difficulty|set_extranonce)|)",
            key in "(params|result|error)",
            value in "[\\[\\]\",0-9a-fx{}:. ]{0,120}",
        ) {
            let line = format!("{{\"id\":1,\"method\":\"{method}\",\"{key}\":{value}}}");
            let bare = format!("{{\"id\":1,\"{key}\":{value}}}");
            for line in [line, bare] {
                for parse in [cryptonote::parse, kawpow::parse, ethereum::parse_v1, ethereum::parse_v2, ethproxy::parse] {
                    let _ = parse(line.as_bytes());
                }
            }
        }
    }
}
