//! The kernel for AVX-512: a node, or a lane of eight Keccak states, in one register.
#![allow(unsafe_code, reason = "vector instructions, and calls that need them")]

use core::arch::x86_64::{
    __m512i, _mm512_load_si512, _mm512_mullo_epi32, _mm512_rol_epi64, _mm512_set1_epi32, _mm512_set1_epi64,
    _mm512_store_si512, _mm512_ternarylogic_epi64, _mm512_xor_si512,
};

use super::cache::LightCache;
use super::items::{FNV_PRIME, NodeOps};
use super::keccak::{self, Lane, WideState};
use super::kernel::Kernel;
use super::modulus::Modulus;
use super::nodes::Node;
use super::{avx2, items, pages};

/// The kernel, where the CPU has what it needs.
pub(crate) fn kernel() -> Option<Kernel> {
    let runs = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2");
    runs.then_some(Kernel {
        name: "avx512",
        // SAFETY: the kernel is only handed out where its features were found.
        hash_pair: |a, b| unsafe { avx2::hash_pair(a, b) },
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

#[target_feature(enable = "avx512f,bmi1,bmi2")]
fn dataset_items(cache: &LightCache, parents: u32, indices: &[u32], out: &mut [Node]) {
    items::dataset_items::<Avx512>(cache, parents, indices, out);
}

#[target_feature(enable = "avx512f,bmi1,bmi2")]
fn mix_pages(dataset: &[Node], page_count: Modulus, seeds: &[Node], mixes: &mut [[Node; 2]]) {
    pages::mix_pages::<Avx512>(dataset, page_count, seeds, mixes);
}

struct Avx512;

#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
impl NodeOps for Avx512 {
    #[inline(always)]
    fn mix(node: &mut Node, with: &Node) {
        // SAFETY: only `dataset_items` and `mix_pages` above come here; a node is one aligned register.
        unsafe {
            let product = _mm512_mullo_epi32(
                _mm512_load_si512(node.0.as_ptr().cast()),
                _mm512_set1_epi32(FNV_PRIME.cast_signed()),
            );
            let mixed = _mm512_xor_si512(product, _mm512_load_si512(with.0.as_ptr().cast()));
            _mm512_store_si512(node.0.as_mut_ptr().cast(), mixed);
        }
    }

    fn hash(nodes: &mut [Node]) {
        if let [node] = nodes {
            // SAFETY: only `dataset_items` above comes here.
            *node = unsafe { avx2::hash_pair(node, &Node::default()) };
        } else {
            // SAFETY: as above.
            WideState::hash_nodes(nodes, |wide| unsafe { permute_wide(wide) });
        }
    }
}

#[target_feature(enable = "avx512f")]
fn permute_wide(wide: &mut WideState) {
    let mut state = [Lane8::splat(0); 25];
    for (lane, lanes) in state.iter_mut().zip(&wide.0) {
        // SAFETY: eight aligned lanes are one aligned register.
        lane.0 = unsafe { _mm512_load_si512(lanes.as_ptr().cast()) };
    }
    keccak::permute(&mut state);
    for (lanes, lane) in wide.0.iter_mut().zip(state) {
        // SAFETY: as above.
        unsafe { _mm512_store_si512(lanes.as_mut_ptr().cast(), lane.0) };
    }
}

/// The same lane of eight states.
#[derive(Clone, Copy)]
struct Lane8(__m512i);

#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
impl Lane for Lane8 {
    #[inline(always)]
    fn splat(value: u64) -> Self {
        // SAFETY: only `permute_wide` comes here, as to all of these.
        Self(unsafe { _mm512_set1_epi64(value.cast_signed()) })
    }

    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_xor_si512(self.0, b.0) })
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        // SAFETY: as above; 0x96 is the truth table of a ^ b ^ c.
        Self(unsafe { _mm512_ternarylogic_epi64::<0x96>(self.0, b.0, c.0) })
    }

    #[inline(always)]
    fn chi(self, b: Self, c: Self) -> Self {
        // SAFETY: as above; 0xd2 is the truth table of a ^ (!b & c).
        Self(unsafe { _mm512_ternarylogic_epi64::<0xd2>(self.0, b.0, c.0) })
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_rol_epi64::<LEFT>(self.0) })
    }
}
