//! Every backend of every algorithm: many nonces of one job, and batches of single shares.
//!
//! `cargo bench -p otedama-hash --bench kernels -- scrypt` runs one algorithm. Caches only, no datasets: those
//! take minutes to build and are measured by `otedama bench`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use otedama_hash::{
    Algorithm, EpochInput, Hits, MemoryPlan, PowHash, PowInput, Registry, ScanWork, Setup, Target, U256,
};

/// Shares verified together.
const BATCH: u64 = 32;

fn kernels(criterion: &mut Criterion) {
    let registry = Registry::with_builtin();
    for name in registry.names() {
        let algorithm = registry.by_name(name).unwrap().algorithm();
        let (len, at) = match algorithm {
            Algorithm::RANDOMX => (
                76,
                EpochInput {
                    height: 0,
                    seed: Some([0; 32]),
                },
            ),
            Algorithm::SHA256D | Algorithm::SCRYPT => (80, EpochInput::default()),
            _ => (32, EpochInput::default()),
        };
        let blob: Vec<u8> = (0..len).collect();
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10);
        for backend in registry.of(algorithm) {
            let prepared = backend
                .prepare(backend.epoch(at).unwrap(), &Setup::default())
                .unwrap();
            let mut hasher = prepared.hasher().unwrap();
            let count = backend.scan_len(MemoryPlan::Light);
            let work = ScanWork {
                blob: &blob,
                height: 0,
                target: Target::from_u256(U256::ZERO),
                stop: None,
            };
            group.throughput(Throughput::Elements(count));
            group.bench_function(format!("{}/mine", backend.name()), |bencher| {
                bencher.iter(|| {
                    let done = hasher.scan(&work, 0..count, &mut Hits::with_capacity(1));
                    assert_eq!(done, count);
                });
            });
            let inputs: Vec<_> = (0..BATCH)
                .map(|nonce| PowInput {
                    blob: &blob,
                    nonce,
                    height: 0,
                })
                .collect();
            let mut out = vec![PowHash::default(); inputs.len()];
            group.throughput(Throughput::Elements(BATCH));
            group.bench_function(format!("{}/verify", backend.name()), |bencher| {
                bencher.iter(|| hasher.hash_batch(&inputs, &mut out));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
