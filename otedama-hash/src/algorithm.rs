//! Names of proof-of-work algorithms and the facts that belong to the name alone.

use core::fmt;

use crate::primitives::{Hash256, Target, U256};

/// A proof-of-work algorithm, identified by its lower-case name.
///
/// Third parties name their own with [`Algorithm::custom`]; a backend registered under that
/// name in a [`Registry`](crate::Registry) makes it usable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Algorithm {
    name: &'static str,
    diff1: Diff1,
}

/// How the target of difficulty 1 is told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Diff1 {
    /// So many bits above Bitcoin's.
    Shifted(u8),
    /// The highest target there is: one hash on average.
    OneHash,
}

impl Algorithm {
    /// Double SHA-256 of an 80-byte header.
    pub const SHA256D: Self = Self {
        name: "sha256d",
        diff1: Diff1::Shifted(0),
    };
    /// Scrypt with N = 1024, r = 1, p = 1 of an 80-byte header; stratum difficulty 1 is 2^16 hashes.
    pub const SCRYPT: Self = Self {
        name: "scrypt",
        diff1: Diff1::Shifted(16),
    };
    /// Ethash of a 32-byte header hash and a nonce; an epoch is 30,000 blocks.
    pub const ETHASH: Self = Self {
        name: "ethash",
        diff1: Diff1::Shifted(0),
    };
    /// Ethash as Ethereum Classic has it since ECIP-1099: an epoch is 60,000 blocks.
    pub const ETCHASH: Self = Self {
        name: "etchash",
        diff1: Diff1::Shifted(0),
    };
    /// ProgPoW 0.9.4 with Ravencoin's parameters, of a 32-byte header hash, a nonce and a height.
    pub const KAWPOW: Self = Self {
        name: "kawpow",
        diff1: Diff1::Shifted(0),
    };
    /// RandomX as Monero uses it (`rx/0`); stratum difficulty 1 is one hash.
    pub const RANDOMX: Self = Self {
        name: "randomx",
        diff1: Diff1::OneHash,
    };

    /// An algorithm that this crate doesn't know.
    ///
    /// `diff1_shift` is the number of bits by which its stratum difficulty-1 target lies above
    /// Bitcoin's `0xffff * 2^208`; it is capped at 32.
    pub const fn custom(name: &'static str, diff1_shift: u8) -> Self {
        Self {
            name,
            diff1: Diff1::Shifted(if diff1_shift > 32 { 32 } else { diff1_shift }),
        }
    }

    /// The lower-case name, as configuration files and command lines write it.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// `hash` in hexadecimal as this algorithm's software shows it: as a number, most significant byte
    /// first; RandomX in the order in which it was written.
    pub fn hash_hex(self, hash: &Hash256) -> String {
        if self == Self::RANDOMX {
            const_hex::encode(hash.to_le_bytes())
        } else {
            hash.to_string()
        }
    }

    /// The target that miners of this algorithm call difficulty 1.
    pub fn diff1(self) -> Target {
        match self.diff1 {
            Diff1::Shifted(bits) => Target::from_u256((U256::from(0xffff_u64) << 208) << usize::from(bits)),
            Diff1::OneHash => Target::MAX,
        }
    }
}

impl fmt::Debug for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
