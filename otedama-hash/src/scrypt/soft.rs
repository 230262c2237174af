//! Scrypt in portable code: one hash at a time, of messages of any length.

use super::kernel::{Kernel, MEMORY_PER_HASH, ROWS};
use super::lanes::Lanes;
use super::pbkdf2::{self, Header, expand, finish};
use crate::sha256d::sha256_of as sha256;

/// One hash's 128 bytes as words.
pub(super) type Row = [u32; 32];

/// The portable kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Soft;

impl Kernel for Soft {
    fn name(&self) -> &'static str {
        "soft"
    }

    fn scan_len(&self) -> u64 {
        64
    }

    fn lanes(&self) -> usize {
        1
    }

    fn sets(&self) -> usize {
        1
    }

    fn hash(&self, memory: &mut [u8], headers: &[Header], midstate: Option<&[u32; 8]>, out: &mut [[u32; 8]]) {
        for (header, slot) in headers.iter().zip(out) {
            let (key, mut x) = expand::<u32>((), core::slice::from_ref(header), midstate);
            mix(&mut x, memory);
            finish((), &key, &x, core::slice::from_mut(slot));
        }
    }
}

impl Lanes for u32 {
    type Words = [u32; 1];
    type Cpu = ();

    const ZERO: Self::Words = [0];

    #[inline(always)]
    fn from_words((): (), [word]: [u32; 1]) -> Self {
        word
    }

    #[inline(always)]
    fn to_words(self) -> [u32; 1] {
        [self]
    }

    #[inline(never)]
    fn compress(cpu: Self::Cpu, state: &[Self; 8], block: &[Self; 16]) -> [Self; 8] {
        pbkdf2::compress(cpu, state, block)
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self ^ other
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self & other
    }

    #[inline(always)]
    fn shl<const L: i32>(self) -> Self {
        self << L
    }

    #[inline(always)]
    fn shr<const R: i32>(self) -> Self {
        self >> R
    }

    #[inline(always)]
    fn rotl<const L: i32, const R: i32>(self) -> Self {
        self.rotate_left(L as u32)
    }
}

/// Scrypt with N = 1024, r = 1, p = 1 of `data`, which is password and salt at once.
pub(super) fn scrypt(data: &[u8], memory: &mut [u8]) -> [u8; 32] {
    let mut bytes = [0; 128];
    pbkdf2(data, data, &mut bytes);
    let mut x = words(&bytes);
    mix(&mut x, memory);
    let mut hash = [0; 32];
    pbkdf2(data, &row_bytes(&x), &mut hash);
    hash
}

/// scryptROMix with N = 1024 (RFC 7914, section 5). `memory` holds at least one hash's rows.
fn mix(x: &mut Row, memory: &mut [u8]) {
    let (rows, _) = memory[..MEMORY_PER_HASH].as_chunks_mut::<128>();
    for row in rows.iter_mut() {
        *row = row_bytes(x);
        block_mix(x);
    }
    for _ in 0..ROWS {
        let row = words(&rows[x[16] as usize % ROWS]);
        for i in 0..32 {
            x[i] ^= row[i];
        }
        block_mix(x);
    }
}

/// scryptBlockMix with r = 1 (RFC 7914, section 4).
#[inline]
fn block_mix(x: &mut Row) {
    for i in 0..16 {
        x[i] ^= x[16 + i];
    }
    let (halves, _) = x.as_chunks_mut::<16>();
    let [first, second] = halves else { return };
    salsa20_8(first);
    for i in 0..16 {
        second[i] ^= first[i];
    }
    salsa20_8(second);
}

/// A step of four quarter rounds, which don't wait for each other: `x[to] ^= (x[a] + x[b]) <<< k`.
macro_rules! step {
    ($x:ident, $k:literal: $($to:literal $a:literal $b:literal),*) => {
        $($x[$to] ^= $x[$a].wrapping_add($x[$b]).rotate_left($k);)*
    };
}

/// The Salsa20/8 core (RFC 7914, section 3).
fn salsa20_8(block: &mut [u32; 16]) {
    let mut x = *block;
    for _ in 0..4 {
        step!(x, 7: 4 0 12, 9 5 1, 14 10 6, 3 15 11);
        step!(x, 9: 8 4 0, 13 9 5, 2 14 10, 7 3 15);
        step!(x, 13: 12 8 4, 1 13 9, 6 2 14, 11 7 3);
        step!(x, 18: 0 12 8, 5 1 13, 10 6 2, 15 11 7);
        step!(x, 7: 1 0 3, 6 5 4, 11 10 9, 12 15 14);
        step!(x, 9: 2 1 0, 7 6 5, 8 11 10, 13 12 15);
        step!(x, 13: 3 2 1, 4 7 6, 9 8 11, 14 13 12);
        step!(x, 18: 0 3 2, 5 4 7, 10 9 8, 15 14 13);
    }
    for i in 0..16 {
        block[i] = block[i].wrapping_add(x[i]);
    }
}

