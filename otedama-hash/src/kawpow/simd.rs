//! What a backend provides: vectors of words, and the kernel that is made of them.
//!
//! A value of a [`Bits`] or [`Simd`] type proves that the machine has the instructions behind its
//! methods, so all of them are safe to call.

use super::program::Program;
use crate::ethash::nodes::Node;

/// Hashes that run side by side.
pub(super) const GROUP: usize = 8;
/// Lanes of a hash; a [`Row`] has one word of each.
pub(super) const LANES: usize = 16;
/// Words of the cache that steps read: the first 16 KiB of the dataset.
pub(super) const CACHE_WORDS: usize = 4096;

/// One word of each lane, in memory.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Row(pub [u32; LANES]);

/// The 256 bytes of the dataset that a round reads.
pub(super) type DagItem = [Node; 4];

/// The cache that steps read.
#[repr(C, align(64))]
pub(super) struct StepCache(pub [u32; CACHE_WORDS]);

/// The registers of a group of hashes: `registers[register][hash]` has the register's 16 lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mixes(pub [[Row; GROUP]; super::program::REGISTERS]);

/// The states of sixteen Keccak-f\[800\] permutations: `words[i][k]` is word `i` of state `k`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sponges(pub [Row; 25]);

/// Bitwise operations on one word or a vector of them.
pub(super) trait Bits: Copy {
    /// One word or a vector of them.
    type Words: Copy;

    fn splat(self, word: u32) -> Self::Words;
    fn xor(self, a: Self::Words, b: Self::Words) -> Self::Words;
    /// `a ^ (!b & c)`
    fn chi(self, a: Self::Words, b: Self::Words, c: Self::Words) -> Self::Words;
    /// Rotates left by the same number of bits, below 32, in every word.
    fn rotate(self, a: Self::Words, bits: u32) -> Self::Words;
}

/// Operations on vectors of sixteen words, one for each lane.
pub(super) trait Simd: Bits {
    fn load(self, row: &Row) -> Self::Words;
    fn store(self, row: &mut Row, words: Self::Words);
    /// Shifts by a number of bits below 32.
    fn shift_left(self, a: Self::Words, bits: u32) -> Self::Words;
    /// Shifts by a number of bits below 32.
    fn shift_right(self, a: Self::Words, bits: u32) -> Self::Words;
    fn add(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn multiply(self, a: Self::Words, b: Self::Words) -> Self::Words;
    /// The upper halves of the products.
    fn multiply_high(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn minimum(self, a: Self::Words, b: Self::Words) -> Self::Words;
    /// Rotates each word of `a` left by the bits that its word of `b` says, modulo 32.
    fn rotate_left(self, a: Self::Words, b: Self::Words) -> Self::Words;
    /// As [`Self::rotate_left`], to the right.
    fn rotate_right(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn and(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn or(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn leading_zeros(self, a: Self::Words) -> Self::Words;
    fn count_ones(self, a: Self::Words) -> Self::Words;
    /// The words of `cache` at `indices`, modulo its length.
    fn gather(self, cache: &StepCache, indices: Self::Words) -> Self::Words;
    /// Word `word` of the four that each lane reads from a dataset item in this round: lane `l`
    /// has words `4 * (l ^ round)` and up.
    fn dag_words(self, item: &DagItem, round: usize, word: usize) -> Self::Words;
}

/// A group of hashes on one instruction set.
pub(super) trait Kernel: Send + Sync {
    /// Name of the instruction set.
    fn name(&self) -> &'static str;

    /// Permutes sixteen states.
    fn keccak(&self, sponges: &mut Sponges);

    /// Fills the registers of each hash from its seed, the low word first.
    fn fill(&self, seeds: &[[u32; 2]; GROUP], mixes: &mut Mixes);

    /// Runs a round of each hash, with its dataset item, and brings the items `ahead` nearer meanwhile.
    fn round(
        &self,
        program: &Program,
        cache: &StepCache,
        round: usize,
        items: &[&DagItem; GROUP],
        ahead: &[&DagItem; GROUP],
        mixes: &mut Mixes,
    );

    /// Condenses the registers of each hash to its mix hash.
    fn reduce(&self, mixes: &Mixes) -> [[u32; 8]; GROUP];
}

/// Implements [`Kernel`] for a [`Simd`] type by the generic functions of `execute`, compiled with its instructions.
#[cfg(target_arch = "x86_64")]
macro_rules! vector_kernel {
    ($simd:ident, $name:literal, $features:literal) => {
        impl Kernel for $simd {
            fn name(&self) -> &'static str {
                $name
            }

            fn keccak(&self, sponges: &mut Sponges) {
                #[target_feature(enable = $features)]
                fn keccak(simd: $simd, sponges: &mut Sponges) {
                    execute::keccak(simd, sponges);
                }
                // SAFETY: `self` proves that the machine has the instructions.
                unsafe { keccak(*self, sponges) }
            }

            fn fill(&self, seeds: &[[u32; 2]; GROUP], mixes: &mut Mixes) {
                #[target_feature(enable = $features)]
                fn fill(simd: $simd, seeds: &[[u32; 2]; GROUP], mixes: &mut Mixes) {
                    execute::fill(simd, seeds, mixes);
                }
                // SAFETY: `self` proves that the machine has the instructions.
                unsafe { fill(*self, seeds, mixes) }
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
                #[target_feature(enable = $features)]
                fn run(
                    simd: $simd,
                    program: &Program,
                    cache: &StepCache,
                    round: usize,
                    items: &[&DagItem; GROUP],
                    ahead: &[&DagItem; GROUP],
                    mixes: &mut Mixes,
                ) {
                    execute::round(simd, program, cache, round, items, ahead, mixes);
                }
                // SAFETY: `self` proves that the machine has the instructions.
                unsafe { run(*self, program, cache, round, items, ahead, mixes) }
            }

            fn reduce(&self, mixes: &Mixes) -> [[u32; 8]; GROUP] {
                #[target_feature(enable = $features)]
                fn reduce(simd: $simd, mixes: &Mixes) -> [[u32; 8]; GROUP] {
                    execute::reduce(simd, mixes)
                }
                // SAFETY: `self` proves that the machine has the instructions.
                unsafe { reduce(*self, mixes) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
pub(super) use vector_kernel;

/// Every kernel that this machine can run, the portable one last.
#[cfg(test)]
pub(super) fn kernels() -> Vec<Box<dyn Kernel>> {
    let mut kernels: Vec<Box<dyn Kernel>> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        kernels.extend(super::avx2::Avx2::detect().map(|kernel| Box::new(kernel) as Box<dyn Kernel>));
        kernels.extend(super::avx512::Avx512::detect().map(|kernel| Box::new(kernel) as Box<dyn Kernel>));
    }
    kernels.extend([Box::new(super::soft::Soft) as Box<dyn Kernel>]);
    kernels
}
