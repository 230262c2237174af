//! Keccak as it was before it became SHA-3: the padding starts with 0x01.
//!
//! The permutation here is portable; a kernel may bring a faster one.

use super::nodes::Node;

/// The 25 lanes of Keccak-f\[1600\], lane `x + 5 y` at column `x` and row `y`.
pub(crate) type State = [u64; 25];

/// Rate in bytes of the 256-bit hash.
const RATE_256: usize = 136;
/// Rate in bytes of the 512-bit hash.
const RATE_512: usize = 72;

/// Lane 8 for a message of 64 bytes: the rate of 72 ends there, so both ends of the padding meet in it.
const PADDING_OF_64: u64 = 0x8000_0000_0000_0001;

/// The constants that the rounds add to lane 0.
pub(crate) const ROUND_CONSTANTS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// States that are permuted side by side.
pub(crate) const WIDE: usize = 8;

/// Eight states side by side: the lanes with the same number lie next to each other.
#[repr(C, align(64))]
#[derive(Clone)]
pub(crate) struct WideState(pub [[u64; WIDE]; 25]);

/// Permutes eight states.
pub(crate) type PermuteWide = fn(&mut WideState);

/// Hashes the exclusive or of two nodes with the 512-bit hash.
pub(crate) type HashPair = fn(&Node, &Node) -> Node;

/// A lane of one state, or of several states side by side.
pub(crate) trait Lane: Copy {
    /// The same constant in each state.
    fn splat(value: u64) -> Self;
    /// `self ^ b`.
    fn xor(self, b: Self) -> Self;
    /// `self ^ b ^ c`.
    fn xor3(self, b: Self, c: Self) -> Self;
    /// `self ^ (!b & c)`.
    fn chi(self, b: Self, c: Self) -> Self;
    /// Rotates to the left by `LEFT`, which is 64 - `RIGHT`.
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self;
}

#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
impl Lane for u64 {
    #[inline(always)]
    fn splat(value: u64) -> Self {
        value
    }

    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        self ^ b
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        self ^ b ^ c
    }

    #[inline(always)]
    fn chi(self, b: Self, c: Self) -> Self {
        self ^ (!b & c)
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        self.rotate_left(LEFT as u32)
    }
}

/// The permutation Keccak-f\[1600\].
pub(crate) fn keccak_f1600(state: &mut State) {
    permute(state);
}

/// The permutation, for callers that compile it for an instruction set of their own.
#[inline(always)]
#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
pub(crate) fn permute<L: Lane>(state: &mut [L; 25]) {
    let mut a = *state;
    // Two rounds at a time, so that the lanes of the first need not be moved for the second.
    for pair in 0..12 {
        a = round(&a, ROUND_CONSTANTS[2 * pair]);
        a = round(&a, ROUND_CONSTANTS[2 * pair + 1]);
    }
    *state = a;
}

