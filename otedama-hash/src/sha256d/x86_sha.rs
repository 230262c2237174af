//! The SHA extensions of x86: two rounds an instruction, a few messages interleaved to hide its latency.
#![allow(
    unsafe_code,
    reason = "the intrinsics of an instruction set that not every CPU has"
)]
#![allow(
    clippy::needless_range_loop,
    reason = "the calls behind iterators and closures are not always inlined into functions with target features"
)]

use core::arch::asm;
use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_cvtsi128_si32, _mm_loadu_si128, _mm_set_epi32,
    _mm_set_epi64x, _mm_setzero_si128, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32,
    _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_storeu_si128, _mm_unpackhi_epi64, _mm_unpacklo_epi64,
};

use super::job::{FINAL, HASH_BITS, HEADER_BITS, Job, PAD, ROUNDS};
use super::soft::{BLOCK_LEN, Compress, state_bytes};
use super::words::{INITIAL, State, small_sigma0};
use super::{HEADER_LEN, Kernel, double};
use crate::primitives::Hash256;

/// How many nonces are hashed side by side.
const STREAMS: usize = 4;

/// A CPU with the SHA extensions: made by [`X86Sha::detect`] alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct X86Sha(());

impl X86Sha {
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("sha") && is_x86_feature_detected!("ssse3")).then_some(Self(()))
    }
}

impl Kernel for X86Sha {
    const NAME: &'static str = "sha-ni";
    const SPAN: usize = 96;

    fn compress(self) -> Compress {
        // SAFETY: an `X86Sha` exists on CPUs with the SHA extensions alone, and nothing else hands this out.
        |state, blocks| unsafe { compress(state, blocks) }
    }

    fn search(self, job: &Job, first: u32, marks: &mut [u32]) {
        // SAFETY: as above.
        unsafe { search(job, first, marks) }
    }

    fn hash_headers(self, headers: &[&[u8; HEADER_LEN]], hashes: &mut [Hash256]) {
        let (headers, rest) = headers.as_chunks::<STREAMS>();
        let (hashes, rest_hashes) = hashes.split_at_mut(headers.len() * STREAMS);
        for (headers, hashes) in headers.iter().zip(hashes.chunks_mut(STREAMS)) {
            // SAFETY: as above.
            unsafe { hash_streams(headers, hashes) }
        }
        for (header, hash) in rest.iter().zip(rest_hashes) {
            *hash = double(self.compress(), *header);
        }
    }
}

/// A state as the instructions want it: words f, e, b, a and h, g, d, c, the first one in the lowest lane.
#[derive(Clone, Copy)]
struct Halves {
    abef: __m128i,
    cdgh: __m128i,
}

