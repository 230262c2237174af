//! Ethash and Etchash behind the crate's traits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::cache::LightCache;
use super::dataset::Dataset;
use super::hashimoto::{Batch, Source, claimed};
use super::kernel::Kernel;
use super::modulus::Modulus;
use super::schedule::{Epoch, Schedule};
use super::sizes::{CACHE, DATASET};
use crate::layout::BlobLayout;
use crate::memory::MemoryReport;
use crate::primitives::{Hash256, Target};
use crate::{
    Algorithm, EpochInput, EpochKey, HashBackend, Hasher, Hit, Hits, MemoryPlan, NonceRange, PowHash,
    PowInput, PrepareError, Prepared, ScanWork, Setup,
};

/// One kernel on one schedule.
pub(crate) struct Ethash {
    pub(crate) algorithm: Algorithm,
    pub(crate) schedule: Schedule,
    pub(crate) kernel: Kernel,
}

/// Numbers of items in an epoch.
#[derive(Clone, Copy)]
struct Sizes {
    cache_items: u32,
    pages: u32,
}

impl Ethash {
    fn unknown(&self, reason: &'static str) -> PrepareError {
        PrepareError::UnknownEpoch {
            algorithm: self.algorithm,
            reason,
        }
    }

    fn epoch_of(&self, key: EpochKey) -> Result<Epoch, PrepareError> {
        let reason = "the seed hash is none that an epoch starts from";
        self.schedule.of_seed(&key.0).ok_or(self.unknown(reason))
    }

    fn sizes(&self, epoch: Epoch) -> Result<Sizes, PrepareError> {
        let cache_items = CACHE.items(epoch.number);
        let pages = DATASET.items(epoch.number);
        cache_items
            .zip(pages)
            .map(|(cache_items, pages)| Sizes { cache_items, pages })
            .ok_or(self.unknown("its dataset has too many items"))
    }

    fn full(&self, sizes: Sizes, key: EpochKey, setup: &Setup<'_>) -> Result<Source, PrepareError> {
        // First, so that a lack of memory shows before the work.
        let mut dataset = Dataset::allocate(self.algorithm, sizes.pages, setup)?;
        let cache = LightCache::build(self.algorithm, sizes.cache_items, &key.0, &self.kernel, setup)?;
        dataset.fill(self.algorithm, &cache, &self.kernel, setup)?;
        Ok(Source::Full(Arc::new(dataset)))
    }
}

impl Sizes {
    fn bytes(self, plan: MemoryPlan) -> u64 {
        let cache = CACHE.bytes(self.cache_items);
        match plan {
            MemoryPlan::Light => cache,
            // The cache goes once the dataset is there.
            MemoryPlan::Full => cache + DATASET.bytes(self.pages),
        }
    }
}

impl HashBackend for Ethash {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn name(&self) -> &'static str {
        self.kernel.name
    }

    fn scan_len(&self, plan: MemoryPlan) -> u64 {
        match plan {
            MemoryPlan::Light => 64,
            MemoryPlan::Full => 8192,
        }
    }

    fn layout(&self) -> BlobLayout {
        BlobLayout::HEADER_HASH
    }

    /// A seed hash, where there is one, counts more than the height: not every dialect tells both.
    fn epoch(&self, at: EpochInput) -> Result<EpochKey, PrepareError> {
        if let Some(seed) = at.seed {
            let key = EpochKey(seed);
            return self.epoch_of(key).map(|_| key);
        }
        let epoch = self.schedule.at_height(at.height);
        epoch
            .map(|epoch| EpochKey(epoch.seed()))
            .ok_or(self.unknown("the height is beyond all that are supported"))
    }

    fn upcoming(&self, at: EpochInput) -> Option<EpochInput> {
        let epoch = match at.seed {
            Some(seed) => self.schedule.of_seed(&seed)?,
            None => self.schedule.at_height(at.height)?,
        };
        Some(EpochInput {
            height: self.schedule.end(epoch),
            seed: None,
        })
    }

    fn memory(&self, key: EpochKey, plan: MemoryPlan) -> Result<u64, PrepareError> {
        Ok(self.sizes(self.epoch_of(key)?)?.bytes(plan))
    }

    fn prepare(&self, key: EpochKey, setup: &Setup<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        let sizes = self.sizes(self.epoch_of(key)?)?;
        setup.check_limit(self.algorithm, sizes.bytes(setup.memory))?;
        let source = match setup.memory {
            MemoryPlan::Light => {
                let cache =
                    LightCache::build(self.algorithm, sizes.cache_items, &key.0, &self.kernel, setup)?;
                Source::Light(Arc::new(cache))
            }
            MemoryPlan::Full => self.full(sizes, key, setup)?,
        };
        Ok(Arc::new(Ready {
            kernel: self.kernel,
            page_count: Modulus::new(sizes.pages),
            source,
        }))
    }

    fn claimed(&self, input: &PowInput<'_>, mix: &[u8; 32]) -> Option<Hash256> {
        Some(claimed(input.blob, input.nonce, mix))
    }
}

