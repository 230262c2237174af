//! SHA-256 for any CPU: compression, padding, messages of any length.

use super::job::Job;
use super::lanes::{self, Lanes, hash_headers, search};
use super::words::{INITIAL, State, big_sigma0, big_sigma1, ch, maj, small_sigma0, small_sigma1};
use super::{HEADER_LEN, Kernel};
use crate::primitives::Hash256;

/// What SHA-256 compresses at once, in bytes.
pub(super) const BLOCK_LEN: usize = 64;
/// Bytes that end the last block: the message's length in bits.
const LENGTH_LEN: usize = 8;

/// Compresses whole blocks into a state.
pub(super) type Compress = fn(&mut State, &[[u8; BLOCK_LEN]]);

/// Plain Rust, for every CPU.
#[derive(Clone, Copy, Debug, Default)]
pub struct Soft;

impl Kernel for Soft {
    const NAME: &'static str = "soft";
    const SPAN: usize = 32;

    fn compress(self) -> Compress {
        compress
    }

    fn search(self, job: &Job, first: u32, marks: &mut [u32]) {
        search::<u32, 32>(self, job, first, marks);
    }

    fn hash_headers(self, headers: &[&[u8; HEADER_LEN]], hashes: &mut [Hash256]) {
        hash_headers::<u32>(self, headers, hashes);
    }
}

fn compress(state: &mut State, blocks: &[[u8; BLOCK_LEN]]) {
    for block in blocks {
        let (words, _) = block.as_chunks();
        let mut w = [0; 16];
        for (word, bytes) in w.iter_mut().zip(words) {
            *word = u32::from_be_bytes(*bytes);
        }
        lanes::compress(Soft, state, &mut w);
    }
}

/// SHA-256 of `data`.
pub(super) fn sha256(compress: Compress, data: &[u8]) -> [u8; 32] {
    let mut state = INITIAL;
    let (blocks, rest) = data.as_chunks();
    compress(&mut state, blocks);
    finish(compress, state, rest, data.len())
}

/// SHA-256 of a message of `len` bytes, of which `state` has taken all but `rest`, less than a block.
pub(super) fn finish(compress: Compress, mut state: State, rest: &[u8], len: usize) -> [u8; 32] {
    let mut padded = [0; 2 * BLOCK_LEN];
    padded[..rest.len()].copy_from_slice(rest);
    padded[rest.len()] = 0x80;
    let blocks = (rest.len() + 1 + LENGTH_LEN).div_ceil(BLOCK_LEN);
    let end = blocks * BLOCK_LEN;
    padded[end - LENGTH_LEN..end].copy_from_slice(&(len as u64 * 8).to_be_bytes());
    let (padded, _) = padded.as_chunks();
    compress(&mut state, &padded[..blocks]);
    state_bytes(&state)
}

/// The hash that a last state stands for.
pub(crate) fn state_bytes(state: &State) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (four, word) in bytes.chunks_exact_mut(4).zip(state) {
        four.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

impl Lanes for u32 {
    type Isa = Soft;
    const COUNT: usize = 1;

    #[inline(always)]
    fn splat(_: Soft, word: u32) -> Self {
        word
    }

    #[inline(always)]
    fn new(_: Soft, mut word: impl FnMut(usize) -> u32) -> Self {
        word(0)
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn big_sigma0(self) -> Self {
        big_sigma0(self)
    }

    #[inline(always)]
    fn big_sigma1(self) -> Self {
        big_sigma1(self)
    }

    #[inline(always)]
    fn small_sigma0(self) -> Self {
        small_sigma0(self)
    }

    #[inline(always)]
    fn small_sigma1(self) -> Self {
        small_sigma1(self)
    }

    #[inline(always)]
    fn ch(self, y: Self, z: Self) -> Self {
        ch(self, y, z)
    }

    #[inline(always)]
    fn maj(self, y: Self, z: Self) -> Self {
        maj(self, y, z)
    }

    #[inline(always)]
    fn reversed_at_most(self, limit: u32) -> u32 {
        u32::from(self.swap_bytes() <= limit)
    }

    #[inline(always)]
    fn words(self, words: &mut [u32]) {
        words[0] = self;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::sha256d::checks::kernel_tests!(Some(Soft));

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn published_vectors() {
        // NIST, "Secure Hashing: SHA-256 examples" (one and two blocks), and of the test vectors for byte-oriented
        // messages of its validation program SHA256ShortMsg.rsp the first three.
        let vectors = [
            (
                "616263",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                "6162636462636465636465666465666765666768666768696768696a68696a6b696a6b6c6a6b6c6d6b6c6d6e6c6d6e6f6d6e6f706e6f7071",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
            (
                "",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "d3",
                "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1",
            ),
            (
                "11af",
                "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98",
            ),
        ];
        for (message, expected) in vectors {
            let message = const_hex::decode(message).unwrap();
            assert_eq!(const_hex::encode(sha256(compress, &message)), expected);
        }
        // The long example of FIPS 180-2, appendix B.3.
        let million = vec![b'a'; 1_000_000];
        let expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
        assert_eq!(const_hex::encode(sha256(compress, &million)), expected);
    }
}
