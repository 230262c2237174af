//! SHA-256 on many messages at once, a message per lane of a vector.

use super::HEADER_LEN;
use super::job::{FINAL, HASH_BITS, HEADER_BITS, Job, PAD, ROUNDS};
use super::soft::state_bytes;
use super::words::INITIAL;
use crate::primitives::Hash256;

/// No vector has more lanes.
const MAX_COUNT: usize = 32;

/// A vector of 32-bit words, one per lane.
pub(super) trait Lanes: Copy {
    /// Proof that the CPU has the instructions.
    type Isa: Copy;
    /// How many lanes; a divisor of 32.
    const COUNT: usize;

    /// The same word in every lane.
    fn splat(isa: Self::Isa, word: u32) -> Self;
    /// A word for each lane.
    fn new(isa: Self::Isa, word: impl FnMut(usize) -> u32) -> Self;
    fn add(self, other: Self) -> Self;
    fn big_sigma0(self) -> Self;
    fn big_sigma1(self) -> Self;
    fn small_sigma0(self) -> Self;
    fn small_sigma1(self) -> Self;
    fn ch(self, y: Self, z: Self) -> Self;
    fn maj(self, y: Self, z: Self) -> Self;
    /// A bit for each lane whose word, its bytes reversed, is at or below `limit`.
    fn reversed_at_most(self, limit: u32) -> u32;
    /// The words of the lanes, into a slice of that length.
    fn words(self, words: &mut [u32]);

    /// Round T, whose constant and message word are in h already.
    #[inline(always)]
    fn round<const T: usize>(s: &mut [Self; 8]) {
        let [a, b, c, d, e, f, g, h] = const { places::<T>() };
        let t1 = s[h].add(s[e].ch(s[f], s[g])).add(s[e].big_sigma1());
        let t2 = s[a].big_sigma0().add(s[a].maj(s[b], s[c]));
        s[d] = s[d].add(t1);
        s[h] = t1.add(t2);
    }

    /// Round T without its new a, where no later round needs it.
    #[inline(always)]
    fn round_e<const T: usize>(s: &mut [Self; 8]) {
        let [_, _, _, d, e, f, g, h] = const { places::<T>() };
        let t1 = s[h].add(s[e].ch(s[f], s[g])).add(s[e].big_sigma1());
        s[d] = s[d].add(t1);
    }

    /// The next message word and its round T.
    #[inline(always)]
    #[allow(
        clippy::trivially_copy_pass_by_ref,
        reason = "a vector instruction reads it from memory"
    )]
    fn step<const T: usize>(isa: Self::Isa, s: &mut [Self; 8], w: &mut [Self; 16], constant: &u32) {
        expand::<Self, T>(w);
        add_word::<Self, T>(s, w, Self::splat(isa, *constant));
        Self::round::<T>(s);
    }
}

/// Where round T finds the state's word `i` (0 for a, 7 for h): the words stay in place, their names move on.
#[inline(always)]
pub(super) const fn at<const T: usize>(i: usize) -> usize {
    (i + 64 - T) % 8
}

/// Where round T finds the state's words a to h.
pub(super) const fn places<const T: usize>() -> [usize; 8] {
    [
        at::<T>(0),
        at::<T>(1),
        at::<T>(2),
        at::<T>(3),
        at::<T>(4),
        at::<T>(5),
        at::<T>(6),
        at::<T>(7),
    ]
}

macro_rules! unroll {
    ($T:ident in $($t:literal)+ => $body:block) => { $({ const $T: usize = $t; $body })+ };
}
#[cfg(target_arch = "x86_64")]
pub(super) use unroll;

/// Marks, of the nonces from `first` (a multiple of 32) on, those whose hash may be at or below the target.
#[inline(always)]
pub(super) fn search<L: Lanes, const GROUPS: usize>(isa: L::Isa, job: &Job, first: u32, marks: &mut [u32]) {
    // One block of all groups, then the other: the code of one block fits into the cache of decoded instructions.
    let mut digests = [[L::splat(isa, 0); 8]; GROUPS];
    for (group, digest) in digests.iter_mut().enumerate() {
        *digest = tail_block(isa, job, first.wrapping_add((group * L::COUNT) as u32));
    }
    marks.fill(0);
    for (group, digest) in digests.iter().enumerate() {
        let last = last_word(isa, digest);
        let lane = group * L::COUNT;
        marks[lane / 32] |= last.reversed_at_most(job.limit) << (lane % 32);
    }
}

