//! AVX-512: sixteen messages in a register, and twice as many at once when mining.
//!
//! Two streams of sixteen hide each other's latency on cores whose vector instructions take two cycles. They
//! need 16 registers for their states and up to 10 for what a round computes, of 32; a compiler keeps more
//! values alive than that and moves them to memory and back. So a round of both streams is written out.
#![allow(
    unsafe_code,
    reason = "the intrinsics of an instruction set that not every CPU has"
)]

use core::arch::asm;
use core::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_cmple_epu32_mask, _mm512_loadu_si512, _mm512_ror_epi32,
    _mm512_set1_epi32, _mm512_set4_epi32, _mm512_shuffle_epi8, _mm512_srli_epi32, _mm512_storeu_si512,
    _mm512_ternarylogic_epi32,
};

use super::job::Job;
use super::lanes::{Lanes, hash_headers, places, search};
use super::soft::{Compress, Soft};
use super::x86_sha::X86Sha;
use super::{HEADER_LEN, Kernel};
use crate::primitives::Hash256;

/// With fewer headers than this, the SHA extensions are faster than lanes.
const WORTH_LANES: usize = 9;
/// Truth tables for `vpternlogd`, of which the assembly below has the values.
const XOR: i32 = 0x96;
const CH: i32 = 0xca;
const MAJ: i32 = 0xe8;

/// A CPU with AVX-512 F and BW: made by [`Avx512::detect`] alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512 {
    /// For what fills too few lanes.
    sha: Option<X86Sha>,
}

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        let sha = X86Sha::detect();
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")).then_some(Self { sha })
    }
}

impl Kernel for Avx512 {
    const NAME: &'static str = "avx512";
    const SPAN: usize = 512;

    fn compress(self) -> Compress {
        self.sha.map_or(Soft.compress(), Kernel::compress)
    }

    fn search(self, job: &Job, first: u32, marks: &mut [u32]) {
        // SAFETY: an `Avx512` exists on CPUs with AVX-512 alone.
        unsafe { search_avx512(self, job, first, marks) }
    }

