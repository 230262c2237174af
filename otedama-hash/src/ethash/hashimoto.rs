//! The proof of work: several hashes side by side, from the light cache or from the full dataset.

use std::sync::Arc;

use super::cache::LightCache;
use super::dataset::Dataset;
use super::items::{ETHASH_PARENTS, LANES as ITEM_LANES, fnv1};
use super::keccak::{WIDE, WideState, bytes_of, keccak256, keccak512};
use super::kernel::Kernel;
use super::modulus::Modulus;
use super::nodes::Node;
use super::pages::{ACCESSES, LANES as PAGE_LANES, page};
use crate::PowHash;
use crate::primitives::Hash256;

/// Where the pages come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Each page is computed when it is read.
    Light(Arc<LightCache>),
    /// Every page is there.
    Full(Arc<Dataset>),
}

impl Source {
    /// How many hashes to compute at once.
    pub(crate) fn lanes(&self) -> usize {
        match self {
            // A page is two items.
            Self::Light(_) => ITEM_LANES / 2,
            Self::Full(_) => PAGE_LANES,
        }
    }
}

/// Hashes in flight.
#[derive(Clone)]
pub(crate) struct Batch {
    seeds: Vec<Node>,
    mixes: Vec<[Node; 2]>,
    /// The first 32 bytes of each final state.
    finals: Vec<[u64; 4]>,
    indices: Vec<u32>,
    items: Vec<Node>,
}

impl Batch {
    /// Room for `len` hashes.
    pub(crate) fn new(len: usize) -> Self {
        Self {
            seeds: vec![Node::default(); len],
            mixes: vec![[Node::default(); 2]; len],
            finals: vec![[0; 4]; len],
            indices: vec![0; 2 * len],
            items: vec![Node::default(); 2 * len],
        }
    }

    /// Starts hash `i` from a header hash and a nonce: all of them in a row, then [`run`](Self::run).
    pub(crate) fn start(&mut self, kernel: &Kernel, inputs: &[(&[u8], u64)]) {
        for (inputs, seeds) in inputs.chunks(WIDE).zip(self.seeds.chunks_mut(WIDE)) {
            start_wide(kernel, inputs, seeds);
        }
    }

    /// Computes the first `count` hashes.
    pub(crate) fn run(&mut self, kernel: &Kernel, source: &Source, page_count: Modulus, count: usize) {
        let (seeds, mixes) = (&self.seeds[..count], &mut self.mixes[..count]);
        match source {
            Source::Light(cache) => {
                let (indices, items) = (&mut self.indices[..2 * count], &mut self.items[..2 * count]);
                mix_light(kernel, cache, page_count, seeds, mixes, indices, items);
            }
            Source::Full(dataset) => (kernel.mix_pages)(dataset.items(), page_count, seeds, mixes),
        }
        let finals = self.finals[..count].chunks_mut(WIDE);
        for ((seeds, mixes), finals) in seeds.chunks(WIDE).zip(mixes.chunks(WIDE)).zip(finals) {
            finish_wide(kernel, seeds, mixes, finals);
        }
    }

    /// The highest 64 bits of hash `i` as a number.
    pub(crate) fn top(&self, i: usize) -> u64 {
        self.finals[i][0].swap_bytes()
    }

    /// Hash `i` with its mix.
    pub(crate) fn pow(&self, i: usize) -> PowHash {
        let mut mix = [0; 32];
        for (out, word) in mix.chunks_exact_mut(4).zip(compress(&self.mixes[i])) {
            out.copy_from_slice(&word.to_le_bytes());
        }
        PowHash {
            hash: Hash256::from_be_bytes(bytes_of(&self.finals[i])),
            mix: Some(mix),
        }
    }
}

/// The hash that a header and a nonce would have if their mix were `mix`.
pub(crate) fn claimed(header: &[u8], nonce: u64, mix: &[u8; 32]) -> Hash256 {
    let mut message = [0; 96];
    message[..64].copy_from_slice(&seed_of(header, nonce).to_bytes());
    message[64..].copy_from_slice(mix);
    Hash256::from_be_bytes(keccak256(&message))
}

/// The seed of one hash, from a header of any length.
fn seed_of(header: &[u8], nonce: u64) -> Node {
    keccak512(&[header, &nonce.to_le_bytes()].concat())
}

