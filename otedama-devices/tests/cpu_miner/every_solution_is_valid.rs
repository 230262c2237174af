//! Every solution of headers stands up to a pool's checks, and none comes twice.

use std::collections::BTreeSet;
use std::sync::Arc;

use otedama_devices::{CpuMiner, Device, Solution};
use otedama_hash::{Algorithm, EpochKey, HashBackend, PowHash, PowInput, Registry, Target};
use std::sync::mpsc::Receiver;

use crate::{HANGS, chosen, header_of, headers, job, one_in, options, start_with};

fn mine(algorithm: Algorithm, target: Target, count: usize) {
    let registry = Registry::with_builtin();
    let backend = registry.get(algorithm).unwrap();
    let (mut miner, solutions) = start_with(Arc::clone(backend), options(3), 8);
    assert_eq!(miner.algorithm(), algorithm);
    miner.set_job(job(1, target)).unwrap();
    check(backend.as_ref(), &mut miner, &solutions, count);
}

fn check(backend: &dyn HashBackend, miner: &mut CpuMiner, solutions: &Receiver<Solution>, count: usize) {
    let mut hasher = backend.verifier(EpochKey::default()).unwrap();
    let mut seen = BTreeSet::new();
    for _ in 0..count {
        let solution = solutions.recv_timeout(HANGS).unwrap();
        let header = header_of(&solution);
        assert_eq!(header.len(), 80);
        let mut pow = [PowHash::default()];
        hasher.hash_batch(&[PowInput::of(&header)], &mut pow);
        assert_eq!(pow[0], solution.pow);
        assert!(solution.job.target.is_met_by(&solution.pow.hash));
        assert_eq!(chosen(&solution).ntime, headers(1).ntime);
        assert!(seen.insert(header), "found twice: {solution:?}");
    }
    miner.stop();
    let counters = miner.counters();
    assert_eq!(counters.invalid, 0);
    // Whatever was sent is either seen or still in the channel.
    assert_eq!(counters.solutions, (count + solutions.try_iter().count()) as u64);
    assert_eq!(counters.unit_hashes.len(), 3);
    assert!(counters.hashes() >= counters.solutions);
    assert_eq!(miner.running_threads(), 0);
}

#[test]
fn sha256d() {
    mine(Algorithm::SHA256D, one_in(5000), 100);
}

#[test]
fn scrypt() {
    mine(Algorithm::SCRYPT, one_in(10), 40);
}

#[test]
fn every_hash_a_solution() {
    mine(Algorithm::SHA256D, Target::MAX, 2000);
}
