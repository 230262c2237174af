//! What vectors do for the SHA unit: message schedules, and the order of the words in between.
#![allow(
    unsafe_code,
    reason = "the intrinsics of an instruction set that not every CPU has"
)]
#![allow(
    clippy::needless_range_loop,
    reason = "the calls behind iterators and closures are not always inlined into functions with target features"
)]

use core::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_load_si512, _mm512_set1_epi64, _mm512_store_si512,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::{Lanewise, Words};
use crate::sha256d::avx512::{Avx512, Sixteen};
use crate::sha256d::job::{FINAL, Job};
use crate::sha256d::lanes::{Lanes, expand, final_word, tail_word, unroll};

/// Sixteen nonces for the SHA unit: what it reads and what it writes.
///
/// Its functions are given a pointer to a whole one, in part not yet written.
#[repr(C)]
pub(super) struct Side {
    /// Constants and message words of each two rounds added up: of each four messages the first two, and then of
    /// each four the other two.
    words: [[Words; 2]; 30],
    /// The states before and after the rounds, words f, e, b and a: of every fourth message, from the first one,
    /// the second, the third and the fourth on.
    pub(super) abef: [Words; 4],
    /// Words h, g, d and c after them.
    pub(super) cdgh: [Words; 4],
}

impl Side {
    /// Writes what the SHA unit needs for the tail blocks with the nonces from `first` on.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline(never)]
    pub(super) unsafe fn prepare_tail(
        side: *mut Self,
        isa: Avx512,
        job: &Job,
        lanewise: &Lanewise,
        first: u32,
    ) {
        let nonce = first.swap_bytes();
        let in_a_and_e = _mm512_set1_epi64(i64::from(nonce) << 32);
        // SAFETY: the caller's promise, and `starts` has four vectors.
        unsafe {
            let mut starts = load_four(&raw const lanewise.starts);
            for i in 0..4 {
                starts[i] = _mm512_add_epi32(starts[i], in_a_and_e);
            }
            store_four(&raw mut (*side).abef, starts);
        }
        let nonce = Sixteen::new(isa, |lane| lanewise.steps.0[lane]).add(Sixteen::splat(isa, nonce));
        let mut w = [Sixteen::splat(isa, 0); 16];
        w[1] = Sixteen::splat(isa, job.words[1]);
        w[2] = nonce.small_sigma0().add(Sixteen::splat(isa, job.words[2]));
        w[3] = nonce.add(Sixteen::splat(isa, job.words[3]));
        let mut sums = [Sixteen::splat(isa, 0); 2];
        unroll!(T in 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34
            35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 => {
            if T >= 33 {
                expand::<Sixteen, T>(&mut w);
            } else if T >= 20 {
                tail_word::<Sixteen, { if T < 33 { T } else { 32 } }>(isa, job, &mut w);
            }
            let constant = Sixteen::splat(isa, job.tail[T / 16][T % 16]);
            // Words 4 to 17 are in the constants already.
            sums[T & 1] = if T < 18 { constant } else { w[T % 16].add(constant) };
            if T & 1 == 1 {
                // SAFETY: the caller's promise.
                unsafe { store_sums(side, (T - 4) / 2, sums[0], sums[1]) }
            }
        });
    }

    /// Reads the hashes of the tail blocks and writes what the SHA unit needs to hash them.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline(never)]
    pub(super) unsafe fn prepare_final(side: *mut Self, isa: Avx512, job: &Job) {
        // SAFETY: the caller's promise.
        let ([f, e, b, a], [h, g, d, c]) = unsafe {
            (
                transpose(load_four(&raw const (*side).abef)),
                transpose(load_four(&raw const (*side).cdgh)),
            )
        };
        let mut w = [Sixteen::splat(isa, 0); 16];
        let digest = [a, b, c, d, e, f, g, h];
        for i in 0..8 {
            w[i] = Sixteen(digest[i]).add(Sixteen::splat(isa, job.feed[i]));
        }
        let [a, b, _, _, e, f, ..] = FINAL.start;
        let a = Sixteen::splat(isa, a).add(w[0]);
        let e = Sixteen::splat(isa, e).add(w[0]);
        let start = transpose([Sixteen::splat(isa, f).0, e.0, Sixteen::splat(isa, b).0, a.0]);
        // SAFETY: the caller's promise.
        unsafe { store_four(&raw mut (*side).abef, start) }
        let mut sums = [Sixteen::splat(isa, 0); 2];
        unroll!(T in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 => {
            if T >= 32 {
                expand::<Sixteen, T>(&mut w);
            } else if T >= 16 {
                final_word::<Sixteen, { if T >= 16 && T < 32 { T } else { 16 } }>(isa, &mut w);
            }
            let constant = Sixteen::splat(isa, FINAL.rounds[T / 16][T % 16]);
            // Words 8 to 15 are in the constants already.
            sums[T & 1] = if T >= 8 && T < 16 { constant } else { w[T % 16].add(constant) };
            if T & 1 == 0 {
                // SAFETY: the caller's promise.
                unsafe { store_sums(side, T / 2 - 1, sums[1], sums[0]) }
            }
        });
    }

    /// The last words of the hashes, once the SHA unit is done.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) unsafe fn last_words(side: *const Self) -> Sixteen {
        // SAFETY: the caller's promise.
        let [_, e, ..] = transpose(unsafe { load_four(&raw const (*side).abef) });
        Sixteen(e)
    }
}

/// Writes the sums of two rounds in turns.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn store_sums(side: *mut Side, at: usize, first: Sixteen, second: Sixteen) {
    // SAFETY: the caller's promise, and `at` is below 30.
    unsafe {
        let to = (&raw mut (*side).words[at]).cast::<__m512i>();
        _mm512_store_si512(to, _mm512_unpacklo_epi32(first.0, second.0));
        _mm512_store_si512(to.add(1), _mm512_unpackhi_epi32(first.0, second.0));
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn load_four(from: *const [Words; 4]) -> [__m512i; 4] {
    let from = from.cast::<__m512i>();
    // SAFETY: the caller's promise of four aligned vectors.
    unsafe {
        [
            _mm512_load_si512(from),
            _mm512_load_si512(from.add(1)),
            _mm512_load_si512(from.add(2)),
            _mm512_load_si512(from.add(3)),
        ]
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn store_four(to: *mut [Words; 4], vectors: [__m512i; 4]) {
    for i in 0..4 {
        // SAFETY: as in `load_four`.
        unsafe { _mm512_store_si512(to.cast::<__m512i>().add(i), vectors[i]) }
    }
}

/// From vectors of every fourth state's four words to vectors of a word of all states, or the other way round.
#[target_feature(enable = "avx512f")]
#[inline]
fn transpose([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    [
        _mm512_unpacklo_epi64(ab_low, cd_low),
        _mm512_unpackhi_epi64(ab_low, cd_low),
        _mm512_unpacklo_epi64(ab_high, cd_high),
        _mm512_unpackhi_epi64(ab_high, cd_high),
    ]
}
