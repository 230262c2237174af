use core::fmt;
use core::ops::{Add, AddAssign};

use ruint::Uint;

use super::{Hash256, Target, U256};

type U512 = Uint<512, 8>;

/// What is subtracted from an `f64`'s stored exponent when its mantissa is read as an integer.
const EXPONENT_BIAS: usize = 1075;

/// A share difficulty as stratum announces it: a positive, finite number relative to an
/// algorithm's difficulty-1 target.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Difficulty(f64);

/// A number that is no difficulty.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("difficulty {0} is not a positive, finite number")]
pub struct DifficultyError(pub f64);

impl Difficulty {
    /// Difficulty 1.
    pub const ONE: Self = Self(1.0);

    /// A difficulty from the number on the wire.
    ///
    /// # Errors
    /// When `value` is zero, negative, infinite, subnormal or not a number.
    pub fn new(value: f64) -> Result<Self, DifficultyError> {
        if value.is_normal() && value > 0.0 {
            Ok(Self(value))
        } else {
            Err(DifficultyError(value))
        }
    }

    /// The number on the wire.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The target at which a share of exactly this difficulty still passes:
    /// `floor(diff1 / difficulty)`, computed exactly, at least 1 and at most 2^256 - 1.
    pub fn to_target(self, diff1: Target) -> Target {
        // A normal f64 is mantissa * 2^(exponent - EXPONENT_BIAS) with a 53-bit mantissa.
        let bits = self.0.to_bits();
        let mantissa = U512::from((bits & ((1 << 52) - 1)) | (1 << 52));
        let exponent = (bits >> 52) as usize & 0x7ff;
        let diff1 = U512::from(diff1.to_u256());
        let quotient = if exponent <= EXPONENT_BIAS {
            let shift = EXPONENT_BIAS - exponent;
            if shift + diff1.bit_len() > 512 {
                return Target::MAX;
            }
            (diff1 << shift) / mantissa
        } else {
            (diff1 / mantissa) >> (exponent - EXPONENT_BIAS)
        };
        Target::from_u256(U256::saturating_from(quotient).max(U256::from(1)))
    }

    /// The difficulty that `hash` proves: `diff1 / hash`, rounded towards zero.
    pub fn of_hash(hash: &Hash256, diff1: Target) -> Self {
        Self::of_target(Target::from_le_bytes(hash.to_le_bytes()), diff1)
    }

    pub(super) fn of_target(target: Target, diff1: Target) -> Self {
        let divisor = U512::from(target.to_u256().max(U256::from(1)));
        // 256 fraction bits leave at least 53 significant bits for every pair of 256-bit numbers
        // whose quotient is above 2^-203.
        let quotient: U512 = (U512::from(diff1.to_u256()) << 256) / divisor;
        let drop = quotient.bit_len().saturating_sub(53);
        let mantissa = (quotient >> drop).to::<u64>() as f64;
        let value = mantissa * 2f64.powi(-256) * 2f64.powi(i32::from(drop as u16));
        Self(value.max(f64::MIN_POSITIVE))
    }
}

impl fmt::Debug for Difficulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Difficulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Expected hashes: the exact integer in which shares are credited. Saturates at 2^128 - 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Work(u128);

impl Work {
    /// No work.
    pub const ZERO: Self = Self(0);

    /// That many hashes.
    pub const fn new(hashes: u128) -> Self {
        Self(hashes)
    }

    /// How many hashes.
    pub const fn get(self) -> u128 {
        self.0
    }
}

impl Add for Work {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl core::iter::Sum for Work {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Algorithm;

    fn algorithm() -> impl Strategy<Value = Algorithm> {
        prop_oneof![Just(Algorithm::SHA256D), Just(Algorithm::SCRYPT)]
    }

    /// Difficulties from 0.0001 to 10^16, evenly spread over their logarithm.
    fn difficulty() -> impl Strategy<Value = Difficulty> {
        (-4.0..16.0_f64).prop_map(|log10| Difficulty::new(10f64.powf(log10)).unwrap())
    }

    fn target() -> impl Strategy<Value = Target> {
        (any::<[u8; 32]>(), 0..256_usize)
            .prop_map(|(bytes, shift)| Target::from_u256(U256::from_le_bytes(bytes) >> shift))
    }

    /// `value` as `mantissa / 2^scale` with an integer mantissa.
    fn exact(value: f64) -> (U512, usize) {
        let mut scale = 0;
        let mut scaled = value;
        while scaled.fract() != 0.0 {
            scaled *= 2.0;
            scale += 1;
        }
        (U512::from(scaled), scale)
    }

    #[test]
    fn only_positive_normal_numbers_are_difficulties() {
        for bad in [
            0.0,
            -0.0,
            -1.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            1e-310,
        ] {
            assert!(Difficulty::new(bad).is_err(), "{bad}");
        }
        assert_eq!(
            Difficulty::new(0.0001).unwrap().get().to_bits(),
            0.0001_f64.to_bits()
        );
        assert_eq!(Difficulty::new(1.0), Ok(Difficulty::ONE));
    }

