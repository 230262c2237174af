//! Scrypt with NEON: vectors of four words, four hashes in one stream.
#![allow(unsafe_code, reason = "instructions that the processor must have")]

use core::arch::aarch64::{
    uint32x4_t, vaddq_u32, vandq_u32, vbslq_u32, vdupq_n_s32, veorq_u32, vextq_u32, vgetq_lane_u32, vld1q_u8,
    vld1q_u32, vreinterpretq_u8_u32, vreinterpretq_u32_u8, vshlq_u32, vst1q_u8, vst1q_u32,
};

use super::cache;
use super::kernel::{Kernel, vector_kernel};
use super::lanes::Lanes;
use super::pbkdf2::{self, Header};
use super::rows::{self, LANES, Rows};

/// Every 64-bit ARM processor that runs an operating system of ours has NEON.
#[derive(Clone, Copy, Debug)]
struct Cpu(());

/// The kernel.
pub(super) struct Neon {
    cpu: Cpu,
    sets: usize,
}

impl Neon {
    /// `None` where the processor lacks NEON.
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then(|| Self {
            cpu: Cpu(()),
            sets: cache::sets(LANES),
        })
    }
}

vector_kernel!(Neon, "neon", "neon", 256, rows::hash::<Words>);

#[derive(Clone, Copy)]
struct Words(uint32x4_t);

// SAFETY, for every block below: a value, or the proof that makes one, exists only where the processor
// has NEON, and pointers come from references to as many bytes as are read or written.
impl Lanes for Words {
    type Words = [u32; 4];
    type Cpu = Cpu;

    const ZERO: Self::Words = [0; 4];

    #[inline(always)]
    fn from_words(_: Cpu, words: [u32; 4]) -> Self {
        // SAFETY: see above.
        Self(unsafe { vld1q_u32(words.as_ptr()) })
    }

    #[inline(always)]
    fn to_words(self) -> [u32; 4] {
        let mut words = [0; 4];
        // SAFETY: see above.
        unsafe { vst1q_u32(words.as_mut_ptr(), self.0) };
        words
    }

    #[inline(always)]
    fn compress(cpu: Cpu, state: &[Self; 8], block: &[Self; 16]) -> [Self; 8] {
        #[inline(never)]
        #[target_feature(enable = "neon")]
        fn outlined(cpu: Cpu, state: &[Words; 8], block: &[Words; 16]) -> [Words; 8] {
            pbkdf2::compress(cpu, state, block)
        }
        // SAFETY: see above.
        unsafe { outlined(cpu, state, block) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { vaddq_u32(self.0, other.0) })
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { veorq_u32(self.0, other.0) })
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { vandq_u32(self.0, other.0) })
    }

    // Shifts by a constant register: a compiler makes shifts by an immediate of them, and inserts of
    // two that are a rotate.
    #[inline(always)]
    fn shl<const L: i32>(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { vshlq_u32(self.0, vdupq_n_s32(L)) })
    }

    #[inline(always)]
    fn shr<const R: i32>(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { vshlq_u32(self.0, vdupq_n_s32(-R)) })
    }

    #[inline(always)]
    fn choose(self, yes: Self, no: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { vbslq_u32(self.0, yes.0, no.0) })
    }
}

impl Rows for Words {
    #[inline(always)]
    fn get(_: Cpu, row: &[u8; 128], part: usize) -> Self {
        let bytes = &row.as_chunks::<16>().0[part];
        // SAFETY: see above.
        Self(unsafe { vreinterpretq_u32_u8(vld1q_u8(bytes.as_ptr())) })
    }

    #[inline(always)]
    fn put(self, row: &mut [u8; 128], part: usize) {
        let bytes = &mut row.as_chunks_mut::<16>().0[part];
        // SAFETY: see above.
        unsafe { vst1q_u8(bytes.as_mut_ptr(), vreinterpretq_u8_u32(self.0)) };
    }

    #[inline(always)]
    fn turn1(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { vextq_u32::<1>(self.0, self.0) })
    }

    #[inline(always)]
    fn turn2(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { vextq_u32::<2>(self.0, self.0) })
    }

    #[inline(always)]
    fn turn3(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { vextq_u32::<3>(self.0, self.0) })
    }

    #[inline(always)]
    fn first(self) -> u32 {
        // SAFETY: see above.
        unsafe { vgetq_lane_u32::<0>(self.0) }
    }

    #[inline(always)]
    fn prefetch(_: Cpu, row: &[u8; 128]) {
        // SAFETY: a prefetch changes nothing, and the row is there.
        unsafe {
            core::arch::asm!(
                "prfm pldl1keep, [{row}]",
                "prfm pldl1keep, [{row}, 64]",
                row = in(reg) row.as_ptr(),
                options(nostack, preserves_flags, readonly),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrypt::kernel::tests::agrees_with_soft;

    #[test]
    fn agrees_with_the_portable_code() {
        if let Some(neon) = Neon::detect() {
            for sets in [1, 2] {
                agrees_with_soft(&Neon { sets, ..neon }, 6);
            }
        }
    }
}
