//! What the machine offers to mining threads.

use core::num::NonZeroUsize;
use std::thread::available_parallelism;

/// How many threads run at once, as far as the system and its limits on this process tell; at least one.
pub fn logical_cpus() -> NonZeroUsize {
    available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
