//! Jobs of one epoch after another: threads wait for what they need, and for nothing else.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use otedama_devices::{Answer, BlobWork, CpuMiner, Device, JobError, Solution, Status};
use otedama_hash::{EpochInput, MemoryPlan, PrepareError, Target};

use crate::lab::{EPOCH, FULL, LIGHT, Lab, UNKNOWN, hash, of_work, seeded};
use crate::{HANGS, options, start_with, wait_until};

/// Long enough for threads to do what they must not do.
const A_WHILE: Duration = Duration::from_millis(30);

fn start(lab: &Lab, threads: usize) -> (CpuMiner, Receiver<Solution>) {
    start_with(Arc::new(lab.clone()), options(threads), 4)
}

/// Takes so many solutions of the job with that blob; each is one under that epoch.
fn solved(solutions: &Receiver<Solution>, id: u8, key: u8, count: usize) {
    for _ in 0..count {
        let solution = solutions.recv_timeout(HANGS).unwrap();
        let Answer::Blob { nonce } = solution.answer else {
            panic!("not a blob's: {solution:?}");
        };
        assert_eq!(solution.job.id, u64::from(id));
        assert_eq!(solution.pow, hash(&[id; 32], nonce, key));
        assert!(solution.job.target.is_met_by(&solution.pow.hash));
    }
}

/// Leaves behind what was sent for the job before.
fn set(miner: &mut CpuMiner, solutions: &Receiver<Solution>, work: BlobWork) {
    miner.set_job(of_work(work)).unwrap();
    // What was sent before the swap, and perhaps some of the job itself, if its epoch is ready.
    solutions.try_iter().take(4).for_each(drop);
}

fn is_out_of_memory(status: &Status) -> bool {
    matches!(status, Status::Failed(PrepareError::OutOfMemory { .. }))
}

#[test]
fn a_job_of_another_epoch_waits_for_it_and_the_old_one_is_left_at_once() {
    let lab = Lab::new(100);
    let (mut miner, solutions) = start(&lab, 3);
    set(&mut miner, &solutions, seeded(1, 1));
    solved(&solutions, 1, 1, 20);
    assert_eq!(miner.status(), Status::Mining(MemoryPlan::Full));

    lab.hold_up(2);
    set(&mut miner, &solutions, seeded(2, 2));
    assert_eq!(miner.status(), Status::Preparing);
    std::thread::sleep(A_WHILE);
    let hashes = miner.counters().hashes();
    std::thread::sleep(A_WHILE);
    assert_eq!(miner.counters().hashes(), hashes, "nobody hashes");
    assert!(solutions.try_recv().is_err());

    lab.let_go(2);
    solved(&solutions, 2, 2, 20);
    assert_eq!(miner.status(), Status::Mining(MemoryPlan::Full));
    // And back, which is a change like any other.
    set(&mut miner, &solutions, seeded(3, 1));
    solved(&solutions, 3, 1, 20);
    miner.clear();
    assert_eq!(miner.status(), Status::Idle);
    miner.stop();
    assert_eq!(lab.used(), 0);
}

#[test]
fn the_newest_job_wins_while_an_epoch_is_being_built() {
    let lab = Lab::new(100);
    let (mut miner, solutions) = start(&lab, 2);
    lab.hold_up(1);
    lab.hold_up(2);
    for id in 1..=20 {
        miner.set_job(of_work(seeded(id, 1))).unwrap();
    }
    wait_until(|| lab.attempts.load(Ordering::SeqCst) == 1);
    for id in 21..=40 {
        miner.set_job(of_work(seeded(id, 2))).unwrap();
    }
    wait_until(|| lab.called_off.load(Ordering::SeqCst) == 1);
    assert_eq!(miner.status(), Status::Preparing);
    lab.let_go(2);
    solved(&solutions, 40, 2, 20);
    assert_eq!(
        lab.built(),
        [(2, MemoryPlan::Full)],
        "what nobody wants is not built"
    );
}

