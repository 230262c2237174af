//! Blobs of the algorithms that have epochs, with caches: every nonce that counts is found once and stands up
//! to a pool's checks.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use otedama_devices::{
    Answer, BlobWork, CpuMiner, CpuOptions, Device, JobDescription, JobError, Status, WorkDescription,
};
use otedama_hash::{
    Algorithm, EpochInput, HashBackend, Hasher, MemoryPlan, PowHash, PowInput, PrepareError, Registry, Target,
};

use crate::{HANGS, headers, job, one_in, options, start_with, wait_until};

/// Where RandomX has its nonce.
const RANDOMX_NONCE: Range<usize> = 39..43;
/// Where a header has it.
const HEADER_NONCE: Range<usize> = 76..80;

fn light(threads: usize) -> CpuOptions {
    let mut options = options(threads);
    options.epochs.memory = MemoryPlan::Light;
    options
}

/// `None` where the build lacks it.
fn backend(algorithm: Algorithm) -> Option<Arc<dyn HashBackend>> {
    let backend = Registry::with_builtin().get(algorithm).cloned();
    if backend.is_none() {
        eprintln!("SKIPPED: {algorithm} is not in this build");
    }
    backend
}

fn of_blob(id: u64, target: Target, work: BlobWork) -> Arc<JobDescription> {
    let work = WorkDescription::Blob(work);
    Arc::new(JobDescription { id, target, work })
}

fn at_height(height: u64) -> EpochInput {
    EpochInput { height, seed: None }
}

fn at_seed(byte: u8) -> EpochInput {
    EpochInput {
        height: 1,
        seed: Some([byte; 32]),
    }
}

fn blob(bytes: Vec<u8>, nonces: Range<u64>, epoch: EpochInput) -> BlobWork {
    BlobWork {
        blob: bytes,
        nonces,
        epoch,
        next_seed: None,
    }
}

fn verifier(backend: &Arc<dyn HashBackend>, work: &BlobWork) -> Box<dyn Hasher> {
    backend.verifier(backend.epoch(work.epoch).unwrap()).unwrap()
}

/// As a pool hashes the nonces of a submission.
fn hash_all(algorithm: Algorithm, hasher: &mut dyn Hasher, work: &BlobWork, nonces: &[u64]) -> Vec<PowHash> {
    let place = match algorithm {
        Algorithm::RANDOMX => RANDOMX_NONCE,
        Algorithm::SHA256D => HEADER_NONCE,
        _ => 0..0,
    };
    let blobs: Vec<_> = nonces
        .iter()
        .map(|&nonce| {
            let mut blob = work.blob.clone();
            blob[place.clone()].copy_from_slice(&(nonce as u32).to_le_bytes()[..place.len()]);
            blob
        })
        .collect();
    let inputs: Vec<_> = nonces
        .iter()
        .zip(&blobs)
        .map(|(&nonce, blob)| PowInput {
            blob,
            nonce,
            height: work.epoch.height,
        })
        .collect();
    let mut out = vec![PowHash::default(); nonces.len()];
    hasher.hash_batch(&inputs, &mut out);
    out
}

/// Mines a whole range and compares what is found with what there is.
fn mine(algorithm: Algorithm, work: &BlobWork, target: Target) {
    let Some(backend) = backend(algorithm) else {
        return;
    };
    let range: Vec<_> = work.nonces.clone().collect();
    let expected: BTreeMap<_, _> = range
        .iter()
        .copied()
        .zip(hash_all(
            algorithm,
            verifier(&backend, work).as_mut(),
            work,
            &range,
        ))
        .filter(|(_, pow)| target.is_met_by(&pow.hash))
        .collect();
    assert!(!expected.is_empty() && expected.len() < range.len());

    let (mut miner, solutions) = start_with(Arc::clone(&backend), light(2), range.len());
    assert_eq!((miner.algorithm(), miner.status()), (algorithm, Status::Idle));
    let job = of_blob(7, target, work.clone());
    miner.set_job(Arc::clone(&job)).unwrap();
    let done = (range.len() as u64, expected.len() as u64);
    wait_until(|| (miner.counters().hashes(), miner.counters().solutions) == done);
    assert_eq!(miner.status(), Status::Exhausted);
    // The same again holds no more work.
    miner.set_job(of_blob(8, target, work.clone())).unwrap();
    assert_eq!(miner.status(), Status::Exhausted);
    miner.stop();
    let counters = miner.counters();
    assert_eq!((counters.hashes(), counters.invalid), (range.len() as u64, 0));
    assert_eq!(counters.solutions, done.1);

    let mut found = BTreeMap::new();
    for solution in solutions.try_iter() {
        let Answer::Blob { nonce } = solution.answer else {
            panic!("not a blob's: {solution:?}");
        };
        assert_eq!(solution.job.id, 7);
        assert!(found.insert(nonce, solution.pow).is_none(), "{nonce} twice");
    }
    assert_eq!(found, expected);
}

