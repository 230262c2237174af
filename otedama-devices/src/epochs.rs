//! Caches and datasets of the epochs around the current one, built in the background.

use core::num::NonZeroUsize;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use otedama_hash::{EpochKey, HashBackend, MemoryPlan, PagePolicy, PrepareError, Prepared, Setup};

use crate::cpu::Threads;

/// How epochs are prepared.
#[derive(Clone, Copy, Debug)]
pub struct EpochOptions {
    /// Light for a pool, full for a miner.
    pub memory: MemoryPlan,
    /// Which pages to ask for.
    pub pages: PagePolicy,
    /// Threads that build together.
    pub threads: NonZeroUsize,
    /// Tells how many more bytes may be taken on such pages, as [`available_bytes`](crate::cpu::memory::available_bytes).
    pub room: fn(PagePolicy) -> Option<u64>,
}

/// What is known of an epoch.
#[derive(Clone, Debug)]
pub enum EpochState {
    /// Nobody asked for it, or it is being built.
    Missing,
    /// Hashers can be had.
    Ready(Arc<dyn Prepared>),
    /// It can't be built.
    Failed(PrepareError),
}

/// Keeps the current epoch and the next side by side, so that the change from one to the other waits for
/// nothing; in light mode the previous one stays too, for shares that come late.
///
/// Where memory is short, room is made in this order: the previous epoch goes, then the next one is
/// built in light mode, and last the current one; an epoch that became current in light mode is built in
/// full once the one before it is gone.
pub struct Epochs {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    backend: Arc<dyn HashBackend>,
    options: EpochOptions,
    state: Mutex<State>,
    /// Signalled when the state changes.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The current epoch, and the next where it is known.
    wanted: Vec<EpochKey>,
    ready: Vec<(EpochKey, Arc<dyn Prepared>)>,
    failed: Vec<(EpochKey, PrepareError)>,
    /// Epochs for which there is no room in full.
    light_only: Vec<EpochKey>,
    /// What is being built, and how to call it off.
    building: Option<(EpochKey, Arc<AtomicBool>)>,
    closed: bool,
}

struct Task {
    key: EpochKey,
    plan: MemoryPlan,
    current: bool,
    stop: Arc<AtomicBool>,
}

impl Epochs {
    /// Starts the thread that builds; it waits to be told for which epoch.
    ///
    /// # Errors
    /// When the system gives no further thread.
    pub fn start(backend: Arc<dyn HashBackend>, options: EpochOptions) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            backend,
            options,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let builder = Arc::clone(&shared);
        let thread = Builder::new()
            .name("epochs".into())
            .spawn(move || builder.run())?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Names the epoch of the work at hand and, where it is known, the one that follows.
    pub fn advance(&self, current: EpochKey, next: Option<EpochKey>) {
        let mut state = self.shared.lock();
        let wanted: Vec<_> = [Some(current), next.filter(|next| *next != current)]
            .into_iter()
            .flatten()
            .collect();
        if state.wanted == wanted {
            return;
        }
        let previous = state.wanted.first().copied();
        let keeps = |key: &EpochKey| {
            wanted.contains(key)
                || (self.shared.options.memory == MemoryPlan::Light && Some(*key) == previous)
        };
        state.ready.retain(|(key, _)| keeps(key));
        state.failed.clear();
        state.light_only.clear();
        if let Some((key, stop)) = &state.building
            && !wanted.contains(key)
        {
            stop.store(true, Ordering::Relaxed);
        }
        state.wanted = wanted;
        self.shared.changed.notify_all();
    }

    /// What is known of `key` now.
    pub fn get(&self, key: EpochKey) -> EpochState {
        self.shared.lock().look_up(key)
    }

    /// Waits until `key` is ready or has failed, or is no longer asked for.
    pub fn wait(&self, key: EpochKey) -> EpochState {
        let mut state = self.shared.lock();
        loop {
            let found = state.look_up(key);
            if !matches!(found, EpochState::Missing) || !state.wanted.contains(&key) {
                return found;
            }
            state = self
                .shared
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Epochs {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        if let Some((_, stop)) = &state.building {
            stop.store(true, Ordering::Relaxed);
        }
        drop(state);
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has already said so on standard error.
            let _ = thread.join();
        }
    }
}

impl State {
    fn look_up(&self, key: EpochKey) -> EpochState {
        if let Some((_, prepared)) = self.ready.iter().find(|(k, _)| *k == key) {
            EpochState::Ready(Arc::clone(prepared))
        } else if let Some((_, error)) = self.failed.iter().find(|(k, _)| *k == key) {
            EpochState::Failed(error.clone())
        } else {
            EpochState::Missing
        }
    }

