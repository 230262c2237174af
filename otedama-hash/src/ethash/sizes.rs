//! How many items a cache or a dataset has in an epoch.

/// Size of a cache or a dataset: it grows with the epoch and has a prime number of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SizeRule {
    /// Upper bound in bytes at epoch 0.
    pub initial_bytes: u64,
    /// How much the bound grows each epoch.
    pub growth_bytes: u64,
    /// Bytes of one item, as far as the prime rule counts them.
    pub item_bytes: u64,
}

/// The light cache of Ethash, Etchash and KawPow.
pub(crate) const CACHE: SizeRule = SizeRule {
    initial_bytes: 1 << 24,
    growth_bytes: 1 << 17,
    item_bytes: 64,
};

/// The full dataset of Ethash, Etchash and KawPow, in the 128-byte pages that the prime rule counts.
///
/// `KawPow` reads it by 256 bytes: half as many items, rounded down.
pub(crate) const DATASET: SizeRule = SizeRule {
    initial_bytes: 1 << 30,
    growth_bytes: 1 << 23,
    item_bytes: 128,
};

impl SizeRule {
    /// Number of items in `epoch`: the largest prime within the bound. `None` beyond 32 bits.
    pub(crate) fn items(&self, epoch: u32) -> Option<u32> {
        let bound = self.initial_bytes + self.growth_bytes * u64::from(epoch);
        let bound = u32::try_from(bound / self.item_bytes).ok()?;
        (2..=bound).rev().find(|&n| is_prime(n))
    }

    /// Number of bytes of so many items.
    pub(crate) fn bytes(&self, items: u32) -> u64 {
        u64::from(items) * self.item_bytes
    }
}

/// Trial division: the numbers have at most 32 bits, and few are looked at.
fn is_prime(n: u32) -> bool {
    if n < 4 || n.is_multiple_of(2) {
        return n == 2 || n == 3;
    }
    (3..)
        .step_by(2)
        .take_while(|&d: &u32| u64::from(d) * u64::from(d) <= u64::from(n))
        .all(|d| !n.is_multiple_of(d))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_found() {
        let primes: Vec<u32> = (0..60).filter(|&n| is_prime(n)).collect();
        assert_eq!(
            primes,
            [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59]
        );
        assert!(is_prime(4_294_967_291) && !is_prime(4_294_967_295));
    }

    #[test]
    fn sizes_beyond_32_bits_of_items_do_not_exist() {
        assert!(CACHE.items(2_095_103).is_some());
        assert_eq!(CACHE.items(2_097_152), None);
        assert_eq!(DATASET.items(u32::MAX), None);
    }
}
