//! Epochs on a machine of a few bytes.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Sender, channel};

use otedama_hash::{Algorithm, Hasher, Hits, MemoryReport, NonceRange, Pages, PowHash, PowInput, ScanWork};

use super::*;

const FULL: u64 = 10;
const LIGHT: u64 = 1;
const BROKEN: EpochKey = EpochKey([0xff; 32]);

/// Has light memory only, whatever is asked for.
const ONE_MODE: EpochKey = EpochKey([0xfe; 32]);
/// Takes a while to give its memory back.
const SLOW: EpochKey = EpochKey([0xfc; 32]);
/// Panics.
const PANICS: EpochKey = EpochKey([0xfd; 32]);
/// Is ready just when it is called off.
const LATE: EpochKey = EpochKey([0xfb; 32]);

/// A machine with so much memory, of which prepared epochs take some until they are dropped.
#[derive(Clone, Default)]
struct Machine {
    used: Arc<AtomicU64>,
    size: Arc<AtomicU64>,
    /// Attempts to prepare something in full.
    full: Arc<AtomicU64>,
    /// And in light mode.
    light: Arc<AtomicU64>,
    /// Where it is told whether the lock is free when an epoch's memory is given back.
    watched: Arc<OnceLock<(Weak<Shared>, Sender<bool>)>>,
}

struct Held {
    used: Arc<AtomicU64>,
    plan: MemoryPlan,
    slow: bool,
    watched: Arc<OnceLock<(Weak<Shared>, Sender<bool>)>>,
}

fn bytes(plan: MemoryPlan) -> u64 {
    match plan {
        MemoryPlan::Light => LIGHT,
        MemoryPlan::Full => FULL,
    }
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

    fn prepare(&self, key: EpochKey, setup: &Setup<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        let algorithm = self.algorithm();
        if key == BROKEN {
            let reason = "broken on purpose";
            return Err(PrepareError::UnknownEpoch { algorithm, reason });
        }
        assert!(key != PANICS, "a backend that panics on purpose");
        let (memory, attempts) = match setup.memory {
            MemoryPlan::Full if key == ONE_MODE => (MemoryPlan::Light, &self.full),
            MemoryPlan::Full => (MemoryPlan::Full, &self.full),
            MemoryPlan::Light => (MemoryPlan::Light, &self.light),
        };
        attempts.fetch_add(1, Ordering::SeqCst);
        let needed = bytes(memory);
        let before = self.used.fetch_add(needed, Ordering::SeqCst);
        let held = Held {
            used: Arc::clone(&self.used),
            plan: memory,
            slow: key == SLOW,
            watched: Arc::clone(&self.watched),
        };
        while key == LATE && !setup.is_stopped() {
            std::thread::yield_now();
        }
        let setup = Setup {
            limit_bytes: Some(self.size.load(Ordering::SeqCst).saturating_sub(before)),
            ..*setup
        };
        setup.check_limit(algorithm, needed)?;
        Ok(Arc::new(held))
    }
}

impl Prepared for Held {
    fn hasher(&self) -> Result<Box<dyn Hasher>, PrepareError> {
        Ok(Box::new(Idle))
    }

    fn plan(&self) -> MemoryPlan {
        self.plan
    }

