use core::fmt;

use super::{Difficulty, Hash256, HexError, U256, Work};

/// The largest hash, read as a number, that still counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target(U256);

/// A compact target ("bits") that encodes no usable number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("compact target {0:#010x} is negative, zero or above 2^256")]
pub struct CompactError(pub u32);

impl Target {
    /// The easiest target: every hash meets it.
    pub const MAX: Self = Self(U256::MAX);

    /// From a number.
    pub const fn from_u256(value: U256) -> Self {
        Self(value)
    }

    /// As a number.
    pub const fn to_u256(self) -> U256 {
        self.0
    }

    /// From little-endian bytes.
    pub const fn from_le_bytes(bytes: [u8; 32]) -> Self {
        Self(U256::from_le_bytes(bytes))
    }

    /// As little-endian bytes.
    pub const fn to_le_bytes(self) -> [u8; 32] {
        self.0.to_le_bytes()
    }

    /// From 64 hex digits, most significant first, as node RPCs write it.
    ///
    /// # Errors
    /// When `hex` isn't exactly 64 hex digits.
    pub fn from_be_hex(hex: &str) -> Result<Self, HexError> {
        Hash256::from_display_hex(hex).map(|h| Self::from_le_bytes(h.to_le_bytes()))
    }

    /// From the compact form of a block header's "bits" (Bitcoin Core, `arith_uint256::SetCompact`).
    ///
    /// # Errors
    /// When the sign bit is set, the number is zero or it doesn't fit 256 bits.
    pub fn from_compact(bits: u32) -> Result<Self, CompactError> {
        let exponent = (bits >> 24) as usize;
        let mantissa = bits & 0x007f_ffff;
        if bits & 0x0080_0000 != 0 {
            return Err(CompactError(bits));
        }
        let value = if exponent <= 3 {
            U256::from(mantissa >> (8 * (3 - exponent)))
        } else {
            let width = (32 - mantissa.leading_zeros()) as usize;
            if width + 8 * (exponent - 3) > 256 {
                return Err(CompactError(bits));
            }
            U256::from(mantissa) << (8 * (exponent - 3))
        };
        if value.is_zero() {
            Err(CompactError(bits))
        } else {
            Ok(Self(value))
        }
    }

    /// The compact form, rounded down to its 23 bits of precision as consensus code does.
    pub fn to_compact(self) -> u32 {
        let mut size = self.0.bit_len().div_ceil(8);
        let mut mantissa = if size <= 3 {
            self.0.to::<u32>() << (8 * (3 - size))
        } else {
            (self.0 >> (8 * (size - 3))).to::<u32>()
        };
        if mantissa & 0x0080_0000 != 0 {
            mantissa >>= 8;
            size += 1;
        }
        (size as u32) << 24 | mantissa
    }

    /// Whether `hash` counts.
    #[inline]
    pub fn is_met_by(&self, hash: &Hash256) -> bool {
        U256::from_le_bytes(hash.to_le_bytes()) <= self.0
    }

    /// Expected number of hashes to meet this target: `floor(2^256 / (target + 1))`.
    pub fn work(self) -> Work {
        // 2^256 / (t + 1) = (2^256 - (t + 1)) / (t + 1) + 1 = !t / (t + 1) + 1.
        match self.0.checked_add(U256::from(1)) {
            None => Work::new(1),
            Some(divisor) => {
                let hashes = (!self.0) / divisor;
                Work::new(u128::try_from(hashes).map_or(u128::MAX, |h| h.saturating_add(1)))
            }
        }
    }

    /// This target's difficulty relative to `diff1`, rounded towards zero, so that
    /// `t.difficulty(d).to_target(d) >= t`.
    pub fn difficulty(self, diff1: Target) -> Difficulty {
        Difficulty::of_target(self, diff1)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:064x}", self.0)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Algorithm;

    fn hex(digits: &str) -> U256 {
        U256::from_str_radix(digits, 16).unwrap()
    }

