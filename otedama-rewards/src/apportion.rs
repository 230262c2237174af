//! Exact division of an integer among weights.

/// `floor(a * b / divisor)` without overflow on the way; saturates at `u128::MAX`. `divisor` is not zero.
pub(crate) fn mul_div(a: u128, b: u128, divisor: u128) -> u128 {
    if let Some(product) = a.checked_mul(b) {
        return product / divisor;
    }
    let (high, low) = widening_mul(a, b);
    if high >= divisor {
        return u128::MAX;
    }
    // Long division, one bit of the quotient at a time; the remainder stays below the divisor.
    let (mut remainder, mut quotient) = (high, 0);
    for bit in (0..u128::BITS).rev() {
        let carry = remainder >> 127 == 1;
        remainder = remainder << 1 | (low >> bit & 1);
        if carry || remainder >= divisor {
            remainder = remainder.wrapping_sub(divisor);
            quotient |= 1 << bit;
        }
    }
    quotient
}

/// The 256-bit product as its high and its low half.
const fn widening_mul(a: u128, b: u128) -> (u128, u128) {
    const MASK: u128 = u64::MAX as u128;
    let (a1, a0, b1, b0) = (a >> 64, a & MASK, b >> 64, b & MASK);
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 64);
    let middle2 = a0 * b1 + (middle & MASK);
    let high = a1 * b1 + (middle >> 64) + (middle2 >> 64);
    (high, middle2 << 64 | (low & MASK))
}

/// Shares `amount` out in proportion to `weights`, whose sum is `total`: each part is its exact share rounded down or
/// up, and the parts sum to `amount`. What is rounded away from one goes to the next in order.
pub(crate) fn apportion<'a, K: 'a>(
    amount: u128,
    total: u128,
    weights: impl Iterator<Item = (K, u128)> + 'a,
) -> impl Iterator<Item = (K, u128)> + 'a {
    let mut weight_so_far = 0;
    let mut given = 0;
    weights.map(move |(key, weight)| {
        weight_so_far += weight;
        let up_to_here = if total == 0 {
            0
        } else {
            mul_div(weight_so_far, amount, total)
        };
        let part = up_to_here - given;
        given = up_to_here;
        (key, part)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn divides_products_beyond_128_bits() {
        assert_eq!(mul_div(u128::MAX, u128::MAX, u128::MAX), u128::MAX);
        assert_eq!(
            mul_div(1 << 100, 2_100_000_000_000_000, 1 << 101),
            1_050_000_000_000_000
        );
        assert_eq!(mul_div(u128::MAX, 3, 4), (u128::MAX >> 2) * 3 + 2);
        assert_eq!(mul_div(u128::MAX - 1, u128::MAX, u128::MAX), u128::MAX - 1);
        assert_eq!(mul_div(1 << 127, 1 << 127, (1 << 127) + 1), (1 << 127) - 1);
    }

    #[test]
    fn saturates_where_the_quotient_does_not_fit() {
        assert_eq!(mul_div(u128::MAX, 2, 1), u128::MAX);
        assert_eq!(mul_div(1 << 127, 2, 1), u128::MAX);
    }

    proptest! {
        #[test]
        fn quotient_times_divisor_is_within_one_divisor_of_the_product(a: u128, b: u128, divisor in 1u128..) {
            let (high, low) = widening_mul(a, b);
            prop_assume!(high < divisor);
            let quotient = mul_div(a, b, divisor);
            let (qh, ql) = widening_mul(quotient, divisor);
            let (difference, borrow) = low.overflowing_sub(ql);
            prop_assert_eq!(high - qh - u128::from(borrow), 0, "quotient too large or too small");
            prop_assert!(difference < divisor);
        }

        #[test]
        fn product_has_the_right_residues(a: u128, b: u128) {
            // 2^61 - 1 is prime and 2^128 mod it is 2^6, so one wrong bit in either half shows.
            const P: u128 = (1 << 61) - 1;
            let (high, low) = widening_mul(a, b);
            prop_assert_eq!((high % P * 64 + low % P) % P, (a % P) * (b % P) % P);
            prop_assert_eq!(low, a.wrapping_mul(b));
        }

        #[test]
        fn parts_sum_to_the_amount_and_are_off_by_less_than_one(
            amount in 0u128..2_100_000_000_000_000,
            weights in prop::collection::vec(0u128..1 << 100, 1..50),
        ) {
            let total: u128 = weights.iter().sum();
            prop_assume!(total > 0);
            let parts: Vec<_> = apportion(amount, total, weights.iter().map(|w| ((), *w))).collect();
            prop_assert_eq!(parts.iter().map(|((), part)| part).sum::<u128>(), amount);
            for (weight, ((), part)) in weights.iter().zip(parts) {
                let floor = mul_div(*weight, amount, total);
                prop_assert!(part == floor || part == floor + 1);
            }
        }
    }
}
