//! Dataset items, computed from the light cache.

use super::cache::LightCache;
use super::nodes::{Node, prefetch};

/// Parents of one item of the Ethash and Etchash datasets.
pub(crate) const ETHASH_PARENTS: u32 = 256;

/// Items in flight: as many as the memory answers side by side, and few enough for the L1 cache.
pub(crate) const LANES: usize = 32;

/// Computes the 64-byte dataset items at `indices` into the slots of `out`, of `parents` nodes each.
///
/// The slices have the same length; many items in one call hide the memory's latency.
pub(crate) type DatasetItems = fn(cache: &LightCache, parents: u32, indices: &[u32], out: &mut [Node]);

/// The multiplier of [`fnv1`].
pub(crate) const FNV_PRIME: u32 = 0x0100_0193;

/// The multiply-and-xor step that Ethash mixes with.
#[inline(always)]
#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
pub(crate) fn fnv1(a: u32, b: u32) -> u32 {
    a.wrapping_mul(FNV_PRIME) ^ b
}

/// What an instruction set does with whole nodes.
pub(crate) trait NodeOps {
    /// Mixes `with` into `node`, word by word as [`fnv1`] does.
    fn mix(node: &mut Node, with: &Node);

    /// Replaces each node by its 512-bit hash.
    fn hash(nodes: &mut [Node]);
}

/// As [`DatasetItems`] describes it, for callers that compile it for an instruction set of their own.
#[inline(always)]
#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
pub(crate) fn dataset_items<O: NodeOps>(cache: &LightCache, parents: u32, indices: &[u32], out: &mut [Node]) {
    for (indices, out) in indices.chunks(LANES).zip(out.chunks_mut(LANES)) {
        interleaved::<O>(cache, parents, indices, out);
    }
}

/// Up to [`LANES`] items, one parent of each at a time.
#[inline(always)]
#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
fn interleaved<O: NodeOps>(cache: &LightCache, parents: u32, indices: &[u32], out: &mut [Node]) {
    let nodes = cache.nodes();
    let modulus = cache.modulus();
    let count = indices.len().min(out.len()).min(LANES);
    let (indices, out) = (&indices[..count], &mut out[..count]);
    for (node, &index) in out.iter_mut().zip(indices) {
        *node = nodes[modulus.reduce(index) as usize];
        node.0[0] ^= index;
    }
    O::hash(out);
    let mut next = [0; LANES];
    let next = &mut next[..count];
    for lane in 0..count {
        next[lane] = modulus.reduce(fnv1(indices[lane], out[lane].0[0]));
        prefetch(nodes, next[lane]);
    }
    for parent in 1..=parents {
        let w = parent as usize % 16;
        for lane in 0..count {
            let node = &nodes[next[lane] as usize];
            // Computed on its own: a 4-byte read out of a 64-byte write that is still under way would wait.
            let word = fnv1(out[lane].0[w], node.0[w]);
            O::mix(&mut out[lane], node);
            next[lane] = modulus.reduce(fnv1(indices[lane] ^ parent, word));
            prefetch(nodes, next[lane]);
        }
    }
    O::hash(out);
}
