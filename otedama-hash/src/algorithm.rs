//! Names of proof-of-work algorithms and the facts that belong to the name alone.

use core::fmt;

use crate::primitives::{Target, U256};

/// A proof-of-work algorithm, identified by its lower-case name.
///
/// Third parties name their own with [`Algorithm::custom`]; a backend registered under that
/// name in a [`Registry`](crate::Registry) makes it usable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Algorithm {
    name: &'static str,
    /// Bits by which the difficulty-1 target lies above Bitcoin's.
    diff1_shift: u8,
}

impl Algorithm {
    /// Double SHA-256 of an 80-byte header.
    pub const SHA256D: Self = Self {
        name: "sha256d",
        diff1_shift: 0,
    };
    /// Scrypt with N = 1024, r = 1, p = 1 of an 80-byte header; stratum difficulty 1 is 2^16 hashes.
    pub const SCRYPT: Self = Self {
        name: "scrypt",
        diff1_shift: 16,
    };

    /// An algorithm that this crate doesn't know.
    ///
    /// `diff1_shift` is the number of bits by which its stratum difficulty-1 target lies above
    /// Bitcoin's `0xffff * 2^208`; it is capped at 32.
    pub const fn custom(name: &'static str, diff1_shift: u8) -> Self {
        Self {
            name,
            diff1_shift: if diff1_shift > 32 { 32 } else { diff1_shift },
        }
    }

    /// The lower-case name, as configuration files and command lines write it.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The target that miners of this algorithm call difficulty 1.
    pub fn diff1(self) -> Target {
        Target::from_u256((U256::from(0xffff_u64) << 208) << usize::from(self.diff1_shift))
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
