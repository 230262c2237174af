//! Threads that find shares ahead of their sending.
//!
//! Orders wait in one queue, and each gets a batch of hashes in its turn, so that thousands of connections fill their
//! stocks side by side.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;

use otedama_hash::{
    Algorithm, EpochKey, HashBackend, Hasher, Hit, Hits, PrepareError, Prepared, ScanWork, Target,
};

use crate::clock::Clock;
use crate::dialect::Work;

/// Fewest hashes of a batch: some backends overlap one with the next.
const MIN_BATCH: u64 = 4;
/// Caches that are kept, over all algorithms; a pool that changes its seed costs time, not memory.
const MAX_CACHES: usize = 3;
/// Hashers that a thread keeps.
const MAX_HASHERS: usize = 3;

/// A job as one connection got it.
pub(crate) struct Posted {
    pub(crate) work: Work,
    /// From this moment on its shares are void; [`u64::MAX`] while it is the newest job.
    void_from_ns: AtomicU64,
}

impl Posted {
    /// The newest job.
    pub(crate) fn new(work: Work) -> Arc<Self> {
        Arc::new(Self {
            work,
            void_from_ns: AtomicU64::new(u64::MAX),
        })
    }

    /// Another job has come: nobody searches on this one any more, and its shares may be sent until `void_from_ns`.
    pub(crate) fn replace(&self, void_from_ns: u64) {
        self.void_from_ns.fetch_min(void_from_ns, Ordering::Relaxed);
    }

    /// Whether its shares may be sent at `now_ns`.
    pub(crate) fn is_valid(&self, now_ns: u64) -> bool {
        now_ns < self.void_from_ns.load(Ordering::Relaxed)
    }

    fn is_newest(&self) -> bool {
        self.void_from_ns.load(Ordering::Relaxed) == u64::MAX
    }
}

/// Shares of one connection on one job that are wanted.
pub(crate) struct Order {
    pub(crate) job: Arc<Posted>,
    pub(crate) target: Target,
    /// How many of the space's nonces may have been tried: where the next batch begins.
    pub(crate) walked: AtomicU64,
    stopped: AtomicBool,
    /// Which connection, and the how manieth on its place.
    pub(crate) owner: Owner,
    backend: Arc<dyn HashBackend>,
    space: Space,
    wanted: u32,
    found: AtomicU32,
    to: Sender<Minted>,
}

/// A connection: its place in its fleet, and the how manieth there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) slot: usize,
    pub(crate) generation: u32,
}

/// The nonces of a connection, walked from `first` on and then from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    pub(crate) nonces: Range<u64>,
    pub(crate) first: u64,
}

impl Space {
    /// The nonces of `nonces`, from a place that is the connection's own: where a pool gives everybody the same
    /// header, connections would otherwise find the same shares.
    ///
    /// A connection that was opened again begins elsewhere in its part.
    pub(crate) fn of(nonces: Range<u64>, owner: Owner, owners: usize) -> Self {
        const STEP: u128 = 1 << 16;
        let len = u128::from(nonces.end - nonces.start).max(1);
        let part = len * owner.slot as u128 / owners.max(1) as u128;
        let first = nonces.start + ((part + u128::from(owner.generation) * STEP) % len) as u64;
        Self { nonces, first }
    }

    /// Up to `len` nonces in a row, after the first `walked`. Empty when all were walked.
    pub(crate) fn stretch(&self, walked: u64, len: u64) -> Range<u64> {
        let Range { start, end } = self.nonces;
        let total = end - start;
        if walked >= total {
            return start..start;
        }
        let before_wrap = end - self.first;
        let (from, end) = if walked < before_wrap {
            (self.first + walked, end)
        } else {
            (start + (walked - before_wrap), self.first)
        };
        from..from.saturating_add(len).min(end)
    }
}

impl Order {
    /// An order for `wanted` shares that goes on after the first `walked` nonces of `space`.
    #[allow(clippy::too_many_arguments, reason = "all that an order is")]
    pub(crate) fn new(
        job: Arc<Posted>,
        target: Target,
        backend: Arc<dyn HashBackend>,
        space: Space,
        walked: u64,
        wanted: u32,
        owner: Owner,
        to: Sender<Minted>,
    ) -> Arc<Self> {
        Arc::new(Self {
            job,
            target,
            walked: AtomicU64::new(walked),
            stopped: AtomicBool::new(false),
            owner,
            backend,
            space,
            wanted,
            found: AtomicU32::new(0),
            to,
        })
    }

    /// Ends the search.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether nobody searches any more.
    pub(crate) fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
            || !self.job.is_newest()
            || self.found.load(Ordering::Relaxed) >= self.wanted
    }
}

/// One batch of an order.
pub(crate) struct Minted {
    pub(crate) order: Arc<Order>,
    pub(crate) hits: Vec<Hit>,
    pub(crate) hashes: u64,
    /// How long the thread took for it, without the wait for a cache.
    pub(crate) busy_ns: u64,
    /// Why the order can't be filled.
    pub(crate) error: Option<String>,
}

