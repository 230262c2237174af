//! AVX2: a vector is two registers.
#![allow(unsafe_code, reason = "intrinsics")]

use core::arch::x86_64::{
    __m256i, _mm_setr_epi8, _mm256_add_epi8, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256,
    _mm256_blend_epi32, _mm256_broadcastsi128_si256, _mm256_i32gather_epi32, _mm256_load_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_min_epu32, _mm256_mul_epu32, _mm256_mullo_epi32,
    _mm256_or_si256, _mm256_set_epi32, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_sllv_epi32, _mm256_srli_epi32,
    _mm256_srli_epi64, _mm256_srlv_epi32, _mm256_store_si256, _mm256_sub_epi32, _mm256_xor_si256,
};

use super::execute;
use super::program::Program;
use super::simd::{
    Bits, CACHE_WORDS, DagItem, GROUP, Kernel, Mixes, Row, Simd, Sponges, StepCache, vector_kernel,
};

/// Proof that the machine has the instructions used here; only [`Avx2::detect`] makes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(());

impl Avx2 {
    /// Looks whether this machine has the instructions.
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

/// Lanes 0 to 7, then lanes 8 to 15.
type Words = [__m256i; 2];

/// A safe method that is one intrinsic in each half.
macro_rules! intrinsics {
    ($($name:ident($($argument:ident),*) = $intrinsic:ident;)*) => {
        $(
            #[inline(always)]
            fn $name(self, $($argument: Words),*) -> Words {
                // SAFETY: `self` proves that the machine has the instruction.
                unsafe { [$intrinsic($($argument[0]),*), $intrinsic($($argument[1]),*)] }
            }
        )*
    };
}

#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
impl Bits for Avx2 {
    type Words = Words;

    intrinsics! {
        xor(a, b) = _mm256_xor_si256;
    }

    #[inline(always)]
    fn splat(self, word: u32) -> Words {
        // SAFETY: `self` proves that the machine has the instruction.
        unsafe { [_mm256_set1_epi32(word as i32); 2] }
    }

    #[inline(always)]
    fn chi(self, a: Words, b: Words, c: Words) -> Words {
        // SAFETY: `self` proves that the machine has the instructions.
        let masked = unsafe { [_mm256_andnot_si256(b[0], c[0]), _mm256_andnot_si256(b[1], c[1])] };
        self.xor(a, masked)
    }

    #[inline(always)]
    fn rotate(self, a: Words, bits: u32) -> Words {
        self.or(self.shift_left(a, bits), self.shift_right(a, (32 - bits) & 31))
    }
}

#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
impl Simd for Avx2 {
    intrinsics! {
        add(a, b) = _mm256_add_epi32;
        multiply(a, b) = _mm256_mullo_epi32;
        multiply_high(a, b) = multiply_high_half;
        minimum(a, b) = _mm256_min_epu32;
        rotate_left(a, b) = rotate_left_half;
        rotate_right(a, b) = rotate_right_half;
        and(a, b) = _mm256_and_si256;
        or(a, b) = _mm256_or_si256;
        leading_zeros(a) = leading_zeros_half;
        count_ones(a) = count_ones_half;
    }

    #[inline(always)]
    fn load(self, row: &Row) -> Words {
        let halves: *const __m256i = row.0.as_ptr().cast();
        // SAFETY: `self` proves that the machine has the instruction; a row is 64 aligned bytes.
        unsafe { [_mm256_load_si256(halves), _mm256_load_si256(halves.add(1))] }
    }

    #[inline(always)]
    fn store(self, row: &mut Row, words: Words) {
        let halves: *mut __m256i = row.0.as_mut_ptr().cast();
        // SAFETY: `self` proves that the machine has the instruction; a row is 64 aligned bytes.
        unsafe {
            _mm256_store_si256(halves, words[0]);
            _mm256_store_si256(halves.add(1), words[1]);
        }
    }

    #[inline(always)]
    fn shift_left(self, a: Words, bits: u32) -> Words {
        // SAFETY: `self` proves that the machine has the instructions.
        unsafe {
            let bits = _mm256_set1_epi32(bits as i32);
            [_mm256_sllv_epi32(a[0], bits), _mm256_sllv_epi32(a[1], bits)]
        }
    }

