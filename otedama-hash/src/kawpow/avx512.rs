//! AVX-512: a vector is one register, and most operations are one instruction.
#![allow(unsafe_code, reason = "intrinsics")]

use core::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_and_si512, _mm512_i32gather_epi32, _mm512_load_si512,
    _mm512_lzcnt_epi32, _mm512_mask_mov_epi32, _mm512_mask_shuffle_epi32, _mm512_min_epu32, _mm512_mul_epu32,
    _mm512_mullo_epi32, _mm512_or_si512, _mm512_permutex2var_epi32, _mm512_popcnt_epi32, _mm512_rolv_epi32,
    _mm512_rorv_epi32, _mm512_set_epi32, _mm512_set1_epi32, _mm512_slli_epi32, _mm512_sllv_epi32,
    _mm512_srli_epi64, _mm512_srlv_epi32, _mm512_store_si512, _mm512_ternarylogic_epi32,
    _mm512_test_epi32_mask, _mm512_xor_si512,
};

use super::execute;
use super::program::Program;
use super::simd::{
    Bits, CACHE_WORDS, DagItem, GROUP, Kernel, Mixes, Row, Simd, Sponges, StepCache, vector_kernel,
};

/// Proof that the machine has the instructions used here; only [`Avx512::detect`] makes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512(());

impl Avx512 {
    /// Looks whether this machine has the instructions.
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512vpopcntdq"))
        .then_some(Self(()))
    }
}

/// A safe method that is one intrinsic.
macro_rules! intrinsics {
    ($($name:ident($($argument:ident),*) = $intrinsic:ident;)*) => {
        $(
            #[inline(always)]
            fn $name(self, $($argument: __m512i),*) -> __m512i {
                // SAFETY: `self` proves that the machine has the instruction.
                unsafe { $intrinsic($($argument),*) }
            }
        )*
    };
}

#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
impl Bits for Avx512 {
    type Words = __m512i;

    intrinsics! {
        xor(a, b) = _mm512_xor_si512;
    }

    #[inline(always)]
    fn splat(self, word: u32) -> __m512i {
        // SAFETY: `self` proves that the machine has the instruction.
        unsafe { _mm512_set1_epi32(word as i32) }
    }

    #[inline(always)]
    fn chi(self, a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        // SAFETY: `self` proves that the machine has the instruction.
        unsafe { _mm512_ternarylogic_epi32::<0xd2>(a, b, c) }
    }

    #[inline(always)]
    fn rotate(self, a: __m512i, bits: u32) -> __m512i {
        // With a constant this becomes the rotation by an immediate.
        self.rotate_left(a, self.splat(bits))
    }
}

#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
impl Simd for Avx512 {
    intrinsics! {
        add(a, b) = _mm512_add_epi32;
        multiply(a, b) = _mm512_mullo_epi32;
        minimum(a, b) = _mm512_min_epu32;
        rotate_left(a, b) = _mm512_rolv_epi32;
        rotate_right(a, b) = _mm512_rorv_epi32;
        and(a, b) = _mm512_and_si512;
        or(a, b) = _mm512_or_si512;
        leading_zeros(a) = _mm512_lzcnt_epi32;
        count_ones(a) = _mm512_popcnt_epi32;
    }

    #[inline(always)]
    fn load(self, row: &Row) -> __m512i {
        // SAFETY: `self` proves that the machine has the instruction; a row is 64 aligned bytes.
        unsafe { _mm512_load_si512(row.0.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, row: &mut Row, words: __m512i) {
        // SAFETY: `self` proves that the machine has the instruction; a row is 64 aligned bytes.
        unsafe { _mm512_store_si512(row.0.as_mut_ptr().cast(), words) }
    }

    #[inline(always)]
    fn shift_left(self, a: __m512i, bits: u32) -> __m512i {
        // SAFETY: `self` proves that the machine has the instruction.
        unsafe { _mm512_sllv_epi32(a, _mm512_set1_epi32(bits as i32)) }
    }

    #[inline(always)]
    fn shift_right(self, a: __m512i, bits: u32) -> __m512i {
        // SAFETY: `self` proves that the machine has the instruction.
        unsafe { _mm512_srlv_epi32(a, _mm512_set1_epi32(bits as i32)) }
    }

    #[inline(always)]
    fn multiply_high(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves that the machine has the instructions.
        unsafe {
            let even = _mm512_mul_epu32(a, b);
            let odd = _mm512_mul_epu32(_mm512_srli_epi64::<32>(a), _mm512_srli_epi64::<32>(b));
            _mm512_mask_shuffle_epi32::<0xf5>(odd, 0x5555, even)
        }
    }

    #[inline(always)]
    fn gather(self, cache: &StepCache, indices: __m512i) -> __m512i {
        // SAFETY: `self` proves that the machine has the instructions; the masked indices lie
        // within the cache.
        unsafe {
            let indices = _mm512_and_si512(indices, _mm512_set1_epi32(CACHE_WORDS as i32 - 1));
            _mm512_i32gather_epi32::<4>(indices, cache.0.as_ptr().cast())
        }
    }

    #[inline(always)]
    fn dag_words(self, item: &DagItem, round: usize, word: usize) -> __m512i {
        // SAFETY: `self` proves that the machine has the instructions; an item is four times 64
        // aligned bytes.
        unsafe {
            let lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
            let from = _mm512_xor_si512(lanes, _mm512_set1_epi32((round % 16) as i32));
            let from = _mm512_or_si512(_mm512_slli_epi32::<2>(from), _mm512_set1_epi32((word % 4) as i32));
            let upper = _mm512_test_epi32_mask(from, _mm512_set1_epi32(32));
            let words: *const __m512i = item.as_ptr().cast();
            let low = _mm512_permutex2var_epi32(*words, from, *words.add(1));
            let high = _mm512_permutex2var_epi32(*words.add(2), from, *words.add(3));
            _mm512_mask_mov_epi32(low, upper, high)
        }
    }
}

vector_kernel!(Avx512, "avx512", "avx512f,avx512cd,avx512vpopcntdq");
