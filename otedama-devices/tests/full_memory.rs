//! Whole datasets, built by all cores: hashing with them gives what light memory gives.
//!
//! The small datasets of `otedama-hash`'s own tests leave out what only a real one has: gigabytes, and its
//! own number of items.
#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use otedama_devices::cpu::memory::available_bytes;
use otedama_devices::cpu::{Threads, topology};
use otedama_hash::{
    Algorithm, EpochInput, Hits, MemoryPlan, PagePolicy, PowHash, PowInput, Registry, ScanWork, Setup, Target,
};

/// For the light memory that is held at the same time.
const BESIDE_BYTES: u64 = 300 << 20;

/// Hashes `count` nonces with full and with light memory. RandomX has its nonce in the blob, from `nonce_at` on.
fn agrees_with_light(algorithm: Algorithm, at: EpochInput, blob: &[u8], nonce_at: Option<usize>, count: u64) {
    let registry = Registry::with_builtin();
    let Some(backend) = registry.get(algorithm) else {
        eprintln!("SKIPPED: {algorithm} is not in this build");
        return;
    };
    let key = backend.epoch(at).unwrap();
    let needed_bytes = backend.memory(key, MemoryPlan::Full).unwrap();
    if available_bytes(PagePolicy::default()).is_some_and(|room| room < needed_bytes + BESIDE_BYTES) {
        eprintln!(
            "SKIPPED: {algorithm} needs {} MiB",
            (needed_bytes + BESIDE_BYTES) >> 20
        );
        return;
    }
    let crew = Threads::new(topology::logical_cpus());
    let setup = Setup {
        memory: MemoryPlan::Full,
        limit_bytes: Some(needed_bytes),
        crew: &crew,
        ..Setup::default()
    };
    let full = backend.prepare(key, &setup).unwrap();
    assert_eq!(full.plan(), MemoryPlan::Full);
    assert!(
        (1_000_000_000..=needed_bytes).contains(&full.memory().bytes),
        "{full:?}"
    );

    let work = ScanWork {
        blob,
        height: at.height,
        target: Target::MAX,
        stop: None,
    };
    let start = 0x1234_5678;
    let mut hits = Hits::with_capacity(count as usize);
    assert_eq!(
        full.hasher()
            .unwrap()
            .scan(&work, start..start + count, &mut hits),
        count
    );
    let found: Vec<_> = hits.drain().collect();
    let nonces: Vec<_> = found.iter().map(|hit| hit.nonce).collect();
    assert!(nonces.iter().copied().eq(start..start + count), "{nonces:?}");

    let blobs: Vec<_> = nonces
        .iter()
        .map(|&nonce| {
            let mut blob = blob.to_vec();
            if let Some(at) = nonce_at {
                blob[at..at + 4].copy_from_slice(&(nonce as u32).to_le_bytes());
            }
            blob
        })
        .collect();
    let inputs: Vec<_> = nonces
        .iter()
        .zip(&blobs)
        .map(|(&nonce, blob)| PowInput {
            blob,
            nonce,
            height: at.height,
        })
        .collect();
    let mut light = vec![PowHash::default(); inputs.len()];
    backend.verifier(key).unwrap().hash_batch(&inputs, &mut light);
    let found: Vec<_> = found.iter().map(|hit| hit.pow).collect();
    assert_eq!(found, light);
}

#[test]
fn ethash_of_the_first_epoch() {
    agrees_with_light(Algorithm::ETHASH, EpochInput::default(), &[7; 32], None, 500);
}

#[test]
fn kawpow_of_the_first_epoch() {
    let at = EpochInput {
        height: 7499,
        seed: None,
    };
    agrees_with_light(Algorithm::KAWPOW, at, &[7; 32], None, 500);
}

#[test]
fn randomx_of_one_seed() {
    let at = EpochInput {
        height: 0,
        seed: Some([7; 32]),
    };
    agrees_with_light(Algorithm::RANDOMX, at, &[7; 76], Some(39), 50);
}
