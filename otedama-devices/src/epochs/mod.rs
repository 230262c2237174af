//! Caches and datasets of the epochs around the current one, built in the background.

mod lease;
#[cfg(test)]
mod tests;

use core::num::NonZeroUsize;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use otedama_hash::{EpochKey, HashBackend, MemoryPlan, PagePolicy, PrepareError, Prepared, Setup};

use crate::cpu::Threads;
use lease::Lease;

/// How long a build waits in one go for those who still hash with an epoch that is no longer kept.
const RELEASE_WAIT: Duration = Duration::from_millis(5);
/// And how often: about a second. What is held then counts as taken.
const RELEASE_WAITS: u32 = 200;
/// After so many attempts in vain to build in full, the jobs between two attempts don't double any more.
const MAX_DOUBLINGS: u32 = 6;

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
///
/// What failed for lack of memory is tried again when [`advance`](Self::advance) is called next, which a
/// miner does with every job; full memory for an epoch that has to do in light mode is tried again after
/// 2, 4, 8 and so on up to 64 such calls.
///
/// Memory is free only when nobody hashes with it any more. Whoever hashes keeps the [`Prepared`] as long
/// as its hasher: then a build waits up to about a second for it to be let go.
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
    ready: Vec<(EpochKey, Arc<Lease>)>,
    /// What is no longer kept. Giving gigabytes back takes time, so the thread that builds does it.
    dropped: Vec<Arc<Lease>>,
    /// Tells of the same whether anybody still hashes with it.
    released: Vec<Weak<()>>,
    failed: Vec<(EpochKey, PrepareError)>,
    /// Epochs for which there is no room in full.
    light_only: Vec<LightOnly>,
    /// Calls of [`Epochs::advance`].
    advances: u64,
    /// What is being built, and how to call it off.
    building: Option<(EpochKey, Arc<AtomicBool>)>,
    closed: bool,
}

struct LightOnly {
    key: EpochKey,
    /// Attempts in full.
    tries: u32,
    /// The call of [`Epochs::advance`] from which on there may be another one.
    due: u64,
}

struct Task {
    key: EpochKey,
    plan: MemoryPlan,
    /// Whether the next epoch may be dropped to make room.
    takes_next: bool,
    stop: Arc<AtomicBool>,
}

impl Epochs {
    /// Starts the thread that builds; it waits to be told for which epoch.
    ///
    /// # Errors
    /// When the system gives no further thread.
    pub fn start(backend: Arc<dyn HashBackend>, options: EpochOptions) -> io::Result<Self> {
        Self::start_notifying(backend, options, || {})
    }