    /// Bitcoin Core, `src/test/arith_uint256_tests.cpp`, case `bignum_SetCompact`: value and
    /// re-encoded form of every positive number in it.
    #[test]
    fn compact_vectors_of_bitcoin_core() {
        let cases = [
            (0x0112_3456, "12", 0x0112_0000),
            (0x0212_3456, "1234", 0x0212_3400),
            (0x0312_3456, "123456", 0x0312_3456),
            (0x0412_3456, "12345600", 0x0412_3456),
            (0x0500_9234, "92340000", 0x0500_9234),
            (
                0x2012_3456,
                "1234560000000000000000000000000000000000000000000000000000000000",
                0x2012_3456,
            ),
        ];
        for (bits, value, again) in cases {
            let target = Target::from_compact(bits).unwrap();
            assert_eq!(target.to_u256(), hex(value), "{bits:#010x}");
            assert_eq!(target.to_compact(), again, "{bits:#010x}");
        }
        // The sign bit is never written.
        assert_eq!(Target::from_u256(U256::from(0x80)).to_compact(), 0x0200_8000);
        assert_eq!(Target::from_u256(U256::ZERO).to_compact(), 0);
    }

    /// The same case's numbers that are zero, negative or too large, and the first ones beyond 2^256.
    #[test]
    fn compact_forms_without_a_target() {
        let zero = [
            0x0000_0000,
            0x0012_3456,
            0x0100_3456,
            0x0200_0056,
            0x0300_0000,
            0x0400_0000,
            0x0092_3456,
            0x0180_3456,
            0x0280_0056,
            0x0380_0000,
            0x0480_0000,
        ];
        let negative = [0x01fe_dcba, 0x0492_3456];
        let overflow = [0xff12_3456, 0x2101_0000, 0x2200_0100, 0x2300_0001];
        for bits in zero.into_iter().chain(negative).chain(overflow) {
            assert_eq!(
                Target::from_compact(bits),
                Err(CompactError(bits)),
                "{bits:#010x}"
            );
        }
    }

    #[test]
    fn compact_reaches_up_to_the_last_byte() {
        assert_eq!(
            Target::from_compact(0x2200_00ff).unwrap().to_u256(),
            U256::from(0xff) << 248
        );
        assert_eq!(
            Target::from_compact(0x2100_ffff).unwrap().to_u256(),
            U256::from(0xffff) << 240
        );
        assert_eq!(
            Target::from_compact(0x207f_ffff).unwrap().to_u256(),
            U256::from(0x007f_ffff) << 232
        );
        assert_eq!(Target::MAX.to_compact(), 0x2100_ffff);
    }

    #[test]
    fn work_of_known_bits() {
        let work = |bits| Target::from_compact(bits).unwrap().work().get();
        // Bitcoin's mainnet and regtest genesis blocks: `chainwork` of `getblockheader`.
        assert_eq!(work(0x1d00_ffff), 4_295_032_833);
        assert_eq!(work(0x207f_ffff), 2);
        // Litecoin's mainnet genesis block.
        assert_eq!(work(0x1e0f_fff0), 0x0010_0010);
    }

    #[test]
    fn work_at_the_ends() {
        assert_eq!(Target::MAX.work(), Work::new(1));
        assert_eq!(Target::from_u256(U256::MAX - U256::from(1)).work(), Work::new(1));
        assert_eq!(Target::from_u256(U256::MAX >> 1).work(), Work::new(2));
        assert_eq!(
            Target::from_u256((U256::from(1) << 129) - U256::from(1)).work(),
            Work::new(1 << 127)
        );
        // 2^128 hashes and more don't fit.
        assert_eq!(Target::from_u256(U256::MAX >> 128).work(), Work::new(u128::MAX));
        assert_eq!(Target::from_u256(U256::ZERO).work(), Work::new(u128::MAX));
    }

    #[test]
    fn difficulty_1_of_the_algorithms() {
        assert_eq!(Algorithm::SHA256D.diff1().to_compact(), 0x1d00_ffff);
        assert_eq!(Algorithm::SCRYPT.diff1().to_compact(), 0x1f00_ffff);
        assert_eq!(
            Algorithm::custom("wide", 32).diff1(),
            Algorithm::custom("wider", 255).diff1()
        );
    }

