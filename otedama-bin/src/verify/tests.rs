//! Epochs that can't be built.

use std::time::Duration;

use otedama_hash::{Algorithm, Prepared, Setup};

use super::*;

/// Lacks memory as long as `is_short`; panics at height 13.
struct Machine {
    is_short: Arc<AtomicBool>,
}

impl HashBackend for Machine {
    fn algorithm(&self) -> Algorithm {
        Algorithm::custom("epochs", 0)
    }

    fn name(&self) -> &'static str {
        "test"
    }

    fn scan_len(&self, _: MemoryPlan) -> u64 {
        1
    }

    fn epoch(&self, at: EpochInput) -> Result<EpochKey, PrepareError> {
        Ok(EpochKey([at.height as u8; 32]))
    }

    fn prepare(&self, key: EpochKey, setup: &Setup<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        assert!(key != EpochKey([13; 32]), "a backend that panics on purpose");
        if self.is_short.load(Ordering::SeqCst) {
            return Err(PrepareError::OutOfMemory {
                algorithm: self.algorithm(),
                plan: MemoryPlan::Light,
                needed_bytes: 1 << 28,
                limit_bytes: None,
            });
        }
        let builtin = otedama_hash::Registry::with_builtin();
        let one = builtin.of(Algorithm::SHA256D).next().unwrap();
        one.prepare(EpochKey::default(), setup)
    }
}

fn at(height: u64) -> EpochInput {
    EpochInput { height, seed: None }
}

fn verification(faults: &Faults) -> (Verification, Arc<AtomicBool>) {
    let is_short = Arc::new(AtomicBool::new(true));
    let backend = Arc::new(Machine {
        is_short: Arc::clone(&is_short),
    });
    let threads = NonZeroUsize::MIN;
    let started = Verification::start(backend, threads, Vec::new(), Clock::start(), faults).unwrap();
    (started, is_short)
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn an_epoch_without_memory_is_a_problem_until_it_is_built() {
    let (faults, mut reported) = Faults::channel();
    let (verification, is_short) = verification(&faults);
    assert_eq!(verification.problem(), None);
    verification.advance(at(1), None);
    wait_until(|| verification.problem().is_some());
    let problem = verification.problem().unwrap();
    assert!(problem.contains("256 MiB"), "{problem}");
    verification.advance(at(1), None);
    assert!(verification.problem().is_some(), "it is still not there");
    is_short.store(false, Ordering::SeqCst);
    verification.advance(at(1), None);
    wait_until(|| verification.problem().is_none());
    verification.stop();
    assert!(reported.try_recv().is_err());
}

#[test]
fn a_panic_while_an_epoch_is_built_ends_the_program() {
    let (faults, mut reported) = Faults::channel();
    let (verification, _) = verification(&faults);
    verification.advance(at(13), None);
    wait_until(|| verification.problem().is_some());
    assert_eq!(reported.try_recv(), Ok(()));
    verification.advance(at(14), None);
    assert!(verification.problem().is_some());
    assert!(reported.try_recv().is_err(), "said once");
    verification.stop();
}
