//! The accesses of a hash to the full dataset.

use super::items::{NodeOps, fnv1};
use super::modulus::Modulus;
use super::nodes::{Node, prefetch_l2};

/// Pages that one hash reads.
pub(crate) const ACCESSES: u32 = 64;

/// Hashes in flight.
pub(crate) const LANES: usize = 64;

/// Mixes the pages of a dataset, two nodes each, into the `mixes` that start from `seeds`.
///
/// The slices have the same length; what `mixes` held before is lost.
pub(crate) type MixPages = fn(dataset: &[Node], page_count: Modulus, seeds: &[Node], mixes: &mut [[Node; 2]]);

/// The page that access `access` of a hash reads, when `word` is that access's word of the mix.
#[inline(always)]
#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
pub(crate) fn page(page_count: Modulus, seed: &Node, access: u32, word: u32) -> u32 {
    page_count.reduce(fnv1(seed.0[0] ^ access, word))
}

/// As [`MixPages`] describes it, for callers that compile it for an instruction set of their own.
#[inline(always)]
#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
pub(crate) fn mix_pages<O: NodeOps>(
    dataset: &[Node],
    page_count: Modulus,
    seeds: &[Node],
    mixes: &mut [[Node; 2]],
) {
    for (seeds, mixes) in seeds.chunks(LANES).zip(mixes.chunks_mut(LANES)) {
        interleaved::<O>(dataset, page_count, seeds, mixes);
    }
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
fn interleaved<O: NodeOps>(dataset: &[Node], page_count: Modulus, seeds: &[Node], mixes: &mut [[Node; 2]]) {
    let count = seeds.len().min(mixes.len()).min(LANES);
    let (seeds, mixes) = (&seeds[..count], &mut mixes[..count]);
    let mut next = [0; LANES];
    let next = &mut next[..count];
    for lane in 0..count {
        mixes[lane] = [seeds[lane]; 2];
        next[lane] = 2 * page(page_count, &seeds[lane], 0, seeds[lane].0[0]);
        prefetch_l2(dataset, next[lane]);
        prefetch_l2(dataset, next[lane] + 1);
    }
    for access in 1..=ACCESSES {
        let (half, w) = (access as usize / 16 % 2, access as usize % 16);
        for lane in 0..count {
            let at = next[lane] as usize;
            let page_nodes = [&dataset[at], &dataset[at + 1]];
            let mixed = &mut mixes[lane];
            // Computed on its own, as in `items`.
            let word = fnv1(mixed[half].0[w], page_nodes[half].0[w]);
            O::mix(&mut mixed[0], page_nodes[0]);
            O::mix(&mut mixed[1], page_nodes[1]);
            if access < ACCESSES {
                next[lane] = 2 * page(page_count, &seeds[lane], access, word);
                prefetch_l2(dataset, next[lane]);
                prefetch_l2(dataset, next[lane] + 1);
            }
        }
    }
}
