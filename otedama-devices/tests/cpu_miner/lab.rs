//! An algorithm whose epochs take memory and time as a test wants.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use otedama_devices::{BlobWork, JobDescription, WorkDescription};
use otedama_hash::sha256d::sha256d;
use otedama_hash::{
    Algorithm, BlobLayout, EpochInput, EpochKey, HashBackend, Hasher, Hit, Hits, MemoryPlan, MemoryReport,
    NonceRange, Pages, PowHash, PowInput, PrepareError, Prepared, ScanWork, Setup,
};

use crate::one_in;

/// Bytes of an epoch.
pub(crate) const FULL: u64 = 10;
pub(crate) const LIGHT: u64 = 1;
/// Blocks of an epoch for jobs without a seed.
pub(crate) const EPOCH: u64 = 10;
/// A blob that scans to nothing.
pub(crate) const UNKNOWN: u8 = 0xff;

/// The backend, and the test's hand on it.
#[derive(Clone, Default)]
pub(crate) struct Lab(Arc<State>);

#[derive(Default)]
pub(crate) struct State {
    /// Epochs whose building is held up, by the first byte of their key.
    held_up: Mutex<BTreeSet<u8>>,
    let_go: Condvar,
    /// Epochs that were built, in order.
    pub(crate) built: Mutex<Vec<(u8, MemoryPlan)>>,
    pub(crate) attempts: AtomicU64,
    pub(crate) called_off: AtomicU64,
    pub(crate) size: AtomicU64,
    pub(crate) used: Arc<AtomicU64>,
    /// How many hashers there may be.
    pub(crate) hashers_left: AtomicU64,
}

impl core::ops::Deref for Lab {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl Lab {
    /// With so many bytes of memory.
    pub(crate) fn new(size: u64) -> Self {
        let lab = Self::default();
        lab.size.store(size, Ordering::SeqCst);
        lab.hashers_left.store(1000, Ordering::SeqCst);
        lab
    }

    /// Lets no such epoch become ready.
    pub(crate) fn hold_up(&self, key: u8) {
        self.held_up.lock().unwrap().insert(key);
    }

    /// Lets it become ready after all.
    pub(crate) fn let_go(&self, key: u8) {
        self.held_up.lock().unwrap().remove(&key);
        self.let_go.notify_all();
    }

    pub(crate) fn built(&self) -> Vec<(u8, MemoryPlan)> {
        self.built.lock().unwrap().clone()
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::SeqCst)
    }
}

/// A job under the seed of that byte, with more work than there is time for. The blob's first byte is the id.
pub(crate) fn seeded(id: u8, seed: u8) -> BlobWork {
    BlobWork {
        blob: vec![id; 32],
        nonces: 0..u64::MAX,
        epoch: EpochInput {
            height: 0,
            seed: Some([seed; 32]),
        },
        next_seed: None,
    }
}

pub(crate) fn of_work(work: BlobWork) -> Arc<JobDescription> {
    Arc::new(JobDescription {
        id: u64::from(work.blob[0]),
        target: one_in(300),
        work: WorkDescription::Blob(work),
    })
}

pub(crate) fn hash(blob: &[u8], nonce: u64, key: u8) -> PowHash {
    let bytes = [blob, &nonce.to_le_bytes(), &[key]].concat();
    PowHash {
        hash: sha256d(&bytes),
        mix: Some([key; 32]),
    }
}

fn bytes(plan: MemoryPlan) -> u64 {
    match plan {
        MemoryPlan::Light => LIGHT,
        MemoryPlan::Full => FULL,
    }
}

impl HashBackend for Lab {
    fn algorithm(&self) -> Algorithm {
        Algorithm::custom("lab", 0)
    }

