//! What every kernel is held to, against plain compression by [`Soft`] and, for whole messages, the crate `sha2`.

use core::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sha2::{Digest, Sha256};

use super::job::Job;
use super::soft::{Soft, finish, sha256};
use super::words::State;
use super::{HEADER_LEN, Kernel};
use crate::backend::{Hasher, Hits, PowHash, PowInput, ScanWork};
use crate::primitives::{Hash256, Target, U256};

/// A test for each thing that a kernel does; `None` where the machine can't run it.
macro_rules! kernel_tests {
    ($kernel:expr) => {
        #[test]
        fn compresses_as_soft_does() {
            $kernel
                .into_iter()
                .for_each(crate::sha256d::checks::compression);
        }

        #[test]
        fn marks_every_nonce_that_may_hit_and_no_other() {
            $kernel.into_iter().for_each(crate::sha256d::checks::search);
        }

        #[test]
        #[cfg_attr(miri, ignore = "takes minutes there")]
        fn batches_of_any_length_are_hashed_in_order() {
            $kernel
                .into_iter()
                .for_each(crate::sha256d::checks::batches);
        }

        #[test]
        #[cfg_attr(miri, ignore = "takes minutes there")]
        fn a_scan_finds_what_hashing_one_by_one_finds() {
            $kernel.into_iter().for_each(crate::sha256d::checks::scans);
        }

        #[test]
        #[cfg_attr(miri, ignore = "takes minutes there")]
        fn a_scan_ends_where_it_should() {
            $kernel.into_iter().for_each(crate::sha256d::checks::ends);
        }
    };
}
pub(super) use kernel_tests;

fn double_sha2(data: &[u8]) -> Hash256 {
    Hash256::from_le_bytes(Sha256::digest(Sha256::digest(data)).into())
}

fn run<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config {
        cases: if cfg!(miri) { 2 } else { cases },
        failure_persistence: None,
        ..Config::default()
    };
    if let Err(error) = TestRunner::new(config).run(strategy, test) {
        panic!("{error}");
    }
}

fn header() -> impl Strategy<Value = [u8; HEADER_LEN]> {
    (any::<[u8; 32]>(), any::<[u8; 32]>(), any::<[u8; 16]>()).prop_map(|(a, b, c)| {
        let mut header = [0; HEADER_LEN];
        header[..32].copy_from_slice(&a);
        header[32..64].copy_from_slice(&b);
        header[64..].copy_from_slice(&c);
        header
    })
}

/// Targets of every difficulty that the hashes of a short scan can tell from one another, and some harder ones.
fn target() -> impl Strategy<Value = Target> {
    (any::<[u64; 4]>(), 0_usize..40, any::<bool>()).prop_map(|(limbs, shift, all_ones)| {
        let number = if all_ones {
            U256::MAX
        } else {
            U256::from_limbs(limbs)
        };
        Target::from_u256(number >> shift)
    })
}

pub(super) fn compression<K: Kernel>(kernel: K) {
    let strategy = (
        any::<State>(),
        prop::collection::vec(any::<[[u8; 32]; 2]>(), 0..5),
    );
    run(200, &strategy, |(state, blocks)| {
        let blocks: Vec<[u8; 64]> = blocks
            .iter()
            .map(|halves| std::array::from_fn(|i| halves[i / 32][i % 32]))
            .collect();
        let (mut ours, mut expected) = (state, state);
        kernel.compress()(&mut ours, &blocks);
        Soft.compress()(&mut expected, &blocks);
        prop_assert_eq!(ours, expected);
        Ok(())
    });
    run(200, &prop::collection::vec(any::<u8>(), 0..300), |data| {
        prop_assert_eq!(
            sha256(kernel.compress(), &data),
            <[u8; 32]>::from(Sha256::digest(&data))
        );
        Ok(())
    });
}

pub(super) fn search<K: Kernel>(kernel: K) {
    let first = prop_oneof![any::<u32>(), Just(0), Just(u32::MAX)].prop_map(|nonce| nonce / 32 * 32);
    let strategy = (any::<State>(), any::<[u8; 16]>(), target(), first);
    run(60, &strategy, |(midstate, mut tail, target, first)| {
        let job = Job::new(midstate, &tail, &target);
        let mut marks = vec![0x5555_5555; K::SPAN / 32];
        kernel.search(&job, first, &mut marks);
        for i in 0..K::SPAN {
            tail[12..].copy_from_slice(&first.wrapping_add(i as u32).to_le_bytes());
            let digest = finish(Soft.compress(), midstate, &tail, HEADER_LEN);
            let hash = sha256(Soft.compress(), &digest);
            let top = u32::from_le_bytes([hash[28], hash[29], hash[30], hash[31]]);
            let limit = (target.to_u256() >> 224_usize).to::<u32>();
            prop_assert_eq!(
                marks[i / 32] >> (i % 32) & 1 == 1,
                top <= limit,
                "nonce {} + {}",
                first,
                i
            );
        }
        Ok(())
    });
}

