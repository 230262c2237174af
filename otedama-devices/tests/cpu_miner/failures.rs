//! Hashers that lie, panic or can't be made.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use otedama_devices::{CpuMiner, Device, OpenError};
use otedama_hash::sha256d::{Soft, sha256d};
use otedama_hash::{
    Algorithm, EpochKey, HashBackend, Hasher, Hit, Hits, MemoryPlan, MemoryReport, NonceRange, PowHash,
    PowInput, PrepareError, Prepared, ScanWork, Setup,
};

use crate::{HANGS, header_of, job, one_in, options, start, wait_until};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Every other scan reports a nonce that doesn't count.
    WrongNonce,
    /// Every other scan reports a nonce outside of its range.
    OutsideNonce,
    /// Scans panic.
    Panic,
    /// No more than two hashers can be made.
    OutOfMemory,
    /// There is no room for a dataset.
    LightOnly,
}

/// SHA-256d with a fault.
#[derive(Clone)]
struct Faulty {
    fault: Fault,
    prepared: Arc<AtomicUsize>,
    scans: u64,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self {
            fault,
            prepared: Arc::new(AtomicUsize::new(0)),
            scans: 0,
        }
    }
}

impl HashBackend for Faulty {
    fn algorithm(&self) -> Algorithm {
        Algorithm::SHA256D
    }

    fn name(&self) -> &'static str {
        "faulty"
    }

    fn scan_len(&self, _plan: MemoryPlan) -> u64 {
        16
    }

    fn prepare(&self, _key: EpochKey, setup: &Setup<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        if self.fault == Fault::LightOnly {
            let setup = Setup {
                limit_bytes: Some(1 << 10),
                ..*setup
            };
            let needed = if setup.memory == MemoryPlan::Full {
                1 << 20
            } else {
                1
            };
            setup.check_limit(self.algorithm(), needed)?;
        }
        Ok(Arc::new(self.clone()))
    }
}

impl Prepared for Faulty {
    fn hasher(&self) -> Result<Box<dyn Hasher>, PrepareError> {
        if self.prepared.fetch_add(1, Ordering::Relaxed) >= 2 && self.fault == Fault::OutOfMemory {
            return Err(PrepareError::OutOfMemory {
                algorithm: self.algorithm(),
                plan: MemoryPlan::Full,
                needed_bytes: 1 << 60,
                limit_bytes: None,
            });
        }
        Ok(Box::new(self.clone()))
    }

    fn plan(&self) -> MemoryPlan {
        MemoryPlan::Full
    }

    fn memory(&self) -> MemoryReport {
        MemoryReport::NONE
    }
}

impl Hasher for Faulty {
    fn hash_batch(&mut self, inputs: &[PowInput<'_>], out: &mut [PowHash]) {
        Soft.hash_batch(inputs, out);
    }

    fn scan(&mut self, work: &ScanWork<'_>, nonces: NonceRange, hits: &mut Hits) -> u64 {
        assert!(self.fault != Fault::Panic, "a hasher that panics on purpose");
        self.scans += 1;
        let nonce = match self.fault {
            _ if self.scans.is_multiple_of(2) => return Soft.scan(work, nonces, hits),
            Fault::OutsideNonce => u64::from(u32::MAX) + 1 + nonces.start,
            _ => nonces.start,
        };
        hits.push(Hit {
            nonce,
            pow: PowHash::default(),
        });
        1
    }
}

fn lies_are_caught(fault: Fault) {
    let (mut miner, solutions) = start(Faulty::new(fault), 2, 4);
    miner.set_job(job(1, one_in(1000))).unwrap();
    for _ in 0..50 {
        let solution = solutions.recv_timeout(HANGS).unwrap();
        let hash = sha256d(&header_of(&solution));
        assert_eq!(solution.pow.hash, hash);
        assert!(solution.job.target.is_met_by(&hash));
    }
    wait_until(|| miner.counters().invalid > 0);
    miner.stop();
    assert_eq!(
        miner.counters().solutions,
        50 + solutions.try_iter().count() as u64
    );
}

#[test]
fn a_nonce_that_does_not_count_is_not_reported() {
    lies_are_caught(Fault::WrongNonce);
}

#[test]
fn a_nonce_outside_the_range_is_not_reported() {
    lies_are_caught(Fault::OutsideNonce);
}

#[test]
fn a_panic_ends_its_thread_and_shows() {
    let (mut miner, _solutions) = start(Faulty::new(Fault::Panic), 2, 4);
    assert_eq!(miner.running_threads(), 2);
    miner.set_job(job(1, one_in(1000))).unwrap();
    wait_until(|| miner.running_threads() == 0);
    miner.set_job(job(2, one_in(1000))).unwrap();
    assert_eq!(miner.counters().hashes(), 0);
    miner.stop();
}

#[test]
fn without_room_for_a_dataset_it_mines_in_light_mode() {
    let (mut miner, solutions) = start(Faulty::new(Fault::LightOnly), 2, 4);
    miner.set_job(job(1, one_in(1000))).unwrap();
    let solution = solutions.recv_timeout(HANGS).unwrap();
    assert!(solution.job.target.is_met_by(&sha256d(&header_of(&solution))));
    miner.stop();
}

#[test]
fn a_miner_that_can_not_be_made_whole_leaves_nothing_behind() {
    let faulty = Faulty::new(Fault::OutOfMemory);
    let (sender, solutions) = sync_channel(1);
    let backend = Arc::new(faulty.clone());
    let error = CpuMiner::start(backend, options(5), &sender).err().unwrap();
    assert!(
        matches!(error, OpenError::Prepare(PrepareError::OutOfMemory { .. })),
        "{error}"
    );
    // The threads that had started are gone, and their senders with them.
    assert_eq!(Arc::strong_count(&faulty.prepared), 1);
    drop(sender);
    assert!(solutions.recv().is_err());
}
