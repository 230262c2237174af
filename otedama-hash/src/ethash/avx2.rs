//! The kernel for AVX2: half a node, or a lane of four Keccak states, in one register.
#![allow(unsafe_code, reason = "vector instructions, and calls that need them")]

use core::arch::x86_64::{
    __m256i, _mm256_andnot_si256, _mm256_load_si256, _mm256_mullo_epi32, _mm256_or_si256, _mm256_set1_epi32,
    _mm256_set1_epi64x, _mm256_slli_epi64, _mm256_srli_epi64, _mm256_store_si256, _mm256_xor_si256,
};

use super::cache::LightCache;
use super::items::{FNV_PRIME, NodeOps};
use super::keccak::{self, Lane, WideState};
use super::kernel::Kernel;
use super::modulus::Modulus;
use super::nodes::Node;
use super::{items, pages};

/// The kernel, where the CPU has what it needs.
pub(crate) fn kernel() -> Option<Kernel> {
    let runs = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2");
    runs.then_some(Kernel {
        name: "avx2",
        // SAFETY: the kernel is only handed out where its features were found.
        hash_pair: |a, b| unsafe { hash_pair(a, b) },
        // SAFETY: as above.
        permute_wide: |wide| unsafe { permute_wide(wide) },
        // SAFETY: as above.
        dataset_items: |cache, parents, indices, out| unsafe { dataset_items(cache, parents, indices, out) },
        // SAFETY: as above.
        mix_pages: |dataset, page_count, seeds, mixes| unsafe {
            mix_pages(dataset, page_count, seeds, mixes);
        },
    })
}

/// One state alone gains from and-not and from rotations that copy, not from vectors.
#[target_feature(enable = "bmi1,bmi2")]
pub(super) fn hash_pair(a: &Node, b: &Node) -> Node {
    keccak::hash_pair(a, b)
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn dataset_items(cache: &LightCache, parents: u32, indices: &[u32], out: &mut [Node]) {
    items::dataset_items::<Avx2>(cache, parents, indices, out);
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn mix_pages(dataset: &[Node], page_count: Modulus, seeds: &[Node], mixes: &mut [[Node; 2]]) {
    pages::mix_pages::<Avx2>(dataset, page_count, seeds, mixes);
}

struct Avx2;

#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
impl NodeOps for Avx2 {
    #[inline(always)]
    fn mix(node: &mut Node, with: &Node) {
        let node: *mut __m256i = node.0.as_mut_ptr().cast();
        let with: *const __m256i = with.0.as_ptr().cast();
        // SAFETY: only `dataset_items` and `mix_pages` above come here; a node is two aligned registers.
        unsafe {
            let prime = _mm256_set1_epi32(FNV_PRIME.cast_signed());
            for half in 0..2 {
                let product = _mm256_mullo_epi32(_mm256_load_si256(node.add(half)), prime);
                let mixed = _mm256_xor_si256(product, _mm256_load_si256(with.add(half)));
                _mm256_store_si256(node.add(half), mixed);
            }
        }
    }

    fn hash(nodes: &mut [Node]) {
        if nodes.len() <= 2 {
            let zero = Node::default();
            for node in nodes {
                // SAFETY: only `dataset_items` above comes here.
                *node = unsafe { hash_pair(node, &zero) };
            }
        } else {
            // SAFETY: as above.
            WideState::hash_nodes(nodes, |wide| unsafe { permute_wide(wide) });
        }
    }
}

#[target_feature(enable = "avx2")]
fn permute_wide(wide: &mut WideState) {
    for half in [0, 4] {
        let mut state = [Lane4::splat(0); 25];
        for (lane, lanes) in state.iter_mut().zip(&wide.0) {
            // SAFETY: half of eight aligned lanes is one aligned register.
            lane.0 = unsafe { _mm256_load_si256(lanes[half..].as_ptr().cast()) };
        }
        keccak::permute(&mut state);
        for (lanes, lane) in wide.0.iter_mut().zip(state) {
            // SAFETY: as above.
            unsafe { _mm256_store_si256(lanes[half..].as_mut_ptr().cast(), lane.0) };
        }
    }
}

/// The same lane of four states.
#[derive(Clone, Copy)]
struct Lane4(__m256i);

#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
impl Lane for Lane4 {
    #[inline(always)]
    fn splat(value: u64) -> Self {
        // SAFETY: only `permute_wide` comes here, as to all of these.
        Self(unsafe { _mm256_set1_epi64x(value.cast_signed()) })
    }

    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_xor_si256(self.0, b.0) })
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        self.xor(b).xor(c)
    }

    #[inline(always)]
    fn chi(self, b: Self, c: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_xor_si256(self.0, _mm256_andnot_si256(b.0, c.0)) })
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        // SAFETY: as above.
        let (high, low) = unsafe {
            (
                _mm256_slli_epi64::<LEFT>(self.0),
                _mm256_srli_epi64::<RIGHT>(self.0),
            )
        };
        // SAFETY: as above.
        Self(unsafe { _mm256_or_si256(high, low) })
    }
}
