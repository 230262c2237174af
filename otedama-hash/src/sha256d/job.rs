//! What the nonces of one header have in common, computed once.
//!
//! A header's first 64 bytes give a midstate. Its last 16 (the end of the merkle root, time, bits, nonce) and
//! their padding are the *tail* block, whose hash is hashed again as the *final* block. In the tail the nonce
//! enters as word 3, so rounds 0 to 2 and much of the first message words are the same for all nonces; in the
//! final block words 8 to 15 are padding.

use super::words::{INITIAL, ROUND, State, round, small_sigma0, small_sigma1};
use crate::primitives::Target;

/// Bits in a header, which end the tail block.
pub(super) const HEADER_BITS: u32 = 640;
/// Bits in a hash, which end the final block.
pub(super) const HASH_BITS: u32 = 256;
/// The padding's first word.
pub(super) const PAD: u32 = 0x8000_0000;

/// Round constants by sixteens: each the constant and, where it is the same for all nonces, the message word.
pub(super) type Rounds = [[u32; 16]; 4];

/// One header, ready to have its nonces searched.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Job {
    /// For the tail block. The last one has the midstate's first word added, see `feed`.
    pub(super) tail: Rounds,
    /// Rounds 4 to 6 of the tail: what is added to the round's h, which no nonce touches, with the constant.
    pub(super) tail_h: [u32; 3],
    /// Rounds 4 to 6 of the tail: d, which no nonce touches.
    pub(super) tail_d: [u32; 3],
    /// What words 16 to 33 of the tail block's schedule have in common for all nonces.
    pub(super) words: [u32; 18],
    /// The state before round 4 of the tail, but for the nonce's word, which is to be added to a and e.
    pub(super) start: State,
    /// What makes the last round's state the hash: the midstate, less what the last round constant adds.
    pub(super) feed: State,
    /// The most significant 32 bits of the target: the hash's last word, bytes reversed, is at or below them
    /// or the nonce is no hit.
    pub(super) limit: u32,
}

impl Job {
    /// The job of a header with this midstate, of which `tail` is the last 16 bytes.
    pub(super) fn new(midstate: State, tail: &[u8; 16], target: &Target) -> Self {
        let word = |i: usize| u32::from_be_bytes([tail[i], tail[i + 1], tail[i + 2], tail[i + 3]]);
        let first_words = [word(0), word(4), word(8)];
        let [w0, w1, w2] = first_words;
        let mut state = midstate;
        for (t, w) in first_words.into_iter().enumerate() {
            state = round(state, ROUND[t].wrapping_add(w));
        }
        let [a3, b3, c3, _, e3, f3, g3, _] = state;
        let start = round(state, ROUND[3]);

        let words = shared_words(w0, w1, w2);
        let mut tail = by_sixteens(ROUND);
        let mut add = |t: usize, x: u32| tail[t / 16][t % 16] = tail[t / 16][t % 16].wrapping_add(x);
        add(4, PAD);
        add(15, HEADER_BITS);
        add(16, words[0]);
        add(17, words[1]);
        add(63, midstate[0]);
        let mut feed = midstate;
        feed[0] = 0;
        feed[4] = midstate[4].wrapping_sub(midstate[0]);
        let target = target.to_le_bytes();
        Self {
            tail_h: [
                tail[0][4].wrapping_add(g3),
                tail[0][5].wrapping_add(f3),
                tail[0][6].wrapping_add(e3),
            ],
            tail_d: [c3, b3, a3],
            tail,
            words,
            start,
            feed,
            limit: u32::from_le_bytes([target[28], target[29], target[30], target[31]]),
        }
    }
}

/// Words 16 to 33 of the tail block's schedule without what depends on the nonce.
fn shared_words(w0: u32, w1: u32, w2: u32) -> [u32; 18] {
    let w16 = small_sigma0(w1).wrapping_add(w0);
    let w17 = small_sigma1(HEADER_BITS)
        .wrapping_add(small_sigma0(w2))
        .wrapping_add(w1);
    let mut words = [0; 18];
    words[0] = w16;
    words[1] = w17;
    words[2] = small_sigma1(w16).wrapping_add(w2);
    words[3] = small_sigma1(w17).wrapping_add(small_sigma0(PAD));
    words[4] = PAD;
    words[6] = HEADER_BITS;
    words[7] = w16;
    words[8] = w17;
    words[14] = small_sigma0(HEADER_BITS);
    words[15] = small_sigma0(w16).wrapping_add(HEADER_BITS);
    words[16] = small_sigma0(w17).wrapping_add(w16);
    words[17] = w17;
    words
}

/// The plain round constants.
pub(super) static ROUNDS: Rounds = by_sixteens(ROUND);

/// What is the same for all headers.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Final {
    /// For the final block. That of round 60 has the initial state's last word added, so that the round's e
    /// is the hash's last word.
    pub(super) rounds: Rounds,
    /// Rounds 1 to 3: what is added to the round's h, which is the initial state's, with the constant.
    pub(super) h: [u32; 3],
    /// The state before round 1, but for word 0, which is to be added to a and e.
    pub(super) start: State,
    /// What words 16 to 31 of the schedule have in common.
    pub(super) words: [u32; 16],
}

pub(super) static FINAL: Final = {
    let mut rounds = by_sixteens(ROUND);
    rounds[0][8] = rounds[0][8].wrapping_add(PAD);
    rounds[0][15] = rounds[0][15].wrapping_add(HASH_BITS);
    rounds[3][12] = rounds[3][12].wrapping_add(INITIAL[7]);
    let mut words = [0; 16];
    words[1] = small_sigma1(HASH_BITS);
    words[6] = HASH_BITS;
    words[7] = small_sigma0(PAD);
    words[8] = PAD;
    words[14] = small_sigma0(HASH_BITS);
    words[15] = HASH_BITS;
    Final {
        h: [
            rounds[0][1].wrapping_add(INITIAL[6]),
            rounds[0][2].wrapping_add(INITIAL[5]),
            rounds[0][3].wrapping_add(INITIAL[4]),
        ],
        rounds,
        start: round(INITIAL, ROUND[0]),
        words,
    }
};

const fn by_sixteens(rounds: [u32; 64]) -> Rounds {
    let mut out = [[0; 16]; 4];
    let mut t = 0;
    while t < 64 {
        out[t / 16][t % 16] = rounds[t];
        t += 1;
    }
    out
}