type Cache = Arc<OnceLock<Result<Arc<dyn Prepared>, PrepareError>>>;

#[derive(Default)]
struct State {
    orders: VecDeque<Arc<Order>>,
    caches: VecDeque<(Algorithm, EpochKey, Cache)>,
    closed: bool,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    clock: Clock,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The threads. Dropping it ends them.
pub(crate) struct Mint {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Mint {
    /// Starts `threads` threads.
    pub(crate) fn start(threads: usize, clock: Clock) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            clock,
        });
        let threads = (0..threads)
            .map(|_| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || work(&shared))
            })
            .collect();
        Self { shared, threads }
    }

    /// How many threads there are.
    pub(crate) fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Where orders are left.
    pub(crate) fn desk(&self) -> Desk {
        Desk(Arc::clone(&self.shared))
    }
}

impl Drop for Mint {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_all();
        for thread in self.threads.drain(..) {
            // A panic has been printed already.
            let _ = thread.join();
        }
    }
}

/// The way to leave orders.
#[derive(Clone)]
pub(crate) struct Desk(Arc<Shared>);

impl Desk {
    /// Leaves an order.
    pub(crate) fn place(&self, order: Arc<Order>) {
        self.0.lock().orders.push_back(order);
        self.0.wake.notify_one();
    }
}

/// Leaves the processors to the pool that is measured, where the system lets a single thread do so.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        const LOWEST: i32 = 19;
        // Minting at the usual priority is no worse than a tool without this.
        let _ = rustix::process::setpriority_process(None, LOWEST);
    }
}

fn work(shared: &Shared) {
    lower_priority();
    let mut hashers: VecDeque<(Algorithm, EpochKey, Box<dyn Hasher>)> = VecDeque::new();
    while let Some((order, nonces)) = next(shared) {
        let minted = match hasher(shared, &order, &mut hashers) {
            Ok(hasher) => {
                let start_ns = shared.clock.ns();
                let mut hits = Hits::with_capacity((nonces.end - nonces.start) as usize);
                let scan = ScanWork {
                    blob: &order.job.work.blob,
                    height: order.job.work.epoch.height,
                    target: order.target,
                    stop: None,
                };
                let hashes = hasher.scan(&scan, nonces, &mut hits);
                let hits: Vec<_> = hits.drain().collect();
                order.found.fetch_add(hits.len() as u32, Ordering::Relaxed);
                Minted {
                    hits,
                    hashes,
                    busy_ns: shared.clock.ns() - start_ns,
                    error: None,
                    order,
                }
            }
            Err(why) => {
                order.stop();
                Minted {
                    hits: Vec::new(),
                    hashes: 0,
                    busy_ns: 0,
                    error: Some(why),
                    order,
                }
            }
        };
        let to = minted.order.to.clone();
        // Whoever ordered is gone when the run is over.
        let _ = to.send(minted);
    }
}

/// Waits for a batch. The order goes back to the end of the queue meanwhile, for other threads.
fn next(shared: &Shared) -> Option<(Arc<Order>, Range<u64>)> {
    let mut state = shared.lock();
    loop {
        if state.closed {
            return None;
        }
        let Some(order) = state.orders.pop_front() else {
            state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        if order.is_over() {
            continue;
        }
        let len = order
            .backend
            .scan_len(otedama_hash::MemoryPlan::Light)
            .max(MIN_BATCH);
        let nonces = order.space.stretch(order.walked.load(Ordering::Relaxed), len);
        if nonces.is_empty() {
            // Every nonce was tried: the next job has others.
            continue;
        }
        order
            .walked
            .fetch_add(nonces.end - nonces.start, Ordering::Relaxed);
        state.orders.push_back(Arc::clone(&order));
        shared.wake.notify_one();
        return Some((order, nonces));
    }
}

/// This thread's hasher for an order; the first thread that needs a cache builds it and the others wait.
fn hasher<'a>(
    shared: &Shared,
    order: &Order,
    hashers: &'a mut VecDeque<(Algorithm, EpochKey, Box<dyn Hasher>)>,
) -> Result<&'a mut dyn Hasher, String> {
    let backend = &order.backend;
    let algorithm = backend.algorithm();
    let key = backend.epoch(order.job.work.epoch).map_err(|e| e.to_string())?;
    let known = hashers.iter().position(|(a, k, _)| (*a, *k) == (algorithm, key));
    let at = if let Some(at) = known {
        at
    } else {
        let cache = cache(shared, algorithm, key);
        let prepared = cache.get_or_init(|| backend.prepare(key, &otedama_hash::Setup::default()));
        let prepared = prepared.as_ref().map_err(ToString::to_string)?;
        let hasher = prepared.hasher().map_err(|e| e.to_string())?;
        if hashers.len() == MAX_HASHERS {
            hashers.pop_front();
        }
        hashers.push_back((algorithm, key, hasher));
        hashers.len() - 1
    };
    Ok(&mut *hashers[at].2)
}