/// A cache or a dataset that hashers share.
struct Ready {
    kernel: Kernel,
    page_count: Modulus,
    source: Source,
}

impl Prepared for Ready {
    fn hasher(&self) -> Result<Box<dyn Hasher>, PrepareError> {
        Ok(Box::new(EthashHasher::new(
            self.kernel,
            self.page_count,
            self.source.clone(),
        )))
    }

    fn plan(&self) -> MemoryPlan {
        match self.source {
            Source::Light(_) => MemoryPlan::Light,
            Source::Full(_) => MemoryPlan::Full,
        }
    }

    fn memory(&self) -> MemoryReport {
        let (nodes, pages) = match &self.source {
            Source::Light(cache) => (cache.nodes(), cache.pages()),
            Source::Full(dataset) => (dataset.items(), dataset.pages()),
        };
        MemoryReport {
            bytes: size_of_val(nodes) as u64,
            pages,
        }
    }
}

/// One thread's hasher.
pub(crate) struct EthashHasher {
    kernel: Kernel,
    page_count: Modulus,
    source: Source,
    batch: Batch,
}

impl EthashHasher {
    pub(crate) fn new(kernel: Kernel, page_count: Modulus, source: Source) -> Self {
        Self {
            kernel,
            page_count,
            batch: Batch::new(source.lanes()),
            source,
        }
    }

    fn compute(&mut self, inputs: &[(&[u8], u64)]) {
        self.batch.start(&self.kernel, inputs);
        self.batch
            .run(&self.kernel, &self.source, self.page_count, inputs.len());
    }
}

impl Hasher for EthashHasher {
    fn hash_batch(&mut self, inputs: &[PowInput<'_>], out: &mut [PowHash]) {
        // Parts of equal length: a last part of a few hashes would take nearly as long as a full one.
        let parts = inputs.len().div_ceil(self.source.lanes()).max(1);
        let len = inputs.len().div_ceil(parts).max(1);
        for (inputs, out) in inputs.chunks(len).zip(out.chunks_mut(len)) {
            let inputs: Vec<_> = inputs.iter().map(|input| (input.blob, input.nonce)).collect();
            self.compute(&inputs);
            for (i, out) in out.iter_mut().enumerate() {
                *out = self.batch.pow(i);
            }
        }
    }

    fn scan(&mut self, work: &ScanWork<'_>, nonces: NonceRange, hits: &mut Hits) -> u64 {
        if !BlobLayout::HEADER_HASH.has_len(work.blob.len()) || hits.is_full() {
            return 0;
        }
        let target_top = top(work.target);
        let lanes = self.source.lanes() as u64;
        let mut inputs = Vec::with_capacity(self.source.lanes());
        let mut next = nonces.start;
        while next < nonces.end {
            if work.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                break;
            }
            let end = nonces.end.min(next.saturating_add(lanes));
            inputs.clear();
            inputs.extend((next..end).map(|nonce| (work.blob, nonce)));
            self.compute(&inputs);
            for (i, &(_, nonce)) in inputs.iter().enumerate() {
                if self.batch.top(i) > target_top {
                    continue;
                }
                let pow = self.batch.pow(i);
                if work.target.is_met_by(&pow.hash) && !hits.push(Hit { nonce, pow }) {
                    return nonce - nonces.start + 1;
                }
            }
            next = end;
        }
        next - nonces.start
    }
}

