//! The SHA-256 instructions of 64-bit Arm: four rounds at a time, a few messages interleaved to hide their latency.
#![allow(
    unsafe_code,
    reason = "the intrinsics of an instruction set that not every CPU has"
)]
#![allow(
    clippy::needless_range_loop,
    reason = "the calls behind iterators and closures are not always inlined into functions with target features"
)]

use core::arch::aarch64::{
    uint32x4_t, vaddq_u32, vdupq_n_u32, vgetq_lane_u32, vld1q_u8, vld1q_u32, vreinterpretq_u32_u8,
    vrev32q_u8, vsetq_lane_u32, vsha256h2q_u32, vsha256hq_u32, vsha256su0q_u32, vsha256su1q_u32, vst1q_u32,
};
use std::arch::is_aarch64_feature_detected;

use super::job::{FINAL, HASH_BITS, HEADER_BITS, Job, PAD, ROUNDS};
use super::soft::{BLOCK_LEN, Compress};
use super::words::{INITIAL, State, small_sigma0};
use super::{HEADER_LEN, Kernel, double};
use crate::primitives::Hash256;

/// How many nonces are hashed side by side.
const STREAMS: usize = 4;

/// A CPU with the SHA-256 instructions: made by [`Sha2::detect`] alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sha2(());

impl Sha2 {
    pub(super) fn detect() -> Option<Self> {
        is_aarch64_feature_detected!("sha2").then_some(Self(()))
    }
}

impl Kernel for Sha2 {
    const NAME: &'static str = "neon";
    const SPAN: usize = 64;

    fn compress(self) -> Compress {
        // SAFETY: a `Sha2` exists on CPUs with these instructions alone, and nothing else hands this out.
        |state, blocks| unsafe { compress(state, blocks) }
    }

    fn search(self, job: &Job, first: u32, marks: &mut [u32]) {
        // SAFETY: as above.
        unsafe { search(job, first, marks) }
    }

    fn hash_headers(self, headers: &[&[u8; HEADER_LEN]], hashes: &mut [Hash256]) {
        for (header, hash) in headers.iter().zip(hashes) {
            *hash = double(self.compress(), *header);
        }
    }
}

/// A state as the instructions want it: words a to d and e to h, the first one in lane 0.
#[derive(Clone, Copy)]
struct Halves {
    abcd: uint32x4_t,
    efgh: uint32x4_t,
}

#[target_feature(enable = "neon,sha2")]
#[inline]
fn four(words: &[u32]) -> uint32x4_t {
    let words: &[u32; 4] = words.first_chunk().unwrap_or(&[0; 4]);
    // SAFETY: four words are read.
    unsafe { vld1q_u32(words.as_ptr()) }
}

impl Halves {
    #[target_feature(enable = "neon,sha2")]
    #[inline]
    fn new(state: &State) -> Self {
        Self {
            abcd: four(state),
            efgh: four(&state[4..]),
        }
    }

    #[target_feature(enable = "neon,sha2")]
    #[inline]
    fn add(self, other: Self) -> Self {
        Self {
            abcd: vaddq_u32(self.abcd, other.abcd),
            efgh: vaddq_u32(self.efgh, other.efgh),
        }
    }
}

/// Four rounds of every stream; `kw` is constants and message words added up.
#[target_feature(enable = "neon,sha2")]
#[inline]
fn four_rounds<const N: usize>(s: &mut [Halves; N], kw: [uint32x4_t; N]) {
    for (s, kw) in s.iter_mut().zip(kw) {
        *s = Halves {
            abcd: vsha256hq_u32(s.abcd, s.efgh, kw),
            efgh: vsha256h2q_u32(s.efgh, s.abcd, kw),
        };
    }
}

/// The message words of the four rounds from T on, in place of those 16 rounds before.
#[target_feature(enable = "neon,sha2")]
#[inline]
fn expand<const T: usize>(m: &mut [uint32x4_t; 4]) {
    let [w16, w12] = [m[T / 4 % 4], m[(T / 4 + 1) % 4]];
    let [w8, w4] = [m[(T / 4 + 2) % 4], m[(T / 4 + 3) % 4]];
    m[T / 4 % 4] = vsha256su1q_u32(vsha256su0q_u32(w16, w12), w8, w4);
}

/// The streams' message words 4i to 4i + 3 with their constants.
#[target_feature(enable = "neon,sha2")]
#[inline]
fn with_constants<const N: usize>(
    m: &[[uint32x4_t; 4]; N],
    i: usize,
    constants: uint32x4_t,
) -> [uint32x4_t; N] {
    let mut kw = [constants; N];
    for n in 0..N {
        kw[n] = vaddq_u32(m[n][i], constants);
    }
    kw
}

#[target_feature(enable = "neon,sha2")]
#[inline]
fn four_steps<const T: usize, const N: usize>(
    s: &mut [Halves; N],
    m: &mut [[uint32x4_t; 4]; N],
    constants: &[u32; 16],
) {
    let constants = four(&constants[T..]);
    let mut kw = [constants; N];
    for n in 0..N {
        expand::<T>(&mut m[n]);
        kw[n] = vaddq_u32(constants, m[n][T / 4 % 4]);
    }
    four_rounds(s, kw);
}

