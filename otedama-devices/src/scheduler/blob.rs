//! The nonces of one blob.

use otedama_hash::NonceRange;

/// Ranges that are remembered when a pool gives a blob again with other nonces. The oldest is forgotten first.
const MAX_LEFT: usize = 16;

/// How far the nonces of a blob have been handed out. Every call gets the same range, until it is moved.
#[derive(Clone, Debug)]
pub(super) struct BlobCursor {
    /// The next nonce that was not handed out, or some number at or after the end of the range.
    next: u64,
    /// What was handed out of other ranges.
    left: Vec<NonceRange>,
}

impl BlobCursor {
    pub(super) fn new(range: &NonceRange) -> Self {
        Self {
            next: range.start,
            left: Vec::new(),
        }
    }

    pub(super) fn is_at_end(&self, range: &NonceRange) -> bool {
        self.next >= range.end
    }

    /// The next so many nonces, or fewer; never none.
    pub(super) fn next_range(&mut self, range: &NonceRange, max_nonces: u64) -> Option<NonceRange> {
        if self.is_at_end(range) {
            return None;
        }
        let start = self.next;
        let full = start.saturating_add(max_nonces).min(range.end);
        let left = self.left.iter().map(|left| left.start).filter(|at| *at > start);
        let end = left.min().map_or(full, |at| full.min(at));
        self.next = end;
        self.skip();
        Some(start..end)
    }

    /// Goes over from one range to another under the same blob.
    pub(super) fn move_to(&mut self, old: &NonceRange, new: &NonceRange) {
        if old == new {
            return;
        }
        let done = old.start..self.next.min(old.end);
        if !done.is_empty() {
            self.left
                .retain(|left| left.start < done.start || left.end > done.end);
            if self.left.len() == MAX_LEFT {
                self.left.remove(0);
            }
            self.left.push(done);
        }
        self.next = new.start;
        self.skip();
    }

    /// Leaves out what was handed out before.
    fn skip(&mut self) {
        while let Some(left) = self.left.iter().find(|left| left.contains(&self.next)) {
            self.next = left.end;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use otedama_hash::{Algorithm, EpochInput, Target};
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

    fn source(nonces: NonceRange) -> WorkSource {
        WorkSource::new(job(1, nonces), Algorithm::ETHASH).unwrap()
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
    fn few_ranges_are_remembered() {
        let mut cursor = BlobCursor::new(&(0..1));
        let mut old = 0..1;
        for at in 0..1000 {
            let new = 2 * at..2 * at + 1;
            cursor.move_to(&old, &new);
            assert_eq!(cursor.next_range(&new, 1), Some(new.clone()));
            assert!(cursor.left.len() <= MAX_LEFT);
            old = new;
        }
    }

    proptest! {
        #[test]
        fn no_nonce_is_handed_out_twice(
            jobs in prop::collection::vec((0..80_u64, 1..80_u64, prop::collection::vec(0..9_u64, 0..20)), 1..12),
            // Near the end of all nonces, too.
            base in prop_oneof![Just(0), Just(1 << 40), Just(u64::MAX - 160)],
        ) {
            let mut done = [false; 160];
            let mut source = source(base..base + 1);
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
                Algorithm::custom("other", 0),
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
            match WorkSource::new(Arc::clone(&job), algorithm) {
                Err(error) => prop_assert_eq!(job.check(algorithm), Err(error)),
                Ok(mut source) => {
                    let unit = source.next_unit(u64::MAX).unwrap();
                    prop_assert_eq!(&unit.nonces, &nonces);
                    let nonce = nonces.end - 1;
                    prop_assert_eq!(unit.answer(nonce), Some(Answer::Blob { nonce }));
                    let with = unit.blob_with(&job, algorithm, nonce);
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
        ) {
            let range = start..start.saturating_add(len);
            prop_assume!(!range.is_empty());
            let mut source = source(range.clone());
            let units = rest(&mut source, limit);
            prop_assert_eq!(units[0].start, range.start);
            prop_assert_eq!(units[units.len() - 1].end, range.end);
            prop_assert!(units.windows(2).all(|pair| pair[0].end == pair[1].start));
            prop_assert!(units.iter().all(|unit| unit.start < unit.end && unit.end - unit.start <= limit));
        }
    }
}
