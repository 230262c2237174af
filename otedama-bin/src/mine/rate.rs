//! Hashes per second over the last 10 s, 60 s and 15 min.

use std::collections::VecDeque;
use std::time::Duration;

use otedama_hash::Monotonic;

const LONGEST: Duration = Duration::from_secs(900);
/// One sample a second for the longest window.
const MAX_SAMPLES: usize = 1024;

/// Hashes per second, over three windows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Over the last 10 s.
    pub over_10s: f64,
    /// Over the last 60 s.
    pub over_60s: f64,
    /// Over the last 15 min.
    pub over_15min: f64,
}

/// Remembers how many hashes had been done when.
#[derive(Clone, Debug, Default)]
pub(super) struct RateMeter {
    samples: VecDeque<(Monotonic, u64)>,
}

impl RateMeter {
    /// Notes the sum of all hashes; meant to be called about once a second.
    pub(super) fn sample(&mut self, now: Monotonic, hashes: u64) {
        // The oldest sample has to lie before the longest window.
        while self.samples.len() >= MAX_SAMPLES
            || self
                .samples
                .get(1)
                .is_some_and(|(at, _)| now.since(*at) >= LONGEST)
        {
            self.samples.pop_front();
        }
        self.samples.push_back((now, hashes));
    }

    pub(super) fn rates(&self) -> Rates {
        Rates {
            over_10s: self.over(Duration::from_secs(10)),
            over_60s: self.over(Duration::from_secs(60)),
            over_15min: self.over(LONGEST),
        }
    }

    /// Over `window`, or over all that is known if that is less.
    fn over(&self, window: Duration) -> f64 {
        let Some((now, total)) = self.samples.back() else {
            return 0.0;
        };
        let start = self.samples.partition_point(|(at, _)| now.since(*at) > window);
        let Some((from, before)) = self.samples.get(start) else {
            return 0.0;
        };
        let seconds = now.since(*from).as_secs_f64();
        if seconds > 0.0 {
            total.saturating_sub(*before) as f64 / seconds
        } else {
            0.0
        }
    }
}

/// A hashrate for people: `1.23 MH/s`.
pub fn hashrate_text(hashes_per_second: f64) -> String {
    let units = ["H/s", "kH/s", "MH/s", "GH/s", "TH/s", "PH/s", "EH/s"];
    let mut rate = hashes_per_second;
    let mut unit = 0;
    while rate >= 999.995 && unit + 1 < units.len() {
        rate /= 1000.0;
        unit += 1;
    }
    format!("{rate:.2} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn each_window_sees_its_own_part() {
        let mut meter = RateMeter::default();
        let mut hashes = 0;
        for second in 0..2000 {
            meter.sample(at(second), hashes);
            // 100 hashes a second, 300 in the last 30 s.
            hashes += if second < 1969 { 100 } else { 300 };
        }
        let rates = meter.rates();
        assert!((rates.over_10s - 300.0).abs() < 1e-9, "{rates:?}");
        assert!((rates.over_60s - 200.0).abs() < 1e-9, "{rates:?}");
        assert!(
            (rates.over_15min - (870.0 * 100.0 + 30.0 * 300.0) / 900.0).abs() < 1e-9,
            "{rates:?}"
        );
        assert!(meter.samples.len() <= 902);
    }

    #[test]
    fn a_short_history_counts_as_long_as_it_is() {
        let mut meter = RateMeter::default();
        assert_eq!(meter.rates(), Rates::default());
        meter.sample(at(5), 0);
        assert_eq!(meter.rates(), Rates::default());
        meter.sample(at(7), 1000);
        assert!((meter.rates().over_15min - 500.0).abs() < 1e-9);
    }

    #[test]
    fn samples_are_bounded_however_often_they_come() {
        let mut meter = RateMeter::default();
        for _ in 0..10_000 {
            meter.sample(at(1), 1);
        }
        assert!(meter.samples.len() <= MAX_SAMPLES);
    }

    #[test]
    fn rates_read_well() {
        for (rate, text) in [
            (0.0, "0.00 H/s"),
            (999.0, "999.00 H/s"),
            (999.999, "1.00 kH/s"),
            (1.234e6, "1.23 MH/s"),
            (5e21, "5000.00 EH/s"),
        ] {
            assert_eq!(hashrate_text(rate), text);
        }
    }
}