    #[test]
    fn powers_of_two_are_exact() {
        for algorithm in [Algorithm::SHA256D, Algorithm::SCRYPT] {
            let diff1 = algorithm.diff1();
            for exponent in -16..=200 {
                let difficulty = Difficulty::new(2f64.powi(exponent)).unwrap();
                let target = difficulty.to_target(diff1);
                let shift = exponent.unsigned_abs() as usize;
                let expected = if exponent < 0 {
                    diff1.to_u256() << shift
                } else {
                    diff1.to_u256() >> shift
                };
                assert_eq!(target.to_u256(), expected, "2^{exponent}");
                assert_eq!(target.difficulty(diff1), difficulty, "2^{exponent}");
            }
        }
    }

    #[test]
    fn known_targets() {
        let target = |value| {
            Difficulty::new(value)
                .unwrap()
                .to_target(Algorithm::SHA256D.diff1())
                .to_string()
        };
        let zeros = |count| "0".repeat(count);
        // Half of 0xffff is 0x7fff.8.
        assert_eq!(target(1.0), format!("{}ffff{}", zeros(8), zeros(52)));
        assert_eq!(target(2.0), format!("{}7fff8{}", zeros(8), zeros(51)));
        assert_eq!(target(0.5), format!("{}1fffe{}", zeros(7), zeros(52)));
        // Python: "%064x" % (0xffff * 2**208 // 1000)
        assert_eq!(
            target(1000.0),
            "00000000004188f5c28f5c28f5c28f5c28f5c28f5c28f5c28f5c28f5c28f5c28"
        );
        // Python: "%064x" % math.floor(0xffff * 2**208 / fractions.Fraction(0.0001))
        assert_eq!(
            target(0.0001),
            "0000270fd8efffffff791d46e3400001d1c6e73746fff9b79d29951ed415b1f5"
        );
    }

    #[test]
    fn extreme_difficulties_saturate() {
        let diff1 = Algorithm::SHA256D.diff1();
        assert_eq!(
            Difficulty::new(f64::MAX).unwrap().to_target(diff1).to_u256(),
            U256::from(1)
        );
        assert_eq!(
            Difficulty::new(f64::MIN_POSITIVE).unwrap().to_target(diff1),
            Target::MAX
        );
        assert_eq!(Difficulty::new(1e-10).unwrap().to_target(diff1), Target::MAX);
        assert_eq!(
            Difficulty::new(1e-10).unwrap().to_target(Target::MAX),
            Target::MAX
        );
        assert!(Difficulty::of_hash(&Hash256::ZERO, diff1).get().is_finite());
        assert!(Target::MAX.difficulty(diff1).get() > 0.0);
        assert!(
            Target::from_u256(U256::ZERO)
                .difficulty(Target::MAX)
                .get()
                .is_finite()
        );
    }

    #[test]
    fn work_adds_up_without_wrapping() {
        let sum: Work = [1, 2, 3].map(Work::new).into_iter().sum();
        assert_eq!(sum, Work::new(6));
        assert_eq!(Work::new(u128::MAX) + Work::new(1), Work::new(u128::MAX));
    }

    proptest! {
        #[test]
        fn a_target_is_never_harder_after_a_round_trip(t in target(), algorithm in algorithm()) {
            let diff1 = algorithm.diff1();
            let again = t.difficulty(diff1).to_target(diff1);
            prop_assert!(again >= t);
            // And easier by no more than the precision of an f64 and of whole numbers.
            let slack = (t.to_u256() >> 51) + U256::from(1);
            prop_assert!(again.to_u256() - t.to_u256() <= slack);
        }

        #[test]
        fn a_target_is_the_floor_of_the_quotient(difficulty in difficulty(), algorithm in algorithm()) {
            let diff1 = algorithm.diff1();
            let target = difficulty.to_target(diff1);
            // target * difficulty <= diff1 < (target + 1) * difficulty, checked by multiplying.
            let (mantissa, scale) = exact(difficulty.get());
            let goal = U512::from(diff1.to_u256()) << scale;
            let target = U512::from(target.to_u256());
            prop_assert!(target * mantissa <= goal);
            prop_assert!(goal < (target + U512::from(1)) * mantissa);
        }

        #[test]
        fn a_hash_at_the_target_proves_the_difficulty(difficulty in difficulty(), algorithm in algorithm()) {
            let diff1 = algorithm.diff1();
            let target = difficulty.to_target(diff1);
            let at = Hash256::from_le_bytes(target.to_le_bytes());
            let above = Hash256::from_le_bytes((target.to_u256() + U256::from(1)).to_le_bytes());
            prop_assert!(target.is_met_by(&at));
            prop_assert!(!target.is_met_by(&above));
            prop_assert!(Difficulty::of_hash(&at, diff1) >= difficulty);
            prop_assert!(Difficulty::of_hash(&above, diff1) <= difficulty);
        }

        #[test]
        fn more_difficulty_is_never_an_easier_target(a in difficulty(), b in difficulty()) {
            let diff1 = Algorithm::SHA256D.diff1();
            let (low, high) = if a <= b { (a, b) } else { (b, a) };
            prop_assert!(low.to_target(diff1) >= high.to_target(diff1));
        }

        #[test]
        fn any_difficulty_gives_a_target(bits in any::<u64>(), diff1 in target()) {
            if let Ok(difficulty) = Difficulty::new(f64::from_bits(bits)) {
                prop_assert!(!difficulty.to_target(diff1).to_u256().is_zero());
            }
        }
    }
}
