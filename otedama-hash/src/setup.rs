//! What the caller gives an algorithm to make itself ready: memory, pages, threads, and a way to call it off.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::Algorithm;
use crate::backend::PrepareError;
use crate::memory::{NoMemory, PagePolicy, Region};

/// How much memory a hasher may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MemoryPlan {
    /// Enough to verify single shares.
    #[default]
    Light,
    /// Everything that makes mining fast.
    Full,
}

/// The caller's threads. This crate starts none of its own.
pub trait Crew: Sync {
    /// How many parts of a task run at once; at least one.
    fn size(&self) -> usize;

    /// Calls `work` once with each number below `parts`, on any of the threads and in any order, and
    /// returns when all calls have returned.
    fn run(&self, parts: usize, work: &(dyn Fn(usize) + Sync));
}

/// The crew of one: everything runs in the calling thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Crew for Alone {
    fn size(&self) -> usize {
        1
    }

    fn run(&self, parts: usize, work: &(dyn Fn(usize) + Sync)) {
        (0..parts).for_each(work);
    }
}

/// What a backend may use while it makes itself ready, and afterwards.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// Light for verification, full for mining.
    pub memory: MemoryPlan,
    /// Which pages to ask for.
    pub pages: PagePolicy,
    /// More than so many bytes are refused before they are taken; `None` leaves it to the system.
    pub limit_bytes: Option<u64>,
    /// Who computes caches and datasets.
    pub crew: &'a dyn Crew,
    /// When set, the preparation ends with [`PrepareError::Stopped`] within about a second.
    pub stop: Option<&'a AtomicBool>,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            memory: MemoryPlan::Light,
            pages: PagePolicy::default(),
            limit_bytes: None,
            crew: &Alone,
            stop: None,
        }
    }
}

impl Setup<'_> {
    /// Whether the caller has called the preparation off.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Refuses a preparation that would take more than the limit.
    ///
    /// # Errors
    /// [`PrepareError::OutOfMemory`] when `needed_bytes` is above the limit.
    pub fn check_limit(&self, algorithm: Algorithm, needed_bytes: u64) -> Result<(), PrepareError> {
        match self.limit_bytes {
            Some(limit) if needed_bytes > limit => Err(PrepareError::OutOfMemory {
                algorithm,
                plan: self.memory,
                needed_bytes,
                limit_bytes: Some(limit),
            }),
            _ => Ok(()),
        }
    }

    /// A zeroed region of `bytes` bytes on the pages that the caller wants.
    ///
    /// # Errors
    /// [`PrepareError::OutOfMemory`] when the system doesn't give it.
    pub fn region(&self, algorithm: Algorithm, bytes: u64) -> Result<Region, PrepareError> {
        let refused = PrepareError::OutOfMemory {
            algorithm,
            plan: self.memory,
            needed_bytes: bytes,
            limit_bytes: None,
        };
        let Ok(len) = usize::try_from(bytes) else {
            return Err(refused);
        };
        Region::new(len, self.pages).map_err(|NoMemory { .. }| refused)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_crew_of_one_does_every_part_once() {
        let done = Mutex::new(Vec::new());
        Alone.run(4, &|part| done.lock().unwrap().push(part));
        assert_eq!(done.into_inner().unwrap(), [0, 1, 2, 3]);
    }

    #[test]
    fn the_limit_is_inclusive_and_names_what_was_missing() {
        let setup = Setup {
            limit_bytes: Some(100),
            ..Setup::default()
        };
        assert_eq!(setup.check_limit(Algorithm::SCRYPT, 100), Ok(()));
        let error = setup.check_limit(Algorithm::SCRYPT, 3 << 20).unwrap_err();
        assert!(error.to_string().contains("scrypt needs 3 MiB"), "{error}");
    }

    #[test]
    #[cfg_attr(miri, ignore = "ends the run there")]
    fn what_no_machine_has_is_an_error() {
        let error = Setup::default().region(Algorithm::SCRYPT, 1 << 60).unwrap_err();
        assert!(matches!(error, PrepareError::OutOfMemory { .. }), "{error}");
    }
}
