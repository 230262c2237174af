//! Splitting a job into units of work, none of which is handed out twice.

use std::sync::Arc;

use otedama_hash::backend::HEADER_LEN;
use otedama_hash::{Hash256, NonceRange};

use crate::job::{Extranonce2, JobDescription, JobError};

/// Nonces that one header has.
const NONCES: u64 = 1 << 32;

/// A range of nonces under one header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkUnit {
    /// The header; its nonce (little-endian at byte 76) is zero.
    pub header: [u8; HEADER_LEN],
    /// The nonces to try; never empty, ends at 2^32 at most.
    pub nonces: NonceRange,
    /// The miner's part of the extranonce in this header's coinbase.
    pub extranonce2: Extranonce2,
    /// The header's time in Unix seconds.
    pub ntime: u32,
    /// The header's version within the job's version mask, as BIP 310 submits it; `None` where the
    /// mask is zero.
    pub version_bits: Option<u32>,
}

/// Hands out the work of one job in disjoint units: nonce ranges of a header first, then the next
/// combination of version bits, then the next extranonce2.
#[derive(Clone, Debug)]
pub struct WorkSource {
    job: Arc<JobDescription>,
    /// What the current extranonce2 makes; `None` when all work has been handed out.
    root: Option<(Extranonce2, Hash256)>,
    extranonce2_count: u128,
    /// Bits of the mask in which the version differs from the job's.
    rolled: u32,
    next_nonce: u64,
}

impl WorkSource {
    /// All the work of `job`.
    ///
    /// # Errors
    /// When the job's extranonce2 is too long.
    pub fn new(job: Arc<JobDescription>) -> Result<Self, JobError> {
        job.check()?;
        let mut source = Self {
            job,
            root: None,
            extranonce2_count: 0,
            rolled: 0,
            next_nonce: 0,
        };
        source.enter_extranonce2(0);
        Ok(source)
    }

    /// The job that is being handed out.
    pub fn job(&self) -> &Arc<JobDescription> {
        &self.job
    }

    /// Goes over to `job`. When it stands for the same headers as the one before, such as one with
    /// another target, work that was handed out is not handed out again.
    ///
    /// # Errors
    /// When the job's extranonce2 is too long; the source then stays with its job.
    pub fn switch_to(&mut self, job: Arc<JobDescription>) -> Result<(), JobError> {
        if self.job.same_headers(&job) {
            self.job = job;
        } else {
            *self = Self::new(job)?;
        }
        Ok(())
    }

    /// The next unit, of at least one and at most `max_nonces` nonces, or `None` when all work of the
    /// job has been handed out.
    pub fn next_unit(&mut self, max_nonces: u64) -> Option<WorkUnit> {
        let (extranonce2, root) = self.root.as_ref()?;
        let version = self.job.version ^ self.rolled;
        let mask = self.job.version_mask;
        let end = self.next_nonce.saturating_add(max_nonces.max(1)).min(NONCES);
        let unit = WorkUnit {
            header: self.job.header(root, version),
            nonces: self.next_nonce..end,
            extranonce2: *extranonce2,
            ntime: self.job.ntime,
            version_bits: (mask != 0).then_some(version & mask),
        };
        self.next_nonce = end;
        if end == NONCES {
            self.next_header();
        }
        Some(unit)
    }

    fn next_header(&mut self) {
        self.next_nonce = 0;
        // Subtracting the mask from a subset of it counts through all subsets and comes back to none.
        self.rolled = self.rolled.wrapping_sub(self.job.version_mask) & self.job.version_mask;
        if self.rolled == 0 {
            match self.extranonce2_count.checked_add(1) {
                Some(count) => self.enter_extranonce2(count),
                None => self.root = None,
            }
        }
    }

