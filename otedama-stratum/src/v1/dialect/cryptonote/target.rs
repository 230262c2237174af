//! Share targets as they go over the wire.

use core::fmt;

use otedama_hash::{Target, U256};

/// Up to this difficulty four bytes are sent, which rental services' proxies and old miners understand best.
const MAX_SHORT_DIFFICULTY: u64 = 4_000_000;

/// The limit that the highest 64 bits of a share's hash have to be below, in one of its two forms.
///
/// Miners expand the short form t to (2^64 - 1) / ((2^32 - 1) / t), divisions of integers; it is never written for
/// a limit that they would read as another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WireTarget {
    limit: u64,
    short: Option<u32>,
}

/// Text that is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a target is 8 or 16 hex digits, and not zero")]
pub struct WireTargetError;

impl WireTarget {
    /// The target that one hash in about `difficulty` meets. A difficulty of 0 counts as 1.
    pub fn of_difficulty(difficulty: u64) -> Self {
        let difficulty = difficulty.max(1);
        if difficulty <= MAX_SHORT_DIFFICULTY {
            Self::of_short(u32::MAX / difficulty as u32)
        } else {
            Self {
                limit: u64::MAX / difficulty,
                short: None,
            }
        }
    }

    /// What miners make of the short form, which is not zero.
    fn of_short(short: u32) -> Self {
        Self {
            limit: u64::MAX / u64::from(u32::MAX / short.max(1)),
            short: Some(short.max(1)),
        }
    }

    /// Reads 4 or 8 little-endian bytes in hex.
    ///
    /// # Errors
    /// When it is something else, or zero, which no hash is below.
    pub fn from_hex(hex: &str) -> Result<Self, WireTargetError> {
        if hex.len() == 8 {
            let bytes = const_hex::decode_to_array(hex).map_err(|_| WireTargetError)?;
            match u32::from_le_bytes(bytes) {
                0 => Err(WireTargetError),
                short => Ok(Self::of_short(short)),
            }
        } else {
            let bytes = const_hex::decode_to_array(hex).map_err(|_| WireTargetError)?;
            match u64::from_le_bytes(bytes) {
                0 => Err(WireTargetError),
                limit => Ok(Self { limit, short: None }),
            }
        }
    }

    /// The limit itself.
    pub const fn limit(self) -> u64 {
        self.limit
    }

    /// The largest hash that counts: its highest 64 bits are below the limit.
    pub fn to_target(self) -> Target {
        Target::from_u256((U256::from(self.limit) << 192) - U256::from(1))
    }
}

/// The hex that goes over the wire.
impl fmt::Display for WireTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.short {
            Some(short) => f.write_str(&const_hex::encode(short.to_le_bytes())),
            None => f.write_str(&const_hex::encode(self.limit.to_le_bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use otedama_hash::Hash256;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn targets_as_pools_send_them() {
        // From a session of xmrig: difficulty 10,000 is 0x00068db8.
        assert_eq!(WireTarget::of_difficulty(10_000).to_string(), "b88d0600");
        assert_eq!(WireTarget::of_difficulty(1).to_string(), "ffffffff");
        assert_eq!(WireTarget::of_difficulty(0).to_string(), "ffffffff");
        assert_eq!(WireTarget::of_difficulty(4_000_000).to_string(), "31040000");
        assert_eq!(
            WireTarget::of_difficulty(4_000_001).to_string(),
            "e295d6bd31040000"
        );
        assert_eq!(
            WireTarget::of_difficulty(u64::MAX).to_string(),
            "0100000000000000"
        );
    }

    #[test]
    fn the_short_form_is_expanded_as_miners_expand_it() {
        let limit = |hex: &str| WireTarget::from_hex(hex).map(WireTarget::limit);
        assert_eq!(limit("b88d0600"), Ok(u64::MAX / 10_000));
        assert_eq!(limit("ffffffff"), Ok(u64::MAX));
        assert_eq!(limit("01000000"), Ok(u64::MAX / 0xffff_ffff));
        assert_eq!(limit("ffffff7f"), Ok(u64::MAX / 2));
        assert_eq!(limit("0100000000000000"), Ok(1));
        for hex in [
            "",
            "0",
            "00000000",
            "0000000000000000",
            "b88d060",
            "b88d06000",
            "0xb88d06",
            "xxxxxxxx",
        ] {
            assert_eq!(limit(hex), Err(WireTargetError), "{hex}");
        }
    }

    proptest! {
        #[test]
        fn both_sides_mean_the_same_limit(difficulty: u64) {
            for difficulty in [difficulty, difficulty >> 32, difficulty >> 44] {
                let target = WireTarget::of_difficulty(difficulty);
                let text = target.to_string();
                prop_assert_eq!(WireTarget::from_hex(&text), Ok(target));
                // Short targets are at most as hard as asked, and by less than one part in a thousand easier.
                let exact = u64::MAX / difficulty.max(1);
                prop_assert!(target.limit() <= exact + exact / 1000 + 1, "{difficulty}: {text}");
                prop_assert!(target.limit() >= exact - exact / 1000, "{difficulty}: {text}");
            }
        }

        #[test]
        fn the_target_is_met_by_the_hashes_that_a_miner_sends(limit in 1_u64.., top: u64, rest: [u8; 24]) {
            let hex = const_hex::encode(limit.to_le_bytes());
            let target = WireTarget::from_hex(&hex).expect("16 digits").to_target();
            for top in [top, limit, limit - 1] {
                let mut hash = [0; 32];
                hash[..24].copy_from_slice(&rest);
                hash[24..].copy_from_slice(&top.to_le_bytes());
                prop_assert_eq!(target.is_met_by(&Hash256::from_le_bytes(hash)), top < limit);
            }
        }
    }
}