/// The highest 64 bits of a target.
fn top(target: Target) -> u64 {
    let bytes = target.to_le_bytes();
    bytes[24..]
        .iter()
        .rev()
        .fold(0, |top, &byte| top << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize};

    use proptest::prelude::*;

    use super::*;
    use crate::U256;
    use crate::ethash::kernel::kernels;
    use crate::ethash::{backends, soft};

    const HEADER: [u8; 32] = [0x5a; 32];
    const PAGES: u32 = 1021;

    /// Hashers over a dataset that is small enough to build for every test: light and full, of each kernel.
    fn hashers() -> Vec<EthashHasher> {
        let (algorithm, setup) = (Algorithm::ETHASH, Setup::default());
        let cache = LightCache::build(algorithm, 61, &[9; 32], &soft::KERNEL, &setup).unwrap();
        let mut dataset = Dataset::allocate(algorithm, PAGES, &setup).unwrap();
        dataset.fill(algorithm, &cache, &kernels()[0], &setup).unwrap();
        let sources = [Source::Light(Arc::new(cache)), Source::Full(Arc::new(dataset))];
        let each = |kernel| {
            sources
                .clone()
                .map(|source| EthashHasher::new(kernel, Modulus::new(PAGES), source))
        };
        kernels().into_iter().flat_map(each).collect()
    }

    fn portable(inputs: &[PowInput<'_>]) -> Vec<PowHash> {
        let mut hashers = hashers();
        let soft = hashers.len() - 2;
        let hash = |input: &PowInput<'_>| {
            let mut out = [PowHash::default()];
            hashers[soft].hash_batch(&[*input], &mut out);
            out[0]
        };
        inputs.iter().map(hash).collect()
    }

    fn input(blob: &[u8], nonce: u64) -> PowInput<'_> {
        PowInput {
            blob,
            nonce,
            height: 0,
        }
    }

    fn work(target: Target, stop: Option<&AtomicBool>) -> ScanWork<'_> {
        ScanWork {
            blob: &HEADER,
            height: 0,
            target,
            stop,
        }
    }

    /// A target that about one hash in eight meets.
    fn eighth() -> Target {
        Target::from_u256(U256::MAX >> 3)
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn batches_of_every_length_agree() {
        let inputs: Vec<_> = (0..150).map(|nonce| input(&HEADER, nonce * 77)).collect();
        let expected = portable(&inputs);
        for mut hasher in hashers() {
            for len in (0..18).chain([31, 32, 33, 63, 64, 65, 127, 128, 129, 150]) {
                let mut out = vec![PowHash::default(); len];
                hasher.hash_batch(&inputs[..len], &mut out);
                assert_eq!(out, expected[..len], "{} {:?}", hasher.kernel.name, hasher.source);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        #[cfg_attr(miri, ignore = "takes minutes there")]
        fn kernels_agree_on_any_input(
            inputs in prop::collection::vec((any::<[u8; 32]>(), any::<u64>()), 1..40),
        ) {
            let inputs: Vec<_> = inputs.iter().map(|(header, nonce)| input(header, *nonce)).collect();
            let expected = portable(&inputs);
            for mut hasher in hashers() {
                let mut out = vec![PowHash::default(); inputs.len()];
                hasher.hash_batch(&inputs, &mut out);
                prop_assert_eq!(&out, &expected, "{}", hasher.kernel.name);
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn blobs_of_another_length_hash_as_they_are_and_scan_to_nothing() {
        let blobs: [&[u8]; 5] = [&[], &[1; 31], &HEADER, &[1; 33], &[1; 200]];
        let inputs = blobs.map(|blob| input(blob, 3));
        let expected = portable(&inputs);
        for mut hasher in hashers() {
            let mut out = [PowHash::default(); 5];
            hasher.hash_batch(&inputs, &mut out);
            assert_eq!(out[..], expected);
            for blob in [&[][..], &[1; 31], &[1; 33]] {
                let work = ScanWork {
                    blob,
                    ..work(Target::MAX, None)
                };
                assert_eq!(hasher.scan(&work, 0..9, &mut Hits::with_capacity(9)), 0);
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn scans_report_every_hit_in_order() {
        let range = 1000..1203_u64;
        let inputs: Vec<_> = range.clone().map(|nonce| input(&HEADER, nonce)).collect();
        let met = |(nonce, pow): (u64, PowHash)| eighth().is_met_by(&pow.hash).then_some(Hit { nonce, pow });
        let expected: Vec<_> = range.clone().zip(portable(&inputs)).filter_map(met).collect();
        assert!(expected.len() > 8);
        for mut hasher in hashers() {
            let mut hits = Hits::with_capacity(1000);
            assert_eq!(hasher.scan(&work(eighth(), None), range.clone(), &mut hits), 203);
            assert_eq!(hits.as_slice(), expected);
            // A list of three at a time: each scan goes on where the last one ended.
            let (mut found, mut next) = (Vec::new(), range.start);
            while next < range.end {
                let mut hits = Hits::with_capacity(3);
                next += hasher.scan(&work(eighth(), None), next..range.end, &mut hits);
                found.extend(hits.drain());
            }
            assert_eq!(found, expected);
            assert_eq!(
                hasher.scan(&work(eighth(), None), 5..5, &mut Hits::with_capacity(1)),
                0
            );
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn scans_end_at_the_stop_flag_at_a_full_list_and_at_the_last_nonce() {
        let stop = AtomicBool::new(true);
        for mut hasher in hashers() {
            let mut hits = Hits::with_capacity(1);
            assert_eq!(hasher.scan(&work(Target::MAX, Some(&stop)), 0..100, &mut hits), 0);
            assert_eq!(hasher.scan(&work(Target::MAX, None), 0..100, &mut hits), 1);
            assert_eq!(hasher.scan(&work(Target::MAX, None), 0..100, &mut hits), 0);
            let last = u64::MAX - 5..u64::MAX;
            let mut hits = Hits::with_capacity(10);
            assert_eq!(hasher.scan(&work(Target::MAX, None), last, &mut hits), 5);
        }
    }

    #[test]
    fn the_highest_bits_of_a_target_are_compared_first() {
        assert_eq!(top(Target::MAX), u64::MAX);
        assert_eq!(top(Target::from_u256(U256::from(5_u64) << 192)), 5);
        assert_eq!(top(Target::from_u256(U256::MAX >> 64)), 0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn keys_follow_the_seed_before_the_height() {
        for backend in backends() {
            let at = |height, seed| backend.epoch(EpochInput { height, seed });
            let key = at(11_700_000, None).unwrap();
            assert_eq!(at(0, Some(key.0)), Ok(key));
            assert!(matches!(
                at(0, Some([3; 32])),
                Err(PrepareError::UnknownEpoch { .. })
            ));
            assert!(matches!(
                at(u64::MAX, None),
                Err(PrepareError::UnknownEpoch { .. })
            ));
            let next = |height, seed| backend.upcoming(EpochInput { height, seed }).map(|at| at.height);
            let length = if backend.algorithm() == Algorithm::ETHASH {
                30_000
            } else {
                60_000
            };
            assert_eq!(next(11_699_999, None), Some(11_700_000));
            assert_eq!(next(11_700_000, None), Some(11_700_000 + length));
            assert_eq!(next(0, Some(key.0)), Some(11_700_000 + length));
            assert_eq!(next(0, Some([3; 32])), None);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn memory_is_told_and_limited_before_it_is_taken() {
        let backend = &backends()[0];
        let key = EpochKey::default();
        assert_eq!(backend.memory(key, MemoryPlan::Light), Ok(16_776_896));
        assert_eq!(
            backend.memory(key, MemoryPlan::Full),
            Ok(16_776_896 + 1_073_739_904)
        );
        assert!(backend.memory(EpochKey([1; 32]), MemoryPlan::Light).is_err());
        let refused = |memory, limit_bytes| {
            let setup = Setup {
                memory,
                limit_bytes: Some(limit_bytes),
                ..Setup::default()
            };
            backend.prepare(key, &setup).unwrap_err().to_string()
        };
        let error = refused(MemoryPlan::Full, 1 << 30);
        assert!(
            error.contains("1040 MiB") && error.contains("light mode"),
            "{error}"
        );
        let error = refused(MemoryPlan::Light, 16_776_895);
        assert!(error.contains("needs 16 MiB"), "{error}");
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn a_preparation_can_be_called_off() {
        let stop = AtomicBool::new(true);
        for memory in [MemoryPlan::Light, MemoryPlan::Full] {
            let setup = Setup {
                memory,
                stop: Some(&stop),
                ..Setup::default()
            };
            let error = backends()[0].prepare(EpochKey::default(), &setup).unwrap_err();
            assert!(matches!(error, PrepareError::Stopped { .. }), "{error}");
        }
    }

    /// Sets a flag after some parts.
    struct Interrupted<'a>(&'a AtomicBool, AtomicUsize);

    impl crate::Crew for Interrupted<'_> {
        fn size(&self) -> usize {
            1
        }

        fn run(&self, parts: usize, work: &(dyn Fn(usize) + Sync)) {
            for part in 0..parts {
                work(part);
                if self.1.fetch_add(1, Ordering::Relaxed) == 1 {
                    self.0.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn a_dataset_stops_between_its_parts() {
        let stop = AtomicBool::new(false);
        let crew = Interrupted(&stop, AtomicUsize::new(0));
        let setup = Setup {
            crew: &crew,
            stop: Some(&stop),
            ..Setup::default()
        };
        let (algorithm, kernel) = (Algorithm::ETHASH, kernels()[0]);
        let cache = LightCache::build(algorithm, 11, &[0; 32], &kernel, &Setup::default()).unwrap();
        let mut dataset = Dataset::allocate(algorithm, 10_007, &setup).unwrap();
        let stopped = dataset.fill(algorithm, &cache, &kernel, &setup);
        assert_eq!(stopped, Err(PrepareError::Stopped { algorithm }));
        let filled = dataset.items().iter().filter(|item| item.0 != [0; 16]).count();
        assert_eq!(filled, 2 * 4096);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn what_is_prepared_reports_itself() {
        for hasher in hashers() {
            let ready = Ready {
                kernel: hasher.kernel,
                page_count: hasher.page_count,
                source: hasher.source,
            };
            let bytes = match ready.plan() {
                MemoryPlan::Light => 61 * 64,
                MemoryPlan::Full => u64::from(PAGES) * 128,
            };
            assert_eq!(ready.memory().bytes, bytes);
            assert!(ready.hasher().is_ok());
        }
    }
}