    fn enter_extranonce2(&mut self, count: u128) {
        self.extranonce2_count = count;
        self.root = Extranonce2::from_count(count, self.job.extranonce2_len)
            .map(|extranonce2| (extranonce2, self.job.merkle_root(extranonce2.as_bytes())));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use otedama_hash::Target;
    use otedama_hash::backend::NONCE_OFFSET;
    use otedama_hash::sha256d::sha256d;
    use proptest::prelude::*;

    use super::*;
    use crate::job::MAX_EXTRANONCE2_LEN;

    fn job(extranonce2_len: usize, version_mask: u32) -> JobDescription {
        JobDescription {
            id: 1,
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
            target: Target::MAX,
        }
    }

    fn source(job: JobDescription) -> WorkSource {
        WorkSource::new(Arc::new(job)).unwrap()
    }

    /// The header as a pool that only sees a submission would build it.
    fn header_of(job: &JobDescription, unit: &WorkUnit) -> Vec<u8> {
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
            let unit = source.next_unit(1 << 31).unwrap();
            order.push((
                unit.extranonce2.as_bytes()[0],
                unit.version_bits.unwrap(),
                unit.nonces.start,
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
        let unit = source.next_unit(u64::MAX).unwrap();
        assert_eq!((unit.nonces, unit.version_bits), (0..1 << 32, None));
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
        let mut source = source(job(MAX_EXTRANONCE2_LEN, 0));
        source.enter_extranonce2(u128::MAX);
        assert_eq!(
            source.next_unit(u64::MAX).unwrap().extranonce2.as_bytes(),
            [0xff; 16]
        );
        assert_eq!(source.next_unit(u64::MAX), None);
    }

    #[test]
    fn a_job_that_only_changes_its_target_goes_on() {
        let mut source = source(job(4, 0));
        let first = source.next_unit(100).unwrap();
        let easier = Arc::new(JobDescription {
            id: 2,
            target: Target::from_compact(0x1d00_ffff).unwrap(),
            ..job(4, 0)
        });
        source.switch_to(Arc::clone(&easier)).unwrap();
        assert!(Arc::ptr_eq(source.job(), &easier));
        let second = source.next_unit(100).unwrap();
        assert_eq!((first.nonces, second.nonces), (0..100, 100..200));
        assert_eq!(first.header, second.header);

        source
            .switch_to(Arc::new(JobDescription {
                ntime: 1_700_000_001,
                ..job(4, 0)
            }))
            .unwrap();
        assert_eq!(source.next_unit(100).unwrap().nonces, 0..100);
        let refused = source.switch_to(Arc::new(job(17, 0)));
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
            let mut next = BTreeMap::new();
            let mut keys = BTreeSet::new();
            for limit in limits {
                let Some(unit) = source.next_unit(limit) else { break };
                prop_assert_eq!(unit.header.as_slice(), header_of(&job, &unit));
                prop_assert_eq!(&unit.header[NONCE_OFFSET..], [0; 4]);
                prop_assert_eq!(unit.extranonce2.as_bytes().len(), extranonce2_len);
                prop_assert_eq!(unit.version_bits.is_some(), mask != 0);
                prop_assert_eq!(unit.version_bits.unwrap_or(0) & !mask, 0);
                // Ranges of one header follow one another without a gap.
                let start = next.insert(unit.header, unit.nonces.end).unwrap_or(0);
                prop_assert_eq!(unit.nonces.start, start);
                prop_assert!(unit.nonces.start < unit.nonces.end && unit.nonces.end <= 1 << 32);
                prop_assert!(unit.nonces.end - unit.nonces.start <= limit);
                // What a pool tells submissions apart by is as unique as the header.
                prop_assert!(keys.insert((unit.extranonce2, unit.version_bits, unit.nonces.start)));
            }
        }

        #[test]
        fn all_work_is_handed_out(
            extranonce2_len in 0..=1_usize,
            mask in mask(),
            limit in (1_u64 << 30)..(1 << 33),
        ) {
            let mut source = source(job(extranonce2_len, mask));
            let mut nonces = BTreeMap::new();
            while let Some(unit) = source.next_unit(limit) {
                *nonces.entry(unit.header).or_insert(0) += unit.nonces.end - unit.nonces.start;
            }
            let headers = (1_usize << (8 * extranonce2_len)) << mask.count_ones();
            prop_assert_eq!(nonces.len(), headers);
            prop_assert!(nonces.values().all(|&count| count == 1 << 32));
        }
    }
}
