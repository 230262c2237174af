//! AVX-512 together with the SHA extensions: vectors hash most nonces, the SHA unit some more at the same time.
//!
//! Mining with vectors alone keeps both of Intel's 512-bit ports busy. The SHA unit's instruction does two rounds of
//! one message and takes a single slot of one port, where the same rounds take more than two slots of a vector
//! kernel per message. What it is slow at, the message schedule, is left to vectors: so here 16 messages have
//! their schedules computed in lanes, their rounds done by the SHA unit, four at a time, in between the rounds of
//! vectors that hash nonces by themselves.
//!
//! Writing to the registers zmm0 to zmm15 in between would make each of the SHA unit's instructions, which know no
//! wider registers than xmm, cost hundreds of cycles. So the rounds are written out with zmm16 to zmm31 alone.
#![allow(
    unsafe_code,
    reason = "the intrinsics of an instruction set that not every CPU has"
)]

#[rustfmt::skip]
mod rounds;
mod side;

use core::array::from_fn;
use core::mem::MaybeUninit;

use self::rounds::{final_blocks, tail_blocks};
use self::side::Side;
use super::avx512::Avx512;
use super::job::Job;
use super::lanes::Lanes;
use super::soft::Compress;
use super::x86_sha::X86Sha;
use super::{HEADER_LEN, Kernel};
use crate::primitives::Hash256;

/// How often vectors hash 16 nonces in one search.
const GROUPS: usize = 8;
/// How often the SHA unit does: it takes on four nonces in the time of 30 rounds, of which a hash has 120.
const SIDES: usize = GROUPS / 2;
const LANES: usize = 16;

/// A CPU with AVX-512 and the SHA extensions: made by [`Avx512Sha::detect`] alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512Sha {
    avx512: Avx512,
}

impl Avx512Sha {
    pub(super) fn detect() -> Option<Self> {
        let (avx512, _) = (Avx512::detect()?, X86Sha::detect()?);
        Some(Self { avx512 })
    }
}

impl Kernel for Avx512Sha {
    const NAME: &'static str = "avx512-sha";
    const SPAN: usize = LANES * (GROUPS + SIDES);

    fn compress(self) -> Compress {
        self.avx512.compress()
    }

    fn search(self, job: &Job, first: u32, marks: &mut [u32]) {
        // SAFETY: an `Avx512Sha` exists on CPUs with these instructions alone.
        unsafe { search(self.avx512, job, first, marks) }
    }

    fn hash_headers(self, headers: &[&[u8; HEADER_LEN]], hashes: &mut [Hash256]) {
        self.avx512.hash_headers(headers, hashes);
    }
}

/// A vector in memory.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Words([u32; LANES]);

/// Everything that a search writes and reads again.
#[repr(C)]
struct Space {
    /// Of each group of vectors the last 16 message words, and in between the hash of the tail block.
    words: [[Words; 16]; GROUPS],
    sides: [Side; SIDES],
}

/// What the rounds read besides a job.
#[repr(C)]
struct Lanewise {
    /// What tells the nonces of 16 lanes apart, as SHA-256 reads them.
    steps: Words,
    /// The states before round 4 of the tail block with these steps as nonces, in the order of [`Side`].
    starts: [Words; 4],
    /// Words h, g, d and c of these states.
    cdgh: [u32; 4],
    /// Each group's first nonce, as SHA-256 reads it.
    bases: [u32; GROUPS],
}

impl Lanewise {
    fn new(job: &Job, first: u32) -> Self {
        let [a, b, c, d, e, f, g, h] = job.start;
        let step = |lane: usize| (lane as u32) << 24;
        let start = |lane: usize| [f, e.wrapping_add(step(lane)), b, a.wrapping_add(step(lane))];
        Self {
            steps: Words(from_fn(step)),
            starts: from_fn(|i| Words(from_fn(|at| start(at / 4 * 4 + i)[at % 4]))),
            cdgh: [h, g, d, c],
            bases: from_fn(|group| first.wrapping_add((LANES * group) as u32).swap_bytes()),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,sha")]
fn search(isa: Avx512, job: &Job, first: u32, marks: &mut [u32]) {
    let lanewise = Lanewise::new(job, first);
    let side_first = first.wrapping_add((LANES * GROUPS) as u32);
    let mut masks = [0; GROUPS + SIDES];
    let mut space = MaybeUninit::<Space>::uninit();
    let space = space.as_mut_ptr();
    // SAFETY: the pointers are good for all of `Space`, of which each part is written before it is read.
    unsafe {
        let sides = (&raw mut (*space).sides).cast::<Side>();
        for i in 0..SIDES {
            let nonce = side_first.wrapping_add((LANES * i) as u32);
            Side::prepare_tail(sides.add(i), isa, job, &lanewise, nonce);
        }
        tail_blocks(job, &lanewise, space);
        for i in 0..SIDES {
            Side::prepare_final(sides.add(i), isa, job);
        }
        final_blocks(job, space, &mut masks);
        for i in 0..SIDES {
            masks[GROUPS + i] = Side::last_words(sides.add(i)).reversed_at_most(job.limit) as u16;
        }
    }
    for (mark, mask) in marks.iter_mut().zip(masks.as_chunks::<2>().0) {
        *mark = u32::from(mask[0]) | u32::from(mask[1]) << 16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::sha256d::checks::kernel_tests!(Avx512Sha::detect());
}
