//! Randomness: everything is drawn from one seed, split by purpose.

use std::time::Duration;

use otedama_hash::sha256d::sha256d;
use otedama_hash::{Target, U256};
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use ruint::Uint;

/// A stream of random numbers.
#[derive(Debug)]
pub(crate) struct Random(ChaCha12Rng);

/// 32 bytes that follow from a seed and a purpose.
pub(crate) fn derive(seed: u64, purpose: &str) -> [u8; 32] {
    sha256d(&[&seed.to_le_bytes(), purpose.as_bytes()].concat()).to_le_bytes()
}

impl Random {
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        Self(ChaCha12Rng::from_seed(derive(seed, purpose)))
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// Above 0 and at most 1.
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() <= probability
    }

    /// Time to the next event of a Poisson process.
    pub(crate) fn exponential(&mut self, mean: Duration) -> Duration {
        Duration::try_from_secs_f64(-self.unit().ln() * mean.as_secs_f64()).unwrap_or(Duration::MAX)
    }

    pub(crate) fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let width = high.saturating_sub(low).as_nanos() as u64;
        low + Duration::from_nanos(self.below(width.max(1)))
    }

    pub(crate) fn millis(&mut self, low: u64, high: u64) -> Duration {
        self.between(Duration::from_millis(low), Duration::from_millis(high))
    }

    /// Evenly spread over the logarithm.
    pub(crate) fn log_uniform(&mut self, low: f64, high: f64) -> f64 {
        low * (self.unit() * (high / low).ln()).exp()
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// A number that is equally likely to be any of those that meet `target`.
    pub(crate) fn at_or_below(&mut self, target: Target) -> U256 {
        let draw = U256::from_limbs([self.bits(), self.bits(), self.bits(), self.bits()]);
        let Some(end) = target.to_u256().checked_add(U256::from(1)) else {
            return draw;
        };
        let product: Uint<512, 8> = draw.widening_mul(end);
        let high: Uint<512, 8> = product >> 256;
        high.to::<U256>()
    }
}

#[cfg(test)]
mod tests {
    use otedama_hash::Hash256;

    use super::*;

    #[test]
    fn streams_differ_by_purpose_and_repeat_by_seed() {
        let first = |seed, purpose| Random::new(seed, purpose).bits();
        assert_eq!(first(1, "a"), first(1, "a"));
        assert_ne!(first(1, "a"), first(1, "b"));
        assert_ne!(first(1, "a"), first(2, "a"));
    }

    #[test]
    fn draws_meet_the_target_and_fill_it() {
        let mut random = Random::new(1, "test");
        let target = Target::from_compact(0x1d00_ffff).unwrap();
        let mut above_half = 0;
        for _ in 0..1000 {
            let hash = random.at_or_below(target);
            assert!(target.is_met_by(&Hash256::from_le_bytes(hash.to_le_bytes())));
            above_half += u32::from(hash > target.to_u256() >> 1);
        }
        assert!((400..600).contains(&above_half), "{above_half}");
    }

    #[test]
    fn exponential_has_its_mean() {
        let mut random = Random::new(1, "test");
        let sum: f64 = (0..10_000)
            .map(|_| random.exponential(Duration::from_secs(5)).as_secs_f64())
            .sum();
        assert!((4.8..5.2).contains(&(sum / 10_000.0)), "{sum}");
    }
}
