//! The kernel's parts, written once for every instruction set.
//!
//! Everything here is inlined into a backend's functions and so takes over their target features.
#![allow(clippy::inline_always, reason = "takes over the caller's target features")]

use super::keccak::permute_with;
use super::program::{Math, Merge, Program, REGISTERS, Register, Value};
use super::random::{FNV_OFFSET_BASIS, FNV_PRIME, fnv1a, multiply_with_carry};
use super::simd::{DagItem, GROUP, LANES, Mixes, Row, Simd, Sponges, StepCache};
use crate::ethash::nodes::prefetch_l2;

/// As `Kernel::keccak` describes it, for machines with many registers.
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "the portable kernel has its own")
)]
#[inline(always)]
pub(super) fn keccak<S: Simd>(simd: S, sponges: &mut Sponges) {
    let mut words = [simd.splat(0); 25];
    for (words, row) in words.iter_mut().zip(&sponges.0) {
        *words = simd.load(row);
    }
    permute_with(simd, &mut words);
    for (row, words) in sponges.0.iter_mut().zip(words) {
        simd.store(row, words);
    }
}

/// As `Kernel::fill` describes it.
#[inline(always)]
pub(super) fn fill<S: Simd>(simd: S, seeds: &[[u32; 2]; GROUP], mixes: &mut Mixes) {
    let lanes = simd.load(&Row(core::array::from_fn(|lane| lane as u32)));
    let prime = simd.splat(FNV_PRIME);
    let (factor, addend) = (simd.splat(69069), simd.splat(1_234_567));
    for (hash, seed) in seeds.iter().enumerate() {
        let mut z = fnv1a(FNV_OFFSET_BASIS, seed[0]);
        let mut w = fnv1a(z, seed[1]);
        let mut jsr = simd.multiply(simd.xor(simd.splat(w), lanes), prime);
        let mut jcong = simd.multiply(simd.xor(jsr, lanes), prime);
        for register in &mut mixes.0 {
            let mwc = multiply_with_carry(&mut z, &mut w);
            jsr = simd.xor(jsr, simd.shift_left(jsr, 17));
            jsr = simd.xor(jsr, simd.shift_right(jsr, 13));
            jsr = simd.xor(jsr, simd.shift_left(jsr, 5));
            jcong = simd.add(simd.multiply(jcong, factor), addend);
            let word = simd.add(simd.xor(simd.splat(mwc), jcong), jsr);
            simd.store(&mut register[hash], word);
        }
    }
}

/// As `Kernel::reduce` describes it.
#[inline(always)]
pub(super) fn reduce<S: Simd>(simd: S, mixes: &Mixes) -> [[u32; 8]; GROUP] {
    let prime = simd.splat(FNV_PRIME);
    let mut sums = [simd.splat(FNV_OFFSET_BASIS); GROUP];
    for register in &mixes.0 {
        for (sum, row) in sums.iter_mut().zip(register) {
            *sum = simd.multiply(simd.xor(*sum, simd.load(row)), prime);
        }
    }
    let mut mixes = [[FNV_OFFSET_BASIS; 8]; GROUP];
    for (mix, sum) in mixes.iter_mut().zip(sums) {
        let mut lanes = Row::default();
        simd.store(&mut lanes, sum);
        for lane in 0..LANES {
            mix[lane % 8] = fnv1a(mix[lane % 8], lanes.0[lane]);
        }
    }
    mixes
}

