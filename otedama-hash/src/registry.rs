//! The set of algorithms that a program carries.

use core::time::Duration;
use std::sync::Arc;

use crate::backend::HEADER_LEN;
use crate::{Algorithm, EpochKey, HashBackend, Hasher, Hits, MemoryPlan, ScanWork, Target, U256};

/// A backend's time in the race is the best of so many scans.
const HEATS: usize = 3;

/// The backends a program was built with, in order of preference per algorithm.
#[derive(Clone, Default)]
pub struct Registry {
    backends: Vec<Arc<dyn HashBackend>>,
}

impl Registry {
    /// A registry without any backend.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Every backend that this build of the crate carries.
    pub fn with_builtin() -> Self {
        let mut registry = Self::empty();
        let mut add = |backends: Vec<Arc<dyn HashBackend>>| registry.backends.extend(backends);
        add(crate::sha256d::backends());
        #[cfg(feature = "scrypt")]
        add(crate::scrypt::backends());
        add(crate::ethash::backends());
        add(crate::kawpow::backends());
        #[cfg(feature = "randomx")]
        add(crate::randomx::backends());
        registry
    }

    /// Adds a backend; the first one registered for an algorithm is the preferred one.
    pub fn register(&mut self, backend: Arc<dyn HashBackend>) {
        self.backends.push(backend);
    }

    /// The preferred backend of `algorithm`.
    pub fn get(&self, algorithm: Algorithm) -> Option<&Arc<dyn HashBackend>> {
        self.of(algorithm).next()
    }

    /// Every backend of `algorithm`, the preferred one first.
    pub fn of(&self, algorithm: Algorithm) -> impl Iterator<Item = &Arc<dyn HashBackend>> {
        self.backends.iter().filter(move |b| b.algorithm() == algorithm)
    }

    /// The backend of `algorithm` with the name `backend`.
    pub fn find(&self, algorithm: Algorithm, backend: &str) -> Option<&Arc<dyn HashBackend>> {
        self.of(algorithm).find(|b| b.name() == backend)
    }

    /// The preferred backend of the algorithm with this name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<dyn HashBackend>> {
        self.backends.iter().find(|b| b.algorithm().name() == name)
    }

    /// The backend of `algorithm` that mines fastest on this machine, found by a short race; `clock`
    /// tells the time from any start.
    ///
    /// Algorithms that must first build a cache don't race: their preferred backend it is.
    pub fn fastest(
        &self,
        algorithm: Algorithm,
        clock: &mut dyn FnMut() -> Duration,
    ) -> Option<&Arc<dyn HashBackend>> {
        let preferred = self.get(algorithm)?;
        let key = EpochKey::default();
        if preferred.memory(key, MemoryPlan::Light) != Ok(0) || self.of(algorithm).count() == 1 {
            return Some(preferred);
        }
        let raced = self.of(algorithm).filter_map(|backend| {
            let hasher = backend.verifier(key).ok()?;
            Some((
                time_per_hash(hasher, backend.scan_len(MemoryPlan::Light), clock)?,
                backend,
            ))
        });
        let first = raced.min_by_key(|(time, _)| *time);
        Some(first.map_or(preferred, |(_, backend)| backend))
    }

    /// Names of the algorithms, each once, in order of registration.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for backend in &self.backends {
            let name = backend.algorithm().name();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// The time that one hash of a short scan takes, in units of 2^-16 ns; `None` if it doesn't scan headers.
fn time_per_hash(
    mut hasher: Box<dyn Hasher>,
    scan_len: u64,
    clock: &mut dyn FnMut() -> Duration,
) -> Option<u128> {
    let work = ScanWork {
        blob: &[0; HEADER_LEN],
        height: 0,
        target: Target::from_u256(U256::ZERO),
        stop: None,
    };
    // Short next to a start, long next to a clock's tick, and many times what any backend hashes at once.
    let nonces = 0..(scan_len / 8).max(32);
    let mut heat = || {
        let start = clock();
        let done = hasher.scan(&work, nonces.clone(), &mut Hits::with_capacity(1));
        let time = clock().saturating_sub(start);
        (time.as_nanos() << 16).checked_div(u128::from(done))
    };
    (0..HEATS).map(|_| heat()).min().flatten()
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;
    use crate::backend::PerThread;
    use crate::{NonceRange, PowHash, PowInput, PrepareError, Prepared, Setup};

    #[test]
    fn builtin_backends_are_found_by_algorithm_and_name() {
        let registry = Registry::with_builtin();
        let backend = registry.get(Algorithm::SHA256D).unwrap();
        assert_eq!(backend.algorithm(), Algorithm::SHA256D);
        assert!(Arc::ptr_eq(backend, registry.by_name("sha256d").unwrap()));
        assert_eq!(
            registry.get(Algorithm::SCRYPT).is_some(),
            cfg!(feature = "scrypt")
        );
        assert!(registry.by_name("SHA256D").is_none());
        assert!(Registry::empty().names().is_empty());
    }

    #[test]
    fn the_first_backend_of_an_algorithm_is_preferred_and_named_once() {
        let mut registry = Registry::empty();
        let first: Arc<dyn HashBackend> = Arc::new(Paced(1));
        registry.register(Arc::clone(&first));
        registry.register(Arc::new(Paced(2)));
        assert!(Arc::ptr_eq(registry.get(Algorithm::SHA256D).unwrap(), &first));
        assert_eq!(registry.names(), ["sha256d"]);
    }

    thread_local! {
        static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    /// Takes so many nanoseconds a hash.
    #[derive(Clone, Copy)]
    struct Paced(u32);

    impl HashBackend for Paced {
        fn algorithm(&self) -> Algorithm {
            Algorithm::SHA256D
        }

        fn name(&self) -> &'static str {
            ["none", "one", "two", "three"][self.0 as usize]
        }

        fn scan_len(&self, _: MemoryPlan) -> u64 {
            1000
        }

        fn prepare(&self, _: EpochKey, setup: &Setup<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
            Ok(PerThread::shared(*self, setup.memory))
        }
    }

    impl Hasher for Paced {
        fn hash_batch(&mut self, _: &[PowInput<'_>], _: &mut [PowHash]) {}

        fn scan(&mut self, _: &ScanWork<'_>, nonces: NonceRange, _: &mut Hits) -> u64 {
            let count = nonces.end - nonces.start;
            NOW.set(NOW.get() + Duration::from_nanos(count) * self.0);
            count
        }
    }

    #[test]
    fn the_fastest_backend_wins_the_race() {
        let mut registry = Registry::empty();
        for pace in [2, 1, 3] {
            registry.register(Arc::new(Paced(pace)));
        }
        let fastest = registry.fastest(Algorithm::SHA256D, &mut || NOW.get());
        assert_eq!(fastest.unwrap().name(), "one");
        assert_eq!(
            registry.find(Algorithm::SHA256D, "three").unwrap().name(),
            "three"
        );
        assert!(registry.find(Algorithm::SHA256D, "four").is_none());
        assert!(registry.fastest(Algorithm::SCRYPT, &mut || NOW.get()).is_none());
    }

    #[test]
    fn a_clock_that_stands_still_still_gives_a_backend() {
        let registry = Registry::with_builtin();
        assert!(
            registry
                .fastest(Algorithm::SHA256D, &mut || Duration::ZERO)
                .is_some()
        );
    }
}