#[target_feature(enable = "sha,ssse3")]
#[inline]
fn four(words: &[u32]) -> __m128i {
    let words: &[u32; 4] = words.first_chunk().unwrap_or(&[0; 4]);
    // SAFETY: four words are read.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

#[target_feature(enable = "sha,ssse3")]
#[inline]
fn words(a: u32, b: u32, c: u32, d: u32) -> __m128i {
    _mm_set_epi32(d as i32, c as i32, b as i32, a as i32)
}

impl Halves {
    #[target_feature(enable = "sha,ssse3")]
    #[inline]
    fn new(&[a, b, c, d, e, f, g, h]: &State) -> Self {
        Self {
            abef: words(f, e, b, a),
            cdgh: words(h, g, d, c),
        }
    }

    #[target_feature(enable = "sha,ssse3")]
    #[inline]
    fn add(self, other: Self) -> Self {
        Self {
            abef: _mm_add_epi32(self.abef, other.abef),
            cdgh: _mm_add_epi32(self.cdgh, other.cdgh),
        }
    }

    #[target_feature(enable = "sha,ssse3")]
    #[inline]
    fn to_state(self) -> State {
        let mut state = INITIAL;
        for (four, words) in state.as_chunks_mut::<4>().0.iter_mut().zip(self.in_order()) {
            // SAFETY: four words are written.
            unsafe { _mm_storeu_si128(four.as_mut_ptr().cast(), words) }
        }
        state
    }

    /// Words a to d and e to h.
    #[target_feature(enable = "sha,ssse3")]
    #[inline]
    fn in_order(self) -> [__m128i; 2] {
        [
            _mm_shuffle_epi32::<0b1011_0001>(_mm_unpackhi_epi64(self.abef, self.cdgh)),
            _mm_shuffle_epi32::<0b1011_0001>(_mm_unpacklo_epi64(self.abef, self.cdgh)),
        ]
    }
}

/// Four rounds of every stream; `kw` is constants and message words added up.
#[target_feature(enable = "sha,ssse3")]
#[inline]
fn four_rounds<const N: usize>(s: &mut [Halves; N], kw: [__m128i; N]) {
    for n in 0..N {
        s[n].cdgh = _mm_sha256rnds2_epu32(s[n].cdgh, s[n].abef, kw[n]);
    }
    for n in 0..N {
        s[n].abef = _mm_sha256rnds2_epu32(s[n].abef, s[n].cdgh, _mm_shuffle_epi32::<0b0000_1110>(kw[n]));
    }
    if N > 1 {
        for s in s {
            // No instruction, but an order: the compiler would put one stream's rounds after another's.
            // SAFETY: it does nothing.
            unsafe {
                asm!(
                    "/* {} {} */", inout(xmm_reg) s.abef, inout(xmm_reg) s.cdgh,
                    options(nomem, nostack, preserves_flags),
                );
            }
        }
    }
}

/// The streams' message words 4i to 4i + 3 with their constants.
#[target_feature(enable = "sha,ssse3")]
#[inline]
fn with_constants<const N: usize>(m: &[[__m128i; 4]; N], i: usize, constants: __m128i) -> [__m128i; N] {
    let mut kw = [constants; N];
    for n in 0..N {
        kw[n] = _mm_add_epi32(m[n][i], constants);
    }
    kw
}

/// The four rounds from T on, with the message words that they take, which are computed first.
#[target_feature(enable = "sha,ssse3")]
#[inline]
fn four_steps<const T: usize, const N: usize>(
    s: &mut [Halves; N],
    m: &mut [[__m128i; 4]; N],
    constants: __m128i,
) {
    let mut kw = [constants; N];
    for n in 0..N {
        let m = &mut m[n];
        let [w16, w12] = [m[T / 4 % 4], m[(T / 4 + 1) % 4]];
        let [w8, w4] = [m[(T / 4 + 2) % 4], m[(T / 4 + 3) % 4]];
        let sum = _mm_add_epi32(_mm_sha256msg1_epu32(w16, w12), _mm_alignr_epi8::<4>(w4, w8));
        let word = _mm_sha256msg2_epu32(sum, w4);
        m[T / 4 % 4] = word;
        kw[n] = _mm_add_epi32(constants, word);
    }
    four_rounds(s, kw);
}

/// Compresses a block into each state.
#[target_feature(enable = "sha,ssse3")]
#[inline]
fn compress_streams<const N: usize>(states: &mut [Halves; N], blocks: &[[u8; BLOCK_LEN]; N]) {
    let reverse = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let mut m = [[_mm_setzero_si128(); 4]; N];
    for (m, block) in m.iter_mut().zip(blocks) {
        for (m, bytes) in m.iter_mut().zip(block.as_chunks::<16>().0) {
            // SAFETY: 16 bytes are read.
            *m = _mm_shuffle_epi8(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }, reverse);
        }
    }
    let mut s = *states;
    for i in 0..4 {
        let constants = four(&ROUNDS[0][4 * i..]);
        four_rounds(&mut s, with_constants(&m, i, constants));
    }
    for constants in &ROUNDS[1..] {
        sixteen_steps(&mut s, &mut m, constants);
    }
    for (state, s) in states.iter_mut().zip(s) {
        *state = state.add(s);
    }
}

#[target_feature(enable = "sha,ssse3")]
#[inline]
fn sixteen_steps<const N: usize>(s: &mut [Halves; N], m: &mut [[__m128i; 4]; N], constants: &[u32; 16]) {
    four_steps::<0, N>(s, m, four(&constants[0..]));
    four_steps::<4, N>(s, m, four(&constants[4..]));
    four_steps::<8, N>(s, m, four(&constants[8..]));
    four_steps::<12, N>(s, m, four(&constants[12..]));
}

#[target_feature(enable = "sha,ssse3")]
fn compress(state: &mut State, blocks: &[[u8; BLOCK_LEN]]) {
    let mut halves = [Halves::new(state)];
    for block in blocks {
        compress_streams(&mut halves, &[*block]);
    }
    *state = halves[0].to_state();
}

/// Double hashes of headers side by side.
#[target_feature(enable = "sha,ssse3")]
fn hash_streams<const N: usize>(headers: &[&[u8; HEADER_LEN]; N], hashes: &mut [Hash256]) {
    let mut states = [Halves::new(&INITIAL); N];
    let mut blocks = [[0; BLOCK_LEN]; N];
    for (block, header) in blocks.iter_mut().zip(headers) {
        block.copy_from_slice(&header[..BLOCK_LEN]);
    }
    compress_streams(&mut states, &blocks);
    for (block, header) in blocks.iter_mut().zip(headers) {
        *block = padded(&header[BLOCK_LEN..], HEADER_BITS);
    }
    compress_streams(&mut states, &blocks);
    for (block, state) in blocks.iter_mut().zip(&mut states) {
        *block = padded(&state_bytes(&state.to_state()), HASH_BITS);
        *state = Halves::new(&INITIAL);
    }
    compress_streams(&mut states, &blocks);
    for (hash, state) in hashes.iter_mut().zip(states) {
        *hash = Hash256::from_le_bytes(state_bytes(&state.to_state()));
    }
}