#[test]
fn the_seed_that_a_pool_names_is_made_ready_beforehand() {
    let lab = Lab::new(100);
    let (mut miner, solutions) = start(&lab, 2);
    let work = BlobWork {
        next_seed: Some([2; 32]),
        ..seeded(1, 1)
    };
    miner.set_job(of_work(work)).unwrap();
    solved(&solutions, 1, 1, 4);
    wait_until(|| lab.built().len() == 2);
    // Building anything more would show.
    (3..=9).for_each(|key| lab.hold_up(key));
    lab.hold_up(2);
    set(&mut miner, &solutions, seeded(2, 2));
    assert_eq!(miner.status(), Status::Mining(MemoryPlan::Full));
    solved(&solutions, 2, 2, 20);
    assert_eq!(lab.built(), [(1, MemoryPlan::Full), (2, MemoryPlan::Full)]);
}

#[test]
fn the_epoch_that_the_height_leads_to_is_made_ready_beforehand() {
    let lab = Lab::new(100);
    let (mut miner, solutions) = start(&lab, 2);
    for (id, height) in [(1, 5 * EPOCH), (2, 6 * EPOCH - 1), (3, 6 * EPOCH)] {
        let work = BlobWork {
            epoch: EpochInput { height, seed: None },
            ..seeded(id, 0)
        };
        set(&mut miner, &solutions, work);
        solved(&solutions, id, (height / EPOCH) as u8, 4);
        wait_until(|| lab.built().len() as u64 == 2 + u64::from(height == 6 * EPOCH));
    }
    let built: Vec<_> = lab.built().iter().map(|(key, _)| *key).collect();
    assert_eq!(built, [5, 6, 7]);
}

#[test]
fn an_epoch_without_memory_shows_and_is_tried_again_with_a_later_job() {
    let lab = Lab::new(0);
    let (mut miner, solutions) = start(&lab, 2);
    miner.set_job(of_work(seeded(1, 1))).unwrap();
    wait_until(|| is_out_of_memory(&miner.status()));
    let attempts = lab.attempts.load(Ordering::SeqCst);
    lab.size.store(FULL + LIGHT, Ordering::SeqCst);
    std::thread::sleep(A_WHILE);
    assert_eq!(
        lab.attempts.load(Ordering::SeqCst),
        attempts,
        "not of its own accord"
    );
    assert!(is_out_of_memory(&miner.status()));
    assert_eq!(miner.counters().hashes(), 0);
    assert_eq!(miner.running_threads(), 2);

    miner.set_job(of_work(seeded(2, 1))).unwrap();
    solved(&solutions, 2, 1, 20);
    assert!(matches!(miner.status(), Status::Mining(_)));
}

#[test]
fn a_thread_without_memory_of_its_own_shows_and_the_others_go_on() {
    let lab = Lab::new(100);
    lab.hashers_left.store(1, Ordering::SeqCst);
    let (mut miner, solutions) = start(&lab, 3);
    miner.set_job(of_work(seeded(1, 1))).unwrap();
    solved(&solutions, 1, 1, 20);
    wait_until(|| is_out_of_memory(&miner.status()));
    assert_eq!(miner.running_threads(), 3);
    let busy = |miner: &CpuMiner| {
        let counts = miner.counters().unit_hashes;
        counts.iter().filter(|count| **count > 0).count()
    };
    assert_eq!(busy(&miner), 1);

    lab.hashers_left.store(1000, Ordering::SeqCst);
    set(&mut miner, &solutions, seeded(2, 1));
    wait_until(|| {
        solutions.try_iter().take(4).for_each(drop);
        busy(&miner) == 3
    });
    assert_eq!(miner.status(), Status::Mining(MemoryPlan::Full));
}

#[test]
fn with_room_for_one_epoch_the_old_one_is_let_go_first() {
    let lab = Lab::new(FULL);
    let (mut miner, solutions) = start(&lab, 3);
    for key in 1..=5 {
        set(&mut miner, &solutions, seeded(key, key));
        solved(&solutions, key, key, 10);
        assert_eq!(miner.status(), Status::Mining(MemoryPlan::Full));
        assert_eq!(lab.used(), FULL);
        // Threads that have nothing to do let go, too.
        if key.is_multiple_of(2) {
            miner.clear();
        }
        solutions.try_iter().for_each(drop);
    }
    assert_eq!(lab.built().len(), 5);
}