#[target_feature(enable = "neon,sha2")]
#[inline]
fn sixteen_steps<const N: usize>(s: &mut [Halves; N], m: &mut [[uint32x4_t; 4]; N], constants: &[u32; 16]) {
    four_steps::<0, N>(s, m, constants);
    four_steps::<4, N>(s, m, constants);
    four_steps::<8, N>(s, m, constants);
    four_steps::<12, N>(s, m, constants);
}

#[target_feature(enable = "neon,sha2")]
fn compress(state: &mut State, blocks: &[[u8; BLOCK_LEN]]) {
    let mut sum = Halves::new(state);
    for block in blocks {
        let mut m = [vdupq_n_u32(0); 4];
        for (m, bytes) in m.iter_mut().zip(block.as_chunks::<16>().0) {
            // SAFETY: 16 bytes are read.
            *m = vreinterpretq_u32_u8(vrev32q_u8(unsafe { vld1q_u8(bytes.as_ptr()) }));
        }
        let mut s = [sum];
        for (i, m) in m.iter().enumerate() {
            four_rounds(&mut s, [vaddq_u32(*m, four(&ROUNDS[0][4 * i..]))]);
        }
        let mut m = [m];
        for constants in &ROUNDS[1..] {
            sixteen_steps(&mut s, &mut m, constants);
        }
        sum = sum.add(s[0]);
    }
    let (halves, _) = state.as_chunks_mut::<4>();
    for (half, words) in halves.iter_mut().zip([sum.abcd, sum.efgh]) {
        // SAFETY: four words are written.
        unsafe { vst1q_u32(half.as_mut_ptr(), words) }
    }
}

#[target_feature(enable = "neon,sha2")]
fn search(job: &Job, first: u32, marks: &mut [u32]) {
    marks.fill(0);
    for at in (0..Sha2::SPAN).step_by(STREAMS) {
        let digests = tail_block::<STREAMS>(job, first.wrapping_add(at as u32));
        for (at, last) in (at..).zip(last_words(digests)) {
            marks[at / 32] |= u32::from(last.swap_bytes() <= job.limit) << (at % 32);
        }
    }
}

/// The hashes of the tail blocks with the nonces from `first` on.
#[target_feature(enable = "neon,sha2")]
#[inline]
fn tail_block<const N: usize>(job: &Job, first: u32) -> [Halves; N] {
    let zero = vdupq_n_u32(0);
    let mut s = [Halves::new(&job.start); N];
    let mut m = [[zero; 4]; N];
    let mut kw = [zero; N];
    let nonces = (0..N).map(|i| first.wrapping_add(i as u32).swap_bytes());
    for (((s, m), kw), nonce) in s.iter_mut().zip(&mut m).zip(&mut kw).zip(nonces) {
        let nonce_in_a = vsetq_lane_u32::<0>(nonce, zero);
        s.abcd = vaddq_u32(s.abcd, nonce_in_a);
        s.efgh = vaddq_u32(s.efgh, nonce_in_a);
        let w18 = small_sigma0(nonce).wrapping_add(job.words[2]);
        let w19 = nonce.wrapping_add(job.words[3]);
        let words = vsetq_lane_u32::<3>(w19, vsetq_lane_u32::<2>(w18, zero));
        // Words 16 and 17 are in the constants already.
        *kw = vaddq_u32(four(&job.tail[1]), words);
        m[0] = vaddq_u32(four(&[job.words[0], job.words[1], 0, 0]), words);
        m[1] = four(&[PAD, 0, 0, 0]);
        m[3] = four(&[0, 0, 0, HEADER_BITS]);
        // From here on words 16 to 19 are in place of words 0 to 3, so word 4 on are next.
        m[1] = vsha256su1q_u32(m[1], m[3], m[0]);
        m[2] = vsha256su1q_u32(zero, m[0], m[1]);
        expand::<28>(m);
    }
    for i in 1..4 {
        four_rounds(&mut s, [four(&job.tail[0][4 * i..]); N]);
    }
    four_rounds(&mut s, kw);
    for i in 1..4 {
        let constants = four(&job.tail[1][4 * i..]);
        four_rounds(&mut s, with_constants(&m, i, constants));
    }
    for constants in &job.tail[2..] {
        sixteen_steps(&mut s, &mut m, constants);
    }
    let feed = Halves::new(&job.feed);
    for n in 0..N {
        s[n] = s[n].add(feed);
    }
    s
}

/// The last words of the hashes of `digests`.
#[target_feature(enable = "neon,sha2")]
#[inline]
fn last_words<const N: usize>(digests: [Halves; N]) -> [u32; N] {
    let padding = [four(&[PAD, 0, 0, 0]), four(&[0, 0, 0, HASH_BITS])];
    let mut s = [Halves::new(&INITIAL); N];
    let mut m = [[padding[0]; 4]; N];
    for n in 0..N {
        m[n] = [digests[n].abcd, digests[n].efgh, padding[0], padding[1]];
    }
    let [first, rest @ ..] = &FINAL.rounds;
    for i in 0..2 {
        let constants = four(&first[4 * i..]);
        four_rounds(&mut s, with_constants(&m, i, constants));
    }
    four_rounds(&mut s, [four(&first[8..]); N]);
    four_rounds(&mut s, [four(&first[12..]); N]);
    for constants in rest {
        sixteen_steps(&mut s, &mut m, constants);
    }
    // The e of round 60 has become h.
    let mut last = [0; N];
    for n in 0..N {
        last[n] = vgetq_lane_u32::<3>(s[n].efgh);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::sha256d::checks::kernel_tests!(Sha2::detect());
}
