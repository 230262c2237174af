//! Scrypt with AVX-512: vectors of sixteen words, sixteen hashes in one stream.
#![allow(unsafe_code, reason = "instructions that the processor must have")]

use core::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_and_si512, _mm512_loadu_si512, _mm512_rol_epi32, _mm512_set1_epi32,
    _mm512_sllv_epi32, _mm512_srlv_epi32, _mm512_storeu_si512, _mm512_ternarylogic_epi32, _mm512_xor_si512,
};

use super::avx512_steps::{self, Group, Stage};
use super::cache;
use super::kernel::{Kernel, MEMORY_PER_HASH, vector_kernel};
use super::lanes::Lanes;
use super::pbkdf2::{self, Header};
use super::words::{self, Steps};

/// How many hashes a group has.
const LANES: usize = 16;

/// Proof that the processor has AVX-512F and VL.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cpu(());

/// The kernel.
pub(super) struct Avx512 {
    cpu: Cpu,
    sets: usize,
}

impl Avx512 {
    /// `None` where the processor lacks AVX-512.
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
        found.then(|| Self {
            cpu: Cpu(()),
            sets: cache::sets(LANES),
        })
    }
}

vector_kernel!(Avx512, "avx512", "avx512f,avx512vl", 1024, words::hash::<Words>);

#[derive(Clone, Copy)]
pub(super) struct Words(__m512i);

// SAFETY, for every block below: a value, or the proof that makes one, exists only where the processor
// has AVX-512F and VL, and pointers come from references to as many bytes as are read or written.
impl Lanes for Words {
    type Words = [u32; 16];
    type Cpu = Cpu;

    const ZERO: Self::Words = [0; 16];

    #[inline(always)]
    fn from_words(_: Cpu, words: [u32; 16]) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_loadu_si512(words.as_ptr().cast()) })
    }

    #[inline(always)]
    fn to_words(self) -> [u32; 16] {
        let mut words = [0; 16];
        // SAFETY: see above.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), self.0) };
        words
    }

    #[inline(always)]
    fn compress(cpu: Cpu, state: &[Self; 8], block: &[Self; 16]) -> [Self; 8] {
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512vl")]
        fn outlined(cpu: Cpu, state: &[Words; 8], block: &[Words; 16]) -> [Words; 8] {
            pbkdf2::compress(cpu, state, block)
        }
        // SAFETY: see above.
        unsafe { outlined(cpu, state, block) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_add_epi32(self.0, other.0) })
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_xor_si512(self.0, other.0) })
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_and_si512(self.0, other.0) })
    }

    #[inline(always)]
    fn shl<const L: i32>(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_sllv_epi32(self.0, _mm512_set1_epi32(L)) })
    }

    #[inline(always)]
    fn shr<const R: i32>(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_srlv_epi32(self.0, _mm512_set1_epi32(R)) })
    }

    #[inline(always)]
    fn rotl<const L: i32, const R: i32>(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_rol_epi32::<L>(self.0) })
    }

    #[inline(always)]
    fn xor3(self, second: Self, third: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_ternarylogic_epi32::<0x96>(self.0, second.0, third.0) })
    }

    #[inline(always)]
    fn choose(self, yes: Self, no: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_ternarylogic_epi32::<0xca>(self.0, yes.0, no.0) })
    }

    #[inline(always)]
    fn majority(self, second: Self, third: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_ternarylogic_epi32::<0xe8>(self.0, second.0, third.0) })
    }
}

impl Steps for Words {
    type Spare = Stage;

    const SPARE: Stage = [[[[0; 4]; 4]; 4]; 8];

    #[inline(always)]
    fn write(_: Cpu, group: &mut Group, memory: &mut [u8]) {
        assert!(memory.len() == LANES * MEMORY_PER_HASH);
        // SAFETY: see above; the memory has the bytes that are written.
        unsafe { avx512_steps::write(group, memory.as_mut_ptr()) }
    }

    #[inline(always)]
    fn read_with(_: Cpu, group: &mut Group, other: &mut Group, memory: &[u8]) {
        assert!(memory.len() == LANES * MEMORY_PER_HASH);
        // SAFETY: see above; what `other.next` names lies in the memory.
        unsafe { avx512_steps::read_with(group, other, memory.as_ptr()) }
    }

    #[inline(always)]
    fn read(_: Cpu, group: &mut Group) {
        // SAFETY: see above.
        unsafe { avx512_steps::read(group) }
    }

    #[inline(always)]
    fn fetch(_: Cpu, group: &mut Group, memory: &[u8]) {
        assert!(memory.len() == LANES * MEMORY_PER_HASH);
        // SAFETY: see above; what `group.next` names lies in the memory.
        unsafe { avx512_steps::fetch(group, memory.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrypt::kernel::tests::agrees_with_soft;

    #[test]
    fn agrees_with_the_portable_code() {
        if let Some(avx512) = Avx512::detect() {
            for sets in [1, 2] {
                agrees_with_soft(&Avx512 { sets, ..avx512 }, 6);
            }
        }
    }
}
