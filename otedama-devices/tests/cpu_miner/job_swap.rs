//! A swap of jobs takes hold at once.

use std::sync::Arc;

use otedama_devices::{Device, HeaderWork, JobError};
use otedama_hash::scrypt::Scrypt;
use otedama_hash::sha256d::Soft;
use otedama_hash::{HashBackend, Target};

use crate::{HANGS, chosen, headers, job, of_headers, one_in, start};

const CAPACITY: usize = 4;

fn swap(backend: impl HashBackend + 'static, target: Target, swaps: u64) {
    let (mut miner, solutions) = start(backend, 3, CAPACITY);
    for id in 1..=swaps {
        miner.set_job(job(id, target)).unwrap();
        // What was sent before the swap; a full channel holds no more than this.
        let stale = solutions.try_iter().take(CAPACITY).count();
        assert!(stale <= CAPACITY);
        for _ in 0..3 {
            let solution = solutions.recv_timeout(HANGS).unwrap();
            assert_eq!(solution.job.id, id);
        }
    }
}

#[test]
fn no_solution_of_an_old_sha256d_job() {
    swap(Soft, one_in(300), 500);
}

#[test]
fn no_solution_of_an_old_job_while_every_hash_is_one() {
    swap(Soft, Target::MAX, 500);
}

#[test]
fn no_solution_of_an_old_scrypt_job() {
    swap(Scrypt::soft(), one_in(4), 50);
}

#[test]
fn nothing_comes_after_clear() {
    let (mut miner, solutions) = start(Soft, 3, CAPACITY);
    for id in 1..=200 {
        miner.set_job(job(id, one_in(100))).unwrap();
        assert_eq!(solutions.recv_timeout(HANGS).unwrap().job.id, id);
        miner.clear();
        assert!(solutions.try_iter().count() <= CAPACITY);
        let sent = miner.counters().solutions;
        std::thread::yield_now();
        assert!(solutions.try_recv().is_err());
        assert_eq!(miner.counters().solutions, sent);
    }
    miner.clear();
    miner.stop();
    assert!(solutions.try_recv().is_err());
}

#[test]
fn a_job_that_comes_back_goes_on_where_it_was() {
    let (mut miner, solutions) = start(Soft, 2, CAPACITY);
    let mut last = None;
    for round in 0..50 {
        // Another id and target, the same headers.
        let again = of_headers(round, one_in(64 + round), headers(7));
        miner.set_job(again).unwrap();
        let solution = solutions.recv_timeout(HANGS).unwrap();
        assert_eq!(solution.job.id, round);
        let place = (chosen(&solution).extranonce2, chosen(&solution).nonce);
        assert!(last < Some(place), "{last:?} {place:?}");
        miner.clear();
        last = solutions
            .try_iter()
            .map(|s| (chosen(&s).extranonce2, chosen(&s).nonce))
            .chain([place])
            .max();
    }
}

#[test]
fn a_refused_job_leaves_the_miner_with_the_old_one() {
    let (mut miner, solutions) = start(Soft, 2, CAPACITY);
    let too_long = HeaderWork {
        extranonce2_len: 17,
        ..headers(2)
    };
    let bad = of_headers(2, Target::MAX, too_long);
    assert_eq!(
        miner.set_job(Arc::clone(&bad)),
        Err(JobError::Extranonce2TooLong { len: 17 })
    );
    miner.set_job(job(1, Target::MAX)).unwrap();
    assert!(miner.set_job(bad).is_err());
    for _ in 0..3 * CAPACITY {
        assert_eq!(solutions.recv_timeout(HANGS).unwrap().job.id, 1);
    }
}
