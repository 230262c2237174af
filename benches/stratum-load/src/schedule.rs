//! When shares are due: decided by the clock alone, never by the pool's answers.

use crate::cli::Arrivals;
use crate::random::Random;

/// An open-loop schedule.
#[derive(Debug)]
pub(crate) struct Schedule {
    arrivals: Arrivals,
    /// Mean distance of two shares in nanoseconds.
    gap_ns: f64,
    next_ns: f64,
    random: Random,
}

impl Schedule {
    /// A schedule of `rate` shares per second that starts at `start_ns`; none at rate zero.
    pub(crate) fn new(arrivals: Arrivals, rate: f64, seed: u64, start_ns: u64) -> Option<Self> {
        (rate > 0.0).then(|| Self {
            arrivals,
            gap_ns: 1e9 / rate,
            next_ns: start_ns as f64,
            random: Random::new(seed),
        })
    }

    /// When the next share is due.
    #[allow(clippy::cast_sign_loss, reason = "moments are never negative")]
    pub(crate) fn next_ns(&self) -> u64 {
        self.next_ns as u64
    }

    /// Goes on to the share after it.
    pub(crate) fn advance(&mut self) {
        self.next_ns += match self.arrivals {
            Arrivals::Uniform => self.gap_ns,
            Arrivals::Poisson => -self.gap_ns * self.random.unit().ln(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count_until(mut schedule: Schedule, end_ns: u64) -> u32 {
        let mut count = 0;
        while schedule.next_ns() < end_ns {
            schedule.advance();
            count += 1;
        }
        count
    }

    #[test]
    fn the_rate_is_kept() {
        let uniform = Schedule::new(Arrivals::Uniform, 1000.0, 1, 0).unwrap();
        assert_eq!(count_until(uniform, 10_000_000_000), 10_000);
        let poisson = Schedule::new(Arrivals::Poisson, 1000.0, 1, 0).unwrap();
        let count = count_until(poisson, 100_000_000_000);
        // Five standard deviations of a Poisson count of 100,000.
        assert!((98_420..=101_580).contains(&count), "{count}");
    }

    #[test]
    fn the_same_seed_gives_the_same_moments() {
        let moments = |seed| {
            let mut schedule = Schedule::new(Arrivals::Poisson, 50.0, seed, 7).unwrap();
            (0..20)
                .map(|_| {
                    schedule.advance();
                    schedule.next_ns()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(moments(3), moments(3));
        assert_ne!(moments(3), moments(4));
    }

    #[test]
    fn rate_zero_has_no_shares() {
        assert!(Schedule::new(Arrivals::Uniform, 0.0, 1, 0).is_none());
    }
}
