//! Time as the machines see it: always an argument, never read from a clock.

use core::ops::Add;
use core::time::Duration;

/// Nanoseconds since an arbitrary start that the driver chooses; never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(u64);

impl Monotonic {
    /// The driver's starting point.
    pub const ZERO: Self = Self(0);

    /// A point `ns` nanoseconds after the start.
    pub const fn from_nanos(ns: u64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time that passed since `earlier`, or zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;

    fn add(self, d: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

/// The moment at which a machine is fed an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For intervals and timeouts.
    pub mono: Monotonic,
    /// Unix time in seconds, for block times and records.
    pub unix_s: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_neither_wraps_nor_goes_back() {
        let later = Monotonic::ZERO + Duration::from_millis(5);
        assert_eq!(later.as_nanos(), 5_000_000);
        assert_eq!(later.since(Monotonic::ZERO), Duration::from_millis(5));
        assert_eq!(Monotonic::ZERO.since(later), Duration::ZERO);
        assert_eq!(later + Duration::MAX, Monotonic::from_nanos(u64::MAX));
    }
}