/// The last block of a message: up to 55 bytes of it, padding, and the whole message's length in bits.
fn padded(rest: &[u8], bits: u32) -> [u8; BLOCK_LEN] {
    let mut block = [0; BLOCK_LEN];
    block[..rest.len()].copy_from_slice(rest);
    block[rest.len()] = 0x80;
    block[BLOCK_LEN - 4..].copy_from_slice(&bits.to_be_bytes());
    block
}

#[target_feature(enable = "sha,ssse3")]
fn search(job: &Job, first: u32, marks: &mut [u32]) {
    marks.fill(0);
    for at in (0..X86Sha::SPAN).step_by(STREAMS) {
        let digests = tail_block::<STREAMS>(job, first.wrapping_add(at as u32));
        for (at, last) in (at..).zip(last_words(digests)) {
            marks[at / 32] |= u32::from(last.swap_bytes() <= job.limit) << (at % 32);
        }
    }
}

/// The hashes of the tail blocks with the nonces from `first` on.
#[target_feature(enable = "sha,ssse3")]
#[inline]
fn tail_block<const N: usize>(job: &Job, first: u32) -> [Halves; N] {
    let mut s = [Halves::new(&job.start); N];
    let zero = _mm_setzero_si128();
    let mut m = [[zero; 4]; N];
    let mut kw = [zero; N];
    for i in 0..N {
        let nonce = first.wrapping_add(i as u32).swap_bytes();
        let nonce_in_a_and_e = _mm_set_epi64x(i64::from(nonce) << 32, i64::from(nonce) << 32);
        s[i].abef = _mm_add_epi32(s[i].abef, nonce_in_a_and_e);
        let w18 = small_sigma0(nonce).wrapping_add(job.words[2]);
        let w19 = nonce.wrapping_add(job.words[3]);
        // Words 16 and 17 are in the constants already.
        kw[i] = _mm_add_epi32(four(&job.tail[1]), words(0, 0, w18, w19));
        m[i][0] = words(job.words[0], job.words[1], w18, w19);
    }
    for i in 1..4 {
        four_rounds(&mut s, [four(&job.tail[0][4 * i..]); N]);
    }
    four_rounds(&mut s, kw);
    for [m0, m1, m2, m3] in &mut m {
        *m1 = _mm_sha256msg2_epu32(four(&job.words[4..]), *m0);
        *m2 = _mm_sha256msg2_epu32(_mm_alignr_epi8::<4>(*m1, *m0), *m1);
        let sum = _mm_add_epi32(four(&job.words[12..]), _mm_alignr_epi8::<4>(*m2, *m1));
        *m3 = _mm_sha256msg2_epu32(sum, *m2);
    }
    for i in 1..4 {
        let constants = four(&job.tail[1][4 * i..]);
        four_rounds(&mut s, with_constants(&m, i, constants));
    }
    for constants in &job.tail[2..] {
        sixteen_steps(&mut s, &mut m, constants);
    }
    let feed = Halves::new(&job.feed);
    for s in &mut s {
        *s = s.add(feed);
    }
    s
}

/// The last words of the hashes of `digests`.
#[target_feature(enable = "sha,ssse3")]
#[inline]
fn last_words<const N: usize>(digests: [Halves; N]) -> [u32; N] {
    let zero = _mm_setzero_si128();
    let mut s = [Halves::new(&INITIAL); N];
    let mut m = [[zero; 4]; N];
    for (m, digest) in m.iter_mut().zip(digests) {
        [m[0], m[1]] = digest.in_order();
        m[2] = words(PAD, 0, 0, 0);
        m[3] = words(0, 0, 0, HASH_BITS);
    }
    let [first, second, third, fourth] = &FINAL.rounds;
    for i in 0..2 {
        let constants = four(&first[4 * i..]);
        four_rounds(&mut s, with_constants(&m, i, constants));
    }
    four_rounds(&mut s, [four(&first[8..]); N]);
    four_rounds(&mut s, [four(&first[12..]); N]);
    sixteen_steps(&mut s, &mut m, second);
    sixteen_steps(&mut s, &mut m, third);
    four_steps::<0, N>(&mut s, &mut m, four(fourth));
    four_steps::<4, N>(&mut s, &mut m, four(&fourth[4..]));
    four_steps::<8, N>(&mut s, &mut m, four(&fourth[8..]));
    // Of the last four rounds the first makes the e that becomes h; the instruction does two.
    let constants = four(&fourth[12..]);
    let mut last = [0; N];
    for i in 0..N {
        let [m0, _, m2, m3] = m[i];
        let sum = _mm_add_epi32(_mm_sha256msg1_epu32(m3, m0), _mm_alignr_epi8::<4>(m2, m[i][1]));
        let kw = _mm_add_epi32(constants, _mm_sha256msg2_epu32(sum, m2));
        let state = _mm_sha256rnds2_epu32(s[i].cdgh, s[i].abef, kw);
        last[i] = _mm_cvtsi128_si32(state) as u32;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::sha256d::checks::kernel_tests!(X86Sha::detect());
}
