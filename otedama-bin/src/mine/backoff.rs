//! How long to wait before trying again.

use std::time::Duration;

/// Exponential pauses with jitter, so that a thousand miners do not come back in the same second.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    random: u64,
}

impl Backoff {
    pub(super) fn new(min: Duration, max: Duration, seed: u64) -> Self {
        Self {
            min,
            max: max.max(min),
            random: seed,
        }
    }

    /// The pause after that many failures in a row: between half and all of `min * 2^(failures - 1)`, within the
    /// limits.
    pub(super) fn pause(&mut self, failures: u32) -> Duration {
        let doubled = self
            .min
            .saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        let full = doubled.min(self.max);
        (full / 2 + self.part_of(full / 2)).max(self.min)
    }

    /// `full`, give or take a tenth.
    pub(super) fn about(&mut self, full: Duration) -> Duration {
        full * 9 / 10 + self.part_of(full / 5)
    }

    fn part_of(&mut self, span: Duration) -> Duration {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let permille = ((z ^ (z >> 31)) % 1001) as u32;
        span * permille / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_limit_and_stay_there() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 7);
        for (failures, full_s) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (40, 60), (u32::MAX, 60)] {
            for _ in 0..100 {
                let pause = backoff.pause(failures).as_secs_f64();
                let full = f64::from(full_s);
                assert!(
                    pause <= full && pause >= (full / 2.0).max(1.0),
                    "{failures}: {pause}"
                );
            }
        }
    }

    #[test]
    fn pauses_differ() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 7);
        assert_ne!(backoff.pause(6), backoff.pause(6));
        let about = backoff.about(Duration::from_secs(30)).as_secs_f64();
        assert!((27.0..=33.0).contains(&about), "{about}");
    }
}