    fn name(&self) -> &'static str {
        "lab"
    }

    fn scan_len(&self, _: MemoryPlan) -> u64 {
        100
    }

    fn layout(&self) -> BlobLayout {
        BlobLayout::HEADER_HASH
    }

    fn epoch(&self, at: EpochInput) -> Result<EpochKey, PrepareError> {
        Ok(EpochKey(at.seed.unwrap_or([(at.height / EPOCH) as u8; 32])))
    }

    fn upcoming(&self, at: EpochInput) -> Option<EpochInput> {
        at.seed.is_none().then_some(EpochInput {
            height: (at.height / EPOCH + 1) * EPOCH,
            seed: None,
        })
    }

    fn memory(&self, _: EpochKey, plan: MemoryPlan) -> Result<u64, PrepareError> {
        Ok(bytes(plan))
    }

    fn prepare(&self, key: EpochKey, setup: &Setup<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        self.attempts.fetch_add(1, Ordering::SeqCst);
        let (algorithm, needed) = (self.algorithm(), bytes(setup.memory));
        let filled = Filled {
            lab: self.clone(),
            key: key.0[0],
            plan: setup.memory,
        };
        let before = self.used.fetch_add(needed, Ordering::SeqCst);
        let setup = Setup {
            limit_bytes: Some(self.size.load(Ordering::SeqCst).saturating_sub(before)),
            ..*setup
        };
        setup.check_limit(algorithm, needed)?;
        let mut held_up = self.held_up.lock().unwrap();
        while held_up.contains(&filled.key) {
            if setup.is_stopped() {
                self.called_off.fetch_add(1, Ordering::SeqCst);
                return Err(PrepareError::Stopped { algorithm });
            }
            held_up = self
                .let_go
                .wait_timeout(held_up, Duration::from_millis(1))
                .unwrap()
                .0;
        }
        self.built.lock().unwrap().push((filled.key, filled.plan));
        Ok(Arc::new(Shelf(Arc::new(filled))))
    }
}

/// Memory, in use until it is dropped.
struct Filled {
    lab: Lab,
    key: u8,
    plan: MemoryPlan,
}

impl Drop for Filled {
    fn drop(&mut self) {
        self.lab.used.fetch_sub(bytes(self.plan), Ordering::SeqCst);
    }
}

/// Hashers hold the memory itself, as those of real algorithms do.
struct Shelf(Arc<Filled>);

impl Prepared for Shelf {
    fn hasher(&self) -> Result<Box<dyn Hasher>, PrepareError> {
        let left = &self.0.lab.hashers_left;
        if left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_err()
        {
            return Err(PrepareError::OutOfMemory {
                algorithm: self.0.lab.algorithm(),
                plan: self.0.plan,
                needed_bytes: 1,
                limit_bytes: None,
            });
        }
        Ok(Box::new(LabHasher(Arc::clone(&self.0))))
    }

    fn plan(&self) -> MemoryPlan {
        self.0.plan
    }

    fn memory(&self) -> MemoryReport {
        MemoryReport {
            bytes: bytes(self.0.plan),
            pages: Pages::Normal,
        }
    }
}

struct LabHasher(Arc<Filled>);

impl Hasher for LabHasher {
    fn hash_batch(&mut self, inputs: &[PowInput<'_>], out: &mut [PowHash]) {
        for (input, out) in inputs.iter().zip(out) {
            *out = hash(input.blob, input.nonce, self.0.key);
        }
    }

    fn scan(&mut self, work: &ScanWork<'_>, nonces: NonceRange, hits: &mut Hits) -> u64 {
        if work.blob[0] == UNKNOWN {
            return 0;
        }
        let stopped = |stop: &AtomicBool| stop.load(Ordering::Relaxed);
        let mut done = 0;
        for nonce in nonces {
            if hits.is_full() || work.stop.is_some_and(stopped) {
                break;
            }
            let pow = hash(work.blob, nonce, self.0.key);
            done += 1;
            if work.target.is_met_by(&pow.hash) {
                hits.push(Hit { nonce, pow });
            }
        }
        done
    }
}