    fn memory(&self) -> MemoryReport {
        MemoryReport {
            bytes: bytes(self.plan),
            pages: Pages::Normal,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.slow {
            std::thread::sleep(RELEASE_WAIT * 8);
        }
        self.used.fetch_sub(bytes(self.plan), Ordering::SeqCst);
        if let Some((shared, tell)) = self.watched.get()
            && let Some(shared) = shared.upgrade()
        {
            let _ = tell.send(shared.state.try_lock().is_ok());
        }
    }
}

struct Idle;

impl Hasher for Idle {
    fn hash_batch(&mut self, _: &[PowInput<'_>], _: &mut [PowHash]) {}

    fn scan(&mut self, _: &ScanWork<'_>, _: NonceRange, _: &mut Hits) -> u64 {
        0
    }
}

fn key(number: u8) -> EpochKey {
    EpochKey([number; 32])
}

fn epochs(memory: MemoryPlan, size: u64) -> (Epochs, Arc<AtomicU64>) {
    let (epochs, machine) = on_machine(memory, size);
    (epochs, machine.used)
}

fn on_machine(memory: MemoryPlan, size: u64) -> (Epochs, Machine) {
    let machine = Machine::default();
    machine.size.store(size, Ordering::SeqCst);
    let options = EpochOptions {
        memory,
        pages: PagePolicy::Normal,
        threads: NonZeroUsize::MIN,
        room: |_| None,
    };
    let backend = Arc::new(machine.clone());
    (Epochs::start(backend, options).unwrap(), machine)
}

/// Waits until the builder has nothing left to do.
fn rest(epochs: &Epochs) {
    let mut state = epochs.shared.lock();
    let busy = |state: &State| {
        let held = state.released.iter().any(|held| held.strong_count() > 0);
        held || state.building.is_some() || state.to_build(epochs.shared.options.memory).is_some()
    };
    while busy(&state) {
        state = epochs.shared.changed.wait(state).unwrap();
    }
}

fn plan(epochs: &Epochs, key: EpochKey) -> Option<MemoryPlan> {
    match epochs.get(key) {
        EpochState::Ready(prepared) => Some(prepared.plan()),
        _ => None,
    }
}

#[test]
fn the_next_epoch_is_ready_before_it_begins() {
    let (epochs, used) = epochs(MemoryPlan::Full, 100);
    epochs.advance(key(1), Some(key(2)));
    assert!(matches!(epochs.wait(key(1)), EpochState::Ready(_)));
    assert!(matches!(epochs.wait(key(2)), EpochState::Ready(_)));
    epochs.advance(key(2), Some(key(3)));
    assert_eq!(
        plan(&epochs, key(2)),
        Some(MemoryPlan::Full),
        "without any waiting"
    );
    assert!(matches!(epochs.wait(key(3)), EpochState::Ready(_)));
    assert_eq!(plan(&epochs, key(1)), None, "a miner has no use for it any more");
    assert_eq!(used.load(Ordering::SeqCst), 2 * FULL);
    drop(epochs);
    assert_eq!(used.load(Ordering::SeqCst), 0);
}

#[test]
fn a_pool_keeps_the_previous_epoch_for_late_shares() {
    let (epochs, used) = epochs(MemoryPlan::Light, 100);
    for current in 1..5 {
        epochs.advance(key(current), Some(key(current + 1)));
        rest(&epochs);
    }
    for (number, has) in [(2, false), (3, true), (4, true), (5, true), (6, false)] {
        assert_eq!(plan(&epochs, key(number)).is_some(), has, "{number}");
    }
    assert_eq!(used.load(Ordering::SeqCst), 3 * LIGHT);
}

#[test]
fn without_room_for_two_the_next_one_is_light_until_it_is_current() {
    let (epochs, used) = epochs(MemoryPlan::Full, FULL + LIGHT);
    epochs.advance(key(1), Some(key(2)));
    rest(&epochs);
    assert_eq!(plan(&epochs, key(1)), Some(MemoryPlan::Full));
    assert_eq!(plan(&epochs, key(2)), Some(MemoryPlan::Light));
    epochs.advance(key(2), None);
    assert!(plan(&epochs, key(2)).is_some(), "no gap at the change");
    rest(&epochs);
    assert_eq!(plan(&epochs, key(2)), Some(MemoryPlan::Full));
    assert_eq!(used.load(Ordering::SeqCst), FULL);
}

#[test]
fn without_room_in_full_the_current_one_is_light() {
    let (epochs, _) = epochs(MemoryPlan::Full, FULL - 1);
    epochs.advance(key(1), Some(key(2)));
    rest(&epochs);
    assert_eq!(plan(&epochs, key(1)), Some(MemoryPlan::Light));
    assert_eq!(plan(&epochs, key(2)), Some(MemoryPlan::Light));
}

#[test]
fn what_can_not_be_built_says_why_and_stops_nothing_else() {
    let (epochs, _) = epochs(MemoryPlan::Light, LIGHT);
    epochs.advance(BROKEN, Some(key(2)));
    assert!(matches!(
        epochs.wait(BROKEN),
        EpochState::Failed(PrepareError::UnknownEpoch { .. })
    ));
    assert!(matches!(epochs.wait(key(2)), EpochState::Ready(_)));
    epochs.advance(key(2), Some(key(3)));
    assert!(matches!(
        epochs.wait(key(3)),
        EpochState::Failed(PrepareError::OutOfMemory { .. })
    ));
    assert!(
        matches!(epochs.wait(key(9)), EpochState::Missing),
        "never asked for"
    );
}

fn attempts(machine: &Machine) -> (u64, u64) {
    (
        machine.full.load(Ordering::SeqCst),
        machine.light.load(Ordering::SeqCst),
    )
}

fn is_out_of_memory(state: &EpochState) -> bool {
    matches!(state, EpochState::Failed(PrepareError::OutOfMemory { .. }))
}

#[test]
fn what_failed_for_lack_of_memory_is_tried_again_when_it_is_asked_for_again() {
    let (epochs, machine) = on_machine(MemoryPlan::Full, 0);
    epochs.advance(key(1), None);
    assert!(is_out_of_memory(&epochs.wait(key(1))));
    rest(&epochs);
    assert_eq!(attempts(&machine), (1, 1), "not again of its own accord");
    epochs.advance(key(1), None);
    assert!(is_out_of_memory(&epochs.wait(key(1))));
    assert_eq!(attempts(&machine), (1, 2), "first of all what takes least");
    machine.size.store(100, Ordering::SeqCst);
    assert!(is_out_of_memory(&epochs.get(key(1))));
    epochs.advance(key(1), None);
    assert!(matches!(epochs.wait(key(1)), EpochState::Ready(_)));
    rest(&epochs);
    assert_eq!(plan(&epochs, key(1)), Some(MemoryPlan::Full), "and then the rest");
}

#[test]
fn what_can_never_be_built_is_not_tried_again() {
    let (epochs, _) = on_machine(MemoryPlan::Light, 100);
    epochs.advance(BROKEN, None);
    let failed = |state| matches!(state, EpochState::Failed(PrepareError::UnknownEpoch { .. }));
    assert!(failed(epochs.wait(BROKEN)));
    epochs.advance(BROKEN, None);
    assert!(failed(epochs.get(BROKEN)), "at once");
}

#[test]
fn full_memory_is_tried_again_more_and_more_seldom() {
    let (epochs, machine) = on_machine(MemoryPlan::Full, LIGHT);
    for _ in 0..400 {
        epochs.advance(key(1), None);
        rest(&epochs);
        assert_eq!(plan(&epochs, key(1)), Some(MemoryPlan::Light));
    }
    // At the calls 1, 3, 7, 15, 31, 63, 127, and then every 64.
    assert_eq!(attempts(&machine), (11, 1));
    machine.size.store(FULL + LIGHT, Ordering::SeqCst);
    for _ in 0..64 {
        epochs.advance(key(1), None);
        rest(&epochs);
    }
    assert_eq!(plan(&epochs, key(1)), Some(MemoryPlan::Full));
    assert_eq!(machine.used.load(Ordering::SeqCst), FULL);
}

#[test]
fn an_attempt_in_vain_leaves_the_next_epoch_alone() {
    let (epochs, machine) = on_machine(MemoryPlan::Full, 2 * LIGHT);
    for _ in 0..10 {
        epochs.advance(key(1), Some(key(2)));
        rest(&epochs);
    }
    assert_eq!(plan(&epochs, key(1)), Some(MemoryPlan::Light));
    assert_eq!(plan(&epochs, key(2)), Some(MemoryPlan::Light));
    let (full, light) = attempts(&machine);
    assert!(full > 3, "{full}");
    assert_eq!(light, 2);
}

#[test]
fn light_memory_for_the_current_epoch_goes_before_any_for_the_next() {
    let (epochs, machine) = on_machine(MemoryPlan::Full, FULL);
    epochs.advance(key(2), None);
    rest(&epochs);
    machine.size.store(LIGHT, Ordering::SeqCst);
    epochs.advance(key(1), Some(key(2)));
    rest(&epochs);
    assert_eq!(plan(&epochs, key(1)), Some(MemoryPlan::Light));
    assert!(is_out_of_memory(&epochs.get(key(2))));
    for _ in 0..5 {
        epochs.advance(key(1), Some(key(2)));
        rest(&epochs);
        assert_eq!(plan(&epochs, key(1)), Some(MemoryPlan::Light));
    }
    epochs.advance(key(2), Some(key(1)));
    assert!(matches!(epochs.wait(key(2)), EpochState::Ready(_)));
}

#[test]
fn an_algorithm_with_one_mode_is_built_once() {
    let (epochs, machine) = on_machine(MemoryPlan::Full, 100);
    for _ in 0..10 {
        epochs.advance(ONE_MODE, None);
        rest(&epochs);
        assert_eq!(plan(&epochs, ONE_MODE), Some(MemoryPlan::Light));
    }
    assert_eq!(attempts(&machine), (1, 0));
}

#[test]
fn a_build_waits_for_memory_that_is_about_to_be_given_back() {
    let (epochs, machine) = on_machine(MemoryPlan::Full, FULL);
    epochs.advance(SLOW, None);
    let in_use = epochs.wait(SLOW);
    epochs.advance(key(2), None);
    std::thread::sleep(RELEASE_WAIT * 4);
    assert!(matches!(epochs.get(key(2)), EpochState::Missing));
    drop(in_use);
    assert!(matches!(epochs.wait(key(2)), EpochState::Ready(_)));
    assert_eq!(plan(&epochs, key(2)), Some(MemoryPlan::Full));
    assert_eq!(attempts(&machine), (2, 0));
}

#[test]
fn a_build_does_not_wait_for_ever() {
    let (epochs, _) = on_machine(MemoryPlan::Full, FULL + LIGHT);
    epochs.advance(key(1), None);
    let in_use = epochs.wait(key(1));
    epochs.advance(key(2), None);
    assert!(matches!(epochs.wait(key(2)), EpochState::Ready(_)));
    assert_eq!(plan(&epochs, key(2)), Some(MemoryPlan::Light));
    drop(in_use);
}

#[test]
fn whoever_listens_hears_of_every_epoch_that_is_ready_or_has_failed() {
    let machine = Machine::default();
    machine.size.store(LIGHT, Ordering::SeqCst);
    let options = EpochOptions {
        memory: MemoryPlan::Light,
        pages: PagePolicy::Normal,
        threads: NonZeroUsize::MIN,
        room: |_| None,
    };
    let (tell, told) = std::sync::mpsc::channel();
    let epochs = Epochs::start_notifying(Arc::new(machine), options, move || {
        let _ = tell.send(());
    });
    let epochs = epochs.unwrap();
    epochs.advance(key(1), Some(key(2)));
    assert_eq!((told.recv(), told.recv()), (Ok(()), Ok(())));
    assert!(matches!(epochs.get(key(1)), EpochState::Ready(_)));
    assert!(is_out_of_memory(&epochs.get(key(2))));
    drop(epochs);
    assert!(told.recv().is_err());
}

#[test]
fn nobody_waits_for_a_backend_that_has_panicked() {
    let (epochs, _) = on_machine(MemoryPlan::Full, 100);
    epochs.advance(PANICS, None);
    let gone = |state| matches!(state, EpochState::Failed(PrepareError::Gone { .. }));
    assert!(gone(epochs.wait(PANICS)));
    epochs.advance(key(1), None);
    assert!(gone(epochs.wait(key(1))));
}

#[test]
fn what_is_ready_too_late_is_given_back_without_the_lock() {
    let (epochs, machine) = on_machine(MemoryPlan::Full, 100);
    let (tell, told) = channel();
    let watch = (Arc::downgrade(&epochs.shared), tell);
    assert!(machine.watched.set(watch).is_ok());
    epochs.advance(LATE, None);
    while epochs.shared.lock().building.is_none() {
        std::thread::yield_now();
    }
    epochs.advance(BROKEN, None);
    assert_eq!(told.recv(), Ok(true));
}
