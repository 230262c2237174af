//! What an instruction set has to bring.

use super::items::DatasetItems;
use super::keccak::{HashPair, PermuteWide};
use super::pages::MixPages;
use super::soft;

/// The hot loops, compiled for one instruction set.
#[derive(Clone, Copy)]
pub(crate) struct Kernel {
    /// Name of the backend.
    pub name: &'static str,
    /// One link of the chain of hashes that a cache is.
    pub hash_pair: HashPair,
    /// Keccak of eight states at once.
    pub permute_wide: PermuteWide,
    /// Dataset items from the cache.
    pub dataset_items: DatasetItems,
    /// The accesses of several hashes to the full dataset.
    pub mix_pages: MixPages,
}

/// The kernels that this CPU can run, in the expected order of speed; the portable one is last.
pub(crate) fn kernels() -> Vec<Kernel> {
    let mut kernels = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        kernels.extend(super::avx512::kernel());
        kernels.extend(super::avx2::kernel());
    }
    kernels.extend([soft::KERNEL]);
    kernels
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ethash::cache::LightCache;
    use crate::ethash::keccak::{WIDE, WideState, keccak_f1600, keccak512};
    use crate::ethash::modulus::Modulus;
    use crate::ethash::nodes::Node;
    use crate::{Algorithm, Setup};

    /// The largest cache, and the longest list of anything.
    const LARGEST: u32 = if cfg!(miri) { 5 } else { 509 };
    const MOST: usize = if cfg!(miri) { 3 } else { 150 };

    fn node() -> impl Strategy<Value = Node> {
        any::<[u32; 16]>().prop_map(Node)
    }

    fn cache(items: u32, seed: u8, kernel: &Kernel) -> LightCache {
        LightCache::build(Algorithm::ETHASH, items, &[seed; 32], kernel, &Setup::default()).unwrap()
    }

    #[test]
    fn the_portable_kernel_is_last_and_names_differ() {
        let names: Vec<_> = kernels().iter().map(|kernel| kernel.name).collect();
        assert_eq!(names.last(), Some(&"soft"));
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }

    #[test]
    fn every_kernel_builds_the_same_cache() {
        for items in [1, 2, LARGEST] {
            let expected = cache(items, 3, &soft::KERNEL);
            for kernel in kernels() {
                assert_eq!(
                    cache(items, 3, &kernel).nodes(),
                    expected.nodes(),
                    "{}",
                    kernel.name
                );
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 40 }))]

        #[test]
        fn keccak_is_the_same_everywhere(a in node(), b in node(), lanes: [[u64; WIDE]; 4]) {
            let words = core::array::from_fn(|w| a.0[w] ^ b.0[w]);
            let hash = keccak512(&Node(words).to_bytes());
            let wide = WideState(core::array::from_fn(|lane| lanes[lane % 4].map(|word| word ^ lane as u64)));
            for kernel in kernels() {
                prop_assert_eq!((kernel.hash_pair)(&a, &b), hash);
                let mut permuted = wide.clone();
                (kernel.permute_wide)(&mut permuted);
                for i in 0..WIDE {
                    let mut state = wide.0.map(|lanes| lanes[i]);
                    keccak_f1600(&mut state);
                    prop_assert_eq!(permuted.0.map(|lanes| lanes[i]), state, "{}", kernel.name);
                }
            }
        }

        #[test]
        fn items_are_the_same_everywhere(
            indices in prop::collection::vec(any::<u32>(), 0..MOST),
            parents in 0..MOST as u32,
            items in 1..LARGEST,
        ) {
            let cache = cache(items, 5, &soft::KERNEL);
            let mut expected = vec![Node::default(); indices.len()];
            // One by one, so that nothing depends on what is computed beside an item.
            for (&index, out) in indices.iter().zip(&mut expected) {
                (soft::KERNEL.dataset_items)(&cache, parents, &[index], core::slice::from_mut(out));
            }
            for kernel in kernels() {
                let mut out = vec![Node([7; 16]); indices.len()];
                (kernel.dataset_items)(&cache, parents, &indices, &mut out);
                prop_assert_eq!(&out, &expected, "{}", kernel.name);
            }
        }

        #[test]
        fn pages_are_mixed_the_same_everywhere(
            seeds in prop::collection::vec(node(), 0..MOST),
            dataset in prop::collection::vec(node(), 2..100),
        ) {
            let page_count = Modulus::new(dataset.len() as u32 / 2);
            let mut expected = vec![[Node::default(); 2]; seeds.len()];
            for (seed, out) in seeds.iter().zip(&mut expected) {
                let (seed, out) = (core::slice::from_ref(seed), core::slice::from_mut(out));
                (soft::KERNEL.mix_pages)(&dataset, page_count, seed, out);
            }
            for kernel in kernels() {
                let mut out = vec![[Node([7; 16]); 2]; seeds.len()];
                (kernel.mix_pages)(&dataset, page_count, &seeds, &mut out);
                prop_assert_eq!(&out, &expected, "{}", kernel.name);
            }
        }
    }
}
