//! The random program that a period's hashes run in each of their 64 rounds.

use super::random::{FNV_OFFSET_BASIS, Kiss99, fnv1a};

/// Blocks that share a program.
pub(super) const PERIOD_LENGTH: u64 = 3;
/// Registers of a lane.
pub(super) const REGISTERS: usize = 32;
/// Words of a dataset item that each lane merges in a round.
pub(super) const DAG_WORDS: usize = 4;
const CACHE_ACCESSES: usize = 11;
const MATH_OPERATIONS: usize = 18;
const STEPS: usize = CACHE_ACCESSES + MATH_OPERATIONS;

/// Number of a register, below [`REGISTERS`].
pub(super) type Register = u8;

/// What joins two registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Math {
    Add,
    Multiply,
    MultiplyHigh,
    Minimum,
    RotateLeft,
    RotateRight,
    And,
    Or,
    Xor,
    LeadingZeros,
    CountOnes,
}

impl Math {
    /// The one that a random number selects.
    pub(super) fn of(number: u32) -> Self {
        match number % 11 {
            0 => Self::Add,
            1 => Self::Multiply,
            2 => Self::MultiplyHigh,
            3 => Self::Minimum,
            4 => Self::RotateLeft,
            5 => Self::RotateRight,
            6 => Self::And,
            7 => Self::Or,
            8 => Self::Xor,
            9 => Self::LeadingZeros,
            _ => Self::CountOnes,
        }
    }
}

/// How a value enters the register that a step writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merge {
    /// `register * 33 + value`
    MultiplyAdd,
    /// `(register ^ value) * 33`
    XorMultiply,
    /// `register` rotated left by this many bits (1 to 31), then `^ value`
    RotateXor(u8),
}

impl Merge {
    /// The one that a random number selects.
    pub(super) fn of(number: u32) -> Self {
        // Never a rotation by 0, which would change nothing.
        let bits = ((number >> 16) % 31 + 1) as u8;
        match number % 4 {
            0 => Self::MultiplyAdd,
            1 => Self::XorMultiply,
            2 => Self::RotateXor(bits),
            _ => Self::RotateXor(32 - bits),
        }
    }
}

/// Where the value of a step comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// The word of the 16 KiB cache that a register selects.
    Cache(Register),
    /// An operation on two different registers.
    Math(Math, Register, Register),
}

/// One step: a value, merged into a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub value: Value,
    pub target: Register,
    pub merge: Merge,
}

/// The program of one period, with every random choice resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// The steps of a round, in order.
    pub steps: [Step; STEPS],
    /// Which registers take the words of the round's dataset item, at the end of the round.
    pub dag: [(Register, Merge); DAG_WORDS],
}

/// The period of the block at `height`.
pub(super) fn period_of(height: u64) -> u64 {
    height / PERIOD_LENGTH
}

impl Program {
    /// Generates the program of `period`.
    pub(super) fn generate(period: u64) -> Self {
        let mut choices = Choices::new(period);
        let mut steps = [Step {
            value: Value::Cache(0),
            target: 0,
            merge: Merge::MultiplyAdd,
        }; STEPS];
        let mut next = steps.iter_mut();
        for i in 0..MATH_OPERATIONS {
            if i < CACHE_ACCESSES
                && let Some(step) = next.next()
            {
                *step = choices.cache_access();
            }
            if let Some(step) = next.next() {
                *step = choices.math_operation();
            }
        }
        // The first word always goes to register 0, which selects the next item.
        let dag = core::array::from_fn(|word| {
            let target = if word == 0 { 0 } else { choices.target() };
            (target, choices.merge())
        });
        Self { steps, dag }
    }
}

/// The source of a program's random choices.
struct Choices {
    random: Kiss99,
    /// Each register once, so that every one of them is written before any is written again.
    targets: [Register; REGISTERS],
    targets_taken: usize,
    /// Each register once, so that no two cache reads have the same address.
    sources: [Register; REGISTERS],
    sources_taken: usize,
}

