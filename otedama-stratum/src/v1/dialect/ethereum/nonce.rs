//! The miner's part of a nonce.

use core::fmt;

use crate::v1::hex;

/// How many digits a nonce has.
const NONCE_DIGITS: usize = 16;

/// What a miner appends to the extranonce: 1 to 16 hex digits, kept with their leading zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MinerNonce {
    value: u64,
    digits: u8,
}

/// Text that is no part of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nonce must be 1 to 16 hex digits")]
pub struct MinerNonceError;

impl MinerNonce {
    /// From hex digits, with or without "0x".
    ///
    /// # Errors
    /// When there are none, or more than 16, or something that is no hex digit.
    pub fn from_hex(text: &str) -> Result<Self, MinerNonceError> {
        let digits = hex::digits(text);
        if digits.len() > NONCE_DIGITS {
            return Err(MinerNonceError);
        }
        let value = hex::number(text).ok_or(MinerNonceError)?;
        Ok(Self {
            value,
            digits: digits.len() as u8,
        })
    }

    /// What is left of `nonce` behind so many bytes of extranonce.
    ///
    /// # Errors
    /// When nothing is left: from 8 bytes on.
    pub fn behind(extranonce_len: usize, nonce: u64) -> Result<Self, MinerNonceError> {
        let bytes = size_of::<u64>()
            .checked_sub(extranonce_len)
            .filter(|bytes| *bytes > 0)
            .ok_or(MinerNonceError)?;
        Ok(Self {
            value: nonce & (u64::MAX >> (64 - 8 * bytes)),
            digits: 2 * bytes as u8,
        })
    }

    /// The number that the digits make.
    pub const fn value(self) -> u64 {
        self.value
    }

    /// How many digits there are.
    pub const fn digits(self) -> usize {
        self.digits as usize
    }
}

/// The digits that go over the wire, without "0x".
impl fmt::Display for MinerNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$x}", self.value, width = self.digits())
    }
}

/// The nonce that extranonce and miner make together; `None` unless they have 16 digits.
pub fn full_nonce(extranonce: &[u8], miner: &MinerNonce) -> Option<u64> {
    if 2 * extranonce.len() + miner.digits() != NONCE_DIGITS {
        return None;
    }
    let high = extranonce
        .iter()
        .fold(0, |high, byte| (high << 8) | u64::from(*byte));
    // Without an extranonce all 64 bits are the miner's.
    Some(high.checked_shl(4 * u32::from(miner.digits)).unwrap_or(0) | miner.value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_parts_of_nicehash_s_example() {
        let miner = MinerNonce::from_hex("cfae7df760").expect("10 digits");
        assert_eq!(
            full_nonce(&[0xa2, 0xee, 0xa0], &miner),
            Some(0xa2ee_a0cf_ae7d_f760)
        );
        assert_eq!(full_nonce(&[0xa2, 0xee], &miner), None);
        assert_eq!(full_nonce(&[0xa2, 0xee, 0xa0, 0], &miner), None);
        assert_eq!(full_nonce(&[], &miner), None);
    }

    #[test]
    fn digits_count_with_their_zeros() {
        let short = MinerNonce::from_hex("0x00ff").expect("4 digits");
        assert_eq!(
            (short.value(), short.digits(), &*short.to_string()),
            (255, 4, "00ff")
        );
        assert_eq!(
            full_nonce(&[1, 2, 3, 4, 5, 6], &short),
            Some(0x0102_0304_0506_00ff)
        );
        for text in ["", "0x", "g", "0x0x1", "-1", &"0".repeat(17)] {
            assert_eq!(MinerNonce::from_hex(text), Err(MinerNonceError), "{text}");
        }
        assert_eq!(MinerNonce::behind(8, 0), Err(MinerNonceError));
        assert_eq!(MinerNonce::behind(9, 0), Err(MinerNonceError));
    }

    proptest! {
        #[test]
        fn what_is_taken_apart_fits_together(nonce: u64, len in 0_usize..8) {
            let miner = MinerNonce::behind(len, nonce).expect("less than 8 bytes");
            prop_assert_eq!(MinerNonce::from_hex(&miner.to_string()), Ok(miner));
            prop_assert_eq!(full_nonce(&nonce.to_be_bytes()[..len], &miner), Some(nonce));
        }
    }
}
