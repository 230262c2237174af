//! Hashrate from accepted work.

/// Minutes over which the rate is taken.
const MINUTES: usize = 10;

const MINUTE_S: u64 = 60;

/// Accepted work of the last ten minutes.
#[derive(Debug)]
pub struct Meter {
    started_s: u64,
    minute: u64,
    /// Work per minute; the newest at `minute % (MINUTES + 1)`.
    work: [u128; MINUTES + 1],
}

impl Meter {
    /// A meter that starts at `unix_s`.
    pub fn new(unix_s: u64) -> Self {
        Self {
            started_s: unix_s,
            minute: unix_s / MINUTE_S,
            work: [0; MINUTES + 1],
        }
    }

    /// Adds work that was accepted at `unix_s`.
    pub fn add(&mut self, unix_s: u64, work: u128) {
        self.advance(unix_s);
        let minute = unix_s / MINUTE_S;
        if self.minute - minute.min(self.minute) <= MINUTES as u64 {
            let slot = &mut self.work[(minute % (MINUTES as u64 + 1)) as usize];
            *slot = slot.saturating_add(work);
        }
    }

    /// Hashes per second over the last ten minutes, or since the start if that is shorter.
    pub fn rate(&mut self, unix_s: u64) -> f64 {
        self.advance(unix_s);
        let full = (MINUTES as u64) * MINUTE_S + unix_s % MINUTE_S;
        let seconds = full.min(unix_s.saturating_sub(self.started_s)).max(1);
        self.work.iter().map(|w| *w as f64).sum::<f64>() / seconds as f64
    }

    fn advance(&mut self, unix_s: u64) {
        let minute = unix_s / MINUTE_S;
        if minute > self.minute + MINUTES as u64 {
            self.work = [0; MINUTES + 1];
            self.minute = minute;
        }
        while self.minute < minute {
            self.minute += 1;
            self.work[(self.minute % (MINUTES as u64 + 1)) as usize] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_over_ten_minutes_at_most() {
        let mut meter = Meter::new(6000);
        meter.add(6000, 1000);
        assert!((meter.rate(6010) - 100.0).abs() < 1e-9);
        assert!((meter.rate(6100) - 10.0).abs() < 1e-9);
        for minute in 0..20 {
            meter.add(6000 + minute * 60, 60);
        }
        let rate = meter.rate(6000 + 19 * 60 + 59);
        assert!((rate - 1.0).abs() < 0.1, "{rate}");
        assert!(meter.rate(60_000_000).abs() < 1e-9);
    }

    #[test]
    fn old_work_and_clocks_that_step_back_do_no_harm() {
        let mut meter = Meter::new(60_000);
        meter.add(60_000, 5);
        meter.add(100, 7);
        assert!((meter.rate(60_001) - 5.0).abs() < 1e-9);
        assert!(meter.rate(59_000) >= 0.0);
    }
}
