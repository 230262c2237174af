//! Headers of real blocks, hashed by the backend of their algorithm.
#![allow(clippy::unwrap_used, reason = "a failed test is what a panic means here")]

use otedama_hash::{
    Algorithm, EpochKey, Hash256, Hasher, Hits, PowHash, PowInput, Registry, ScanWork, Target,
};

struct Block {
    algorithm: Algorithm,
    /// The 80-byte header.
    header: &'static str,
    /// What is compared with the target, as explorers show it.
    pow_hash: &'static str,
    bits: u32,
    nonce: u32,
}

const BITCOIN_GENESIS: Block = Block {
    algorithm: Algorithm::SHA256D,
    header: "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b2\
             7ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c",
    pow_hash: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
    bits: 0x1d00_ffff,
    nonce: 2_083_236_893,
};

const BITCOIN_125552: Block = Block {
    algorithm: Algorithm::SHA256D,
    header: "0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d75\
             0423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695",
    pow_hash: "00000000000000001e8d6829a8a21adc5d38d0a473b144b6765798e61f98bd1d",
    bits: 0x1a44_b9f2,
    nonce: 0x9546_a142,
};

#[cfg(feature = "scrypt")]
const LITECOIN_GENESIS: Block = Block {
    algorithm: Algorithm::SCRYPT,
    header: "010000000000000000000000000000000000000000000000000000000000000000000000d9ced4ed1130f7b7\
             faad9be25323ffafa33232a17c3edf6cfd97bee6bafbdd97b9aa8e4ef0ff0f1ecd513f7c",
    pow_hash: "0000050c34a64b415b6b15b37f2216634b5b1669cb9a2e38d76f7213b0671e00",
    bits: 0x1e0f_fff0,
    nonce: 2_084_524_493,
};

/// Has every backend hash the header, then find its nonce again among `before` earlier and a few later ones.
fn check(block: &Block, before: u64) {
    for backend in Registry::with_builtin().of(block.algorithm) {
        let mut hasher = backend.verifier(EpochKey::default()).unwrap();
        check_hasher(hasher.as_mut(), block, before);
    }
}

fn check_hasher(hasher: &mut dyn Hasher, block: &Block, before: u64) {
    let header = const_hex::decode(block.header).unwrap();
    let expected = Hash256::from_display_hex(block.pow_hash).unwrap();
    let target = Target::from_compact(block.bits).unwrap();
    assert_eq!(header[72..76], block.bits.to_le_bytes());
    assert!(target.is_met_by(&expected));

    let mut wrong = header.clone();
    wrong[79] ^= 1;
    let inputs = [&header, &wrong, &header].map(|blob| PowInput::of(blob));
    let mut out = [PowHash::default(); 3];
    hasher.hash_batch(&inputs, &mut out);
    assert_eq!(out[0].hash, expected);
    assert_eq!(out[0].hash.to_string(), block.pow_hash);
    assert_ne!(out[1].hash, expected);
    assert_eq!(out[2], out[0]);

    // The nonce that is already in the blob plays no part.
    let nonce = u64::from(block.nonce);
    let mut hits = Hits::with_capacity(8);
    let work = ScanWork {
        blob: &wrong,
        height: 0,
        target,
        stop: None,
    };
    assert_eq!(
        hasher.scan(&work, nonce - before..nonce + 50, &mut hits),
        before + 50
    );
    let hits: Vec<_> = hits.drain().collect();
    assert_eq!(hits.len(), 1);
    assert_eq!((hits[0].nonce, hits[0].pow.hash), (nonce, expected));
}

#[test]
fn bitcoin_genesis() {
    check(&BITCOIN_GENESIS, 10_000);
}

#[test]
fn bitcoin_block_125552() {
    check(&BITCOIN_125552, 10_000);
}

#[cfg(feature = "scrypt")]
#[test]
fn litecoin_genesis() {
    check(&LITECOIN_GENESIS, 100);
}
