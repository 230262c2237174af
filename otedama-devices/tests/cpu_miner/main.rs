//! The CPU miner from outside: jobs in, solutions out.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic means here")]

mod backpressure;
mod every_solution_is_valid;
mod failures;
mod job_swap;
mod whole_job;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use otedama_devices::{CpuMiner, JobDescription, Solution};
use otedama_hash::sha256d::sha256d;
use otedama_hash::{Hash256, HashBackend, Target, U256};

/// Long enough that only a miner that hangs runs into it.
const HANGS: Duration = Duration::from_secs(120);

/// A target that one hash in `hashes` meets.
fn one_in(hashes: u64) -> Target {
    Target::from_u256(U256::MAX / U256::from(hashes))
}

fn job(id: u64, target: Target) -> Arc<JobDescription> {
    Arc::new(JobDescription {
        id,
        coinbase1: (0..59).collect(),
        coinbase2: (0..101).collect(),
        extranonce1: vec![0xab, 0xcd, 0xef, 0x01],
        extranonce2_len: 4,
        merkle_branch: (1..4).map(|byte| Hash256::from_le_bytes([byte; 32])).collect(),
        version: 0x2000_0000,
        version_mask: 0x1fff_e000,
        prev_hash: Hash256::from_le_bytes([9; 32]),
        bits: 0x1d00_ffff,
        ntime: 1_700_000_000 + id as u32,
        target,
    })
}

fn start(backend: &dyn HashBackend, threads: usize, capacity: usize) -> (CpuMiner, Receiver<Solution>) {
    let (sender, receiver) = sync_channel(capacity);
    (
        CpuMiner::start(backend, NonZeroUsize::new(threads).unwrap(), &sender).unwrap(),
        receiver,
    )
}

/// The header as a pool builds it from its job and the five fields of a submission.
fn header_of(solution: &Solution) -> Vec<u8> {
    let job = &solution.job;
    let coinbase = [
        &job.coinbase1,
        &job.extranonce1,
        solution.extranonce2.as_bytes(),
        &job.coinbase2,
    ]
    .concat();
    let mut root = sha256d(&coinbase).to_le_bytes();
    for sibling in &job.merkle_branch {
        root = sha256d(&[root, sibling.to_le_bytes()].concat()).to_le_bytes();
    }
    let rolled = solution.version_bits.unwrap_or(0) & job.version_mask;
    let version = (job.version & !job.version_mask) | rolled;
    let mut header = version.to_le_bytes().to_vec();
    header.extend(job.prev_hash.to_le_bytes());
    header.extend(root);
    header.extend(solution.ntime.to_le_bytes());
    header.extend(job.bits.to_le_bytes());
    header.extend(solution.nonce.to_le_bytes());
    header
}

/// Lets other threads run until `done` holds.
fn wait_until(done: impl Fn() -> bool) {
    while !done() {
        std::thread::yield_now();
    }
}
