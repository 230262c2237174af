//! Scrypt with AVX2: vectors of eight words, eight hashes in one stream.
#![allow(unsafe_code, reason = "instructions that the processor must have")]

use core::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_loadu_si256, _mm256_slli_epi32, _mm256_srli_epi32,
    _mm256_storeu_si256, _mm256_xor_si256,
};

use super::avx2_steps::{self, Group, ROWS, Spare};
use super::cache;
use super::kernel::{Kernel, MEMORY_PER_HASH, vector_kernel};
use super::lanes::Lanes;
use super::pbkdf2::{self, Header};
use super::words::{self, Steps};

/// How many hashes a group has.
const LANES: usize = 8;

/// Proof that the processor has AVX2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cpu(());

/// The kernel.
pub(super) struct Avx2 {
    cpu: Cpu,
    sets: usize,
}

impl Avx2 {
    /// `None` where the processor lacks AVX2.
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then(|| Self {
            cpu: Cpu(()),
            sets: cache::sets(LANES),
        })
    }
}

vector_kernel!(Avx2, "avx2", "avx2", 384, words::hash::<Words>);

#[derive(Clone, Copy)]
pub(super) struct Words(__m256i);

// SAFETY, for every block below: a value, or the proof that makes one, exists only where the processor
// has AVX2, and pointers come from references to as many bytes as are read or written.
impl Lanes for Words {
    type Words = [u32; 8];
    type Cpu = Cpu;

    const ZERO: Self::Words = [0; 8];

    #[inline(always)]
    fn from_words(_: Cpu, words: [u32; 8]) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm256_loadu_si256(words.as_ptr().cast()) })
    }

    #[inline(always)]
    fn to_words(self) -> [u32; 8] {
        let mut words = [0; 8];
        // SAFETY: see above.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), self.0) };
        words
    }

    #[inline(always)]
    fn compress(cpu: Cpu, state: &[Self; 8], block: &[Self; 16]) -> [Self; 8] {
        #[inline(never)]
        #[target_feature(enable = "avx2")]
        fn outlined(cpu: Cpu, state: &[Words; 8], block: &[Words; 16]) -> [Words; 8] {
            pbkdf2::compress(cpu, state, block)
        }
        // SAFETY: see above.
        unsafe { outlined(cpu, state, block) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm256_add_epi32(self.0, other.0) })
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm256_xor_si256(self.0, other.0) })
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm256_and_si256(self.0, other.0) })
    }

    #[inline(always)]
    fn shl<const L: i32>(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm256_slli_epi32::<L>(self.0) })
    }

    #[inline(always)]
    fn shr<const R: i32>(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm256_srli_epi32::<R>(self.0) })
    }
}

impl Steps for Words {
    type Spare = Spare;

    const SPARE: Spare = [[0; 8]; 28];

    #[inline(always)]
    fn write(_: Cpu, group: &mut Group, memory: &mut [u8]) {
        for rows in memory.chunks_exact_mut(ROWS) {
            // SAFETY: see above; `rows` has the bytes that are written.
            unsafe { avx2_steps::write(group, rows.as_mut_ptr()) };
        }
    }

    #[inline(always)]
    fn read_with(_: Cpu, group: &mut Group, other: &mut Group, memory: &[u8]) {
        assert!(memory.len() == LANES * MEMORY_PER_HASH);
        // SAFETY: see above; what `other.next` names lies in the memory.
        unsafe { avx2_steps::read_with(group, other, memory.as_ptr()) }
    }

    #[inline(always)]
    fn read(_: Cpu, group: &mut Group) {
        // SAFETY: see above.
        unsafe { avx2_steps::read(group) }
    }

    #[inline(always)]
    fn fetch(_: Cpu, group: &mut Group, memory: &[u8]) {
        assert!(memory.len() == LANES * MEMORY_PER_HASH);
        // SAFETY: see above; what `group.next` names lies in the memory.
        unsafe { avx2_steps::fetch(group, memory.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrypt::kernel::tests::agrees_with_soft;

    #[test]
    fn agrees_with_the_portable_code() {
        if let Some(avx2) = Avx2::detect() {
            for sets in [1, 2] {
                agrees_with_soft(&Avx2 { sets, ..avx2 }, 6);
            }
        }
    }
}