    fn hash_headers(self, headers: &[&[u8; HEADER_LEN]], hashes: &mut [Hash256]) {
        match self.sha {
            Some(sha) if headers.len() < WORTH_LANES => sha.hash_headers(headers, hashes),
            None if headers.len() == 1 => Soft.hash_headers(headers, hashes),
            // SAFETY: as above.
            _ => unsafe { hash_headers_avx512(self, headers, hashes) },
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn search_avx512(isa: Avx512, job: &Job, first: u32, marks: &mut [u32]) {
    search::<Pair, 16>(isa, job, first, marks);
}

#[target_feature(enable = "avx512f,avx512bw")]
fn hash_headers_avx512(isa: Avx512, headers: &[&[u8; HEADER_LEN]], hashes: &mut [Hash256]) {
    hash_headers::<Sixteen>(isa, headers, hashes);
}

/// Made from an [`Avx512`] or another `Sixteen` alone, so its CPU has AVX-512.
#[derive(Clone, Copy)]
pub(super) struct Sixteen(pub(super) __m512i);

/// An expression of intrinsics.
macro_rules! sixteen {
    ($value:expr) => {
        // SAFETY: the arguments are proof of AVX-512, see `Sixteen`.
        Sixteen(unsafe { $value })
    };
}

macro_rules! sigma {
    ($x:expr, $first:literal, $second:literal, $third:ident $by:literal) => {
        sixteen!(_mm512_ternarylogic_epi32::<XOR>(
            _mm512_ror_epi32::<$first>($x.0),
            _mm512_ror_epi32::<$second>($x.0),
            $third::<$by>($x.0)
        ))
    };
}

impl Lanes for Sixteen {
    type Isa = Avx512;
    const COUNT: usize = 16;

    #[inline(always)]
    fn splat(_: Avx512, word: u32) -> Self {
        sixteen!(_mm512_set1_epi32(word as i32))
    }

    #[inline(always)]
    fn new(_: Avx512, mut word: impl FnMut(usize) -> u32) -> Self {
        let mut words = [0; 16];
        for (lane, slot) in words.iter_mut().enumerate() {
            *slot = word(lane);
        }
        sixteen!(_mm512_loadu_si512(words.as_ptr().cast()))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        sixteen!(_mm512_add_epi32(self.0, other.0))
    }

    #[inline(always)]
    fn big_sigma0(self) -> Self {
        sigma!(self, 2, 13, _mm512_ror_epi32 22)
    }

    #[inline(always)]
    fn big_sigma1(self) -> Self {
        sigma!(self, 6, 11, _mm512_ror_epi32 25)
    }

    #[inline(always)]
    fn small_sigma0(self) -> Self {
        sigma!(self, 7, 18, _mm512_srli_epi32 3)
    }

    #[inline(always)]
    fn small_sigma1(self) -> Self {
        sigma!(self, 17, 19, _mm512_srli_epi32 10)
    }

    #[inline(always)]
    fn ch(self, y: Self, z: Self) -> Self {
        sixteen!(_mm512_ternarylogic_epi32::<CH>(self.0, y.0, z.0))
    }

    #[inline(always)]
    fn maj(self, y: Self, z: Self) -> Self {
        sixteen!(_mm512_ternarylogic_epi32::<MAJ>(self.0, y.0, z.0))
    }

    #[inline(always)]
    fn reversed_at_most(self, limit: u32) -> u32 {
        // SAFETY: as in `sixteen`.
        let mask = unsafe {
            let reverse = _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
            let limit = _mm512_set1_epi32(limit as i32);
            _mm512_cmple_epu32_mask(_mm512_shuffle_epi8(self.0, reverse), limit)
        };
        u32::from(mask)
    }

    #[inline(always)]
    fn words(self, words: &mut [u32]) {
        let words = &mut words[..16];
        // SAFETY: as in `sixteen`; there is room for sixteen words.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), self.0) }
    }
}

/// Two streams, in memory one after the other.
#[derive(Clone, Copy)]
#[repr(C)]
struct Pair(Sixteen, Sixteen);

impl Lanes for Pair {
    type Isa = Avx512;
    const COUNT: usize = 32;

    #[inline(always)]
    fn splat(isa: Avx512, word: u32) -> Self {
        let stream = Sixteen::splat(isa, word);
        Self(stream, stream)
    }

    #[inline(always)]
    fn new(isa: Avx512, mut word: impl FnMut(usize) -> u32) -> Self {
        Self(
            Sixteen::new(isa, &mut word),
            Sixteen::new(isa, |lane| word(16 + lane)),
        )
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0.add(other.0), self.1.add(other.1))
    }

    #[inline(always)]
    fn big_sigma0(self) -> Self {
        Self(self.0.big_sigma0(), self.1.big_sigma0())
    }

    #[inline(always)]
    fn big_sigma1(self) -> Self {
        Self(self.0.big_sigma1(), self.1.big_sigma1())
    }

    #[inline(always)]
    fn small_sigma0(self) -> Self {
        Self(self.0.small_sigma0(), self.1.small_sigma0())
    }

    #[inline(always)]
    fn small_sigma1(self) -> Self {
        Self(self.0.small_sigma1(), self.1.small_sigma1())
    }

    #[inline(always)]
    fn ch(self, y: Self, z: Self) -> Self {
        Self(self.0.ch(y.0, z.0), self.1.ch(y.1, z.1))
    }

    #[inline(always)]
    fn maj(self, y: Self, z: Self) -> Self {
        Self(self.0.maj(y.0, z.0), self.1.maj(y.1, z.1))
    }

    #[inline(always)]
    fn reversed_at_most(self, limit: u32) -> u32 {
        self.0.reversed_at_most(limit) | self.1.reversed_at_most(limit) << 16
    }

    #[inline(always)]
    fn words(self, words: &mut [u32]) {
        self.0.words(&mut words[..16]);
        self.1.words(&mut words[16..32]);
    }

    #[inline(always)]
    fn round<const T: usize>(s: &mut [Self; 8]) {
        // SAFETY: a `Pair` is proof of AVX-512.
        unsafe { round::<T>(s) }
    }

    #[inline(always)]
    fn step<const T: usize>(_: Avx512, s: &mut [Self; 8], w: &mut [Self; 16], constant: &u32) {
        // SAFETY: an `Avx512` exists on CPUs with AVX-512 alone.
        unsafe { step::<T>(s, w, constant) }
    }
}

/// The text of `Lanes::round` for both streams.
#[rustfmt::skip]
macro_rules! round_text {
    () => {
        concat!(
            // x = the sum of rotations of e, y = ch(e, f, g), h + x + y.
            "vprord {x0}, {e0}, 6\n",               "vprord {x1}, {e1}, 6\n",
            "vprord {y0}, {e0}, 11\n",              "vprord {y1}, {e1}, 11\n",
            "vprord {z0}, {e0}, 25\n",              "vprord {z1}, {e1}, 25\n",
            "vpternlogd {x0}, {y0}, {z0}, 0x96\n",  "vpternlogd {x1}, {y1}, {z1}, 0x96\n",
            "vmovdqa64 {y0}, {e0}\n",               "vmovdqa64 {y1}, {e1}\n",
            "vpternlogd {y0}, {f0}, {g0}, 0xca\n",  "vpternlogd {y1}, {f1}, {g1}, 0xca\n",
            "vpaddd {h0}, {h0}, {y0}\n",            "vpaddd {h1}, {h1}, {y1}\n",
            "vpaddd {h0}, {h0}, {x0}\n",            "vpaddd {h1}, {h1}, {x1}\n",
            // x = the sum of rotations of a, y = maj(a, b, c), d + h, h + x + y.
            "vprord {x0}, {a0}, 2\n",               "vprord {x1}, {a1}, 2\n",
            "vprord {y0}, {a0}, 13\n",              "vprord {y1}, {a1}, 13\n",
            "vprord {z0}, {a0}, 22\n",              "vprord {z1}, {a1}, 22\n",
            "vpternlogd {x0}, {y0}, {z0}, 0x96\n",  "vpternlogd {x1}, {y1}, {z1}, 0x96\n",
            "vmovdqa64 {y0}, {a0}\n",               "vmovdqa64 {y1}, {a1}\n",
            "vpternlogd {y0}, {b0}, {c0}, 0xe8\n",  "vpternlogd {y1}, {b1}, {c1}, 0xe8\n",
            "vpaddd {d0}, {d0}, {h0}\n",            "vpaddd {d1}, {d1}, {h1}\n",
            "vpaddd {x0}, {x0}, {y0}\n",            "vpaddd {x1}, {x1}, {y1}\n",
            "vpaddd {h0}, {h0}, {x0}\n",            "vpaddd {h1}, {h1}, {x1}",
        )
    };
}

/// The text of `Lanes::step` up to `round`, for both streams.
#[rustfmt::skip]
macro_rules! expand_text {
    () => {
        concat!(
            // x = small sigma 0 of the word 15 rounds before + those 16 and 7 rounds before.
            "vmovdqa64 {z0}, [{w} + {w15}]\n",        "vmovdqa64 {z1}, [{w} + {w15} + 64]\n",
            "vprord {x0}, {z0}, 7\n",                 "vprord {x1}, {z1}, 7\n",
            "vprord {y0}, {z0}, 18\n",                "vprord {y1}, {z1}, 18\n",
            "vpsrld {z0}, {z0}, 3\n",                 "vpsrld {z1}, {z1}, 3\n",
            "vpternlogd {x0}, {y0}, {z0}, 0x96\n",    "vpternlogd {x1}, {y1}, {z1}, 0x96\n",
            "vpaddd {x0}, {x0}, [{w} + {w16}]\n",     "vpaddd {x1}, {x1}, [{w} + {w16} + 64]\n",
            "vpaddd {x0}, {x0}, [{w} + {w7}]\n",      "vpaddd {x1}, {x1}, [{w} + {w7} + 64]\n",
            // u = small sigma 1 of the word 2 rounds before + x: the new word, added to h with the constant.
            "vmovdqa64 {z0}, [{w} + {w2}]\n",         "vmovdqa64 {z1}, [{w} + {w2} + 64]\n",
            "vprord {u0}, {z0}, 17\n",                "vprord {u1}, {z1}, 17\n",
            "vprord {y0}, {z0}, 19\n",                "vprord {y1}, {z1}, 19\n",
            "vpsrld {z0}, {z0}, 10\n",                "vpsrld {z1}, {z1}, 10\n",
            "vpternlogd {u0}, {y0}, {z0}, 0x96\n",    "vpternlogd {u1}, {y1}, {z1}, 0x96\n",
            "vpaddd {u0}, {u0}, {x0}\n",              "vpaddd {u1}, {u1}, {x1}\n",
            "vmovdqa64 [{w} + {w16}], {u0}\n",        "vmovdqa64 [{w} + {w16} + 64], {u1}\n",
            "vpaddd {h0}, {h0}, dword ptr [{k}]{{1to16}}\n", "vpaddd {h1}, {h1}, dword ptr [{k}]{{1to16}}\n",
            "vpaddd {h0}, {h0}, {u0}\n",              "vpaddd {h1}, {h1}, {u1}\n",
        )
    };
}

/// `asm!` with the state's words of round T as operands a0 (first stream) to h1, and x to z for free use.
macro_rules! round_asm {
    ($s:ident, $($rest:tt)*) => {{
        let [a, b, c, d, e, f, g, h] = const { places::<T>() };
        let Pair(Sixteen(mut d0), Sixteen(mut d1)) = $s[d];
        let Pair(Sixteen(mut h0), Sixteen(mut h1)) = $s[h];
        asm!(
            $($rest)*
            a0 = in(zmm_reg) $s[a].0.0, a1 = in(zmm_reg) $s[a].1.0,
            b0 = in(zmm_reg) $s[b].0.0, b1 = in(zmm_reg) $s[b].1.0,
            c0 = in(zmm_reg) $s[c].0.0, c1 = in(zmm_reg) $s[c].1.0,
            d0 = inout(zmm_reg) d0, d1 = inout(zmm_reg) d1,
            e0 = in(zmm_reg) $s[e].0.0, e1 = in(zmm_reg) $s[e].1.0,
            f0 = in(zmm_reg) $s[f].0.0, f1 = in(zmm_reg) $s[f].1.0,
            g0 = in(zmm_reg) $s[g].0.0, g1 = in(zmm_reg) $s[g].1.0,
            h0 = inout(zmm_reg) h0, h1 = inout(zmm_reg) h1,
            x0 = out(zmm_reg) _, x1 = out(zmm_reg) _,
            y0 = out(zmm_reg) _, y1 = out(zmm_reg) _,
            z0 = out(zmm_reg) _, z1 = out(zmm_reg) _,
            options(nostack, preserves_flags),
        );
        $s[d] = Pair(Sixteen(d0), Sixteen(d1));
        $s[h] = Pair(Sixteen(h0), Sixteen(h1));
    }};
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn round<const T: usize>(s: &mut [Pair; 8]) {
    // SAFETY: registers alone are read and written, all of them operands.
    unsafe { round_asm!(s, round_text!(),) }
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn step<const T: usize>(s: &mut [Pair; 8], w: &mut [Pair; 16], constant: &u32) {
    // SAFETY: memory is read and written within `w`, whose elements have the 128 bytes and the alignment that
    // the offsets count on, and read at `constant`.
    unsafe {
        round_asm!(
            s,
            concat!(expand_text!(), round_text!()),
            u0 = out(zmm_reg) _, u1 = out(zmm_reg) _,
            w = in(reg) w.as_mut_ptr(),
            k = in(reg) constant,
            w16 = const T % 16 * size_of::<Pair>(),
            w15 = const (T + 1) % 16 * size_of::<Pair>(),
            w7 = const (T + 9) % 16 * size_of::<Pair>(),
            w2 = const (T + 14) % 16 * size_of::<Pair>(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::sha256d::checks::kernel_tests!(Avx512::detect());
}