impl Choices {
    fn new(period: u64) -> Self {
        let (low, high) = (period as u32, (period >> 32) as u32);
        let z = fnv1a(FNV_OFFSET_BASIS, low);
        let w = fnv1a(z, high);
        let jsr = fnv1a(w, low);
        let jcong = fnv1a(jsr, high);
        let mut random = Kiss99::new(z, w, jsr, jcong);
        let mut targets: [Register; REGISTERS] = core::array::from_fn(|i| i as Register);
        let mut sources = targets;
        for i in (1..REGISTERS).rev() {
            let choices = i as u32 + 1;
            targets.swap(i, (random.next() % choices) as usize);
            sources.swap(i, (random.next() % choices) as usize);
        }
        Self {
            random,
            targets,
            targets_taken: 0,
            sources,
            sources_taken: 0,
        }
    }

    fn target(&mut self) -> Register {
        let target = self.targets[self.targets_taken % REGISTERS];
        self.targets_taken += 1;
        target
    }

    fn source(&mut self) -> Register {
        let source = self.sources[self.sources_taken % REGISTERS];
        self.sources_taken += 1;
        source
    }

    fn cache_access(&mut self) -> Step {
        let value = Value::Cache(self.source());
        let target = self.target();
        Step {
            value,
            target,
            merge: self.merge(),
        }
    }

    fn math_operation(&mut self) -> Step {
        // Two different registers from one number.
        let pair = self.random.next() % (REGISTERS * (REGISTERS - 1)) as u32;
        let first = pair % REGISTERS as u32;
        let second = pair / REGISTERS as u32;
        let second = second + u32::from(second >= first);
        let value = Value::Math(self.math(), first as Register, second as Register);
        let target = self.target();
        Step {
            value,
            target,
            merge: self.merge(),
        }
    }

    fn math(&mut self) -> Math {
        Math::of(self.random.next())
    }

    fn merge(&mut self) -> Merge {
        Merge::of(self.random.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choices_of_a_period_are_the_published_ones() {
        // EIP-1057, test-vectors.md, section "progPowInit".
        let choices = Choices::new(600);
        assert_eq!(
            choices.sources,
            [
                0x1a, 0x1e, 0x01, 0x13, 0x0b, 0x15, 0x0f, 0x12, 0x03, 0x11, 0x1f, 0x10, 0x1c, 0x04, 0x16,
                0x17, 0x02, 0x0d, 0x1d, 0x18, 0x0a, 0x0c, 0x05, 0x14, 0x07, 0x08, 0x0e, 0x1b, 0x06, 0x19,
                0x09, 0x00,
            ]
        );
        assert_eq!(
            choices.targets,
            [
                0x00, 0x04, 0x1b, 0x1a, 0x0d, 0x0f, 0x11, 0x07, 0x0e, 0x08, 0x09, 0x0c, 0x03, 0x0a, 0x01,
                0x0b, 0x06, 0x10, 0x1c, 0x1f, 0x02, 0x13, 0x1e, 0x16, 0x1d, 0x05, 0x18, 0x12, 0x19, 0x17,
                0x15, 0x14,
            ]
        );
        let random = Kiss99::new(0x6535_921c, 0x2934_5b16, 0xc0dd_7f78, 0x1165_d7eb);
        assert_eq!(choices.random, random);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn every_register_is_written_and_operands_differ() {
        for period in (0..20_000).chain([u64::MAX / 3]) {
            let program = Program::generate(period);
            let mut written = [0; REGISTERS];
            for step in &program.steps {
                written[usize::from(step.target)] += 1;
                if let Value::Math(_, first, second) = step.value {
                    assert!(first != second && usize::from(first.max(second)) < REGISTERS);
                }
                if let Merge::RotateXor(bits) = step.merge {
                    assert!((1..32).contains(&bits));
                }
            }
            assert_eq!(program.dag[0].0, 0);
            for (target, _) in &program.dag[1..] {
                written[usize::from(*target)] += 1;
            }
            assert_eq!(written, [1; REGISTERS]);
        }
    }

    #[test]
    fn three_blocks_share_a_program() {
        assert_eq!(
            [0, 1, 2, 3, 29_999, 30_000].map(period_of),
            [0, 0, 0, 1, 9_999, 10_000]
        );
    }
}