    /// As [`start`](Self::start); `notify` is called in that thread whenever an epoch has become ready or
    /// has failed.
    ///
    /// # Errors
    /// When the system gives no further thread.
    pub fn start_notifying(
        backend: Arc<dyn HashBackend>,
        options: EpochOptions,
        notify: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            backend,
            options,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let builder = Arc::clone(&shared);
        let thread = Builder::new()
            .name("epochs".into())
            .spawn(move || builder.run(&notify))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Names the epoch of the work at hand and, where it is known, the one that follows. With the same two
    /// as before, what failed for lack of memory is tried again.
    pub fn advance(&self, current: EpochKey, next: Option<EpochKey>) {
        let mut state = self.shared.lock();
        let wanted: Vec<_> = [Some(current), next.filter(|next| *next != current)]
            .into_iter()
            .flatten()
            .collect();
        state.advances = state.advances.saturating_add(1);
        if state.wanted == wanted {
            let for_good = |error: &PrepareError| !matches!(error, PrepareError::OutOfMemory { .. });
            state.failed.retain(|(_, error)| for_good(error));
            self.shared.changed.notify_all();
            return;
        }
        let previous = state.wanted.first().copied();
        let light = self.shared.options.memory == MemoryPlan::Light;
        state.keep(|key| wanted.contains(key) || (light && Some(*key) == previous));
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
        self.shared.look_up(&self.shared.lock(), key)
    }

    /// Waits until `key` is ready or has failed, or is no longer asked for.
    pub fn wait(&self, key: EpochKey) -> EpochState {
        let mut state = self.shared.lock();
        loop {
            let found = self.shared.look_up(&state, key);
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
        if let Some((_, lease)) = self.ready.iter().find(|(k, _)| *k == key) {
            EpochState::Ready(Arc::clone(lease) as Arc<dyn Prepared>)
        } else if let Some((_, error)) = self.failed.iter().find(|(k, _)| *k == key) {
            EpochState::Failed(error.clone())
        } else {
            EpochState::Missing
        }
    }

    /// Keeps of what is ready only the epochs that `keeps` says.
    fn keep(&mut self, keeps: impl Fn(&EpochKey) -> bool) {
        self.released.retain(|held| held.strong_count() > 0);
        for (_, lease) in self.ready.extract_if(.., |(key, _)| !keeps(key)) {
            self.released.push(lease.held());
            self.dropped.push(lease);
        }
    }

    fn light_only(&self, key: &EpochKey) -> Option<&LightOnly> {
        self.light_only.iter().find(|entry| entry.key == *key)
    }

    /// Remembers an attempt in full that was in vain.
    fn no_room_in_full(&mut self, key: EpochKey) {
        let tries = self.light_only(&key).map_or(0, |entry| entry.tries) + 1;
        let due = self.advances.saturating_add(1 << tries.min(MAX_DOUBLINGS));
        self.light_only.retain(|entry| entry.key != key);
        self.light_only.push(LightOnly { key, tries, due });
    }

    /// What is to be built next: its place among the wanted, its key and its mode.
    fn to_build(&self, memory: MemoryPlan) -> Option<(usize, EpochKey, MemoryPlan)> {
        self.wanted.iter().enumerate().find_map(|(index, key)| {
            let has = self.ready.iter().find(|(k, _)| k == key).map(|(_, p)| p.plan());
            let light_only = self.light_only(key);
            let due = light_only.is_none_or(|entry| entry.due <= self.advances);
            match has {
                _ if self.failed.iter().any(|(k, _)| k == key) => None,
                None if light_only.is_some() => Some((index, *key, MemoryPlan::Light)),
                None => Some((index, *key, memory)),
                Some(plan) if index == 0 && plan != memory && due => Some((index, *key, memory)),
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
            // For full memory once is enough: it had no room all the same.
            takes_next: index == 0 && (plan == MemoryPlan::Light || self.light_only(&key).is_none()),
            stop,
        })
    }

    /// Drops an epoch that makes room for `task`: one nobody asked for, else, for the current one, the next.
    fn make_room(&mut self, task: &Task) -> bool {
        let of_no_use = |key: &EpochKey| !self.wanted.contains(key);
        let spare = self.ready.iter().position(|(key, _)| of_no_use(key)).or_else(|| {
            self.ready
                .iter()
                .position(|(key, _)| task.takes_next && *key != task.key)
        });
        let Some(index) = spare else {
            return false;
        };
        let (dropped, _) = self.ready[index];
        self.keep(|key| *key != dropped);
        if self.wanted.contains(&dropped) {
            self.no_room_in_full(dropped);
        }
        true
    }

    fn settle(&mut self, task: &Task, result: Result<Arc<dyn Prepared>, PrepareError>) {
        self.building = None;
        if !self.wanted.contains(&task.key) {
            // Ready before it could be called off. The lock is held, so it is not given back here.
            let late = result.ok().map(|prepared| Arc::new(Lease::new(prepared)));
            self.dropped.extend(late);
            return;
        }
        match result {
            Ok(prepared) => {
                self.keep(|key| *key != task.key);
                self.light_only
                    .retain(|entry| entry.key != task.key || task.plan == MemoryPlan::Light);
                if prepared.plan() != task.plan {
                    // It has one mode only.
                    self.light_only.push(LightOnly {
                        key: task.key,
                        tries: 1,
                        due: u64::MAX,
                    });
                }
                self.ready.push((task.key, Arc::new(Lease::new(prepared))));
            }
            Err(PrepareError::Stopped { .. }) => {}
            Err(PrepareError::OutOfMemory { .. }) if task.plan == MemoryPlan::Full => {
                self.no_room_in_full(task.key);
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

    /// What is known of `key`.
    fn look_up(&self, state: &State, key: EpochKey) -> EpochState {
        match state.look_up(key) {
            // The thread is gone: a backend has panicked.
            EpochState::Missing if state.closed => EpochState::Failed(PrepareError::Gone {
                algorithm: self.backend.algorithm(),
            }),
            found => found,
        }
    }

    fn run(&self, notify: &dyn Fn()) {
        let _closed = CloseOnDrop(self);
        let mut state = self.lock();
        while !state.closed {
            if !state.dropped.is_empty() {
                drop(state);
                self.give_back();
                state = self.lock();
                continue;
            }
            let Some(task) = state.next_task(self.options.memory) else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            let result = self.build(&task);
            self.lock().settle(&task, result);
            self.changed.notify_all();
            notify();
            state = self.lock();
        }
    }

    fn build(&self, task: &Task) -> Result<Arc<dyn Prepared>, PrepareError> {
        loop {
            self.give_back();
            self.await_release(&task.stop);
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

    /// Drops what is no longer kept.
    fn give_back(&self) {
        let dropped = core::mem::take(&mut self.lock().dropped);
        drop(dropped);
        // With the lock, as somebody may have looked already, but not be waiting yet.
        let _state = self.lock();
        self.changed.notify_all();
    }

    /// Waits until nobody holds what is no longer kept, but not for ever.
    fn await_release(&self, stop: &AtomicBool) {
        let mut state = self.lock();
        for _ in 0..RELEASE_WAITS {
            state.released.retain(|held| held.strong_count() > 0);
            if state.released.is_empty() || stop.load(Ordering::Relaxed) {
                return;
            }
            let waited = self.changed.wait_timeout(state, RELEASE_WAIT);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Lets nobody wait for a thread that has panicked.
struct CloseOnDrop<'a>(&'a Shared);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}
