//! The two small generators of `ProgPoW`: FNV-1a and KISS99.

pub(super) const FNV_OFFSET_BASIS: u32 = 0x811c_9dc5;
pub(super) const FNV_PRIME: u32 = 0x0100_0193;

/// One step of FNV-1a over 32-bit words.
#[inline]
pub(super) fn fnv1a(hash: u32, data: u32) -> u32 {
    (hash ^ data).wrapping_mul(FNV_PRIME)
}

/// Marsaglia's KISS99 generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kiss99 {
    z: u32,
    w: u32,
    jsr: u32,
    jcong: u32,
}

impl Kiss99 {
    /// The generator in the given state.
    pub(super) const fn new(z: u32, w: u32, jsr: u32, jcong: u32) -> Self {
        Self { z, w, jsr, jcong }
    }

    /// The next number.
    #[inline]
    pub(super) fn next(&mut self) -> u32 {
        let mwc = multiply_with_carry(&mut self.z, &mut self.w);
        self.jsr ^= self.jsr << 17;
        self.jsr ^= self.jsr >> 13;
        self.jsr ^= self.jsr << 5;
        self.jcong = self.jcong.wrapping_mul(69069).wrapping_add(1_234_567);
        (mwc ^ self.jcong).wrapping_add(self.jsr)
    }
}

/// The half of KISS99 that is the same in all lanes of a hash.
#[inline]
pub(super) fn multiply_with_carry(z: &mut u32, w: &mut u32) -> u32 {
    *z = (*z & 0xffff).wrapping_mul(36969).wrapping_add(*z >> 16);
    *w = (*w & 0xffff).wrapping_mul(18000).wrapping_add(*w >> 16);
    (*z << 16).wrapping_add(*w)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn kiss99_gives_the_published_numbers() {
        // RavenCommunity/cpp-kawpow test/unittests/test_kiss.cpp.
        let mut random = Kiss99::new(362_436_069, 521_288_629, 123_456_789, 380_116_160);
        let numbers: Vec<u32> = (0..100_000).map(|_| random.next()).collect();
        assert_eq!(
            numbers[..4],
            [769_445_856, 742_012_328, 2_121_196_314, 2_805_620_942]
        );
        assert_eq!(numbers[99_999], 941_074_834);
    }

    #[test]
    fn fnv1a_gives_the_published_numbers() {
        // EIP-1057, test-vectors.md.
        assert_eq!(fnv1a(FNV_OFFSET_BASIS, 0xddd0_a47b), 0xd37e_e61a);
        assert_eq!(fnv1a(0xd37e_e61a, 0xee30_4846), 0xdedc_7ad4);
        assert_eq!(fnv1a(0xdedc_7ad4, 0), 0xa915_5bbc);
    }
}