/// One round: theta, then rho, pi and chi row by row, then iota.
#[inline(always)]
#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
fn round<L: Lane>(a: &[L; 25], rc: u64) -> [L; 25] {
    let c0 = a[0].xor3(a[5], a[10]).xor3(a[15], a[20]);
    let c1 = a[1].xor3(a[6], a[11]).xor3(a[16], a[21]);
    let c2 = a[2].xor3(a[7], a[12]).xor3(a[17], a[22]);
    let c3 = a[3].xor3(a[8], a[13]).xor3(a[18], a[23]);
    let c4 = a[4].xor3(a[9], a[14]).xor3(a[19], a[24]);
    let r0 = c0.rotate::<1, 63>();
    let r1 = c1.rotate::<1, 63>();
    let r2 = c2.rotate::<1, 63>();
    let r3 = c3.rotate::<1, 63>();
    let r4 = c4.rotate::<1, 63>();
    let b0 = a[0].xor3(c4, r1);
    let b1 = a[6].xor3(c0, r2).rotate::<44, 20>();
    let b2 = a[12].xor3(c1, r3).rotate::<43, 21>();
    let b3 = a[18].xor3(c2, r4).rotate::<21, 43>();
    let b4 = a[24].xor3(c3, r0).rotate::<14, 50>();
    let [o0, o1, o2, o3, o4] = chi(b0, b1, b2, b3, b4);
    let b0 = a[3].xor3(c2, r4).rotate::<28, 36>();
    let b1 = a[9].xor3(c3, r0).rotate::<20, 44>();
    let b2 = a[10].xor3(c4, r1).rotate::<3, 61>();
    let b3 = a[16].xor3(c0, r2).rotate::<45, 19>();
    let b4 = a[22].xor3(c1, r3).rotate::<61, 3>();
    let [o5, o6, o7, o8, o9] = chi(b0, b1, b2, b3, b4);
    let b0 = a[1].xor3(c0, r2).rotate::<1, 63>();
    let b1 = a[7].xor3(c1, r3).rotate::<6, 58>();
    let b2 = a[13].xor3(c2, r4).rotate::<25, 39>();
    let b3 = a[19].xor3(c3, r0).rotate::<8, 56>();
    let b4 = a[20].xor3(c4, r1).rotate::<18, 46>();
    let [o10, o11, o12, o13, o14] = chi(b0, b1, b2, b3, b4);
    let b0 = a[4].xor3(c3, r0).rotate::<27, 37>();
    let b1 = a[5].xor3(c4, r1).rotate::<36, 28>();
    let b2 = a[11].xor3(c0, r2).rotate::<10, 54>();
    let b3 = a[17].xor3(c1, r3).rotate::<15, 49>();
    let b4 = a[23].xor3(c2, r4).rotate::<56, 8>();
    let [o15, o16, o17, o18, o19] = chi(b0, b1, b2, b3, b4);
    let b0 = a[2].xor3(c1, r3).rotate::<62, 2>();
    let b1 = a[8].xor3(c2, r4).rotate::<55, 9>();
    let b2 = a[14].xor3(c3, r0).rotate::<39, 25>();
    let b3 = a[15].xor3(c4, r1).rotate::<41, 23>();
    let b4 = a[21].xor3(c0, r2).rotate::<2, 62>();
    let [o20, o21, o22, o23, o24] = chi(b0, b1, b2, b3, b4);
    let o0 = o0.xor(L::splat(rc));
    [
        o0, o1, o2, o3, o4, o5, o6, o7, o8, o9, o10, o11, o12, o13, o14, o15, o16, o17, o18, o19, o20, o21,
        o22, o23, o24,
    ]
}

/// Chi on one row.
#[inline(always)]
#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
fn chi<L: Lane>(b0: L, b1: L, b2: L, b3: L, b4: L) -> [L; 5] {
    [
        b0.chi(b1, b2),
        b1.chi(b2, b3),
        b2.chi(b3, b4),
        b3.chi(b4, b0),
        b4.chi(b0, b1),
    ]
}

/// As [`HashPair`] describes it.
#[inline(always)]
#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
pub(crate) fn hash_pair(a: &Node, b: &Node) -> Node {
    let mut state = [0; 25];
    for (i, lane) in state.iter_mut().enumerate().take(8) {
        *lane = lane_of(a, i) ^ lane_of(b, i);
    }
    state[8] = PADDING_OF_64;
    // The rounds at both ends stand alone, so that the compiler drops what is zero in the one and unused in
    // the other.
    let mut state = round(&state, ROUND_CONSTANTS[0]);
    for pair in 0..11 {
        state = round(&state, ROUND_CONSTANTS[2 * pair + 1]);
        state = round(&state, ROUND_CONSTANTS[2 * pair + 2]);
    }
    node_of(&round(&state, ROUND_CONSTANTS[23]))
}

/// As [`PermuteWide`] describes it, one state after the other.
pub(crate) fn permute_wide(wide: &mut WideState) {
    for i in 0..WIDE {
        let mut state = [0; 25];
        for (lane, lanes) in state.iter_mut().zip(&wide.0) {
            *lane = lanes[i];
        }
        keccak_f1600(&mut state);
        for (lanes, lane) in wide.0.iter_mut().zip(state) {
            lanes[i] = lane;
        }
    }
}

impl WideState {
    /// Eight states that hold nothing yet.
    pub(crate) const ZERO: Self = Self([[0; WIDE]; 25]);

