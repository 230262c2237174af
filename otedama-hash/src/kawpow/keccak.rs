//! Keccak-f\[800\] and the two hashes around a `KawPow` mix.

use super::simd::Bits;

/// One state: word `x + 5 y` at column `x` and row `y`.
pub(super) type State = [u32; 25];

const ROUND_CONSTANTS: [u32; 22] = [
    0x0000_0001,
    0x0000_8082,
    0x0000_808a,
    0x8000_8000,
    0x0000_808b,
    0x8000_0001,
    0x8000_8081,
    0x0000_8009,
    0x0000_008a,
    0x0000_0088,
    0x8000_8009,
    0x8000_000a,
    0x8000_808b,
    0x0000_008b,
    0x0000_8089,
    0x0000_8003,
    0x0000_8002,
    0x0000_0080,
    0x0000_800a,
    0x8000_000a,
    0x8000_8081,
    0x0000_8080,
];

/// What follows the inputs in a state: the letters of "rAVENCOINKAWPOW", one a word.
///
/// The first letter is a lower-case one in the code that defines the algorithm.
pub(super) const PADDING: [u32; 15] = {
    let letters = b"rAVENCOINKAWPOW";
    let mut words = [0; 15];
    let mut i = 0;
    while i < 15 {
        words[i] = letters[i] as u32;
        i += 1;
    }
    words
};

/// Words of a hash.
pub(super) type Hash = [u32; 8];

/// The state whose permutation starts a hash.
pub(super) fn first_state(header: &[u8; 32], nonce: u64) -> State {
    let mut state = [0; 25];
    state[..8].copy_from_slice(&words_of(header));
    state[8] = nonce as u32;
    state[9] = (nonce >> 32) as u32;
    state[10..].copy_from_slice(&PADDING);
    state
}

/// The state whose permutation ends a hash: what the first one left, and the mix.
pub(super) fn last_state(first: &Hash, mix: &Hash) -> State {
    let mut state = [0; 25];
    state[..8].copy_from_slice(first);
    state[8..16].copy_from_slice(mix);
    state[16..].copy_from_slice(&PADDING[..9]);
    state
}

/// The final hash that a header and a nonce have if their mix is `mix`.
pub(super) fn final_hash(header: &[u8; 32], nonce: u64, mix: &[u8; 32]) -> [u8; 32] {
    let mut state = first_state(header, nonce);
    permute(&mut state);
    let mut state = last_state(&digest(&state), &words_of(mix));
    permute(&mut state);
    bytes_of(&digest(&state))
}

/// The first words of a permuted state.
pub(super) fn digest(state: &State) -> Hash {
    core::array::from_fn(|i| state[i])
}

