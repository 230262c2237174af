//! The CPU miner from outside: jobs in, solutions out.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic means here")]

mod backpressure;
mod blobs;
mod epochs;
mod every_solution_is_valid;
mod failures;
mod job_swap;
mod lab;
mod own_algorithm;
mod whole_job;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use otedama_devices::{
    Answer, CpuMiner, CpuOptions, HeaderAnswer, HeaderWork, JobDescription, Solution, WorkDescription,
};
use otedama_hash::sha256d::sha256d;
use otedama_hash::{Hash256, HashBackend, Target, U256};

/// Long enough that only a miner that hangs runs into it.
const HANGS: Duration = Duration::from_secs(120);

/// A target that one hash in `hashes` meets.
fn one_in(hashes: u64) -> Target {
    Target::from_u256(U256::MAX / U256::from(hashes))
}

/// A job of headers; another time for each id.
fn job(id: u64, target: Target) -> Arc<JobDescription> {
    of_headers(id, target, headers(id))
}

fn of_headers(id: u64, target: Target, work: HeaderWork) -> Arc<JobDescription> {
    let work = WorkDescription::Headers(work);
    Arc::new(JobDescription { id, target, work })
}

fn headers(id: u64) -> HeaderWork {
    HeaderWork {
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
    }
}

fn options(threads: usize) -> CpuOptions {
    CpuOptions::new(NonZeroUsize::new(threads).unwrap(), 0)
}

fn start(
    backend: impl HashBackend + 'static,
    threads: usize,
    capacity: usize,
) -> (CpuMiner, Receiver<Solution>) {
    start_with(Arc::new(backend), options(threads), capacity)
}

fn start_with(
    backend: Arc<dyn HashBackend>,
    options: CpuOptions,
    capacity: usize,
) -> (CpuMiner, Receiver<Solution>) {
    let (sender, receiver) = sync_channel(capacity);
    (CpuMiner::start(backend, options, &sender).unwrap(), receiver)
}

/// What a solution of headers says.
fn chosen(solution: &Solution) -> &HeaderAnswer {
    match &solution.answer {
        Answer::Header(header) => header,
        Answer::Blob { .. } => panic!("not a header: {solution:?}"),
    }
}

/// The header as a pool builds it from its job and the five fields of a submission.
fn header_of(solution: &Solution) -> Vec<u8> {
    let WorkDescription::Headers(job) = &solution.job.work else {
        panic!("not a job of headers: {solution:?}");
    };
    let solution = chosen(solution);
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