#[inline]
fn words(bytes: &[u8; 128]) -> Row {
    let (fours, _) = bytes.as_chunks::<4>();
    let mut row = [0; 32];
    for i in 0..32 {
        row[i] = u32::from_le_bytes(fours[i]);
    }
    row
}

#[inline]
fn row_bytes(row: &Row) -> [u8; 128] {
    let mut bytes = [0; 128];
    let (fours, _) = bytes.as_chunks_mut::<4>();
    for i in 0..32 {
        fours[i] = row[i].to_le_bytes();
    }
    bytes
}

/// PBKDF2-HMAC-SHA256 with one iteration.
fn pbkdf2(password: &[u8], salt: &[u8], out: &mut [u8]) {
    let hashed;
    let key = if password.len() > 64 {
        hashed = sha256(password);
        &hashed[..]
    } else {
        password
    };
    for (i, chunk) in (1u32..).zip(out.chunks_mut(32)) {
        let block = hmac(key, &[salt, &i.to_be_bytes()].concat());
        chunk.copy_from_slice(&block[..chunk.len()]);
    }
}

/// HMAC-SHA256. The key is no longer than a block.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let padded = |pad: u8| {
        let mut block = [pad; 64];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        block
    };
    let inner = sha256(&[&padded(0x36), message].concat());
    sha256(&[padded(0x5c).as_slice(), &inner].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scrypt::kernel::tests::agrees_with_soft;

    fn unhex(hex: &str) -> Vec<u8> {
        const_hex::decode(hex.replace(' ', "")).unwrap()
    }

    /// What the `scrypt` crate computes.
    fn oracle(data: &[u8]) -> [u8; 32] {
        let params = scrypt::Params::new(10, 1, 1).unwrap();
        let mut hash = [0; 32];
        scrypt::scrypt(data, data, &params, &mut hash).unwrap();
        hash
    }

    #[test]
    fn salsa20_8_of_rfc_7914() {
        // RFC 7914, section 8.
        let input = unhex(
            "7e879a214f3ec9867ca940e641718f26 baee555b8c61c1b50df8461 16dcd3b1d \
             ee24f319df9b3d8514121e4b5ac5aa32 76021d2909c74829edebc68db8b8c25e",
        );
        let output = "a41f859c6608cc993b81cacb020cef05044b2181a2fd337dfd7b1c6396682f29\
                      b4393168e3c9e6bcfe6bc5b7a06d96bae424cc102c91745c24ad673dc7618f81";
        let (fours, _) = input.as_chunks::<4>();
        let mut block = core::array::from_fn(|i| u32::from_le_bytes(fours[i]));
        salsa20_8(&mut block);
        let bytes: Vec<u8> = block.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(const_hex::encode(bytes), output);
    }

    #[test]
    fn block_mix_of_rfc_7914() {
        // RFC 7914, section 9.
        let input = unhex(
            "f7ce0b653d2d72a4108cf5abe912ffdd 777616dbbb27a70e8204f3ae2d0f6fad \
             89f68f4811d1e87bcc3bd7400a9ffd29 094f0184639574f39ae5a1315217bcd7 \
             894991447213bb226c25b54da86370fb cd984380374666bb8ffcb5bf40c254b0 \
             67d27c51ce4ad5fed829c90b505a571b 7f4d1cad6a523cda770e67bceaaf7e89",
        );
        let output = "a41f859c6608cc993b81cacb020cef05044b2181a2fd337dfd7b1c6396682f29\
                      b4393168e3c9e6bcfe6bc5b7a06d96bae424cc102c91745c24ad673dc7618f81\
                      20edc975323881a80540f64c162dcd3c21077cfe5f8d5fe2b1a4168f953678b7\
                      7d3b3d803b60e4ab920996e59b4d53b65d2a225877d5edf5842cb9f14eefe425";
        let mut x = words(&input.try_into().unwrap());
        block_mix(&mut x);
        assert_eq!(const_hex::encode(row_bytes(&x)), output);
    }

    #[test]
    fn pbkdf2_of_rfc_7914() {
        // RFC 7914, section 11, the vector with one iteration.
        let mut out = [0; 64];
        pbkdf2(b"passwd", b"salt", &mut out);
        assert_eq!(
            const_hex::encode(out),
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc\
             49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"
        );
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "takes minutes there")]
        fn agrees_with_the_scrypt_crate(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut memory = vec![0; MEMORY_PER_HASH];
            prop_assert_eq!(scrypt(&data, &mut memory), oracle(&data));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn headers_hash_as_messages_do() {
        agrees_with_soft(&Soft, 5);
    }
}