fn cache(shared: &Shared, algorithm: Algorithm, key: EpochKey) -> Cache {
    let caches = &mut shared.lock().caches;
    if let Some((_, _, cache)) = caches.iter().find(|(a, k, _)| (*a, *k) == (algorithm, key)) {
        return Arc::clone(cache);
    }
    if caches.len() == MAX_CACHES {
        caches.pop_front();
    }
    let cache = Cache::default();
    caches.push_back((algorithm, key, Arc::clone(&cache)));
    cache
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use otedama_hash::{Difficulty, EpochInput, PowHash, PowInput, Registry};
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::Tip;

    fn ethash_work(seed: [u8; 32]) -> Arc<Posted> {
        Posted::new(Work {
            id: "j".to_owned(),
            blob: vec![0x5a; 32],
            epoch: EpochInput {
                height: 0,
                seed: Some(seed),
            },
            target: None,
            nonces: None,
            prefix_len: 0,
            tip: Tip::Height(1),
            clean: None,
        })
    }

    fn order(seed: [u8; 32], place: usize, wanted: u32, to: &Sender<Minted>) -> Arc<Order> {
        let backend = Registry::with_builtin().get(Algorithm::ETHASH).unwrap().clone();
        let target = Difficulty::new(1e-9)
            .unwrap()
            .to_target(Algorithm::ETHASH.diff1());
        let owner = Owner {
            slot: place,
            generation: 1,
        };
        let space = Space::of(0..1 << 40, owner, 2);
        Order::new(
            ethash_work(seed),
            target,
            backend,
            space,
            0,
            wanted,
            owner,
            to.clone(),
        )
    }

    #[test]
    fn orders_are_filled_with_shares_that_differ_and_verify() {
        let mint = Mint::start(2, Clock::start());
        let (to, from) = channel();
        let orders = [order([0; 32], 0, 50, &to), order([0; 32], 1, 50, &to)];
        for order in &orders {
            mint.desk().place(Arc::clone(order));
        }
        let mut found: [Vec<Hit>; 2] = [Vec::new(), Vec::new()];
        while found.iter().any(|hits| hits.len() < 50) {
            let minted = from.recv_timeout(Duration::from_secs(60)).unwrap();
            assert_eq!(minted.error, None);
            found[minted.order.owner.slot].extend(minted.hits);
        }
        let registry = Registry::with_builtin();
        let backend = registry.get(Algorithm::ETHASH).unwrap();
        let mut hasher = backend
            .verifier(backend.epoch(EpochInput::default()).unwrap())
            .unwrap();
        let hits = found.concat();
        for hit in &hits {
            let input = PowInput {
                blob: &[0x5a; 32],
                nonce: hit.nonce,
                height: 0,
            };
            let mut pow = [PowHash::default()];
            hasher.hash_batch(&[input], &mut pow);
            assert_eq!(pow[0], hit.pow);
            assert!(orders[0].target.is_met_by(&hit.pow.hash));
        }
        let nonces: HashSet<_> = hits.iter().map(|hit| hit.nonce).collect();
        assert_eq!(nonces.len(), hits.len());
    }

    #[test]
    fn an_order_that_can_not_be_filled_says_why() {
        let mint = Mint::start(1, Clock::start());
        let (to, from) = channel();
        mint.desk().place(order([3; 32], 0, 1, &to));
        let minted = from.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(minted.error.unwrap().contains("no such epoch"));
        assert!(minted.order.is_over());
    }

    #[test]
    fn a_job_that_was_replaced_is_searched_no_more_and_valid_until_its_end() {
        let (to, _from) = channel();
        let order = order([0; 32], 0, 5, &to);
        assert!(order.job.is_valid(u64::MAX - 1) && !order.is_over());
        order.job.replace(100);
        assert!(order.is_over() && order.job.is_valid(99) && !order.job.is_valid(100));
        order.job.replace(200);
        assert!(!order.job.is_valid(150), "it does not come back");
    }

    proptest! {
        #[test]
        fn every_nonce_is_walked_once(start: u32, len in 1_u64..200, slot in 0_usize..9, generation: u32, step in 1_u64..50) {
            let nonces = u64::from(start)..u64::from(start) + len;
            let space = Space::of(nonces.clone(), Owner { slot, generation }, 9);
            let mut walked = Vec::new();
            loop {
                let stretch = space.stretch(walked.len() as u64, step);
                if stretch.is_empty() {
                    break;
                }
                walked.extend(stretch);
            }
            prop_assert_eq!(walked.first(), Some(&space.first));
            walked.sort_unstable();
            prop_assert_eq!(walked, nonces.collect::<Vec<_>>());
        }

        #[test]
        fn the_highest_nonces_do_not_overflow(walked: u64, len: u64, slot in 0_usize..9, generation: u32) {
            let nonces = 0xff00_0000_0000_0000..u64::MAX;
            let stretch = Space::of(nonces.clone(), Owner { slot, generation }, 9).stretch(walked, len);
            prop_assert!(stretch.is_empty() || (nonces.contains(&stretch.start) && stretch.end <= nonces.end));
        }
    }
}
