//! Share difficulty that follows a miner's hashrate, down as well as up.
//!
//! Shares arrive as a Poisson process, so a window with `n` shares where `e` were expected says
//! that the rate is about `(n + 1) / (e + 1)` times the wanted one. The difficulty moves only when
//! `n` would be a rare accident at the right difficulty; the thresholds below are those at which
//! the simulator's miners of constant hashrate are left alone and a tenfold step is followed within
//! a dozen shares or as many expected intervals of silence.

use std::time::Duration;

use otedama_hash::{Difficulty, Monotonic};

use crate::config::VardiffConfig;

/// Shares that end a window which gave no reason to move.
const WINDOW_SHARES: f64 = 48.0;
/// Largest step up at once.
const MAX_RISE: f64 = 64.0;
/// Expected shares that have to be missing in a row; one gap in four hundred is as long by accident.
const SILENCE_SHARES: f64 = 6.0;
/// Step down at the first silence, which may be an accident.
const FIRST_FALL: f64 = 0.5;
/// Step down when silence goes on, which is none.
const NEXT_FALL: f64 = 0.125;

/// One connection's difficulty control.
#[derive(Clone, Debug)]
pub(crate) struct Vardiff {
    /// Shares of the present window, weighted by their difficulty over the present one.
    shares: f64,
    since: Monotonic,
    /// The last share, or the start of the window.
    heard_at: Monotonic,
    /// The last window was silent, and nothing has been heard since.
    silent: bool,
}

impl Vardiff {
    pub(crate) fn new(now: Monotonic) -> Self {
        Self {
            shares: 0.0,
            since: now,
            heard_at: now,
            silent: false,
        }
    }

    /// Starts a new window, after a change of difficulty.
    pub(crate) fn restart(&mut self, now: Monotonic) {
        *self = Self {
            silent: self.silent,
            ..Self::new(now)
        };
    }

    /// Counts a share whose difficulty was `weight` times the present one.
    pub(crate) fn count(&mut self, now: Monotonic, weight: f64) {
        self.shares += weight;
        self.heard_at = now;
        self.silent = false;
    }

    /// When to look again if no share comes: after three expected intervals.
    pub(crate) fn interval(config: &VardiffConfig) -> Duration {
        Duration::from_secs_f64((3.0 * 60.0 / config.shares_per_minute).clamp(1.0, 600.0))
    }

    /// The factor by which the difficulty should change, if it should.
    pub(crate) fn decide(&mut self, config: &VardiffConfig, now: Monotonic) -> Option<f64> {
        let expected_since = |at| now.since(at).as_secs_f64() * config.shares_per_minute / 60.0;
        if expected_since(self.heard_at) >= SILENCE_SHARES {
            let factor = if self.silent { NEXT_FALL } else { FIRST_FALL };
            self.silent = true;
            return Some(factor);
        }
        let (n, expected) = (self.shares, expected_since(self.since));
        let ratio = (n + 1.0) / (expected + 1.0);
        let rise = (n >= 8.0 && ratio >= 2.5) || (n >= 16.0 && ratio >= 2.0) || (n >= 32.0 && ratio >= 1.6);
        let fall = (expected >= 12.0 && ratio <= 0.4) || (expected >= 24.0 && ratio <= 0.55);
        let full = expected >= WINDOW_SHARES || n >= 2.0 * WINDOW_SHARES;
        if rise || fall || (full && !(0.7..=1.4).contains(&ratio)) {
            return Some(ratio.min(MAX_RISE));
        }
        if full {
            self.restart(now);
        }
        None
    }
}

/// Keeps a difficulty within the pool's limits and at six significant bits, so that a pool has few
/// different targets and old firmware reads short numbers.
pub(crate) fn tidy(value: f64, floor: f64, config: &VardiffConfig) -> Difficulty {
    within(f64::from_bits(value.to_bits() & !((1 << 47) - 1)), floor, config)
}

/// Keeps a difficulty that somebody asked for within the pool's limits.
pub(crate) fn within(value: f64, floor: f64, config: &VardiffConfig) -> Difficulty {
    let floor = floor.clamp(config.min.get(), config.max.get());
    let value = if value.is_finite() {
        value.clamp(floor, config.max.get())
    } else {
        floor
    };
    Difficulty::new(value).unwrap_or(config.min)
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these numbers are exact")]
mod tests {
    use super::*;

    fn at(s: f64) -> Monotonic {
        Monotonic::from_nanos((s * 1e9) as u64)
    }

    #[test]
    fn silence_makes_it_fall_and_more_silence_faster() {
        let config = VardiffConfig {
            shares_per_minute: 12.0,
            ..VardiffConfig::default()
        };
        let mut vardiff = Vardiff::new(at(0.0));
        vardiff.count(at(1.0), 1.0);
        assert_eq!(vardiff.decide(&config, at(30.0)), None);
        assert_eq!(vardiff.decide(&config, at(31.0)), Some(FIRST_FALL));
        vardiff.restart(at(31.0));
        assert_eq!(vardiff.decide(&config, at(61.0)), Some(NEXT_FALL));
        vardiff.restart(at(61.0));
        vardiff.count(at(62.0), 1.0);
        assert_eq!(vardiff.decide(&config, at(92.0)), Some(FIRST_FALL));
    }

    #[test]
    fn a_flood_makes_it_rise_at_once() {
        let config = VardiffConfig::default();
        let mut vardiff = Vardiff::new(at(0.0));
        let mut factor = None;
        for i in 0..10 {
            let now = at(0.1 * f64::from(i));
            vardiff.count(now, 1.0);
            factor = factor.or(vardiff.decide(&config, now));
        }
        assert!(factor.expect("ten shares in a second are too many") > 5.0);
    }

    #[test]
    fn the_right_rate_is_left_alone() {
        let config = VardiffConfig {
            shares_per_minute: 12.0,
            ..VardiffConfig::default()
        };
        let mut vardiff = Vardiff::new(at(0.0));
        for i in 1..500 {
            let now = at(5.0 * f64::from(i));
            vardiff.count(now, 1.0);
            assert_eq!(vardiff.decide(&config, now), None, "share {i}");
        }
    }

    #[test]
    fn tidy_keeps_to_the_limits_and_to_short_numbers() {
        let config = VardiffConfig::default();
        assert_eq!(tidy(1e-9, 0.0, &config), config.min);
        assert_eq!(tidy(f64::INFINITY, 0.0, &config).get(), config.min.get());
        assert_eq!(tidy(5.0, 500_000.0, &config).get(), 500_000.0);
        assert_eq!(tidy(1234.567, 0.0, &config).get(), 1216.0);
        assert_eq!(tidy(1e300, 0.0, &config), config.max);
    }
}
