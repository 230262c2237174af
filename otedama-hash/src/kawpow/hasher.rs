//! Hashing in batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::epoch::Epoch;
use super::keccak::{Hash, State, bytes_of, first_state, last_state};
use super::memory::{Dataset, Memory};
use super::program::{Program, period_of};
use super::rounds::{self, Computed, Group};
use super::simd::{GROUP, Kernel, LANES, Row, Sponges};
use crate::ethash::items::DatasetItems;
use crate::primitives::Hash256;
use crate::{Hasher, Hit, Hits, NonceRange, PowHash, PowInput, ScanWork};

/// Hashes that begin and end together: as many as the sponges have lanes.
const BATCH: usize = LANES;
/// Groups that take turns when mining: their registers and the step cache fit into the nearest caches.
const TURNS: usize = 2;

/// What an input gets that can't be hashed: it meets no target.
pub(super) const NO_HASH: PowHash = PowHash {
    hash: Hash256::from_le_bytes([0xff; 32]),
    mix: None,
};

/// What is hashed.
#[derive(Clone, Copy, Debug)]
struct Start<'a> {
    header: &'a [u8; 32],
    nonce: u64,
    period: u64,
}

impl<'a> Start<'a> {
    /// `None` when the blob isn't a header hash, or the height one of another epoch.
    fn new(blob: &'a [u8], height: u64, nonce: u64, epoch: Epoch) -> Option<Self> {
        let header = blob.try_into().ok()?;
        let period = period_of(height);
        (Epoch::at_height(height) == Some(epoch)).then_some(Self {
            header,
            nonce,
            period,
        })
    }
}

/// Hashes under one epoch, for one thread.
pub(super) struct KawpowHasher<K> {
    kernel: K,
    memory: Arc<Memory>,
    sponges: Sponges,
    groups: Vec<Group>,
    computed: Computed,
}

impl<K: Kernel> KawpowHasher<K> {
    pub(super) fn new(kernel: K, memory: Arc<Memory>, dataset_items: DatasetItems) -> Self {
        Self {
            kernel,
            memory,
            sponges: Sponges([Row::default(); 25]),
            groups: Vec::new(),
            computed: Computed::new(dataset_items, BATCH),
        }
    }

