//! Proofs of work that need hundreds of megabytes, and milliseconds some of them: verified on threads of their own, so that the
//! threads that serve miners never wait for one.

#[cfg(test)]
mod tests;
mod worker;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use otedama_devices::cpu::memory::available_bytes;
use otedama_devices::{EpochOptions, EpochState, Epochs};
use otedama_hash::{EpochInput, EpochKey, HashBackend, MemoryPlan, PagePolicy, PowHash, PrepareError};
use otedama_pool::verify_queue::{Pending, Queue};
use otedama_pool::{ConnId, Ticket, VerifyRequest};
use tracing::error;

use crate::serve::clock::Clock;
use crate::serve::faults::Faults;
use crate::shard::{Command, Mailbox};

/// Proofs that may wait before the shards stop reading.
const HIGH_WATER: usize = 4096;

/// What a shard is told about its shares.
pub type Verdicts = Vec<(Ticket, Option<PowHash>)>;

/// Whether a backend's proofs belong on such threads: whether it has to build a cache first.
pub fn is_memory_hard(backend: &dyn HashBackend) -> bool {
    backend.memory(EpochKey::default(), MemoryPlan::Light) != Ok(0)
}

/// The threads that verify the shares of one chain.
pub struct Verification {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    backend: Arc<dyn HashBackend>,
    epochs: Epochs,
    shards: Vec<Mailbox>,
    clock: Clock,
    faults: Faults,
    /// Whether the end of the thread that builds was reported.
    is_reported: AtomicBool,
    state: Mutex<State>,
    /// Signalled when there is something to do.
    wake: Condvar,
    /// How many wait, without the lock.
    waiting: AtomicUsize,
}

#[derive(Default)]
struct State {
    queue: Queue,
    /// Epochs of work that may still come in, the newest first.
    live: Vec<EpochKey>,
    /// Epochs whose shares can't be verified, the newest last.
    broken: Vec<Broken>,
    /// Why the newest template belongs to no epoch.
    no_epoch: Option<PrepareError>,
    closed: bool,
}

/// Epochs that are remembered as broken: the two that are live, and some that are over.
const BROKEN_KEPT: usize = 4;

/// An epoch whose shares can't be verified.
struct Broken {
    key: EpochKey,
    why: String,
    /// Its cache was there, but a thread couldn't use it.
    was_built: bool,
}

