//! The clock: the only place of the program that reads one for the machines.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use otedama_hash::{Monotonic, Now};

/// Counts from the moment it was made. Copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts at zero.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// This moment. Never zero, so that zero can mean "never".
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Now {
        let ns = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let unix_s = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        Now {
            mono: Monotonic::from_nanos(ns.saturating_add(1)),
            unix_s,
        }
    }
}
