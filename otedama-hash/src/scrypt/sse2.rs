//! Scrypt with SSE2: vectors of four words, four hashes in one stream.
#![allow(unsafe_code, reason = "instructions that the processor must have")]

use core::arch::x86_64::{
    __m128i, _MM_HINT_T0, _mm_add_epi32, _mm_and_si128, _mm_cvtsi128_si32, _mm_loadu_si128, _mm_prefetch,
    _mm_shuffle_epi32, _mm_slli_epi32, _mm_srli_epi32, _mm_storeu_si128, _mm_xor_si128,
};

use super::cache;
use super::kernel::{Kernel, vector_kernel};
use super::lanes::Lanes;
use super::pbkdf2::{self, Header};
use super::rows::{self, LANES, Rows};

/// Every 64-bit x86 processor has SSE2.
#[derive(Clone, Copy, Debug)]
struct Cpu(());

/// The kernel.
pub(super) struct Sse2 {
    cpu: Cpu,
    sets: usize,
}

impl Sse2 {
    pub(super) fn new() -> Self {
        Self {
            cpu: Cpu(()),
            sets: cache::sets(LANES),
        }
    }
}

vector_kernel!(Sse2, "sse2", "sse2", 256, rows::hash::<Words>);

#[derive(Clone, Copy)]
struct Words(__m128i);

// SAFETY, for every block below: the instructions are SSE2's, and pointers come from references to as
// many bytes as are read or written.
impl Lanes for Words {
    type Words = [u32; 4];
    type Cpu = Cpu;

    const ZERO: Self::Words = [0; 4];

    #[inline(always)]
    fn from_words(_: Cpu, words: [u32; 4]) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm_loadu_si128(words.as_ptr().cast()) })
    }

    #[inline(always)]
    fn to_words(self) -> [u32; 4] {
        let mut words = [0; 4];
        // SAFETY: see above.
        unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), self.0) };
        words
    }

    #[inline(never)]
    fn compress(cpu: Self::Cpu, state: &[Self; 8], block: &[Self; 16]) -> [Self; 8] {
        pbkdf2::compress(cpu, state, block)
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm_add_epi32(self.0, other.0) })
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm_xor_si128(self.0, other.0) })
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm_and_si128(self.0, other.0) })
    }

    #[inline(always)]
    fn shl<const L: i32>(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm_slli_epi32::<L>(self.0) })
    }

    #[inline(always)]
    fn shr<const R: i32>(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm_srli_epi32::<R>(self.0) })
    }
}

impl Rows for Words {
    #[inline(always)]
    fn get(_: Cpu, row: &[u8; 128], part: usize) -> Self {
        let bytes = &row.as_chunks::<16>().0[part];
        // SAFETY: see above.
        Self(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
    }

    #[inline(always)]
    fn put(self, row: &mut [u8; 128], part: usize) {
        let bytes = &mut row.as_chunks_mut::<16>().0[part];
        // SAFETY: see above.
        unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), self.0) };
    }

    #[inline(always)]
    fn turn1(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm_shuffle_epi32::<0b00_11_10_01>(self.0) })
    }

    #[inline(always)]
    fn turn2(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm_shuffle_epi32::<0b01_00_11_10>(self.0) })
    }

    #[inline(always)]
    fn turn3(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm_shuffle_epi32::<0b10_01_00_11>(self.0) })
    }

    #[inline(always)]
    fn first(self) -> u32 {
        // SAFETY: see above.
        unsafe { _mm_cvtsi128_si32(self.0) as u32 }
    }

    #[inline(always)]
    fn prefetch(_: Cpu, row: &[u8; 128]) {
        // SAFETY: a prefetch changes nothing, and the row is there.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(row.as_ptr().cast());
            _mm_prefetch::<_MM_HINT_T0>(row[64..].as_ptr().cast());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrypt::kernel::tests::agrees_with_soft;

    #[test]
    fn agrees_with_the_portable_code() {
        for sets in [1, 2] {
            agrees_with_soft(&Sse2 { cpu: Cpu(()), sets }, 6);
        }
    }
}