/// As `Kernel::round` describes it.
#[inline(always)]
pub(super) fn round<S: Simd>(
    simd: S,
    program: &Program,
    cache: &StepCache,
    round: usize,
    items: &[&DagItem; GROUP],
    ahead: &[&DagItem; GROUP],
    mixes: &mut Mixes,
) {
    // An item's first line finds its page, and the core finds several pages at once. The other lines come
    // one by one, because few at a time can be on their way.
    for item in ahead {
        prefetch_l2(&item[..], 0);
    }
    for (number, step) in program.steps.iter().enumerate() {
        prefetch_l2(&ahead[number / 3 % GROUP][..], number as u32 % 3 + 1);
        let mut target = Target {
            mixes,
            register: step.target,
            merge: step.merge,
        };
        match step.value {
            Value::Cache(source) => target.take(simd, &CacheWord { cache, source }),
            Value::Math(math, a, b) => match math {
                Math::Add => target.take(simd, &Pair(a, b, S::add)),
                Math::Multiply => target.take(simd, &Pair(a, b, S::multiply)),
                Math::MultiplyHigh => target.take(simd, &Pair(a, b, S::multiply_high)),
                Math::Minimum => target.take(simd, &Pair(a, b, S::minimum)),
                Math::RotateLeft => target.take(simd, &Pair(a, b, S::rotate_left)),
                Math::RotateRight => target.take(simd, &Pair(a, b, S::rotate_right)),
                Math::And => target.take(simd, &Pair(a, b, S::and)),
                Math::Or => target.take(simd, &Pair(a, b, S::or)),
                Math::Xor => target.take(simd, &Pair(a, b, S::xor)),
                Math::LeadingZeros => target.take(simd, &Pair(a, b, leading_zeros)),
                Math::CountOnes => target.take(simd, &Pair(a, b, count_ones)),
            },
        }
    }
    for (word, &(register, merge)) in program.dag.iter().enumerate() {
        let mut target = Target {
            mixes,
            register,
            merge,
        };
        target.take(simd, &DagWord { items, round, word });
    }
}

/// Where a step's value comes from.
trait Source<S: Simd> {
    fn value(&self, simd: S, mixes: &Mixes, hash: usize) -> S::Words;
}

/// A register of each hash, and how values enter it.
struct Target<'a> {
    mixes: &'a mut Mixes,
    register: Register,
    merge: Merge,
}

impl Target<'_> {
    #[inline(always)]
    fn take<S: Simd>(&mut self, simd: S, source: &impl Source<S>) {
        match self.merge {
            Merge::MultiplyAdd => self.each(simd, source, multiply_add),
            Merge::XorMultiply => self.each(simd, source, xor_multiply),
            Merge::RotateXor(_) => self.each(simd, source, rotate_xor),
        }
    }

    #[inline(always)]
    fn each<S: Simd>(
        &mut self,
        simd: S,
        source: &impl Source<S>,
        merge: impl Fn(S, S::Words, S::Words, S::Words) -> S::Words,
    ) {
        let bits = match self.merge {
            Merge::RotateXor(bits) => u32::from(bits),
            _ => 0,
        };
        let bits = simd.splat(bits);
        for hash in 0..GROUP {
            let new = source.value(simd, self.mixes, hash);
            let old = load(simd, self.mixes, self.register, hash);
            let row = &mut self.mixes.0[usize::from(self.register) % REGISTERS][hash % GROUP];
            simd.store(row, merge(simd, old, new, bits));
        }
    }
}

#[inline(always)]
fn load<S: Simd>(simd: S, mixes: &Mixes, register: Register, hash: usize) -> S::Words {
    simd.load(&mixes.0[usize::from(register) % REGISTERS][hash % GROUP])
}

#[inline(always)]
fn multiply_add<S: Simd>(simd: S, old: S::Words, new: S::Words, _: S::Words) -> S::Words {
    simd.add(times_33(simd, old), new)
}

#[inline(always)]
fn xor_multiply<S: Simd>(simd: S, old: S::Words, new: S::Words, _: S::Words) -> S::Words {
    times_33(simd, simd.xor(old, new))
}

#[inline(always)]
fn rotate_xor<S: Simd>(simd: S, old: S::Words, new: S::Words, bits: S::Words) -> S::Words {
    simd.xor(simd.rotate_left(old, bits), new)
}

#[inline(always)]
fn times_33<S: Simd>(simd: S, words: S::Words) -> S::Words {
    simd.add(words, simd.shift_left(words, 5))
}

/// The word of the cache that a register selects.
struct CacheWord<'a> {
    cache: &'a StepCache,
    source: Register,
}

impl<S: Simd> Source<S> for CacheWord<'_> {
    #[inline(always)]
    fn value(&self, simd: S, mixes: &Mixes, hash: usize) -> S::Words {
        simd.gather(self.cache, load(simd, mixes, self.source, hash))
    }
}