    #[test]
    fn hex_is_most_significant_first() {
        let text = format!("{}ffff{}", "0".repeat(8), "0".repeat(52));
        let target = Target::from_be_hex(&text).unwrap();
        assert_eq!(target, Algorithm::SHA256D.diff1());
        assert_eq!(target.to_string(), text);
        assert_eq!(target.to_le_bytes()[26..28], [0xff, 0xff]);
        assert_eq!(Target::from_be_hex(&text[1..]), Err(HexError));
    }

    /// `SetCompact` by its definition: the mantissa's bytes laid where the exponent puts them.
    fn compact_by_definition(bits: u32) -> Option<U256> {
        let [exponent, a, b, c] = bits.to_be_bytes();
        if a & 0x80 != 0 {
            return None;
        }
        let mut bytes = [0u8; 32];
        for (place, byte) in [a, b, c].into_iter().enumerate() {
            match usize::from(exponent).checked_sub(1 + place) {
                Some(index) if index < 32 => bytes[index] = byte,
                Some(_) if byte != 0 => return None,
                _ => {}
            }
        }
        Some(U256::from_le_bytes(bytes)).filter(|value| !value.is_zero())
    }

    fn target() -> impl Strategy<Value = Target> {
        (any::<[u8; 32]>(), 0..256_usize)
            .prop_map(|(bytes, shift)| Target::from_u256(U256::from_le_bytes(bytes) >> shift))
    }

    proptest! {
        #[test]
        fn every_compact_form_decodes_by_definition(
            bits in prop_oneof![any::<u32>(), (0..40_u32, any::<u32>()).prop_map(|(e, m)| e << 24 | m >> 8)],
        ) {
            let decoded = Target::from_compact(bits);
            prop_assert_eq!(decoded.ok().map(Target::to_u256), compact_by_definition(bits));
            if let Ok(target) = decoded {
                prop_assert_eq!(Target::from_compact(target.to_compact()), Ok(target));
            }
        }

        #[test]
        fn compact_rounds_down_and_keeps_15_bits(t in target()) {
            prop_assume!(!t.to_u256().is_zero());
            let again = Target::from_compact(t.to_compact()).unwrap();
            prop_assert!(again <= t);
            prop_assert!(t.to_u256() - again.to_u256() <= t.to_u256() >> 15);
        }

        #[test]
        fn a_hash_meets_a_target_as_a_number(t in target(), hash in any::<[u8; 32]>()) {
            let mut reversed = hash;
            reversed.reverse();
            let mut limit = t.to_le_bytes();
            limit.reverse();
            prop_assert_eq!(t.is_met_by(&Hash256::from_le_bytes(hash)), reversed <= limit);
            prop_assert!(t.is_met_by(&Hash256::from_le_bytes(t.to_le_bytes())));
            if let Some(above) = t.to_u256().checked_add(U256::from(1)) {
                prop_assert!(!t.is_met_by(&Hash256::from_le_bytes(above.to_le_bytes())));
            }
        }

        #[test]
        fn hex_round_trips(t in target()) {
            prop_assert_eq!(Target::from_be_hex(&t.to_string()), Ok(t));
            prop_assert_eq!(Target::from_le_bytes(t.to_le_bytes()), t);
        }

        #[test]
        fn work_is_the_floor_of_the_expected_hashes(t in target()) {
            type Wide = ruint::Uint<512, 8>;
            let work = t.work().get();
            prop_assume!(work < u128::MAX);
            // work * (t + 1) <= 2^256 < (work + 1) * (t + 1), in numbers wide enough for it.
            let (divisor, all) = (Wide::from(t.to_u256()) + Wide::from(1), Wide::from(1) << 256);
            prop_assert!(Wide::from(work) * divisor <= all);
            prop_assert!(all < (Wide::from(work) + Wide::from(1)) * divisor);
        }
    }
}