/// The hashes of the tail blocks with the nonces from `first` on.
#[inline(always)]
fn tail_block<L: Lanes>(isa: L::Isa, job: &Job, first: u32) -> [L; 8] {
    let splat = |word| L::splat(isa, word);
    // The header holds the nonce little-endian, SHA-256 reads it big-endian.
    let nonce = L::new(isa, |i| (i as u32) << 24).add(splat(first.swap_bytes()));
    let mut s = [splat(0); 8];
    for (i, word) in job.start.into_iter().enumerate() {
        s[at::<4>(i)] = splat(word);
    }
    s[at::<4>(0)] = s[at::<4>(0)].add(nonce);
    s[at::<4>(4)] = s[at::<4>(4)].add(nonce);
    let mut w = [splat(0); 16];
    w[0] = splat(job.words[0]);
    w[1] = splat(job.words[1]);
    w[2] = nonce.small_sigma0().add(splat(job.words[2]));
    w[3] = nonce.add(splat(job.words[3]));

    unroll!(T in 4 5 6 => {
        s[at::<T>(7)] = splat(job.tail_h[T - 4]);
        s[at::<T>(3)] = splat(job.tail_d[T - 4]);
        L::round::<T>(&mut s);
    });
    unroll!(T in 7 8 9 10 11 12 13 14 15 16 17 => {
        s[at::<T>(7)] = s[at::<T>(7)].add(splat(job.tail[T / 16][T % 16]));
        L::round::<T>(&mut s);
    });
    unroll!(T in 18 19 20 21 22 23 24 25 26 27 28 29 30 31 => {
        if T >= 20 {
            tail_word::<L, T>(isa, job, &mut w);
        }
        add_word::<L, T>(&mut s, &w, splat(job.tail[1][T % 16]));
        L::round::<T>(&mut s);
    });
    for constants in &job.tail[2..] {
        sixteen_rounds(isa, &mut s, &mut w, constants);
    }
    for (word, feed) in s.iter_mut().zip(job.feed).skip(1) {
        *word = word.add(splat(feed));
    }
    s
}

/// The last word of the hash of `digest`.
#[inline(always)]
fn last_word<L: Lanes>(isa: L::Isa, digest: &[L; 8]) -> L {
    let splat = |word| L::splat(isa, word);
    let mut s = [splat(0); 8];
    for (i, word) in FINAL.start.into_iter().enumerate() {
        s[at::<1>(i)] = splat(word);
    }
    s[at::<1>(0)] = s[at::<1>(0)].add(digest[0]);
    s[at::<1>(4)] = s[at::<1>(4)].add(digest[0]);
    let mut w = [splat(0); 16];
    w[..8].copy_from_slice(digest);

    unroll!(T in 1 2 3 => {
        s[at::<T>(7)] = splat(FINAL.h[T - 1]).add(w[T]);
        s[at::<T>(3)] = splat(INITIAL[3 - T]);
        L::round::<T>(&mut s);
    });
    unroll!(T in 4 5 6 7 => {
        add_word::<L, T>(&mut s, &w, splat(FINAL.rounds[0][T]));
        L::round::<T>(&mut s);
    });
    unroll!(T in 8 9 10 11 12 13 14 15 => {
        s[at::<T>(7)] = s[at::<T>(7)].add(splat(FINAL.rounds[0][T]));
        L::round::<T>(&mut s);
    });
    unroll!(T in 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 => {
        final_word::<L, T>(isa, &mut w);
        add_word::<L, T>(&mut s, &w, splat(FINAL.rounds[1][T % 16]));
        L::round::<T>(&mut s);
    });
    sixteen_rounds(isa, &mut s, &mut w, &FINAL.rounds[2]);
    unroll!(T in 48 49 50 51 52 53 54 55 56 => {
        L::step::<T>(isa, &mut s, &mut w, &FINAL.rounds[3][T % 16]);
    });
    unroll!(T in 57 58 59 60 => {
        expand::<L, T>(&mut w);
        add_word::<L, T>(&mut s, &w, splat(FINAL.rounds[3][T % 16]));
        L::round_e::<T>(&mut s);
    });
    s[at::<61>(4)]
}

#[inline(always)]
fn sixteen_rounds<L: Lanes>(isa: L::Isa, s: &mut [L; 8], w: &mut [L; 16], constants: &[u32; 16]) {
    unroll!(T in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 => {
        L::step::<T>(isa, s, w, &constants[T]);
    });
}