#[test]
fn every_ethash_solution() {
    let nonces = 0xfe00_0000_0000_0000..0xfe00_0000_0000_0200;
    mine(
        Algorithm::ETHASH,
        &blob(vec![7; 32], nonces, at_height(29_999)),
        one_in(8),
    );
}

#[test]
fn every_etchash_solution() {
    let epoch = EpochInput {
        height: 0,
        seed: Some([0; 32]),
    };
    mine(
        Algorithm::ETCHASH,
        &blob(vec![8; 32], 1000..1500, epoch),
        one_in(8),
    );
}

#[test]
fn every_kawpow_solution() {
    mine(
        Algorithm::KAWPOW,
        &blob(vec![9; 32], 5..261, at_height(7499)),
        one_in(8),
    );
}

#[test]
fn every_randomx_solution() {
    mine(
        Algorithm::RANDOMX,
        &blob(vec![10; 76], 0xffff_fff0..1 << 32, at_seed(7)),
        one_in(3),
    );
}

/// One nonce whose proof of work is published.
fn published(algorithm: Algorithm, work: BlobWork, hash: &str, mix: Option<&str>) {
    let Some(backend) = backend(algorithm) else {
        return;
    };
    let nonce = work.nonces.start;
    let (mut miner, solutions) = start_with(backend, light(1), 1);
    miner.set_job(of_blob(1, Target::MAX, work)).unwrap();
    let solution = solutions.recv_timeout(HANGS).unwrap();
    assert_eq!(solution.answer, Answer::Blob { nonce });
    assert_eq!(algorithm.hash_hex(&solution.pow.hash), hash);
    assert_eq!(solution.pow.mix.map(const_hex::encode).as_deref(), mix);
    miner.stop();
}

#[test]
fn an_ethash_vector() {
    // chfast/ethash test/unittests/test_cases.hpp
    let header = "2a8de2adf89af77358250bf908bf04ba94a6e8c3ba87775564a41d269a05e4ce";
    let nonce = 0x4242_4242_4242_4242;
    published(
        Algorithm::ETHASH,
        blob(const_hex::decode(header).unwrap(), nonce..nonce + 1, at_height(0)),
        "dd47fd2d98db51078356852d7c4014e6a5d6c387c35f40e2875b74a256ed7906",
        Some("58f759ede17a706c93f13030328bcea40c1d1341fb26f2facd21ceb0dae57017"),
    );
}

#[test]
fn a_kawpow_vector() {
    // RavenProject/Ravencoin src/crypto/ethash/progpow_test_vectors.hpp
    let header = "63155f732f2bf556967f906155b510c917e48e99685ead76ea83f4eca03ab12b";
    let nonce = 0x0707_3c07;
    published(
        Algorithm::KAWPOW,
        blob(
            const_hex::decode(header).unwrap(),
            nonce..nonce + 1,
            at_height(49),
        ),
        "e7ced124598fd2500a55ad9f9f48e3569327fe50493c77a4ac9799b96efb9463",
        Some("d36f7e815ee09e74eceb9c96993a3d681edf2bf0921fc7bb710364042db99777"),
    );
}

#[test]
fn a_randomx_vector() {
    // monerod 0.18.5.3, RPC calc_pow.
    let seed = "418015bb9ae982a1975da7d79277c2705727a56894ba0fb246adaabb1f4632e3";
    let mut bytes = const_hex::decode(
        "10c701bcba8a9152aeafca2c21c1a2e8c4294ba07597cb83ae7361d3661f1d159bc8d39742d357677f38868aea32dc4e23b77b0eb96e0a66f8f2629e40e96517d9b34171171627a9bd16da2601",
    )
    .unwrap();
    let nonce = u64::from(u32::from_le_bytes(bytes[RANDOMX_NONCE].try_into().unwrap()));
    assert_ne!(nonce, 0);
    bytes[RANDOMX_NONCE].fill(0);
    let epoch = EpochInput {
        height: 1,
        seed: Some(const_hex::decode_to_array(seed).unwrap()),
    };
    published(
        Algorithm::RANDOMX,
        blob(bytes, nonce..nonce + 1, epoch),
        "626ae14f4e54a2d79c1ea397c8fe111c1a50e814167d94773fcf68f44b006d7f",
        None,
    );
}

