//! The portable kernel.
#![allow(clippy::inline_always, reason = "vectorises only where it is inlined")]

use super::execute;
use super::keccak::permute;
use super::program::Program;
use super::simd::{Bits, CACHE_WORDS, DagItem, GROUP, Kernel, LANES, Mixes, Row, Simd, Sponges, StepCache};

/// Plain words; every machine has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Soft;

type Words = [u32; LANES];

#[inline(always)]
fn each(mut a: Words, f: impl Fn(u32) -> u32) -> Words {
    for a in &mut a {
        *a = f(*a);
    }
    a
}

#[inline(always)]
fn both(mut a: Words, b: Words, f: impl Fn(u32, u32) -> u32) -> Words {
    for (a, b) in a.iter_mut().zip(b) {
        *a = f(*a, b);
    }
    a
}

impl Bits for Soft {
    type Words = Words;

    #[inline(always)]
    fn splat(self, word: u32) -> Words {
        [word; LANES]
    }

    #[inline(always)]
    fn xor(self, a: Words, b: Words) -> Words {
        both(a, b, |a, b| a ^ b)
    }

    #[inline(always)]
    fn chi(self, a: Words, b: Words, c: Words) -> Words {
        both(a, both(b, c, |b, c| !b & c), |a, masked| a ^ masked)
    }

    #[inline(always)]
    fn rotate(self, a: Words, bits: u32) -> Words {
        each(a, |a| a.rotate_left(bits))
    }
}

impl Simd for Soft {
    #[inline(always)]
    fn load(self, row: &Row) -> Words {
        row.0
    }

    #[inline(always)]
    fn store(self, row: &mut Row, words: Words) {
        row.0 = words;
    }

    #[inline(always)]
    fn shift_left(self, a: Words, bits: u32) -> Words {
        each(a, |a| a << (bits & 31))
    }

    #[inline(always)]
    fn shift_right(self, a: Words, bits: u32) -> Words {
        each(a, |a| a >> (bits & 31))
    }

    #[inline(always)]
    fn add(self, a: Words, b: Words) -> Words {
        both(a, b, u32::wrapping_add)
    }

    #[inline(always)]
    fn multiply(self, a: Words, b: Words) -> Words {
        both(a, b, u32::wrapping_mul)
    }

    #[inline(always)]
    fn multiply_high(self, a: Words, b: Words) -> Words {
        both(a, b, |a, b| ((u64::from(a) * u64::from(b)) >> 32) as u32)
    }

    #[inline(always)]
    fn minimum(self, a: Words, b: Words) -> Words {
        both(a, b, u32::min)
    }

    #[inline(always)]
    fn rotate_left(self, a: Words, b: Words) -> Words {
        both(a, b, |a, b| a.rotate_left(b & 31))
    }

    #[inline(always)]
    fn rotate_right(self, a: Words, b: Words) -> Words {
        both(a, b, |a, b| a.rotate_right(b & 31))
    }

    #[inline(always)]
    fn and(self, a: Words, b: Words) -> Words {
        both(a, b, |a, b| a & b)
    }

    #[inline(always)]
    fn or(self, a: Words, b: Words) -> Words {
        both(a, b, |a, b| a | b)
    }

    #[inline(always)]
    fn leading_zeros(self, a: Words) -> Words {
        each(a, u32::leading_zeros)
    }

    #[inline(always)]
    fn count_ones(self, a: Words) -> Words {
        each(a, u32::count_ones)
    }

    #[inline(always)]
    fn gather(self, cache: &StepCache, indices: Words) -> Words {
        each(indices, |index| cache.0[index as usize % CACHE_WORDS])
    }

    #[inline(always)]
    fn dag_words(self, item: &DagItem, round: usize, word: usize) -> Words {
        let mut words = [0; LANES];
        for (lane, out) in words.iter_mut().enumerate() {
            let from = (lane ^ round) % LANES;
            *out = item[from / 4].0[from % 4 * 4 + word % 4];
        }
        words
    }
}

impl Kernel for Soft {
    fn name(&self) -> &'static str {
        "soft"
    }

    fn keccak(&self, sponges: &mut Sponges) {
        // One by one: 25 vectors don't fit into the few registers that every machine has.
        for lane in 0..LANES {
            let mut state = core::array::from_fn(|word| sponges.0[word].0[lane]);
            permute(&mut state);
            for (row, word) in sponges.0.iter_mut().zip(state) {
                row.0[lane] = word;
            }
        }
    }

    fn fill(&self, seeds: &[[u32; 2]; GROUP], mixes: &mut Mixes) {
        execute::fill(*self, seeds, mixes);
    }

    fn round(
        &self,
        program: &Program,
        cache: &StepCache,
        round: usize,
        items: &[&DagItem; GROUP],
        ahead: &[&DagItem; GROUP],
        mixes: &mut Mixes,
    ) {
        execute::round(*self, program, cache, round, items, ahead, mixes);
    }

    fn reduce(&self, mixes: &Mixes) -> [[u32; 8]; GROUP] {
        execute::reduce(*self, mixes)
    }
}
