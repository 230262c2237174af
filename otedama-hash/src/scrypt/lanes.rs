//! Vectors of 32-bit words, so that one text serves every instruction set.

/// One 32-bit word of each of several hashes.
///
/// A value exists only where the processor has the instructions: what makes one takes the proof.
pub(super) trait Lanes: Copy {
    /// The words of a vector, in the order of the hashes.
    type Words: Copy + AsRef<[u32]> + AsMut<[u32]>;
    /// Proof that the processor has the instructions.
    type Cpu: Copy;

    /// All words zero.
    const ZERO: Self::Words;

    fn from_words(cpu: Self::Cpu, words: Self::Words) -> Self;
    fn to_words(self) -> Self::Words;

    fn add(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    /// Each word shifted left by `L` bits (zeroes come in).
    fn shl<const L: i32>(self) -> Self;
    /// Each word shifted right by `R` bits (zeroes come in).
    fn shr<const R: i32>(self) -> Self;

    /// The SHA-256 state after one more block: [`pbkdf2::compress`](super::pbkdf2::compress), in a
    /// function of its own for the instruction set, since it is long and called often.
    fn compress(cpu: Self::Cpu, state: &[Self; 8], block: &[Self; 16]) -> [Self; 8];

    /// The same word in every lane.
    #[inline(always)]
    fn splat(cpu: Self::Cpu, word: u32) -> Self {
        let mut words = Self::ZERO;
        words.as_mut().fill(word);
        Self::from_words(cpu, words)
    }

    /// Each word rotated left by `L` bits, where `L + R` is 32.
    #[inline(always)]
    fn rotl<const L: i32, const R: i32>(self) -> Self {
        self.shl::<L>().xor(self.shr::<R>())
    }

    #[inline(always)]
    fn xor3(self, second: Self, third: Self) -> Self {
        self.xor(second).xor(third)
    }

    /// The bits of `yes` where `self` has ones, the bits of `no` elsewhere.
    #[inline(always)]
    fn choose(self, yes: Self, no: Self) -> Self {
        no.xor(self.and(yes.xor(no)))
    }

    /// The bits that two or three of the three have.
    #[inline(always)]
    fn majority(self, second: Self, third: Self) -> Self {
        self.and(second).xor(third.and(self.xor(second)))
    }
}