/// What a pool fixes stays as it is, across jobs of several prefixes.
fn keeps_its_prefix(algorithm: Algorithm, len: usize, nonce_len: usize, epoch: EpochInput) {
    let Some(backend) = backend(algorithm) else {
        return;
    };
    let mut verifier = verifier(&backend, &blob(Vec::new(), 0..0, epoch));
    let (mut miner, solutions) = start_with(backend, light(2), 1);
    for prefix in [0xab, 0x00, 0xff] {
        let free_bits = 8 * (nonce_len - 1);
        let first = u64::from(prefix) << free_bits;
        let last = first | ((1 << free_bits) - 1);
        let work = blob(vec![prefix; len], first..last, epoch);
        miner
            .set_job(of_blob(u64::from(prefix), Target::MAX, work.clone()))
            .unwrap();
        let mut seen = Vec::new();
        while seen.len() < 4 {
            let solution = solutions.recv_timeout(HANGS).unwrap();
            if solution.job.id != u64::from(prefix) {
                assert!(seen.is_empty(), "a stale solution: {solution:?}");
                continue;
            }
            let Answer::Blob { nonce } = solution.answer else {
                panic!("not a blob's: {solution:?}");
            };
            assert_eq!(nonce >> (8 * (nonce_len - 1)), u64::from(prefix));
            let pow = hash_all(algorithm, verifier.as_mut(), &work, &[nonce]);
            assert_eq!(pow, [solution.pow]);
            assert!(!seen.contains(&nonce));
            seen.push(nonce);
        }
    }
}

#[test]
fn the_first_byte_of_an_etchash_nonce_is_kept() {
    keeps_its_prefix(Algorithm::ETCHASH, 32, 8, at_height(0));
}

#[test]
fn the_fixed_byte_of_a_randomx_nonce_is_kept() {
    keeps_its_prefix(Algorithm::RANDOMX, 76, 4, at_seed(3));
}

/// The solutions of each job are those of its epoch.
fn crosses(algorithm: Algorithm, len: usize, epochs: [EpochInput; 2]) {
    let Some(backend) = backend(algorithm) else {
        return;
    };
    let (mut miner, solutions) = start_with(Arc::clone(&backend), light(2), 1);
    for (id, epoch) in (1..).zip(epochs) {
        let mut work = blob(vec![6; len], 0..1 << 32, epoch);
        work.next_seed = epochs[1].seed;
        let mut verifier = verifier(&backend, &work);
        miner.set_job(of_blob(id, one_in(2), work.clone())).unwrap();
        let of_job = solutions.iter().filter(|solution| solution.job.id == id);
        for solution in of_job.take(4) {
            let Answer::Blob { nonce } = solution.answer else {
                panic!("not a blob's: {solution:?}");
            };
            let pow = hash_all(algorithm, verifier.as_mut(), &work, &[nonce]);
            assert_eq!(pow, [solution.pow]);
        }
        assert_eq!(miner.status(), Status::Mining(MemoryPlan::Light));
    }
}

#[test]
fn from_one_epoch_of_ethash_to_the_next() {
    crosses(Algorithm::ETHASH, 32, [at_height(29_999), at_height(30_000)]);
}

#[test]
fn from_one_epoch_of_kawpow_to_the_next() {
    crosses(Algorithm::KAWPOW, 32, [at_height(7499), at_height(7500)]);
}

#[test]
fn from_one_seed_of_randomx_to_the_next() {
    crosses(Algorithm::RANDOMX, 76, [at_seed(1), at_seed(2)]);
}

#[test]
fn headers_of_a_pool_that_sends_them_whole() {
    let work = blob(vec![5; 80], 0..2000, EpochInput::default());
    mine(Algorithm::SHA256D, &work, one_in(50));
}

#[test]
fn what_is_no_work_is_refused() {
    let ethash = backend(Algorithm::ETHASH).unwrap();
    let (mut miner, _solutions): (CpuMiner, _) = start_with(ethash, light(1), 1);
    let good = blob(vec![1; 32], 0..9, at_height(0));
    let mut refused = |job| {
        let error = miner.set_job(job).unwrap_err();
        assert_eq!(miner.status(), Status::Idle);
        error
    };
    let algorithm = Algorithm::ETHASH;
    assert_eq!(
        refused(job(1, Target::MAX)),
        JobError::NotOfHeaders { algorithm },
        "{:?}",
        headers(1)
    );
    let short = BlobWork {
        blob: vec![1; 31],
        ..good.clone()
    };
    assert!(matches!(
        refused(of_blob(2, Target::MAX, short)),
        JobError::BlobLength { len: 31, .. }
    ));
    let empty = BlobWork {
        nonces: 9..9,
        ..good.clone()
    };
    assert_eq!(
        refused(of_blob(3, Target::MAX, empty)),
        JobError::NoNonces { start: 9, end: 9 }
    );
    for epoch in [at_height(u64::MAX), at_seed(0x77)] {
        let unknown = BlobWork {
            epoch,
            ..good.clone()
        };
        assert!(matches!(
            refused(of_blob(4, Target::MAX, unknown)),
            JobError::Epoch(PrepareError::UnknownEpoch { .. })
        ));
    }
}