/// The seeds of up to eight hashes.
fn start_wide(kernel: &Kernel, inputs: &[(&[u8], u64)], seeds: &mut [Node]) {
    let mut wide = WideState::ZERO;
    for (i, (header, nonce)) in inputs.iter().enumerate() {
        for (lane, bytes) in header.chunks_exact(8).take(4).enumerate() {
            let mut word = [0; 8];
            word.copy_from_slice(bytes);
            wide.0[lane][i] = u64::from_le_bytes(word);
        }
        wide.0[4][i] = *nonce;
    }
    // 40 bytes of message, then the padding up to the rate of 72.
    wide.0[5] = [1; WIDE];
    wide.0[8] = [1 << 63; WIDE];
    (kernel.permute_wide)(&mut wide);
    for (i, ((header, nonce), seed)) in inputs.iter().zip(seeds).enumerate() {
        *seed = if header.len() == 32 {
            wide.node(i)
        } else {
            seed_of(header, *nonce)
        };
    }
}

/// The final states of up to eight hashes.
fn finish_wide(kernel: &Kernel, seeds: &[Node], mixes: &[[Node; 2]], finals: &mut [[u64; 4]]) {
    let mut wide = WideState::ZERO;
    for (i, (seed, mix)) in seeds.iter().zip(mixes).enumerate() {
        wide.set_node(i, seed);
        let mix = compress(mix);
        for lane in 0..4 {
            wide.0[8 + lane][i] = u64::from(mix[2 * lane]) | u64::from(mix[2 * lane + 1]) << 32;
        }
    }
    // 96 bytes of message, then the padding up to the rate of 136.
    wide.0[12] = [1; WIDE];
    wide.0[16] = [1 << 63; WIDE];
    (kernel.permute_wide)(&mut wide);
    for (i, out) in finals.iter_mut().enumerate() {
        for (out, lanes) in out.iter_mut().zip(&wide.0) {
            *out = lanes[i];
        }
    }
}

/// The mix hash of a mix, as words.
fn compress(mix: &[Node; 2]) -> [u32; 8] {
    core::array::from_fn(|i| {
        let words = &mix[i / 4].0[i % 4 * 4..];
        fnv1(fnv1(fnv1(words[0], words[1]), words[2]), words[3])
    })
}

/// As [`MixPages`](super::pages::MixPages), with pages computed from the cache.
fn mix_light(
    kernel: &Kernel,
    cache: &LightCache,
    page_count: Modulus,
    seeds: &[Node],
    mixes: &mut [[Node; 2]],
    indices: &mut [u32],
    items: &mut [Node],
) {
    for (mix, seed) in mixes.iter_mut().zip(seeds) {
        *mix = [*seed; 2];
    }
    for access in 0..ACCESSES {
        let (half, w) = (access as usize / 16 % 2, access as usize % 16);
        for ((pair, mix), seed) in indices.chunks_exact_mut(2).zip(mixes.iter()).zip(seeds) {
            pair[0] = 2 * page(page_count, seed, access, mix[half].0[w]);
            pair[1] = pair[0] + 1;
        }
        (kernel.dataset_items)(cache, ETHASH_PARENTS, indices, items);
        for (mix, page) in mixes.iter_mut().zip(items.chunks_exact(2)) {
            for (node, item) in mix.iter_mut().zip(page) {
                for w in 0..16 {
                    node.0[w] = fnv1(node.0[w], item.0[w]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ethash::kernel::kernels;
    use crate::{Algorithm, Setup};

    // etclabscore/core-geth, consensus/ethash/algorithm_test.go, TestHashimoto: a cache of 1,024 bytes and a
    // dataset of 32,768.
    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn a_hash_over_a_small_dataset_is_the_published_one() {
        let header =
            const_hex::decode("c9149cc0386e689d789a1c2f3d5d169a61a6218ed30e74414dc736e442ef3d1f").unwrap();
        let (algorithm, setup) = (Algorithm::ETHASH, Setup::default());
        for kernel in kernels() {
            let cache = LightCache::build(algorithm, 16, &[0; 32], &kernel, &setup).unwrap();
            let mut dataset = Dataset::allocate(algorithm, 256, &setup).unwrap();
            dataset.fill(algorithm, &cache, &kernel, &setup).unwrap();
            let page_count = Modulus::new(256);
            for source in [Source::Light(Arc::new(cache)), Source::Full(Arc::new(dataset))] {
                let mut batch = Batch::new(1);
                batch.start(&kernel, &[(&header, 0)]);
                batch.run(&kernel, &source, page_count, 1);
                let pow = batch.pow(0);
                let mix = pow.mix.unwrap();
                assert_eq!(
                    const_hex::encode(mix),
                    "e4073cffaef931d37117cefd9afd27ea0f1cad6a981dd2605c4a1ac97c519800"
                );
                assert_eq!(
                    pow.hash.to_string(),
                    "d3539235ee2e6f8db665c0a72169f55b7f6c605712330b778ec3944f0eb5a557"
                );
                assert_eq!(batch.top(0), 0xd353_9235_ee2e_6f8d);
                assert_eq!(claimed(&header, 0, &mix), pow.hash);
                assert_ne!(claimed(&header, 1, &mix), pow.hash);
            }
        }
    }
}