/// Word T of the tail block, from 20 to 32.
#[inline(always)]
pub(super) fn tail_word<L: Lanes, const T: usize>(isa: L::Isa, job: &Job, w: &mut [L; 16]) {
    let mut word = w[(T - 2) % 16].small_sigma1();
    if T >= 25 {
        word = word.add(w[(T - 7) % 16]);
    }
    if T < 25 && T != 21 || T >= 30 {
        word = word.add(L::splat(isa, job.words[T - 16]));
    }
    w[T % 16] = word;
}

/// Word T of the final block, from 16 to 31.
#[inline(always)]
pub(super) fn final_word<L: Lanes, const T: usize>(isa: L::Isa, w: &mut [L; 16]) {
    let shared = L::splat(isa, FINAL.words[T - 16]);
    let mut word = if T < 24 { w[T % 16] } else { shared };
    if T < 23 {
        word = word.add(w[(T + 1) % 16].small_sigma0());
    }
    if T == 17 || T == 22 || T == 23 {
        word = word.add(shared);
    }
    if T == 31 {
        word = word.add(w[0].small_sigma0());
    }
    if T >= 23 {
        let other = w[(T - 7) % 16];
        word = if T >= 25 && T < 30 { other } else { word.add(other) };
    }
    if T >= 18 {
        word = word.add(w[(T - 2) % 16].small_sigma1());
    }
    w[T % 16] = word;
}

/// The next message word, in place of the one 16 rounds before.
#[inline(always)]
pub(super) fn expand<L: Lanes, const T: usize>(w: &mut [L; 16]) {
    let word = w[T % 16].add(w[(T + 9) % 16]);
    let word = word.add(w[(T + 1) % 16].small_sigma0());
    w[T % 16] = word.add(w[(T + 14) % 16].small_sigma1());
}

#[inline(always)]
fn add_word<L: Lanes, const T: usize>(s: &mut [L; 8], w: &[L; 16], constant: L) {
    s[at::<T>(7)] = s[at::<T>(7)].add(constant).add(w[T % 16]);
}

/// Hashes headers, as many at once as there are lanes.
#[inline(always)]
pub(super) fn hash_headers<L: Lanes>(isa: L::Isa, headers: &[&[u8; HEADER_LEN]], hashes: &mut [Hash256]) {
    for (headers, hashes) in headers.chunks(L::COUNT).zip(hashes.chunks_mut(L::COUNT)) {
        // Lanes without a header hash the last one again.
        let word = |i: usize| {
            L::new(isa, |lane| {
                let header = headers[lane.min(headers.len() - 1)];
                let at = 4 * i;
                u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
            })
        };
        let mut state = INITIAL.map(|word| L::splat(isa, word));
        for block in 0..3 {
            let mut w = [L::splat(isa, 0); 16];
            if block < 2 {
                for (i, w) in w.iter_mut().enumerate().take(if block == 0 { 16 } else { 4 }) {
                    *w = word(16 * block + i);
                }
            } else {
                w[..8].copy_from_slice(&state);
                for (word, initial) in state.iter_mut().zip(INITIAL) {
                    *word = L::splat(isa, initial);
                }
            }
            if block > 0 {
                w[4 * block] = L::splat(isa, PAD);
                w[15] = L::splat(isa, if block == 1 { HEADER_BITS } else { HASH_BITS });
            }
            compress(isa, &mut state, &mut w);
        }
        let mut words = [[0; MAX_COUNT]; 8];
        for (lanes, words) in state.iter().zip(&mut words) {
            lanes.words(&mut words[..L::COUNT]);
        }
        for (lane, hash) in hashes.iter_mut().enumerate() {
            *hash = Hash256::from_le_bytes(state_bytes(&words.map(|word| word[lane])));
        }
    }
}

/// Compresses a block of `w` into `state`.
#[inline(always)]
pub(super) fn compress<L: Lanes>(isa: L::Isa, state: &mut [L; 8], w: &mut [L; 16]) {
    let mut s = *state;
    unroll!(T in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 => {
        add_word::<L, T>(&mut s, w, L::splat(isa, ROUNDS[0][T]));
        L::round::<T>(&mut s);
    });
    for constants in &ROUNDS[1..] {
        sixteen_rounds(isa, &mut s, w, constants);
    }
    for (word, s) in state.iter_mut().zip(s) {
        *word = word.add(s);
    }
}
