//! AVX2: eight messages at once.
#![allow(
    unsafe_code,
    reason = "the intrinsics of an instruction set that not every CPU has"
)]

use core::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_castsi256_ps, _mm256_cmpeq_epi32, _mm256_loadu_si256,
    _mm256_max_epu32, _mm256_movemask_ps, _mm256_set1_epi32, _mm256_setr_epi8, _mm256_shuffle_epi8,
    _mm256_slli_epi32, _mm256_srli_epi32, _mm256_storeu_si256, _mm256_xor_si256,
};

use super::job::Job;
use super::lanes::{Lanes, hash_headers, search};
use super::soft::{Compress, Soft};
use super::x86_sha::X86Sha;
use super::{HEADER_LEN, Kernel};
use crate::primitives::Hash256;

/// A CPU with AVX2: made by [`Avx2::detect`] alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2 {
    /// For what fills no lanes.
    sha: Option<X86Sha>,
}

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        let sha = X86Sha::detect();
        is_x86_feature_detected!("avx2").then_some(Self { sha })
    }
}

impl Kernel for Avx2 {
    const NAME: &'static str = "avx2";
    const SPAN: usize = 128;

    fn compress(self) -> Compress {
        self.sha.map_or(Soft.compress(), Kernel::compress)
    }

    fn search(self, job: &Job, first: u32, marks: &mut [u32]) {
        // SAFETY: an `Avx2` exists on CPUs with AVX2 alone.
        unsafe { search_avx2(self, job, first, marks) }
    }

    fn hash_headers(self, headers: &[&[u8; HEADER_LEN]], hashes: &mut [Hash256]) {
        match self.sha {
            // Three blocks with unknown words: full lanes take 1.4 times as long.
            Some(sha) => sha.hash_headers(headers, hashes),
            None if headers.len() == 1 => Soft.hash_headers(headers, hashes),
            // SAFETY: as above.
            None => unsafe { hash_headers_avx2(self, headers, hashes) },
        }
    }
}

#[target_feature(enable = "avx2")]
fn search_avx2(isa: Avx2, job: &Job, first: u32, marks: &mut [u32]) {
    search::<Eight, 16>(isa, job, first, marks);
}

#[target_feature(enable = "avx2")]
fn hash_headers_avx2(isa: Avx2, headers: &[&[u8; HEADER_LEN]], hashes: &mut [Hash256]) {
    hash_headers::<Eight>(isa, headers, hashes);
}

/// Made from an [`Avx2`] or another `Eight` alone, so its CPU has AVX2.
#[derive(Clone, Copy)]
struct Eight(__m256i);

/// An expression of intrinsics.
macro_rules! eight {
    ($value:expr) => {
        // SAFETY: the arguments are proof of AVX2, see `Eight`.
        Eight(unsafe { $value })
    };
}

/// The exclusive or of two rotations and either a third one or a shift.
macro_rules! sigma {
    ($x:expr, $($left:literal)* ; $($right:literal)*) => {{
        let x = $x.0;
        // SAFETY: as in `eight`.
        unsafe {
            let left = [$(_mm256_slli_epi32::<$left>(x)),*];
            let right = [$(_mm256_srli_epi32::<$right>(x)),*];
            let first = _mm256_xor_si256(right[0], right[1]);
            let mut rest = _mm256_xor_si256(right[2], left[0]);
            let mut i = 1;
            while i < left.len() {
                rest = _mm256_xor_si256(rest, left[i]);
                i += 1;
            }
            Eight(_mm256_xor_si256(first, rest))
        }
    }};
}

impl Lanes for Eight {
    type Isa = Avx2;
    const COUNT: usize = 8;

    #[inline(always)]
    fn splat(_: Avx2, word: u32) -> Self {
        eight!(_mm256_set1_epi32(word as i32))
    }

    #[inline(always)]
    fn new(_: Avx2, mut word: impl FnMut(usize) -> u32) -> Self {
        let mut words = [0; 8];
        for (lane, slot) in words.iter_mut().enumerate() {
            *slot = word(lane);
        }
        eight!(_mm256_loadu_si256(words.as_ptr().cast()))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        eight!(_mm256_add_epi32(self.0, other.0))
    }

    #[inline(always)]
    fn big_sigma0(self) -> Self {
        sigma!(self, 30 19 10; 2 13 22)
    }

    #[inline(always)]
    fn big_sigma1(self) -> Self {
        sigma!(self, 26 21 7; 6 11 25)
    }

    #[inline(always)]
    fn small_sigma0(self) -> Self {
        sigma!(self, 25 14; 7 18 3)
    }

    #[inline(always)]
    fn small_sigma1(self) -> Self {
        sigma!(self, 15 13; 17 19 10)
    }

    #[inline(always)]
    fn ch(self, y: Self, z: Self) -> Self {
        eight!(_mm256_xor_si256(
            z.0,
            _mm256_and_si256(self.0, _mm256_xor_si256(y.0, z.0))
        ))
    }

    #[inline(always)]
    fn maj(self, y: Self, z: Self) -> Self {
        // The next round's y ^ z is this round's x ^ y.
        eight!({
            let differ = _mm256_and_si256(_mm256_xor_si256(self.0, y.0), _mm256_xor_si256(y.0, z.0));
            _mm256_xor_si256(y.0, differ)
        })
    }

    #[inline(always)]
    fn reversed_at_most(self, limit: u32) -> u32 {
        // SAFETY: as in `eight`.
        let mask = unsafe {
            let reverse = _mm256_setr_epi8(
                3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, //
                3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12,
            );
            let limit = _mm256_set1_epi32(limit as i32);
            let most = _mm256_max_epu32(_mm256_shuffle_epi8(self.0, reverse), limit);
            _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(most, limit)))
        };
        mask as u32
    }

    #[inline(always)]
    fn words(self, words: &mut [u32]) {
        let words = &mut words[..8];
        // SAFETY: as in `eight`; there is room for eight words.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::sha256d::checks::kernel_tests!(Avx2::detect());
}