    /// Replaces each node by its 512-bit hash, eight at a time.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn hash_nodes(nodes: &mut [Node], permute: PermuteWide) {
        for nodes in nodes.chunks_mut(WIDE) {
            let mut wide = Self::ZERO;
            for (i, node) in nodes.iter().enumerate() {
                wide.set_node(i, node);
            }
            wide.0[8] = [PADDING_OF_64; WIDE];
            permute(&mut wide);
            for (i, node) in nodes.iter_mut().enumerate() {
                *node = wide.node(i);
            }
        }
    }

    /// Puts a node into the first lanes of state `i`.
    pub(crate) fn set_node(&mut self, i: usize, node: &Node) {
        for lane in 0..8 {
            self.0[lane][i] = lane_of(node, lane);
        }
    }

    /// The first 64 bytes of state `i`.
    pub(crate) fn node(&self, i: usize) -> Node {
        let mut node = Node::default();
        for lane in 0..8 {
            node.0[2 * lane] = self.0[lane][i] as u32;
            node.0[2 * lane + 1] = (self.0[lane][i] >> 32) as u32;
        }
        node
    }
}

/// Two words of a node as a lane.
#[inline(always)]
#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
fn lane_of(node: &Node, lane: usize) -> u64 {
    u64::from(node.0[2 * lane]) | u64::from(node.0[2 * lane + 1]) << 32
}

/// The first 64 bytes of a permuted state.
#[inline(always)]
#[allow(clippy::inline_always, reason = "takes over the caller's target features")]
fn node_of(state: &State) -> Node {
    let mut node = Node::default();
    for (i, lane) in state.iter().enumerate().take(8) {
        node.0[2 * i] = *lane as u32;
        node.0[2 * i + 1] = (lane >> 32) as u32;
    }
    node
}

/// Keccak-256 of a message of any length, with the padding from before SHA-3, as Ethereum and Monero use it.
pub fn keccak256(message: &[u8]) -> [u8; 32] {
    let state = sponge::<RATE_256>(message);
    bytes_of(&state)
}

/// The 512-bit hash of a message of any length, as a node.
pub(crate) fn keccak512(message: &[u8]) -> Node {
    node_of(&sponge::<RATE_512>(message))
}

/// The first four lanes of a state as bytes.
pub(crate) fn bytes_of(state: &[u64]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (out, lane) in bytes.chunks_exact_mut(8).zip(state) {
        out.copy_from_slice(&lane.to_le_bytes());
    }
    bytes
}

/// The state after all of `message`, padded, has been absorbed and permuted.
fn sponge<const RATE: usize>(message: &[u8]) -> State {
    let mut state = [0; 25];
    let mut blocks = message.chunks_exact(RATE);
    for block in &mut blocks {
        absorb(&mut state, block);
        keccak_f1600(&mut state);
    }
    let rest = blocks.remainder();
    let mut last = [0; RATE];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] |= 0x01;
    last[RATE - 1] |= 0x80;
    absorb(&mut state, &last);
    keccak_f1600(&mut state);
    state
}

/// Adds a block whose length is a multiple of 8 to the state.
fn absorb(state: &mut State, block: &[u8]) {
    for (lane, bytes) in state.iter_mut().zip(block.chunks_exact(8)) {
        let mut word = [0; 8];
        word.copy_from_slice(bytes);
        *lane ^= u64::from_le_bytes(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex256(message: &[u8]) -> String {
        const_hex::encode(keccak256(message))
    }

    fn hex512(message: &[u8]) -> String {
        const_hex::encode(keccak512(message).to_bytes())
    }

    // Keccak team, "Known answer tests" of the third-round submission (ShortMsgKAT, lengths 0 and 8).
    #[test]
    fn the_hashes_of_short_messages_are_the_published_ones() {
        assert_eq!(
            hex256(b""),
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
        );
        assert_eq!(
            hex512(b""),
            "0eab42de4c3ceb9235fc91acffe746b29c29a8c366b7c60e4e67c466f36a4304\
             c00fa9caf9d87976ba469bcbe06713b435f091ef2769fb160cdab33d3670680e"
        );
        assert_eq!(
            hex256(&[0xcc]),
            "eead6dbfc7340a56caedc044696a168870549a6a7f6f56961e84a54bd9970b8a"
        );
    }

    #[test]
    fn a_node_hashes_like_its_bytes() {
        let node = keccak512(b"a node");
        let zero = Node::default();
        assert_eq!(hash_pair(&node, &zero), keccak512(&node.to_bytes()));
        assert_eq!(hash_pair(&node, &node), keccak512(&zero.to_bytes()));
    }
}
