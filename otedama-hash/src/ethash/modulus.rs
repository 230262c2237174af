//! Remainders by a divisor that stays the same, without dividing.

/// A divisor with its reciprocal (Lemire, Kaser, Kurz: "Faster remainder by direct computation").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Modulus {
    /// The divisor; never 0.
    pub divisor: u32,
    /// 2^64 divided by the divisor, rounded up, modulo 2^64.
    pub reciprocal: u64,
}

impl Modulus {
    /// A divisor of at least 1; 0 counts as 1.
    pub(crate) fn new(divisor: u32) -> Self {
        let divisor = divisor.max(1);
        Self {
            divisor,
            reciprocal: (u64::MAX / u64::from(divisor)).wrapping_add(1),
        }
    }

    /// `value` modulo the divisor.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "two multiplications in the hottest loop")]
    pub(crate) fn reduce(self, value: u32) -> u32 {
        let fraction = self.reciprocal.wrapping_mul(u64::from(value));
        ((u128::from(fraction) * u128::from(self.divisor)) >> 64) as u32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn remainders_at_the_edges_are_exact() {
        for divisor in [1, 2, 3, 16_776_896 / 64, u32::MAX - 1, u32::MAX] {
            for value in [0, 1, divisor - 1, divisor, divisor.wrapping_add(1), u32::MAX] {
                assert_eq!(Modulus::new(divisor).reduce(value), value % divisor);
            }
        }
        assert_eq!(Modulus::new(0).reduce(7), 0);
    }

    proptest! {
        #[test]
        fn remainders_are_those_of_division(divisor in 1..=u32::MAX, value: u32) {
            prop_assert_eq!(Modulus::new(divisor).reduce(value), value % divisor);
        }
    }
}
