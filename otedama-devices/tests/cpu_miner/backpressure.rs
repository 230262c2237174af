//! A receiver that is slow or gone neither loses solutions nor hangs the miner.

use std::collections::BTreeSet;

use otedama_devices::Device;
use otedama_hash::Target;
use otedama_hash::sha256d::Soft;

use crate::{HANGS, chosen, job, start, wait_until};

#[test]
fn threads_wait_for_room_and_lose_nothing() {
    let (mut miner, solutions) = start(Soft, 1, 1);
    miner.set_job(job(1, Target::MAX)).unwrap();
    let mut nonces = BTreeSet::new();
    for _ in 0..20 {
        // Let the thread fill the channel and find the next one.
        let sent = miner.counters().solutions;
        wait_until(|| miner.counters().hashes() > sent);
        nonces.insert(chosen(&solutions.recv_timeout(HANGS).unwrap()).nonce);
    }
    // With one thread and every hash a solution, nonces come without a gap.
    assert_eq!(nonces, (0..20).collect());
}

#[test]
fn a_full_channel_does_not_hold_up_stop() {
    let (mut miner, solutions) = start(Soft, 3, 1);
    miner.set_job(job(1, Target::MAX)).unwrap();
    wait_until(|| miner.counters().solutions == 1 && miner.counters().hashes() > 1);
    miner.stop();
    miner.stop();
    assert_eq!(miner.counters().solutions, 1);
    assert_eq!(solutions.try_iter().count(), 1);
}

#[test]
fn a_full_channel_does_not_hold_up_a_swap() {
    let (mut miner, solutions) = start(Soft, 3, 1);
    for id in 1..=20 {
        miner.set_job(job(id, Target::MAX)).unwrap();
    }
    let stale = solutions.recv_timeout(HANGS).unwrap();
    assert!(stale.job.id <= 20);
    for _ in 0..5 {
        assert_eq!(solutions.recv_timeout(HANGS).unwrap().job.id, 20);
    }
}

#[test]
fn threads_end_when_nobody_listens() {
    let (mut miner, solutions) = start(Soft, 3, 1);
    assert_eq!(miner.running_threads(), 3);
    drop(solutions);
    miner.set_job(job(1, Target::MAX)).unwrap();
    wait_until(|| miner.running_threads() == 0);
    assert_eq!(miner.counters().solutions, 0);
    miner.stop();
}

#[test]
fn a_dropped_miner_hangs_up() {
    let (mut miner, solutions) = start(Soft, 3, 1);
    miner.set_job(job(1, Target::MAX)).unwrap();
    drop(miner);
    assert!(solutions.iter().count() <= 1);
}