impl Verification {
    /// Starts `threads` threads that answer `shards`. They wait to be told for which epoch.
    ///
    /// # Errors
    /// When the system gives no further thread.
    pub fn start(
        backend: Arc<dyn HashBackend>,
        threads: NonZeroUsize,
        shards: Vec<Mailbox>,
        clock: Clock,
        faults: &Faults,
    ) -> std::io::Result<Self> {
        let options = EpochOptions {
            memory: MemoryPlan::Light,
            pages: PagePolicy::Advised,
            threads,
            room: available_bytes,
        };
        let shared = Arc::new(Shared {
            epochs: Epochs::start(Arc::clone(&backend), options)?,
            backend,
            shards,
            clock,
            faults: faults.clone(),
            is_reported: AtomicBool::new(false),
            state: Mutex::default(),
            wake: Condvar::new(),
            waiting: AtomicUsize::new(0),
        });
        let started = (0..threads.get())
            .map(|index| {
                let shared = Arc::clone(&shared);
                faults.thread(&format!("verify-{index}"), move || worker::run(&shared))
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(Self {
            shared,
            threads: Mutex::new(started),
        })
    }

    /// Names the epoch of the work at hand and, where the node tells, the one that follows; its cache is built ahead.
    pub fn advance(&self, at: EpochInput, next: Option<EpochInput>) {
        let backend = &self.shared.backend;
        let current = match backend.epoch(at) {
            Ok(current) => current,
            Err(why) => {
                // Its shares are answered as not verifiable; a node that names no seed is not one of this chain.
                error!(?at, %why, "the template names no epoch");
                self.shared.lock().no_epoch = Some(why);
                return;
            }
        };
        let next = next
            .or_else(|| backend.upcoming(at))
            .and_then(|next| backend.epoch(next).ok());
        {
            let mut state = self.shared.lock();
            state.no_epoch = None;
            if state.live.first() != Some(&current) {
                state.live.insert(0, current);
                // The one before, for shares that are under way.
                state.live.truncate(2);
            }
        }
        self.shared.epochs.advance(current, next);
        self.shared.wake.notify_all();
        // Nobody else looks while no share comes.
        self.shared.look_up(current);
    }

    /// Why the shares that come in now can't be verified, if so.
    pub fn problem(&self) -> Option<String> {
        let current = {
            let state = self.shared.lock();
            if let Some(why) = &state.no_epoch {
                return Some(format!("shares can't be verified: {why}"));
            }
            *state.live.first()?
        };
        let found = self.shared.look_up(current);
        if let EpochState::Failed(why) = &found {
            self.shared.broken(current, &why.to_string(), false);
        }
        let is_built = matches!(found, EpochState::Ready(_));
        let state = self.shared.lock();
        let broken = state.broken.iter().find(|broken| broken.key == current);
        broken
            .filter(|broken| broken.was_built || !is_built)
            .map(|broken| format!("shares can't be verified: {}", broken.why))
    }

    /// How many shares wait.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// The way in for one shard.
    pub fn desk(&self, shard: usize) -> Desk {
        Desk {
            shared: Arc::clone(&self.shared),
            shard,
        }
    }

    /// Stops the threads. What still waits is never answered.
    pub fn stop(&self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A panic has been reported as a fault already.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of an epoch. If the thread that builds them is gone none will ever be ready, so the program has to
    /// be started afresh.
    fn look_up(&self, key: EpochKey) -> EpochState {
        let found = self.epochs.get(key);
        if matches!(found, EpochState::Failed(PrepareError::Gone { .. }))
            && !self.is_reported.swap(true, Ordering::Relaxed)
        {
            self.faults.report("epochs");
        }
        found
    }

    /// Shares of an epoch can't be verified, which is said once.
    fn broken(&self, key: EpochKey, why: &str, was_built: bool) {
        let mut state = self.lock();
        if let Some(known) = state.broken.iter_mut().find(|known| known.key == key) {
            known.was_built |= was_built;
            return;
        }
        let hex = const_hex::encode(key.0);
        error!(key = hex, %why, "shares of this epoch can't be verified and are not credited");
        state.broken.push(Broken {
            key,
            why: why.to_owned(),
            was_built,
        });
        if state.broken.len() > BROKEN_KEPT {
            state.broken.remove(0);
        }
    }

    /// Tells the shards what became of their shares.
    fn answer(&self, verdicts: impl Iterator<Item = (Pending, Option<PowHash>)>) {
        let mut by_shard: Vec<Verdicts> = self.shards.iter().map(|_| Vec::new()).collect();
        for (pending, pow) in verdicts {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            if let Some(list) = by_shard.get_mut(pending.shard) {
                list.push((pending.request.ticket, pow));
            }
        }
        for (mailbox, list) in self.shards.iter().zip(by_shard) {
            if !list.is_empty() {
                mailbox.send(Command::Verified(list));
            }
        }
    }
}

/// Where one shard leaves what it wants verified.
#[derive(Clone)]
pub struct Desk {
    shared: Arc<Shared>,
    shard: usize,
}

impl Desk {
    /// Leaves a proof; the answer comes as [`Command::Verified`].
    pub fn push(&self, request: VerifyRequest) {
        let pending = Pending {
            shard: self.shard,
            request,
        };
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        let Ok(key) = self.shared.backend.epoch(pending.request.epoch) else {
            return self.shared.answer(std::iter::once((pending, None)));
        };
        let claimed = pending.request.claimed(&*self.shared.backend);
        let claims_block = claimed.is_some_and(|hash| pending.request.network_target.is_met_by(&hash));
        self.shared.lock().queue.push(key, pending, claims_block);
        self.shared.wake.notify_one();
    }

    /// Whether so many wait that no more should be read.
    pub fn is_full(&self) -> bool {
        self.shared.waiting.load(Ordering::Relaxed) >= HIGH_WATER
    }

    /// What a connection left is not worth verifying any more.
    pub fn forget(&self, conn: ConnId) {
        let dropped = self.shared.lock().queue.forget(self.shard, conn);
        self.shared
            .answer(dropped.into_iter().map(|pending| (pending, None)));
    }
}
