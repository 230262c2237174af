//! Blocks of Ravencoin's main network, hashed from the fields that nodes show.
//!
//! `data/kawpow_blocks.json` holds what `getblockheader` of a node said, taken from the fixtures of
//! ALENOC/electrumx-ravencoin; `header` is the node's own serialisation.

use otedama_hash::{Algorithm, EpochInput, Hash256, PowHash, PowInput, Registry, Target};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Block {
    height: u32,
    hash: String,
    version: u32,
    previousblockhash: String,
    merkleroot: String,
    time: u32,
    bits: String,
    nonce64: String,
    mixhash: String,
    header: String,
}

fn blocks() -> Vec<Block> {
    serde_json::from_str(include_str!("data/kawpow_blocks.json")).expect("JSON")
}

fn number(hex: &str) -> u64 {
    u64::from_str_radix(hex, 16).expect("hex")
}

fn hash(display_hex: &str) -> Hash256 {
    Hash256::from_display_hex(display_hex).expect("a hash")
}

impl Block {
    /// What KawPow's header hash covers: all but the nonce and the mix hash.
    fn unsealed(&self) -> Vec<u8> {
        let mut bytes = self.version.to_le_bytes().to_vec();
        bytes.extend(hash(&self.previousblockhash).as_le_bytes());
        bytes.extend(hash(&self.merkleroot).as_le_bytes());
        bytes.extend(self.time.to_le_bytes());
        bytes.extend((number(&self.bits) as u32).to_le_bytes());
        bytes.extend(self.height.to_le_bytes());
        bytes
    }

    /// As it is stored and sent.
    fn sealed(&self) -> Vec<u8> {
        let mut bytes = self.unsealed();
        bytes.extend(number(&self.nonce64).to_le_bytes());
        bytes.extend(hash(&self.mixhash).as_le_bytes());
        bytes
    }

    /// The bytes that KawPow hashes, in the order in which the hash is shown.
    fn header_hash(&self) -> [u8; 32] {
        let mut bytes: [u8; 32] = Sha256::digest(Sha256::digest(self.unsealed())).into();
        bytes.reverse();
        bytes
    }
}

#[test]
fn headers_are_laid_out_as_the_node_lays_them_out() {
    let blocks = blocks();
    assert_eq!(blocks.len(), 6);
    for block in &blocks {
        assert_eq!(block.unsealed().len(), 80);
        assert_eq!(
            const_hex::encode(block.sealed()),
            block.header,
            "{}",
            block.height
        );
    }
    // The first four follow one another.
    for pair in blocks[..4].windows(2) {
        assert_eq!(pair[1].previousblockhash, pair[0].hash);
        assert_eq!(pair[1].height, pair[0].height + 1);
    }
}

#[test]
fn mix_and_final_hash_are_the_blocks_own() {
    let registry = Registry::with_builtin();
    let backend = registry.get(Algorithm::KAWPOW).expect("built in");
    let key = |height: u32| {
        let height = height.into();
        backend
            .epoch(EpochInput { height, seed: None })
            .expect("an epoch")
    };
    let blocks = blocks();
    for blocks in blocks.chunk_by(|a, b| key(a.height) == key(b.height)) {
        let mut hasher = backend.verifier(key(blocks[0].height)).expect("enough memory");
        for block in blocks {
            let header_hash = block.header_hash();
            let input = PowInput {
                blob: &header_hash,
                nonce: number(&block.nonce64),
                height: block.height.into(),
            };
            let mix = const_hex::decode_to_array(&block.mixhash).expect("hex");
            let mut out = [PowHash::default()];
            hasher.hash_batch(&[input], &mut out);
            assert_eq!(out[0].hash.to_string(), block.hash, "{}", block.height);
            assert_eq!(out[0].mix, Some(mix), "{}", block.height);
            assert_eq!(backend.claimed(&input, &mix), Some(out[0].hash));
            let target = Target::from_compact(number(&block.bits) as u32).expect("a target");
            assert!(target.is_met_by(&out[0].hash), "{}", block.height);

            let other = PowInput {
                nonce: input.nonce ^ 1,
                ..input
            };
            hasher.hash_batch(&[other], &mut out);
            assert_ne!(out[0].mix, Some(mix));
            assert!(!target.is_met_by(&out[0].hash));
        }
    }
}