    /// What is to be built next: its place among the wanted, its key and its mode.
    fn to_build(&self, memory: MemoryPlan) -> Option<(usize, EpochKey, MemoryPlan)> {
        self.wanted.iter().enumerate().find_map(|(index, key)| {
            let has = self.ready.iter().find(|(k, _)| k == key).map(|(_, p)| p.plan());
            let light_only = self.light_only.contains(key);
            match has {
                _ if self.failed.iter().any(|(k, _)| k == key) => None,
                None if light_only => Some((index, *key, MemoryPlan::Light)),
                None => Some((index, *key, memory)),
                Some(plan) if index == 0 && plan != memory && !light_only => Some((index, *key, memory)),
                Some(_) => None,
            }
        })
    }

    fn next_task(&mut self, memory: MemoryPlan) -> Option<Task> {
        let (index, key, plan) = self.to_build(memory)?;
        let stop = Arc::new(AtomicBool::new(false));
        self.building = Some((key, Arc::clone(&stop)));
        Some(Task {
            key,
            plan,
            current: index == 0,
            stop,
        })
    }

    /// Drops an epoch that makes room for `task`: one nobody asked for, else, for the current one, the next.
    fn make_room(&mut self, task: &Task) -> bool {
        let of_no_use = |key: &EpochKey| !self.wanted.contains(key);
        let spare = self.ready.iter().position(|(key, _)| of_no_use(key)).or_else(|| {
            self.ready
                .iter()
                .position(|(key, _)| task.current && *key != task.key)
        });
        let Some(index) = spare else {
            return false;
        };
        let (key, _) = self.ready.swap_remove(index);
        if self.wanted.contains(&key) {
            self.light_only.push(key);
        }
        true
    }

    fn settle(&mut self, task: &Task, result: Result<Arc<dyn Prepared>, PrepareError>) {
        self.building = None;
        if !self.wanted.contains(&task.key) {
            return;
        }
        match result {
            Ok(prepared) => {
                self.ready.retain(|(key, _)| *key != task.key);
                self.ready.push((task.key, prepared));
            }
            Err(PrepareError::Stopped { .. }) => {}
            Err(PrepareError::OutOfMemory { .. }) if task.plan == MemoryPlan::Full => {
                self.light_only.push(task.key);
            }
            Err(error) => self.failed.push((task.key, error)),
        }
    }
}

impl Shared {
    /// No code panics while it holds the lock, so a poisoned one guards a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.lock();
        while !state.closed {
            let Some(task) = state.next_task(self.options.memory) else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            let result = self.build(&task);
            state = self.lock();
            state.settle(&task, result);
            self.changed.notify_all();
        }
    }

    fn build(&self, task: &Task) -> Result<Arc<dyn Prepared>, PrepareError> {
        loop {
            let setup = Setup {
                memory: task.plan,
                pages: self.options.pages,
                limit_bytes: (self.options.room)(self.options.pages),
                crew: &Threads::new(self.options.threads),
                stop: Some(&task.stop),
            };
            let result = self.backend.prepare(task.key, &setup);
            if !matches!(result, Err(PrepareError::OutOfMemory { .. })) || !self.lock().make_room(task) {
                return result;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use otedama_hash::{
        Algorithm, Hasher, Hits, MemoryReport, NonceRange, Pages, PowHash, PowInput, ScanWork,
    };

    use super::*;

    const FULL: u64 = 10;
    const LIGHT: u64 = 1;
    const BROKEN: EpochKey = EpochKey([0xff; 32]);

    /// A machine with so much memory, of which prepared epochs take some until they are dropped.
    struct Machine {
        used: Arc<AtomicU64>,
        size: u64,
    }

    struct Held {
        used: Arc<AtomicU64>,
        plan: MemoryPlan,
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
            let needed = bytes(setup.memory);
            let before = self.used.fetch_add(needed, Ordering::SeqCst);
            let held = Held {
                used: Arc::clone(&self.used),
                plan: setup.memory,
            };
            let setup = Setup {
                limit_bytes: Some(self.size.saturating_sub(before)),
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
            self.used.fetch_sub(bytes(self.plan), Ordering::SeqCst);
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
        let used = Arc::new(AtomicU64::new(0));
        let machine = Machine {
            used: Arc::clone(&used),
            size,
        };
        let options = EpochOptions {
            memory,
            pages: PagePolicy::Normal,
            threads: NonZeroUsize::MIN,
            room: |_| None,
        };
        (Epochs::start(Arc::new(machine), options).unwrap(), used)
    }

    /// Waits until the builder has nothing left to do.
    fn rest(epochs: &Epochs) {
        let mut state = epochs.shared.lock();
        while state.building.is_some() || state.to_build(epochs.shared.options.memory).is_some() {
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
}
