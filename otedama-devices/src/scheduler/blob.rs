//! The nonces of one blob.

use otedama_hash::NonceRange;

/// Stretches of nonces that are remembered under one blob. The one that grew last is forgotten last.
const MAX_DONE: usize = 64;

/// How far the nonces of a blob have been handed out.
#[derive(Clone, Debug)]
pub(super) struct BlobCursor {
    range: NonceRange,
    /// Where the search goes on; at the end of the range it goes on from its start.
    next: u64,
    /// What was handed out, of this range and of earlier ones. None of them touches another one.
    done: Vec<NonceRange>,
}

impl BlobCursor {
    /// All of `range`, which is not empty, from the nonce on that `seed` chooses.
    pub(super) fn new(range: NonceRange, seed: u64) -> Self {
        Self {
            next: first(&range, seed),
            range,
            done: Vec::new(),
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest().is_none()
    }

    /// The next so many nonces, or fewer; never none.
    pub(super) fn next_range(&mut self, max_nonces: u64) -> Option<NonceRange> {
        let free = self.rest()?;
        let range = free.start..free.start.saturating_add(max_nonces).min(free.end);
        self.next = range.end;
        self.remember(range.clone());
        Some(range)
    }

    /// Goes over to another range under the same blob.
    pub(super) fn move_to(&mut self, range: &NonceRange, seed: u64) {
        if self.range != *range {
            self.range = range.clone();
            self.next = first(range, seed);
        }
    }

    /// The nonces that come next, up to some that were handed out.
    fn rest(&self) -> Option<NonceRange> {
        self.free(self.next..self.range.end)
            .or_else(|| self.free(self.range.start..self.next))
    }

    /// The first stretch within `range` that was not handed out.
    fn free(&self, range: NonceRange) -> Option<NonceRange> {
        let mut start = range.start;
        while let Some(done) = self.done.iter().find(|done| done.contains(&start)) {
            start = done.end;
        }
        let behind = self.done.iter().map(|done| done.start).filter(|at| *at > start);
        let end = behind.min().map_or(range.end, |at| at.min(range.end));
        (start < end).then_some(start..end)
    }

    fn remember(&mut self, mut range: NonceRange) {
        let (start, end) = (range.start, range.end);
        let touches = |done: &mut NonceRange| done.start <= end && start <= done.end;
        for done in self.done.extract_if(.., touches) {
            range = range.start.min(done.start)..range.end.max(done.end);
        }
        if self.done.len() == MAX_DONE {
            self.done.remove(0);
        }
        self.done.push(range);
    }
}

/// The nonce to begin `range` with.
fn first(range: &NonceRange, seed: u64) -> u64 {
    let len = range.end.saturating_sub(range.start).max(1);
    range.start + seed % len
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use otedama_hash::{Algorithm, EpochInput, HashBackend, Registry, Target};
    use proptest::prelude::*;

    use crate::driver::Answer;
    use crate::job::{BlobWork, JobDescription, JobError, WorkDescription};
    use crate::scheduler::{Part, WorkSource};

    use super::*;

    fn job(byte: u8, nonces: NonceRange) -> Arc<JobDescription> {
        Arc::new(JobDescription {
            id: 1,
            target: Target::MAX,
            work: WorkDescription::Blob(BlobWork {
                blob: vec![byte; 32],
                nonces,
                epoch: EpochInput::default(),
                next_seed: None,
            }),
        })
    }

    fn backend(algorithm: Algorithm) -> Option<Arc<dyn HashBackend>> {
        Registry::with_builtin().get(algorithm).cloned()
    }

    fn source(nonces: NonceRange) -> WorkSource {
        seeded(nonces, 0)
    }

    fn seeded(nonces: NonceRange, seed: u64) -> WorkSource {
        WorkSource::new(job(1, nonces), backend(Algorithm::ETHASH).unwrap(), seed).unwrap()
    }

    /// All that is left, in steps of `max_nonces`.
    fn rest(source: &mut WorkSource, max_nonces: u64) -> Vec<NonceRange> {
        std::iter::from_fn(|| source.next_unit(max_nonces).map(|unit| unit.nonces)).collect()
    }

    #[test]
    fn nonces_come_in_order_up_to_the_last() {
        let mut source = source(10..15);
        let unit = source.next_unit(2).unwrap();
        assert_eq!((unit.nonces.clone(), &unit.part), (10..12, &Part::Blob));
        assert_eq!(unit.blob(source.job()), [1; 32]);
        assert_eq!((unit.answer(9), unit.answer(12)), (None, None));
        assert!(!source.is_exhausted());
        assert_eq!(rest(&mut source, 0), [12..13, 13..14, 14..15]);
        assert!(source.is_exhausted());
        assert_eq!(source.next_unit(1), None);
    }

    #[test]
    fn the_highest_nonces_do_not_wrap() {
        let last = u64::MAX;
        let mut source = source(last - 3..last);
        assert_eq!(rest(&mut source, 2), [last - 3..last - 1, last - 1..last]);
        assert_eq!(source.next_unit(u64::MAX), None);
    }

    #[test]
    fn another_blob_begins_anew_and_a_bad_one_changes_nothing() {
        let mut source = source(0..100);
        source.next_unit(60).unwrap();
        source.switch_to(job(2, 0..100)).unwrap();
        assert_eq!(source.next_unit(60).unwrap().nonces, 0..60);
        let refused = source.switch_to(job(1, 5..5));
        assert_eq!(refused, Err(JobError::NoNonces { start: 5, end: 5 }));
        assert_eq!(source.next_unit(60).unwrap().nonces, 60..100);
    }

    #[test]
    fn the_same_blob_with_other_nonces_leaves_out_what_was_done() {
        let mut source = source(0..100);
        source.next_unit(60).unwrap();
        source.switch_to(job(1, 50..70)).unwrap();
        assert_eq!(source.next_unit(4).unwrap().nonces, 60..64);
        source.switch_to(job(1, 40..100)).unwrap();
        assert_eq!(rest(&mut source, 10), [64..74, 74..84, 84..94, 94..100]);
        source.switch_to(job(1, 0..102)).unwrap();
        assert_eq!(rest(&mut source, 1), [100..101, 101..102]);
        source.switch_to(job(1, 0..100)).unwrap();
        assert!(source.is_exhausted());
    }

    #[test]
    fn miners_with_other_seeds_begin_elsewhere() {
        let all = 0..u64::MAX;
        let first = |seed| seeded(all.clone(), seed).next_unit(1 << 40).unwrap().nonces.start;
        assert_eq!([0, 7, 1 << 63].map(first), [0, 7, 1 << 63]);
        // Within what the pool left free.
        let free = 0xab00_u64..0xac00;
        assert_eq!(
            seeded(free, 0x0077_1234).next_unit(1).unwrap().nonces.start,
            0xab34
        );
    }

    #[test]
    fn what_lies_before_the_first_nonce_comes_last() {
        let mut source = seeded(10..20, 17);
        assert_eq!(rest(&mut source, 4), [17..20, 10..14, 14..17]);
        assert!(source.is_exhausted());
    }

    #[test]
    fn a_job_that_comes_back_goes_on() {
        let mut source = source(0..100);
        source.next_unit(10).unwrap();
        for byte in 2..=9 {
            source.switch_to(job(byte, 0..100)).unwrap();
            assert_eq!(
                source.next_unit(u64::from(byte)).unwrap().nonces.start,
                0,
                "{byte}"
            );
        }
        source.switch_to(job(1, 0..100)).unwrap();
        assert_eq!(source.next_unit(10).unwrap().nonces, 10..20);
        // Its place went to the one that was left.
        source.switch_to(job(2, 0..100)).unwrap();
        assert_eq!(source.next_unit(10).unwrap().nonces, 2..12);
        source.switch_to(job(1, 15..30)).unwrap();
        assert_eq!(source.next_unit(10).unwrap().nonces, 20..30);
    }

    #[test]
    fn ranges_that_touch_take_one_place() {
        let mut cursor = BlobCursor::new(0..1, 0);
        for at in 0..1000 {
            let range = at..at + 1;
            cursor.move_to(&range, 0);
            assert_eq!(cursor.next_range(1), Some(range));
        }
        assert_eq!(cursor.done.len(), 1);
        cursor.move_to(&(0..1000), 0);
        assert!(cursor.is_at_end());
    }

    #[test]
    fn so_many_ranges_are_remembered_and_no_more() {
        let mut cursor = BlobCursor::new(0..1, 0);
        for at in 0..1000 {
            let range = 2 * at..2 * at + 1;
            cursor.move_to(&range, 0);
            assert_eq!(cursor.next_range(1), Some(range));
            assert!(cursor.done.len() <= MAX_DONE);
        }
        let kept = (0..1000).filter(|at| {
            cursor.move_to(&(2 * at..2 * at + 1), 0);
            cursor.is_at_end()
        });
        assert_eq!(kept.count(), MAX_DONE);
    }

    proptest! {
        #[test]
        fn no_nonce_is_handed_out_twice(
            jobs in prop::collection::vec((0..80_u64, 1..80_u64, prop::collection::vec(0..9_u64, 0..20)), 1..12),
            // Near the end of all nonces, too.
            base in prop_oneof![Just(0), Just(1 << 40), Just(u64::MAX - 160)],
            seed: u64,
        ) {
            let mut done = [false; 160];
            let mut source = seeded(base..base + 1, seed);
            for (start, len, limits) in jobs {
                let range = base + start..base + start + len;
                source.switch_to(job(1, range.clone())).unwrap();
                for limit in limits {
                    let Some(unit) = source.next_unit(limit) else {
                        let all = &done[start as usize..(start + len) as usize];
                        prop_assert!(source.is_exhausted() && all.iter().all(|done| *done));
                        break;
                    };
                    let nonces = unit.nonces;
                    prop_assert!(nonces.start < nonces.end && nonces.end - nonces.start <= limit.max(1));
                    prop_assert!(range.start <= nonces.start && nonces.end <= range.end);
                    for nonce in nonces {
                        let place = &mut done[(nonce - base) as usize];
                        prop_assert!(!*place, "{nonce} twice");
                        *place = true;
                    }
                }
            }
        }

        #[test]
        fn whatever_a_pool_sends_is_refused_or_is_work(
            algorithm in prop::sample::select(vec![
                Algorithm::SHA256D,
                Algorithm::RANDOMX,
                Algorithm::ETHASH,
                Algorithm::KAWPOW,
            ]),
            blob in prop_oneof![Just(vec![1; 32]), Just(vec![1; 80]), prop::collection::vec(any::<u8>(), 0..500)],
            start in prop_oneof![0..10_u64, any::<u64>()],
            len in prop_oneof![0..10_u64, any::<u64>()],
        ) {
            let nonces = start..start.wrapping_add(len);
            let job = Arc::new(JobDescription {
                id: 1,
                target: Target::MAX,
                work: WorkDescription::Blob(BlobWork {
                    blob: blob.clone(),
                    nonces: nonces.clone(),
                    epoch: EpochInput::default(),
                    next_seed: None,
                }),
            });
            let Some(backend) = backend(algorithm) else {
                return Ok(());
            };
            let layout = backend.layout();
            match WorkSource::new(Arc::clone(&job), Arc::clone(&backend), 0) {
                Err(error) => prop_assert_eq!(job.check(&*backend), Err(error)),
                Ok(mut source) => {
                    let unit = source.next_unit(u64::MAX).unwrap();
                    prop_assert_eq!(&unit.nonces, &nonces);
                    let nonce = nonces.end - 1;
                    prop_assert_eq!(unit.answer(nonce), Some(Answer::Blob { nonce }));
                    let with = unit.blob_with(&job, layout, nonce);
                    prop_assert_eq!(with.len(), blob.len());
                    prop_assert!(blob.iter().zip(&with).filter(|(a, b)| a != b).count() <= 4);
                    prop_assert!(source.is_exhausted());
                }
            }
        }

        #[test]
        fn every_nonce_is_handed_out_once(
            start in any::<u64>(),
            len in 1..(1_u64 << 40),
            limit in (1_u64 << 33)..(1 << 41),
            seed: u64,
        ) {
            let range = start..start.saturating_add(len);
            prop_assume!(!range.is_empty());
            let mut source = seeded(range.clone(), seed);
            let mut units = rest(&mut source, limit);
            units.sort_by_key(|unit| unit.start);
            prop_assert_eq!(units[0].start, range.start);
            prop_assert_eq!(units[units.len() - 1].end, range.end);
            prop_assert!(units.windows(2).all(|pair| pair[0].end == pair[1].start));
            prop_assert!(units.iter().all(|unit| unit.start < unit.end && unit.end - unit.start <= limit));
        }
    }
}
