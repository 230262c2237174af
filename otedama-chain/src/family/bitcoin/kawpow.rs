//! Headers with a `KawPow` proof: 80 bytes as elsewhere, but with the height in the nonce's place; then the nonce (8)
//! and the mix (32).

use otedama_hash::sha256d::sha256d;
use otedama_hash::{EpochInput, keccak256};

use crate::spec::{BitcoinRules, HeaderRule};

/// Blocks of an epoch.
const EPOCH_BLOCKS: u64 = 7500;

/// What decides on the dataset of the block at `height`. Miners want to be told the seed; it is hashed once per epoch.
pub(super) fn epoch(rules: &BitcoinRules, height: u64) -> EpochInput {
    let seed = (rules.header == HeaderRule::KawPow).then(|| {
        // Heights fit 31 bits, so this is some hundred thousand hashes at the very worst.
        (0..height / EPOCH_BLOCKS).fold([0; 32], |seed, _| keccak256(&seed))
    });
    EpochInput { height, seed }
}

/// What miners hash: the double SHA-256 of the first 80 bytes, in the order in which it is displayed.
pub(super) fn header_hash(first: &[u8]) -> [u8; 32] {
    let mut hash = sha256d(first).to_le_bytes();
    hash.reverse();
    hash
}

/// What follows the first 80 bytes.
pub(super) fn proof(nonce: u64, mix: [u8; 32]) -> Vec<u8> {
    let mut bytes = nonce.to_le_bytes().to_vec();
    bytes.extend(mix.iter().rev());
    bytes
}
