//! The headers of one job, each with all its nonces.

use otedama_hash::Hash256;

use super::{HeaderPart, Part, WorkUnit};
use crate::job::{Extranonce2, HeaderWork};

/// Nonces that one header has.
const NONCES: u64 = 1 << 32;

/// How far the headers of a job have been handed out. Every call gets the same work.
#[derive(Clone, Debug)]
pub(super) struct HeaderCursor {
    /// What the current extranonce2 makes; `None` when all work has been handed out.
    root: Option<(Extranonce2, Hash256)>,
    extranonce2_count: u128,
    /// Bits of the mask in which the version differs from the job's.
    rolled: u32,
    next_nonce: u64,
}

impl HeaderCursor {
    pub(super) fn new(work: &HeaderWork) -> Self {
        let mut cursor = Self {
            root: None,
            extranonce2_count: 0,
            rolled: 0,
            next_nonce: 0,
        };
        cursor.enter_extranonce2(work, 0);
        cursor
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.root.is_none()
    }

    pub(super) fn next_unit(&mut self, work: &HeaderWork, max_nonces: u64) -> Option<WorkUnit> {
        let (extranonce2, root) = self.root.as_ref()?;
        let version = work.version ^ self.rolled;
        let mask = work.version_mask;
        let end = self.next_nonce.saturating_add(max_nonces).min(NONCES);
        let unit = WorkUnit {
            nonces: self.next_nonce..end,
            part: Part::Header(HeaderPart {
                header: work.header(root, version),
                extranonce2: *extranonce2,
                ntime: work.ntime,
                version_bits: (mask != 0).then_some(version & mask),
            }),
        };
        self.next_nonce = end;
        if end == NONCES {
            self.next_header(work);
        }
        Some(unit)
    }

    fn next_header(&mut self, work: &HeaderWork) {
        self.next_nonce = 0;
        // Subtracting the mask from a subset of it counts through all subsets and comes back to none.
        self.rolled = self.rolled.wrapping_sub(work.version_mask) & work.version_mask;
        if self.rolled == 0 {
            match self.extranonce2_count.checked_add(1) {
                Some(count) => self.enter_extranonce2(work, count),
                None => self.root = None,
            }
        }
    }

