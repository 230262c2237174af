//! The portable kernel.

use super::cache::LightCache;
use super::items::{NodeOps, fnv1};
use super::kernel::Kernel;
use super::modulus::Modulus;
use super::nodes::Node;
use super::{items, keccak, pages};

/// Runs everywhere.
pub(crate) const KERNEL: Kernel = Kernel {
    name: "soft",
    hash_pair,
    permute_wide: keccak::permute_wide,
    dataset_items,
    mix_pages,
};

pub(crate) struct Soft;

#[allow(clippy::inline_always, reason = "a part of the hottest loops")]
impl NodeOps for Soft {
    #[inline(always)]
    fn mix(node: &mut Node, with: &Node) {
        // Read before anything is written, so that the compiler may do several words at once.
        let with = with.0;
        for (word, with) in node.0.iter_mut().zip(with) {
            *word = fnv1(*word, with);
        }
    }

    #[inline]
    fn hash(nodes: &mut [Node]) {
        let zero = Node::default();
        for node in nodes {
            *node = keccak::hash_pair(node, &zero);
        }
    }
}

fn hash_pair(a: &Node, b: &Node) -> Node {
    keccak::hash_pair(a, b)
}

fn dataset_items(cache: &LightCache, parents: u32, indices: &[u32], out: &mut [Node]) {
    items::dataset_items::<Soft>(cache, parents, indices, out);
}

fn mix_pages(dataset: &[Node], page_count: Modulus, seeds: &[Node], mixes: &mut [[Node; 2]]) {
    pages::mix_pages::<Soft>(dataset, page_count, seeds, mixes);
}