/// An operation on two registers.
struct Pair<F>(Register, Register, F);

impl<S: Simd, F: Fn(S, S::Words, S::Words) -> S::Words> Source<S> for Pair<F> {
    #[inline(always)]
    fn value(&self, simd: S, mixes: &Mixes, hash: usize) -> S::Words {
        (self.2)(
            simd,
            load(simd, mixes, self.0, hash),
            load(simd, mixes, self.1, hash),
        )
    }
}

#[inline(always)]
fn leading_zeros<S: Simd>(simd: S, a: S::Words, b: S::Words) -> S::Words {
    simd.add(simd.leading_zeros(a), simd.leading_zeros(b))
}

#[inline(always)]
fn count_ones<S: Simd>(simd: S, a: S::Words, b: S::Words) -> S::Words {
    simd.add(simd.count_ones(a), simd.count_ones(b))
}

/// A word of the round's dataset item.
struct DagWord<'a> {
    items: &'a [&'a DagItem; GROUP],
    round: usize,
    word: usize,
}

impl<S: Simd> Source<S> for DagWord<'_> {
    #[inline(always)]
    fn value(&self, simd: S, _: &Mixes, hash: usize) -> S::Words {
        simd.dag_words(self.items[hash % GROUP], self.round, self.word)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::keccak::permute;
    use super::super::program::Step;
    use super::super::simd::{CACHE_WORDS, Kernel, kernels};
    use super::*;
    use crate::ethash::nodes::Node;

    /// Register 5 of the last hash after a program whose only step of any effect is this one.
    fn after(kernel: &dyn Kernel, value: Value, merge: Merge, registers: [u32; 3]) -> u32 {
        let mut program = Program::generate(0);
        let idle = Step {
            value: Value::Math(Math::And, 0, 1),
            target: 31,
            merge: Merge::MultiplyAdd,
        };
        program.steps = [idle; 29];
        program.steps[17] = Step {
            value,
            target: 5,
            merge,
        };
        program.dag = [(0, merge), (29, merge), (30, merge), (31, merge)];
        let mut mixes = Mixes([[Row::default(); GROUP]; REGISTERS]);
        for (register, word) in (5..).zip(registers) {
            mixes.0[register][GROUP - 1] = Row([word; LANES]);
        }
        let item = [Node::default(); 4];
        let items = [&item; GROUP];
        kernel.round(
            &program,
            &StepCache([0; CACHE_WORDS]),
            0,
            &items,
            &items,
            &mut mixes,
        );
        let Row(lanes) = mixes.0[5][GROUP - 1];
        assert_eq!(lanes, [lanes[0]; LANES]);
        lanes[0]
    }

    #[test]
    fn merges_give_the_published_words() {
        // EIP-1057, test-vectors.md, section "merge".
        for kernel in kernels() {
            let merge = |a, b, number| {
                after(
                    &*kernel,
                    Value::Math(Math::Or, 6, 7),
                    Merge::of(number),
                    [a, b, b],
                )
            };
            assert_eq!(merge(0x3b0b_b37d, 0xa021_2004, 0x9bd2_6ab0), 0x3ca3_4321);
            assert_eq!(merge(0x10c0_2f0d, 0x870f_a227, 0xd4f4_5515), 0x91c1_326a);
            assert_eq!(merge(0x24d2_bae4, 0x0ffb_4c9b, 0x7fdb_c2f2), 0x2edd_d94c);
            assert_eq!(merge(0xda39_e821, 0x089c_4008, 0x8b6c_d8c3), 0x8a81_e396);
        }
    }

    #[test]
    fn math_gives_the_published_words() {
        // EIP-1057, test-vectors.md, section "math".
        const PUBLISHED: [[u32; 4]; 12] = [
            [0x8626_bb1f, 0xbbdf_bc4e, 0x883e_5b49, 0x4206_776d],
            [0x3f4b_dfac, 0xd79e_414f, 0x36b7_1236, 0x4c5c_b214],
            [0x6d17_5b7e, 0xc4e8_9d4c, 0x944e_cabb, 0x53e9_023f],
            [0x2edd_d94c, 0x7e70_cb54, 0x3f47_2a85, 0x2edd_d94c],
            [0x61ae_0e62, 0xe059_6b32, 0x3f47_2a85, 0x61ae_0e62],
            [0x8a81_e396, 0x3f4b_dfac, 0xcec4_6e67, 0x1e39_68a8],
            [0x8a81_e396, 0x7e70_cb54, 0xdbe7_1ff7, 0x1e39_68a8],
            [0xa735_2f36, 0xa0eb_7045, 0x59e7_b9d8, 0xa021_2004],
            [0xc898_05af, 0x6429_1e2f, 0x1bdc_84a9, 0xecb9_1faf],
            [0x7607_26d3, 0x79fc_6a48, 0xc675_cac5, 0x0ffb_4c9b],
            [0x7555_1d43, 0x3383_ba34, 0x2863_ad31, 0x0000_0003],
            [0xea26_0841, 0xe92c_44b7, 0xf83f_fe7d, 0x0000_001b],
        ];
        for kernel in kernels() {
            for [a, b, number, result] in PUBLISHED {
                let math = Math::of(number);
                let word = after(&*kernel, Value::Math(math, 6, 7), Merge::RotateXor(1), [0, a, b]);
                assert_eq!(word, result, "{} {math:?}", kernel.name());
            }
        }
    }

    #[test]
    fn registers_start_with_the_published_words() {
        // EIP-1057, test-vectors.md, section "fill_mix".
        const LANE_0: [u32; 4] = [0x10c0_2f0d, 0x9989_1c9e, 0xc596_49a0, 0x43f0_394d];
        const LANE_13: [u32; 4] = [0x4e46_d05d, 0x2e77_e734, 0x2c47_9399, 0x7071_2177];
        for kernel in kernels() {
            let mut mixes = Mixes([[Row::default(); GROUP]; REGISTERS]);
            let mut seeds = [[0; 2]; GROUP];
            seeds[3] = [0xddd0_a47b, 0xee30_4846];
            kernel.fill(&seeds, &mut mixes);
            for (register, (first, other)) in LANE_0.into_iter().zip(LANE_13).enumerate() {
                assert_eq!(mixes.0[register][3].0[0], first);
                assert_eq!(mixes.0[register][3].0[13], other);
            }
            assert_eq!(mixes.0[31][3].0[0], 0x6d17_5b7e);
            assert_eq!(mixes.0[31][3].0[13], 0x3837_dda3);
        }
    }

    /// Words without a pattern.
    fn words(mut seed: u64) -> impl FnMut() -> u32 {
        move || {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 32) as u32
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 256 }))]
        #[test]
        fn kernels_agree_with_the_portable_one(seed: u64, period: u64, round in 0..64_usize) {
            let mut word = words(seed);
            let program = Program::generate(period);
            let cache = StepCache(core::array::from_fn(|_| word()));
            let items: [[Node; 4]; GROUP] =
                core::array::from_fn(|_| core::array::from_fn(|_| Node(core::array::from_fn(|_| word()))));
            let items = items.each_ref();
            let seeds = core::array::from_fn(|_| [word(), word()]);
            let sponges = Sponges(core::array::from_fn(|_| Row(core::array::from_fn(|_| word()))));
            let results: Vec<_> = kernels()
                .iter()
                .map(|kernel| {
                    let mut mixes = Mixes([[Row::default(); GROUP]; REGISTERS]);
                    kernel.fill(&seeds, &mut mixes);
                    kernel.round(&program, &cache, round, &items, &items, &mut mixes);
                    let mut sponges = sponges.clone();
                    kernel.keccak(&mut sponges);
                    (kernel.reduce(&mixes), mixes, sponges)
                })
                .collect();
            for result in &results[1..] {
                prop_assert_eq!(result, &results[0]);
            }
            for lane in 0..LANES {
                let mut state = core::array::from_fn(|i| sponges.0[i].0[lane]);
                permute(&mut state);
                prop_assert_eq!(state, core::array::from_fn(|i| results[0].2.0[i].0[lane]));
            }
        }
    }
}