    fn enter_extranonce2(&mut self, work: &HeaderWork, count: u128) {
        self.extranonce2_count = count;
        self.root = Extranonce2::from_count(count, work.extranonce2_len)
            .map(|extranonce2| (extranonce2, work.merkle_root(extranonce2.as_bytes())));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use otedama_hash::backend::NONCE_OFFSET;
    use otedama_hash::sha256d::Soft;
    use otedama_hash::sha256d::sha256d;
    use otedama_hash::{NonceRange, Target};
    use proptest::prelude::*;

    use super::*;
    use crate::job::{JobDescription, JobError, MAX_EXTRANONCE2_LEN, WorkDescription};
    use crate::scheduler::WorkSource;

    fn job(extranonce2_len: usize, version_mask: u32) -> HeaderWork {
        HeaderWork {
            coinbase1: vec![1; 60],
            coinbase2: vec![2; 90],
            extranonce1: vec![3; 4],
            extranonce2_len,
            merkle_branch: vec![Hash256::from_le_bytes([4; 32]), Hash256::from_le_bytes([5; 32])],
            version: 0x2000_4004,
            version_mask,
            prev_hash: Hash256::from_le_bytes([6; 32]),
            bits: 0x207f_ffff,
            ntime: 1_700_000_000,
        }
    }

    fn described(id: u64, work: HeaderWork) -> Arc<JobDescription> {
        Arc::new(JobDescription {
            id,
            target: Target::MAX,
            work: WorkDescription::Headers(work),
        })
    }

    fn source(work: HeaderWork) -> WorkSource {
        WorkSource::new(described(1, work), Arc::new(Soft), 0).unwrap()
    }

    /// The next unit, taken apart.
    fn next(source: &mut WorkSource, max_nonces: u64) -> Option<(HeaderPart, NonceRange)> {
        let unit = source.next_unit(max_nonces)?;
        let Part::Header(part) = unit.part else {
            panic!("a unit of another kind: {unit:?}");
        };
        Some((part, unit.nonces))
    }

    /// The header as a pool that only sees a submission would build it.
    fn header_of(job: &HeaderWork, unit: &HeaderPart) -> Vec<u8> {
        let mut coinbase = job.coinbase1.clone();
        coinbase.extend(&job.extranonce1);
        coinbase.extend(unit.extranonce2.as_bytes());
        coinbase.extend(&job.coinbase2);
        let mut root = sha256d(&coinbase).to_le_bytes().to_vec();
        for sibling in &job.merkle_branch {
            root.extend(sibling.to_le_bytes());
            root = sha256d(&root).to_le_bytes().to_vec();
        }
        // BIP 310: (job version AND NOT mask) OR (submitted bits AND mask).
        let bits = unit.version_bits.unwrap_or(0);
        let version = (job.version & !job.version_mask) | (bits & job.version_mask);
        let mut header = version.to_le_bytes().to_vec();
        header.extend(job.prev_hash.to_le_bytes());
        header.extend(root);
        header.extend(unit.ntime.to_le_bytes());
        header.extend(job.bits.to_le_bytes());
        header.extend([0; 4]);
        header
    }

    #[test]
    fn nonces_then_version_bits_then_extranonce2() {
        let mut source = source(job(1, 0x0000_6000));
        let mut order = Vec::new();
        for _ in 0..10 {
            let (unit, nonces) = next(&mut source, 1 << 31).unwrap();
            order.push((
                unit.extranonce2.as_bytes()[0],
                unit.version_bits.unwrap(),
                nonces.start,
            ));
        }
        let half = 1 << 31;
        // The job's own version bits come first.
        let expected = [
            (0, 0x4000, 0),
            (0, 0x4000, half),
            (0, 0x6000, 0),
            (0, 0x6000, half),
            (0, 0x0000, 0),
            (0, 0x0000, half),
            (0, 0x2000, 0),
            (0, 0x2000, half),
            (1, 0x4000, 0),
            (1, 0x4000, half),
        ];
        assert_eq!(order, expected);
    }

    #[test]
    fn without_anything_to_roll_a_job_has_one_header() {
        let mut source = source(job(0, 0));
        let (unit, nonces) = next(&mut source, u64::MAX).unwrap();
        assert_eq!((nonces, unit.version_bits), (0..1 << 32, None));
        assert!(source.is_exhausted());
        assert_eq!(source.next_unit(1), None);
        assert_eq!(source.next_unit(1), None);
    }

    #[test]
    fn a_limit_of_no_nonces_still_makes_progress() {
        let mut source = source(job(4, 0));
        assert_eq!(source.next_unit(0).unwrap().nonces, 0..1);
        assert_eq!(source.next_unit(0).unwrap().nonces, 1..2);
    }

    #[test]
    fn the_longest_extranonce2_ends_without_wrapping() {
        let work = job(MAX_EXTRANONCE2_LEN, 0);
        let mut cursor = HeaderCursor::new(&work);
        cursor.enter_extranonce2(&work, u128::MAX);
        let unit = cursor.next_unit(&work, u64::MAX).unwrap();
        assert!(matches!(unit.part, Part::Header(part) if part.extranonce2.as_bytes() == [0xff; 16]));
        assert!(cursor.is_at_end());
        assert_eq!(cursor.next_unit(&work, u64::MAX), None);
    }

    #[test]
    fn a_job_that_only_changes_its_target_goes_on() {
        let mut source = source(job(4, 0));
        let first = next(&mut source, 100).unwrap();
        let easier = Arc::new(JobDescription {
            target: Target::from_compact(0x1d00_ffff).unwrap(),
            ..(*described(2, job(4, 0))).clone()
        });
        source.switch_to(Arc::clone(&easier)).unwrap();
        assert!(Arc::ptr_eq(source.job(), &easier));
        let second = next(&mut source, 100).unwrap();
        assert_eq!((first.1, second.1), (0..100, 100..200));
        assert_eq!(first.0, second.0);

        let changes: [fn(&mut HeaderWork); 10] = [
            |w| w.coinbase1.push(0),
            |w| w.coinbase2.push(0),
            |w| w.extranonce1.push(0),
            |w| w.extranonce2_len += 1,
            |w| w.merkle_branch.push(Hash256::ZERO),
            |w| w.version += 1,
            |w| w.version_mask += 1,
            |w| w.prev_hash = Hash256::ZERO,
            |w| w.bits += 1,
            |w| w.ntime += 1,
        ];
        let mut work = job(4, 0);
        let unchanged = described(5, work.clone());
        for change in &changes[..4] {
            let mut other = work.clone();
            change(&mut other);
            source.switch_to(described(3, other)).unwrap();
        }
        source.switch_to(unchanged).unwrap();
        assert_eq!(
            source.next_unit(100).unwrap().nonces,
            200..300,
            "as if nothing had been"
        );
        for change in changes {
            change(&mut work);
            source.switch_to(described(3, work.clone())).unwrap();
            assert_eq!(source.next_unit(100).unwrap().nonces, 0..100, "{work:?}");
        }
        let refused = source.switch_to(described(4, job(17, 0)));
        assert_eq!(refused, Err(JobError::Extranonce2TooLong { len: 17 }));
        assert_eq!(source.next_unit(100).unwrap().nonces, 100..200);
    }

    fn mask() -> impl Strategy<Value = u32> {
        prop::collection::vec(0..32_u32, 0..4)
            .prop_map(|bits| bits.into_iter().fold(0, |m, bit| m | 1 << bit))
    }

    proptest! {
        #[test]
        fn no_work_is_handed_out_twice(
            extranonce2_len in 0..=8_usize,
            mask in mask(),
            limits in prop::collection::vec((1_u64 << 27)..(1 << 33), 1..200),
        ) {
            let job = job(extranonce2_len, mask);
            let mut source = source(job.clone());
            let mut ends = BTreeMap::new();
            let mut keys = BTreeSet::new();
            for limit in limits {
                let Some((unit, nonces)) = next(&mut source, limit) else { break };
                prop_assert_eq!(unit.header.as_slice(), header_of(&job, &unit));
                prop_assert_eq!(&unit.header[NONCE_OFFSET..], [0; 4]);
                prop_assert_eq!(unit.extranonce2.as_bytes().len(), extranonce2_len);
                prop_assert_eq!(unit.version_bits.is_some(), mask != 0);
                prop_assert_eq!(unit.version_bits.unwrap_or(0) & !mask, 0);
                // Ranges of one header follow one another without a gap.
                let start = ends.insert(unit.header, nonces.end).unwrap_or(0);
                prop_assert_eq!(nonces.start, start);
                prop_assert!(nonces.start < nonces.end && nonces.end <= 1 << 32);
                prop_assert!(nonces.end - nonces.start <= limit);
                // What a pool tells submissions apart by is as unique as the header.
                prop_assert!(keys.insert((unit.extranonce2, unit.version_bits, nonces.start)));
            }
        }

        #[test]
        fn all_work_is_handed_out(
            extranonce2_len in 0..=1_usize,
            mask in mask(),
            limit in (1_u64 << 30)..(1 << 33),
        ) {
            let mut source = source(job(extranonce2_len, mask));
            let mut counts = BTreeMap::new();
            while let Some((unit, nonces)) = next(&mut source, limit) {
                *counts.entry(unit.header).or_insert(0) += nonces.end - nonces.start;
            }
            prop_assert!(source.is_exhausted());
            let headers = (1_usize << (8 * extranonce2_len)) << mask.count_ones();
            prop_assert_eq!(counts.len(), headers);
            prop_assert!(counts.values().all(|&count| count == 1 << 32));
        }
    }
}