#[test]
fn light_memory_gives_way_to_full_memory() {
    let lab = Lab::new(LIGHT);
    let (mut miner, solutions) = start(&lab, 3);
    miner.set_job(of_work(seeded(1, 1))).unwrap();
    solved(&solutions, 1, 1, 10);
    assert_eq!(miner.status(), Status::Mining(MemoryPlan::Light));
    lab.size.store(FULL + LIGHT, Ordering::SeqCst);
    for id in 2..=4 {
        set(&mut miner, &solutions, seeded(id, 1));
    }
    solved(&solutions, 4, 1, 10);
    let mut nonces = 10;
    while miner.status() != Status::Mining(MemoryPlan::Full) || lab.used() != FULL {
        solved(&solutions, 4, 1, 1);
        nonces += 1;
    }
    solved(&solutions, 4, 1, 10);
    assert!(miner.counters().solutions >= nonces, "in the midst of a job");
    miner.stop();
    assert_eq!(lab.used(), 0);
}

#[test]
fn a_miner_stops_while_an_epoch_is_being_built() {
    for dropped in [false, true] {
        let lab = Lab::new(100);
        lab.hold_up(2);
        let (mut miner, solutions) = start(&lab, 2);
        set(&mut miner, &solutions, seeded(1, 1));
        solved(&solutions, 1, 1, 1);
        set(&mut miner, &solutions, seeded(2, 2));
        wait_until(|| lab.attempts.load(Ordering::SeqCst) == 2);
        if dropped {
            drop(miner);
        } else {
            miner.stop();
            assert_eq!((miner.running_threads(), miner.status()), (0, Status::Idle));
            // Too late, and harmless.
            miner.set_job(of_work(seeded(3, 3))).unwrap();
            miner.stop();
        }
        assert_eq!(lab.used(), 0);
        assert_eq!(lab.called_off.load(Ordering::SeqCst), 1);
        assert!(solutions.iter().count() <= 4, "they have hung up");
    }
}

#[test]
fn a_job_that_the_backend_does_not_take_shows_and_is_not_tried_for_ever() {
    let lab = Lab::new(100);
    let (mut miner, solutions) = start(&lab, 2);
    miner.set_job(of_work(seeded(UNKNOWN, 1))).unwrap();
    wait_until(|| matches!(miner.status(), Status::Failed(PrepareError::Unsupported { .. })));
    assert_eq!(miner.counters().hashes(), 0);
    miner.set_job(of_work(seeded(1, 1))).unwrap();
    solved(&solutions, 1, 1, 20);
    assert_eq!(miner.status(), Status::Mining(MemoryPlan::Full));
}

#[test]
fn a_refused_job_leaves_the_epoch_alone() {
    let lab = Lab::new(100);
    let (mut miner, solutions) = start(&lab, 2);
    set(&mut miner, &solutions, seeded(1, 1));
    let empty = BlobWork {
        nonces: 5..5,
        ..seeded(2, 2)
    };
    assert_eq!(
        miner.set_job(of_work(empty)),
        Err(JobError::NoNonces { start: 5, end: 5 })
    );
    solved(&solutions, 1, 1, 20);
    assert_eq!(lab.built(), [(1, MemoryPlan::Full)]);
}

#[test]
fn a_range_is_used_up_in_the_midst_of_epochs() {
    let lab = Lab::new(100);
    let (mut miner, solutions) = start_with(Arc::new(lab.clone()), options(3), 2000);
    let ranges = [(1_u8, 0..1000), (2, u64::MAX - 777..u64::MAX), (3, 55..56)];
    let mut hashes = 0;
    for (id, nonces) in ranges.clone() {
        hashes += nonces.end - nonces.start;
        let work = BlobWork {
            nonces,
            ..seeded(id, id)
        };
        let job = of_work(work);
        let mut every = (*job).clone();
        every.target = Target::MAX;
        miner.set_job(Arc::new(every)).unwrap();
        wait_until(|| miner.counters().solutions == hashes);
        assert_eq!(miner.status(), Status::Exhausted);
    }
    assert_eq!(miner.counters().hashes(), hashes);
    drop(miner);
    let nonce = |solution: Solution| match solution.answer {
        Answer::Blob { nonce } => (solution.job.id, nonce),
        Answer::Header(_) => panic!("not a blob's: {solution:?}"),
    };
    let mut found: Vec<_> = solutions.iter().map(nonce).collect();
    found.sort_unstable();
    let expected = ranges
        .into_iter()
        .flat_map(|(id, nonces)| nonces.map(move |nonce| (u64::from(id), nonce)));
    assert!(found.into_iter().eq(expected), "every nonce once");
}
