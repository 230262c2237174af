//! PBKDF2-HMAC-SHA256 with one iteration (RFC 8018, section 5.2; RFC 2104; FIPS 180-4) of several
//! 80-byte headers side by side, each password and salt at once.

use super::lanes::Lanes;
use crate::sha256d::words::{INITIAL, ROUND};

/// A header as twenty big-endian words.
pub(super) type Header = [u32; 20];

/// HMAC's two states after their key blocks, from which every message under that key goes on.
#[derive(Clone, Copy)]
pub(super) struct Key<L> {
    inner: [L; 8],
    outer: [L; 8],
}

/// Bytes of a HMAC message before which the key's 64-byte block was hashed, plus that block, in bits.
const fn bits(message: u32) -> u32 {
    (64 + message) * 8
}

/// The SHA-256 state after one more block (FIPS 180-4, section 6.2.2), for [`Lanes::compress`].
#[inline(always)]
#[allow(clippy::many_single_char_names, reason = "the standard's names")]
pub(super) fn compress<L: Lanes>(cpu: L::Cpu, state: &[L; 8], block: &[L; 16]) -> [L; 8] {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    let mut w = *block;
    for sixteen in 0..4 {
        for i in 0..16 {
            if sixteen > 0 {
                let (before, last) = (w[(i + 1) % 16], w[(i + 14) % 16]);
                let small0 = before
                    .rotl::<25, 7>()
                    .xor3(before.rotl::<14, 18>(), before.shr::<3>());
                let small1 = last
                    .rotl::<15, 17>()
                    .xor3(last.rotl::<13, 19>(), last.shr::<10>());
                w[i] = w[i].add(small0).add(w[(i + 9) % 16].add(small1));
            }
            let big1 = e.rotl::<26, 6>().xor3(e.rotl::<21, 11>(), e.rotl::<7, 25>());
            let k = L::splat(cpu, ROUND[sixteen * 16 + i]);
            let t1 = h.add(w[i].add(k)).add(e.choose(f, g)).add(big1);
            let big0 = a.rotl::<30, 2>().xor3(a.rotl::<19, 13>(), a.rotl::<10, 22>());
            let t2 = big0.add(a.majority(b, c));
            (h, g, f, e) = (g, f, e, d.add(t1));
            (d, c, b, a) = (c, b, a, t1.add(t2));
        }
    }
    let mut sum = [a, b, c, d, e, f, g, h];
    for i in 0..8 {
        sum[i] = sum[i].add(state[i]);
    }
    sum
}

/// A state that is the same in every lane.
#[inline(always)]
fn splat_state<L: Lanes>(cpu: L::Cpu, words: &[u32; 8]) -> [L; 8] {
    let mut state = [L::splat(cpu, 0); 8];
    for i in 0..8 {
        state[i] = L::splat(cpu, words[i]);
    }
    state
}

/// A block of `words`, the bit after the message, zeroes, and the message's length in bits.
#[inline(always)]
fn last_block<L: Lanes, const N: usize>(cpu: L::Cpu, words: &[L; N], bits: u32) -> [L; 16] {
    let mut block = [L::splat(cpu, 0); 16];
    block[..N].copy_from_slice(words);
    block[N] = L::splat(cpu, 1 << 31);
    block[15] = L::splat(cpu, bits);
    block
}

/// SHA-256's state after HMAC's block of a 32-byte key and `pad`.
#[inline(always)]
fn padded_key<L: Lanes>(cpu: L::Cpu, words: &[L; 8], pad: u32) -> [L; 8] {
    let mut block = [L::splat(cpu, pad); 16];
    for i in 0..8 {
        block[i] = block[i].xor(words[i]);
    }
    L::compress(cpu, &splat_state(cpu, &INITIAL), &block)
}

/// The message authentication code from the inner hash's last state.
#[inline(always)]
fn outer<L: Lanes>(cpu: L::Cpu, key: &Key<L>, inner: &[L; 8]) -> [L; 8] {
    L::compress(cpu, &key.outer, &last_block(cpu, inner, bits(32)))
}

/// SHA-256's state after the first 64 bytes of `header`, which no nonce changes.
pub(super) fn midstate(header: &Header) -> [u32; 8] {
    let first = header.first_chunk().expect("twenty words are more than sixteen");
    u32::compress((), &INITIAL, first)
}

/// The key and the 128 bytes (as little-endian words) that Scrypt's mixing starts from, for a lane of
/// each header; further lanes hold nothing useful. A `midstate` is that of every header.
#[inline(always)]
pub(super) fn expand<L: Lanes>(
    cpu: L::Cpu,
    headers: &[Header],
    midstate: Option<&[u32; 8]>,
) -> (Key<L>, [L; 32]) {
    let mut words = [L::splat(cpu, 0); 20];
    for (i, word) in words.iter_mut().enumerate() {
        let mut lanes = L::ZERO;
        for (lane, header) in lanes.as_mut().iter_mut().zip(headers) {
            *lane = header[i];
        }
        *word = L::from_words(cpu, lanes);
    }
    let [first @ .., w0, w1, w2, w3] = words;
    let state = match midstate {
        Some(state) => splat_state(cpu, state),
        None => L::compress(cpu, &splat_state(cpu, &INITIAL), &first),
    };
    // A password longer than a block is hashed first.
    let password = L::compress(cpu, &state, &last_block(cpu, &[w0, w1, w2, w3], 80 * 8));
    let key = Key {
        inner: padded_key(cpu, &password, 0x3636_3636),
        outer: padded_key(cpu, &password, 0x5c5c_5c5c),
    };
    let salted = L::compress(cpu, &key.inner, &first);
    let mut x = [L::splat(cpu, 0); 32];
    for i in 0..4 {
        let message = [w0, w1, w2, w3, L::splat(cpu, i as u32 + 1)];
        let inner = L::compress(cpu, &salted, &last_block(cpu, &message, bits(84)));
        let block = outer(cpu, &key, &inner);
        for k in 0..8 {
            x[8 * i + k] = swap_bytes(cpu, block[k]);
        }
    }
    (key, x)
}

/// The hashes, as big-endian words, from what the mixing left: one for each lane that `out` has room for.
#[inline(always)]
pub(super) fn finish<L: Lanes>(cpu: L::Cpu, key: &Key<L>, x: &[L; 32], out: &mut [[u32; 8]]) {
    let mut state = key.inner;
    for half in 0..2 {
        let mut block = [L::splat(cpu, 0); 16];
        for i in 0..16 {
            block[i] = swap_bytes(cpu, x[16 * half + i]);
        }
        state = L::compress(cpu, &state, &block);
    }
    let block = last_block(cpu, &[L::splat(cpu, 1)], bits(132));
    let hashes = outer(cpu, key, &L::compress(cpu, &state, &block));
    for i in 0..8 {
        let words = hashes[i].to_words();
        for (hash, word) in out.iter_mut().zip(words.as_ref()) {
            hash[i] = *word;
        }
    }
}

/// Big-endian words from little-endian ones and the other way round.
#[inline(always)]
fn swap_bytes<L: Lanes>(cpu: L::Cpu, word: L) -> L {
    let outer = word.rotl::<8, 24>().and(L::splat(cpu, 0x00ff_00ff));
    let inner = word.rotl::<24, 8>().and(L::splat(cpu, 0xff00_ff00));
    outer.xor(inner)
}
