//! A share's way through the pool, from the bytes of its submit to its reply, with the hash but without disk and socket.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use otedama_hash::{Algorithm, EpochKey, PowHash, PowInput, Registry};
use otedama_pool::{Input, Output, VerifyRequest};
use support::{ALICE, World};

/// Shares of one run; all are good ones, on one connection.
const SHARES: usize = 512;
/// Shares that arrive together.
const TOGETHER: usize = 32;

/// A pool with a miner, and what the miner will send.
fn scene() -> (World, otedama_pool::ConnId) {
    let mut world = World::ready();
    let mut miner = world.miner(1, ALICE);
    miner.listen(&mut world);
    (world, miner.conn)
}

fn submits() -> Vec<Vec<u8>> {
    let mut world = World::ready();
    let mut miner = world.miner(1, ALICE);
    miner.listen(&mut world);
    let mut line = |id| {
        let params = miner.share().params;
        format!("{{\"id\":{id},\"method\":\"mining.submit\",\"params\":{params}}}\n")
    };
    let lines: Vec<_> = (0..SHARES).map(&mut line).collect();
    lines
        .chunks(TOGETHER)
        .map(|lines| lines.concat().into_bytes())
        .collect()
}

fn verify_path(criterion: &mut Criterion) {
    let submits = submits();
    let registry = Registry::with_builtin();
    let mut group = criterion.benchmark_group("verify_path");
    group.throughput(Throughput::Elements(SHARES as u64));
    for backend in registry.of(Algorithm::SHA256D) {
        let mut hasher = backend.verifier(EpochKey::default()).unwrap();
        group.bench_function(backend.name(), |bencher| {
            bencher.iter_batched_ref(
                scene,
                |(world, conn)| {
                    let mut accepted = 0;
                    for bytes in &submits {
                        world.pool.handle(world.now, Input::Bytes { conn: *conn, bytes });
                        accepted += answer(world, hasher.as_mut());
                    }
                    assert_eq!(accepted, SHARES);
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// Does what the pool asks for, hashes in one batch, until it is quiet; how many shares it wanted stored.
fn answer(world: &mut World, hasher: &mut dyn otedama_hash::Hasher) -> usize {
    let mut stored = 0;
    loop {
        let mut requests: Vec<VerifyRequest> = Vec::with_capacity(TOGETHER);
        while let Some(output) = world.pool.poll_output() {
            match output {
                Output::Verify(request) => requests.push(request),
                Output::Persist(rows) => {
                    stored += rows.len();
                    let seq = rows.last().unwrap().seq;
                    world.pool.handle(world.now, Input::Persisted { seq });
                }
                other => drop(other),
            }
        }
        if requests.is_empty() {
            return stored;
        }
        let inputs: Vec<_> = requests
            .iter()
            .map(|request| PowInput::of(&request.blob))
            .collect();
        let mut out = vec![PowHash::default(); inputs.len()];
        hasher.hash_batch(&inputs, &mut out);
        for (request, pow) in requests.iter().zip(out) {
            let (ticket, pow) = (request.ticket, Some(pow));
            world.pool.handle(world.now, Input::Verified { ticket, pow });
        }
    }
}

criterion_group!(benches, verify_path);
criterion_main!(benches);