    #[inline(always)]
    fn shift_right(self, a: Words, bits: u32) -> Words {
        // SAFETY: `self` proves that the machine has the instructions.
        unsafe {
            let bits = _mm256_set1_epi32(bits as i32);
            [_mm256_srlv_epi32(a[0], bits), _mm256_srlv_epi32(a[1], bits)]
        }
    }

    #[inline(always)]
    fn gather(self, cache: &StepCache, indices: Words) -> Words {
        // SAFETY: `self` proves that the machine has the instructions; the masked indices lie
        // within the cache.
        unsafe {
            let mask = _mm256_set1_epi32(CACHE_WORDS as i32 - 1);
            let words = cache.0.as_ptr().cast();
            [
                _mm256_i32gather_epi32::<4>(words, _mm256_and_si256(indices[0], mask)),
                _mm256_i32gather_epi32::<4>(words, _mm256_and_si256(indices[1], mask)),
            ]
        }
    }

    #[inline(always)]
    fn dag_words(self, item: &DagItem, round: usize, word: usize) -> Words {
        // SAFETY: `self` proves that the machine has the instructions; the indices are below 64,
        // the words of an item.
        unsafe {
            let lanes = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
            let from = _mm256_xor_si256(lanes, _mm256_set1_epi32((round % 16) as i32));
            let word = _mm256_set1_epi32((word % 4) as i32);
            let low = _mm256_or_si256(_mm256_slli_epi32::<2>(from), word);
            let high = _mm256_xor_si256(low, _mm256_set1_epi32(32));
            let words = item.as_ptr().cast();
            [
                _mm256_i32gather_epi32::<4>(words, low),
                _mm256_i32gather_epi32::<4>(words, high),
            ]
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn multiply_high_half(a: __m256i, b: __m256i) -> __m256i {
    let even = _mm256_mul_epu32(a, b);
    let odd = _mm256_mul_epu32(_mm256_srli_epi64::<32>(a), _mm256_srli_epi64::<32>(b));
    _mm256_blend_epi32::<0xaa>(_mm256_srli_epi64::<32>(even), odd)
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate_left_half(a: __m256i, b: __m256i) -> __m256i {
    let left = _mm256_and_si256(b, _mm256_set1_epi32(31));
    // A shift by 32 gives zero, as it should.
    let right = _mm256_sub_epi32(_mm256_set1_epi32(32), left);
    _mm256_or_si256(_mm256_sllv_epi32(a, left), _mm256_srlv_epi32(a, right))
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate_right_half(a: __m256i, b: __m256i) -> __m256i {
    rotate_left_half(a, _mm256_sub_epi32(_mm256_setzero_si256(), b))
}

/// Smears the highest one downwards and counts what is left above it.
#[inline]
#[target_feature(enable = "avx2")]
fn leading_zeros_half(a: __m256i) -> __m256i {
    let a = _mm256_or_si256(a, _mm256_srli_epi32::<1>(a));
    let a = _mm256_or_si256(a, _mm256_srli_epi32::<2>(a));
    let a = _mm256_or_si256(a, _mm256_srli_epi32::<4>(a));
    let a = _mm256_or_si256(a, _mm256_srli_epi32::<8>(a));
    let a = _mm256_or_si256(a, _mm256_srli_epi32::<16>(a));
    _mm256_sub_epi32(_mm256_set1_epi32(32), count_ones_half(a))
}

/// Counts each half byte by table and adds up the bytes of a word.
#[inline]
#[target_feature(enable = "avx2")]
fn count_ones_half(a: __m256i) -> __m256i {
    let table = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    let mask = _mm256_set1_epi8(15);
    let low = _mm256_shuffle_epi8(table, _mm256_and_si256(a, mask));
    let high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi32::<4>(a), mask));
    let pairs = _mm256_maddubs_epi16(_mm256_add_epi8(low, high), _mm256_set1_epi8(1));
    _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))
}

vector_kernel!(Avx2, "avx2", "avx2");