/// The bytes of a hash, each word little-endian.
pub(super) fn bytes_of(hash: &Hash) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (out, word) in bytes.chunks_exact_mut(4).zip(hash) {
        out.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

fn words_of(bytes: &[u8; 32]) -> Hash {
    let (words, _) = bytes.as_chunks::<4>();
    core::array::from_fn(|i| u32::from_le_bytes(words[i]))
}

/// Keccak-f\[800\] of one state.
pub(super) fn permute(state: &mut State) {
    permute_with(Single, state);
}

/// Keccak-f\[800\] of as many states as a word of `bits` has.
#[inline(always)]
#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
pub(super) fn permute_with<B: Bits>(bits: B, state: &mut [B::Words; 25]) {
    for constant in ROUND_CONSTANTS {
        round(bits, state, constant);
    }
}

/// Repeats a block for each value: a loop here would leave the state in memory.
macro_rules! for_each {
    ($x:ident in $($value:literal)*; $block:block) => {
        $({ const $x: usize = $value; $block })*
    };
    ($from:ident, $to:ident, $turn:ident in $(($a:literal, $b:literal, $c:literal))*; $block:block) => {
        $({ const $from: usize = $a; const $to: usize = $b; const $turn: u32 = $c; $block })*
    };
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
fn round<B: Bits>(bits: B, a: &mut [B::Words; 25], constant: u32) {
    let mut column = [a[0]; 5];
    for_each!(X in 0 1 2 3 4; {
        let four = bits.xor(bits.xor(a[X], a[X + 5]), bits.xor(a[X + 10], a[X + 15]));
        column[X] = bits.xor(four, a[X + 20]);
    });
    let mut theta = column;
    for_each!(X in 0 1 2 3 4; {
        theta[X] = bits.xor(column[(X + 4) % 5], bits.rotate(column[(X + 1) % 5], 1));
    });
    // Rho turns each word, and pi sends it elsewhere.
    let mut b = *a;
    b[0] = bits.xor(a[0], theta[0]);
    for_each!(FROM, TO, TURN in
        (1, 10, 1) (10, 7, 3) (7, 11, 6) (11, 17, 10) (17, 18, 15) (18, 3, 21)
        (3, 5, 28) (5, 16, 4) (16, 8, 13) (8, 21, 23) (21, 24, 2) (24, 4, 14)
        (4, 15, 27) (15, 23, 9) (23, 19, 24) (19, 13, 8) (13, 12, 25) (12, 2, 11)
        (2, 20, 30) (20, 14, 18) (14, 22, 7) (22, 9, 29) (9, 6, 20) (6, 1, 12);
    {
        b[TO] = bits.rotate(bits.xor(a[FROM], theta[FROM % 5]), TURN);
    });
    for_each!(Y in 0 5 10 15 20; {
        for_each!(X in 0 1 2 3 4; {
            a[Y + X] = bits.chi(b[Y + X], b[Y + (X + 1) % 5], b[Y + (X + 2) % 5]);
        });
    });
    a[0] = bits.xor(a[0], bits.splat(constant));
}

/// Words of one state.
#[derive(Clone, Copy)]
struct Single;

#[allow(clippy::inline_always, reason = "one instruction each")]
impl Bits for Single {
    type Words = u32;

    #[inline(always)]
    fn splat(self, word: u32) -> u32 {
        word
    }

    #[inline(always)]
    fn xor(self, a: u32, b: u32) -> u32 {
        a ^ b
    }

    #[inline(always)]
    fn chi(self, a: u32, b: u32, c: u32) -> u32 {
        a ^ (!b & c)
    }

    #[inline(always)]
    fn rotate(self, a: u32, bits: u32) -> u32 {
        a.rotate_left(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_permutation_gives_the_published_states() {
        // RavenCommunity/cpp-kawpow test/unittests/test_keccak.cpp: once and twice from zero.
        let mut state = [0; 25];
        permute(&mut state);
        assert_eq!(
            state,
            [
                0xe531_d45d,
                0xf404_c6fb,
                0x23a0_bf99,
                0xf1f8_452f,
                0x51ff_d042,
                0xe539_f578,
                0xf00b_80a7,
                0xaf97_3664,
                0xbf5a_f34c,
                0x227a_2424,
                0x8817_2715,
                0x9f68_5884,
                0xb15c_d054,
                0x1bf4_fc0e,
                0x6166_fa91,
                0x1a9e_599a,
                0xa397_0a1f,
                0xab65_9687,
                0xafab_8d68,
                0xe74b_1015,
                0x3400_1a98,
                0x4119_eff3,
                0x930a_0e76,
                0x87b2_8070,
                0x11ef_e996,
            ]
        );
        permute(&mut state);
        assert_eq!(
            state,
            [
                0x75bf_2d0d,
                0x9b61_0e89,
                0xc826_af40,
                0x64cd_84ab,
                0xf905_bdd6,
                0xbc83_2835,
                0x5f80_01b9,
                0x1566_2cce,
                0x8e38_c95e,
                0x701f_e543,
                0x1b54_4380,
                0x89ac_deff,
                0x51ed_b5de,
                0x0e97_02d9,
                0x6c19_aa16,
                0xa291_3eee,
                0x6075_4e9a,
                0x9819_063c,
                0xf470_9254,
                0xd09f_9084,
                0x772d_a259,
                0x1db3_5df7,
                0x5aa6_0162,
                0x3588_25d5,
                0xb378_3bab,
            ]
        );
    }
}