pub(super) fn batches<K: Kernel>(mut kernel: K) {
    for len in (0..70).chain([200]) {
        let blobs: Vec<Vec<u8>> = (0..len)
            .map(|i| {
                // Here and there a blob that is no header.
                let size = if len > 40 && i % 19 == 7 { i } else { HEADER_LEN };
                (0..size).map(|at| (at * 31 + i * 17) as u8).collect()
            })
            .collect();
        let inputs: Vec<_> = blobs
            .iter()
            .map(|blob| PowInput {
                blob,
                nonce: 0,
                height: 0,
            })
            .collect();
        let mut out = vec![PowHash::default(); len];
        kernel.hash_batch(&inputs, &mut out);
        for (i, (blob, pow)) in blobs.iter().zip(&out).enumerate() {
            assert_eq!((pow.hash, pow.mix), (double_sha2(blob), None), "{i} of {len}");
        }
    }
}

fn scan<K: Kernel>(
    mut kernel: K,
    work: &ScanWork<'_>,
    nonces: Range<u64>,
    room: usize,
) -> (u64, Vec<(u64, Hash256)>) {
    let mut hits = Hits::with_capacity(room);
    let done = kernel.scan(work, nonces, &mut hits);
    (done, hits.drain().map(|hit| (hit.nonce, hit.pow.hash)).collect())
}

pub(super) fn scans<K: Kernel>(kernel: K) {
    let start = prop_oneof![
        any::<u32>().prop_map(u64::from),
        (1_u64 << 32) - 700..(1 << 32) + 10
    ];
    let strategy = (header(), target(), start, 0_u64..1500, 1_usize..40);
    run(60, &strategy, |(mut header, target, start, len, room)| {
        let blob = header;
        let work = ScanWork {
            blob: &blob,
            height: 0,
            target,
            stop: None,
        };
        let (mut expected, mut done) = (Vec::new(), 0);
        for nonce in start..(start + len).min(1 << 32) {
            header[76..].copy_from_slice(&(nonce as u32).to_le_bytes());
            let hash = double_sha2(&header);
            done += 1;
            if target.is_met_by(&hash) {
                expected.push((nonce, hash));
                if expected.len() == room {
                    break;
                }
            }
        }
        prop_assert_eq!(scan(kernel, &work, start..start + len, room), (done, expected));
        Ok(())
    });
}

pub(super) fn ends<K: Kernel>(mut kernel: K) {
    let stop = AtomicBool::new(false);
    for blob in [&[0; 79][..], &[0; 81], &[0; 64], &[]] {
        let work = ScanWork {
            blob,
            height: 0,
            target: Target::MAX,
            stop: None,
        };
        assert_eq!(scan(kernel, &work, 0..10, 1), (0, vec![]));
    }
    let blob = [7; HEADER_LEN];
    let work = ScanWork {
        blob: &blob,
        height: 0,
        target: Target::MAX,
        stop: Some(&stop),
    };
    assert_eq!(scan(kernel, &work, 5..5, 1).0, 0);
    let past = 1 << 32;
    assert_eq!(scan(kernel, &work, past..past + 5, 1).0, 0);
    assert_eq!(scan(kernel, &work, past - 3..past + 5, 9).0, 3);
    let (done, hits) = scan(kernel, &work, 5..3000, 2000);
    assert_eq!((done, hits.len(), hits[1999].0), (2000, 2000, 2004));

    // A full list takes nothing.
    let mut full = Hits::with_capacity(1);
    assert_eq!(kernel.scan(&work, 0..10, &mut full), 1);
    assert_eq!(kernel.scan(&work, 1..10, &mut full), 0);

    let hard = Target::from_u256(U256::ZERO);
    let work = ScanWork { target: hard, ..work };
    stop.store(true, Ordering::Relaxed);
    for target in [Target::MAX, hard] {
        let work = ScanWork { target, ..work };
        assert_eq!(scan(kernel, &work, 0..10_000, 1), (0, vec![]));
    }
}