    /// Computes up to [`BATCH`] hashes, in order of their periods. `None` when stopped.
    fn batch(&mut self, starts: &[Start<'_>], stop: Option<&AtomicBool>) -> Option<[PowHash; BATCH]> {
        let first = self.keccak(starts.iter().map(|start| first_state(start.header, start.nonce)));
        let count = self.group(starts, &first);
        let (kernel, groups) = (&self.kernel, &mut self.groups[..count]);
        match &self.memory.dataset {
            Dataset::Light(cache) => {
                rounds::light(kernel, groups, &self.memory, cache, &mut self.computed, stop)?;
            }
            Dataset::Full(nodes) => groups
                .chunks_mut(TURNS)
                .for_each(|groups| rounds::full(kernel, groups, &self.memory, nodes)),
        }
        let mut mixes = [Hash::default(); BATCH];
        for group in &*groups {
            let reduced = kernel.reduce(&group.mixes);
            mixes[group.first..][..group.count].copy_from_slice(&reduced[..group.count]);
        }
        let last = self.keccak(
            first
                .iter()
                .zip(&mixes)
                .map(|(first, mix)| last_state(first, mix)),
        );
        Some(core::array::from_fn(|lane| PowHash {
            hash: Hash256::from_be_bytes(bytes_of(&last[lane])),
            mix: Some(bytes_of(&mixes[lane])),
        }))
    }

    /// Permutes up to [`BATCH`] states and returns the hashes that they are then.
    fn keccak(&mut self, states: impl Iterator<Item = State>) -> [Hash; BATCH] {
        for (lane, state) in states.take(BATCH).enumerate() {
            for (row, word) in self.sponges.0.iter_mut().zip(state) {
                row.0[lane] = word;
            }
        }
        self.kernel.keccak(&mut self.sponges);
        let mut hashes = [Hash::default(); BATCH];
        for (word, row) in self.sponges.0.iter().take(Hash::default().len()).enumerate() {
            for (hash, lane) in hashes.iter_mut().zip(row.0) {
                hash[word] = lane;
            }
        }
        hashes
    }

    /// Forms groups that run one program each, and fills their registers. Returns how many.
    fn group(&mut self, starts: &[Start<'_>], first: &[Hash; BATCH]) -> usize {
        let mut count = 0;
        let mut next = 0;
        for run in starts.chunk_by(|a, b| a.period == b.period) {
            // Takes a microsecond, a thousandth of a verification, so that none are kept.
            let program = Program::generate(run[0].period);
            for hashes in run.chunks(GROUP) {
                if count == self.groups.len() {
                    self.groups.push(Group::new(program.clone()));
                }
                let group = &mut self.groups[count];
                group.program.clone_from(&program);
                (group.first, group.count) = (next, hashes.len());
                let seeds = core::array::from_fn(|hash| {
                    let hash = &first[(next + hash) % BATCH];
                    [hash[0], hash[1]]
                });
                self.kernel.fill(&seeds, &mut group.mixes);
                count += 1;
                next += hashes.len();
            }
        }
        count
    }
}

impl<K: Kernel> Hasher for KawpowHasher<K> {
    /// An input with a blob of another length than a header hash has, or a height of another epoch, gets
    /// the highest hash there is.
    fn hash_batch(&mut self, inputs: &[PowInput<'_>], out: &mut [PowHash]) {
        out.fill(NO_HASH);
        let epoch = self.memory.epoch;
        let mut starts: Vec<(Start<'_>, &mut PowHash)> = Vec::with_capacity(inputs.len());
        for (input, out) in inputs.iter().zip(out) {
            if let Some(start) = Start::new(input.blob, input.height, input.nonce, epoch) {
                starts.push((start, out));
            }
        }
        starts.sort_by_key(|(start, _)| start.period);
        // Parts of equal length: a last part of a few hashes would take nearly as long as a full one.
        let parts = starts.len().div_ceil(BATCH).max(1);
        let len = starts.len().div_ceil(parts).max(1);
        for part in starts.chunks_mut(len) {
            let batch: Vec<_> = part.iter().map(|(start, _)| *start).collect();
            let hashes = self.batch(&batch, None).into_iter().flatten();
            for ((_, out), hash) in part.iter_mut().zip(hashes) {
                **out = hash;
            }
        }
    }

    fn scan(&mut self, work: &ScanWork<'_>, nonces: NonceRange, hits: &mut Hits) -> u64 {
        let Some(first) = Start::new(work.blob, work.height, nonces.start, self.memory.epoch) else {
            return 0;
        };
        let total = nonces.end.saturating_sub(nonces.start);
        let mut done = 0;
        while done < total && !hits.is_full() && !is_set(work.stop) {
            let count = (total - done).min(BATCH as u64);
            let starts: Vec<_> = (done..done + count)
                .map(|offset| Start {
                    nonce: first.nonce + offset,
                    ..first
                })
                .collect();
            let Some(hashes) = self.batch(&starts, work.stop) else {
                break;
            };
            for (start, pow) in starts.iter().zip(hashes) {
                done += 1;
                let hit = Hit {
                    nonce: start.nonce,
                    pow,
                };
                if work.target.is_met_by(&pow.hash) && !hits.push(hit) {
                    break;
                }
            }
        }
        done
    }
}

fn is_set(stop: Option<&AtomicBool>) -> bool {
    stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::memory;
    use super::super::soft::Soft;
    use super::*;
    use crate::ethash::kernel::kernels;
    use crate::ethash::modulus::Modulus;
    use crate::ethash::nodes::Nodes;
    use crate::{Algorithm, Crew, MemoryPlan, Setup, Target};

    /// A crew that does the last part first.
    struct Backwards;

    impl Crew for Backwards {
        fn size(&self) -> usize {
            3
        }

        fn run(&self, parts: usize, work: &(dyn Fn(usize) + Sync)) {
            (0..parts).rev().for_each(work);
        }
    }

    /// Memory of 1,021 cache nodes and 2,039 dataset items that calls itself epoch 0.
    fn small(plan: MemoryPlan) -> Arc<Memory> {
        let kernel = kernels().pop().unwrap();
        let setup = Setup {
            memory: plan,
            crew: &Backwards,
            ..Setup::default()
        };
        let cache =
            crate::ethash::cache::LightCache::build(Algorithm::KAWPOW, 1021, &[1; 32], &kernel, &setup);
        let cache = cache.unwrap();
        let step_cache = memory::step_cache(&cache, &kernel);
        let dataset = match plan {
            MemoryPlan::Light => Dataset::Light(cache),
            MemoryPlan::Full => {
                let mut nodes = Nodes::new(Algorithm::KAWPOW, 2039 * 4, &setup).unwrap();
                memory::fill(&mut nodes, &cache, &kernel, &setup).unwrap();
                Dataset::Full(nodes)
            }
        };
        let epoch = Epoch::at_height(0).unwrap();
        Arc::new(Memory {
            epoch,
            dataset,
            items: Modulus::new(2039),
            step_cache,
        })
    }

    /// A hasher of each kernel on each kind of memory, the portable and light one first.
    fn hashers() -> Vec<Box<dyn Hasher>> {
        let mut hashers: Vec<Box<dyn Hasher>> = Vec::new();
        for memory in [small(MemoryPlan::Light), small(MemoryPlan::Full)] {
            for ethash in kernels().iter().rev() {
                let (memory, items) = (Arc::clone(&memory), ethash.dataset_items);
                hashers.push(Box::new(KawpowHasher::new(Soft, Arc::clone(&memory), items)));
                #[cfg(target_arch = "x86_64")]
                {
                    use super::super::{avx2::Avx2, avx512::Avx512};
                    if let Some(kernel) = Avx2::detect() {
                        hashers.push(Box::new(KawpowHasher::new(kernel, Arc::clone(&memory), items)));
                    }
                    if let Some(kernel) = Avx512::detect() {
                        hashers.push(Box::new(KawpowHasher::new(kernel, memory, items)));
                    }
                }
            }
        }
        hashers
    }

    fn one_by_one(inputs: &[PowInput<'_>]) -> Vec<PowHash> {
        let items = kernels().pop().unwrap().dataset_items;
        let mut hasher = KawpowHasher::new(Soft, small(MemoryPlan::Light), items);
        let mut out = vec![PowHash::default(); inputs.len()];
        for (input, out) in inputs.chunks(1).zip(out.chunks_mut(1)) {
            hasher.hash_batch(input, out);
        }
        out
    }

    fn work<'a>(blob: &'a [u8], target: Target, stop: Option<&'a AtomicBool>) -> ScanWork<'a> {
        ScanWork {
            blob,
            height: 100,
            target,
            stop,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4))]
        #[test]
        #[cfg_attr(miri, ignore = "takes minutes there")]
        fn batches_give_what_single_hashes_give(
            headers in proptest::collection::vec((any::<[u8; 32]>(), any::<u64>(), 0..30_u64), 0..40)
        ) {
            let inputs: Vec<_> = headers
                .iter()
                .map(|(blob, nonce, height)| PowInput { blob, nonce: *nonce, height: *height })
                .collect();
            let expected = one_by_one(&inputs);
            for mut hasher in hashers() {
                let mut out = vec![PowHash::default(); inputs.len()];
                hasher.hash_batch(&inputs, &mut out);
                prop_assert_eq!(&out, &expected);
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn a_scan_finds_what_single_hashes_meet() {
        let header = [5; 32];
        let first = u64::MAX - 53;
        let inputs: Vec<_> = (first..u64::MAX)
            .map(|nonce| PowInput {
                blob: &header,
                nonce,
                height: 100,
            })
            .collect();
        let hashes = one_by_one(&inputs);
        let mut sorted: Vec<_> = hashes
            .iter()
            .map(|pow| Target::from_le_bytes(pow.hash.to_le_bytes()).to_u256())
            .collect();
        sorted.sort();
        let target = Target::from_u256(sorted[9]);
        let expected: Vec<_> = (first..u64::MAX)
            .zip(hashes)
            .filter(|(_, pow)| target.is_met_by(&pow.hash))
            .map(|(nonce, pow)| Hit { nonce, pow })
            .collect();
        assert_eq!(expected.len(), 10);
        for mut hasher in hashers() {
            let mut hits = Hits::with_capacity(100);
            assert_eq!(
                hasher.scan(&work(&header, target, None), first..u64::MAX, &mut hits),
                53
            );
            assert_eq!(hits.as_slice(), expected);
            let mut hits = Hits::with_capacity(4);
            let done = hasher.scan(&work(&header, target, None), first..u64::MAX, &mut hits);
            assert_eq!(done, expected[3].nonce - first + 1);
            assert_eq!(hits.as_slice(), &expected[..4]);
            assert_eq!(
                hasher.scan(&work(&header, target, None), first..u64::MAX, &mut hits),
                0
            );
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn a_scan_ends_with_the_stop_flag_and_with_its_range() {
        let stop = AtomicBool::new(true);
        let mut hits = Hits::with_capacity(1);
        for mut hasher in hashers() {
            let work = work(&[5; 32], Target::from_u256(crate::U256::ZERO), Some(&stop));
            stop.store(true, Ordering::Relaxed);
            assert_eq!(hasher.scan(&work, 0..100, &mut hits), 0);
            stop.store(false, Ordering::Relaxed);
            assert_eq!(hasher.scan(&work, 7..26, &mut hits), 19);
            assert_eq!(hasher.scan(&work, 7..7, &mut hits), 0);
            #[allow(clippy::reversed_empty_ranges, reason = "any range may come")]
            let backwards = 9..7;
            assert_eq!(hasher.scan(&work, backwards, &mut hits), 0);
        }
        assert!(hits.as_slice().is_empty());
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn other_blobs_and_other_epochs_meet_no_target() {
        let header = [5; 32];
        let inputs = [
            PowInput {
                blob: &header[1..],
                nonce: 0,
                height: 0,
            },
            PowInput {
                blob: &header,
                nonce: 0,
                height: 7499,
            },
            PowInput {
                blob: &[],
                nonce: 0,
                height: 0,
            },
            PowInput {
                blob: &header,
                nonce: 0,
                height: 7500,
            },
            PowInput {
                blob: &header,
                nonce: 0,
                height: u64::MAX,
            },
        ];
        for mut hasher in hashers() {
            let mut out = [PowHash::default(); 5];
            hasher.hash_batch(&inputs, &mut out);
            assert!(out[1].mix.is_some());
            assert_eq!([out[0], out[2], out[3], out[4]], [NO_HASH; 4]);
            let mut hits = Hits::with_capacity(9);
            assert_eq!(
                hasher.scan(&work(&header[1..], Target::MAX, None), 0..9, &mut hits),
                0
            );
            let later = ScanWork {
                height: 7500,
                ..work(&header, Target::MAX, None)
            };
            assert_eq!(hasher.scan(&later, 0..9, &mut hits), 0);
        }
    }
}
