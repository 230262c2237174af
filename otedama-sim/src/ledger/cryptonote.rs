//! Blocks of Monero: a header, a miner transaction that the node writes, and the hashes of two other transactions.
//!
//! Hashing blobs come from the pool's own [`BlockBlob`], so an error in it goes unnoticed here. What finds it are the
//! templates and blocks of real monerods in `otedama-chain/tests/monero_block.rs`, and the pool in front of a monerod in
//! `otedama-bin/tests/e2e_monero.rs`.

use otedama_chain::family::cryptonote::{BlockBlob, NONCE_LEN, NONCE_OFFSET, RESERVE_LEN};
use otedama_hash::sha256d::sha256d;
use otedama_hash::{Hash256, PowHash, Target, U256, keccak256};

use super::displayed;
use super::tree::{Next, Read, Rules};
use crate::oracle::Oracle;
use crate::random::derive;

/// The key of a block is that of the last multiple of this which is 64 blocks deep.
const SEED_BLOCKS: u64 = 2048;
const SEED_LAG: u64 = 64;
const REWARD: u64 = 600_000_000_000;
/// Transactions beside the miner's own, and what follows the reserved bytes: an empty signature, and those.
const OTHERS: usize = 2;
const TAIL_LEN: usize = 1 + 1 + 32 * OTHERS;

pub(super) struct CryptoNote {
    oracle: Oracle,
    difficulty: u64,
}

impl CryptoNote {
    pub(super) fn new(oracle: &Oracle, difficulty: u64) -> Self {
        Self {
            oracle: oracle.clone(),
            difficulty,
        }
    }
}

/// What a hash has to meet: its product with the difficulty fits 256 bits.
pub(super) fn target(difficulty: u64) -> Target {
    Target::from_u256(U256::MAX / U256::from(difficulty.max(1)))
}

/// The height of the block whose id is the key.
fn seed_height(height: u64) -> u64 {
    height.saturating_sub(SEED_LAG + 1) / SEED_BLOCKS * SEED_BLOCKS
}

/// Those blocks are older than everything here, so nobody can tell what their ids were.
fn seed(height: u64) -> [u8; 32] {
    derive(seed_height(height), "key block")
}

/// A block without nonce and with the pool's bytes still zero; where those begin.
fn block(next: &Next) -> (Vec<u8>, usize) {
    let prev = displayed(&next.prev_hash);
    let mut block = vec![16, 16];
    put(&mut block, next.unix_s);
    block.extend(prev);
    block.extend([0; NONCE_LEN]);
    // The miner transaction: version, unlock time, one input that makes new coins.
    block.push(2);
    put(&mut block, next.height + 60);
    block.extend([1, 0xff]);
    put(&mut block, next.height);
    // One output to a key with a view tag.
    block.push(1);
    put(&mut block, REWARD);
    block.push(3);
    block.extend(sha256d(&prev).to_le_bytes());
    block.push(7);
    // Extra: the transaction's key, and the pool's bytes.
    put(&mut block, 33 + 2 + u64::from(RESERVE_LEN));
    block.push(1);
    block.extend(derive(next.height, "transaction key"));
    block.extend([2, RESERVE_LEN]);
    let reserved_at = block.len();
    block.extend([0; RESERVE_LEN as usize]);
    block.push(0);
    block.push(OTHERS as u8);
    for index in 0..OTHERS as u8 {
        block.extend(sha256d(&[&prev[..], &[index]].concat()).to_le_bytes());
    }
    (block, reserved_at)
}

/// Appends a number in groups of seven bits, the lowest first.
fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The id of the block with this hashing blob, nonce included.
fn id(blob: &[u8]) -> Hash256 {
    let mut counted = Vec::new();
    put(&mut counted, blob.len() as u64);
    counted.extend(blob);
    Hash256::from_be_bytes(keccak256(&counted))
}

impl Rules for CryptoNote {
    fn template_json(&self, next: &Next) -> String {
        let (bytes, reserved_at) = block(next);
        let blob = BlockBlob::parse(bytes.clone(), reserved_at, RESERVE_LEN.into());
        let hashing = blob.map_or_else(|_| Vec::new(), |b| b.hashing_blob(&[0; RESERVE_LEN as usize]));
        let key = seed(next.height);
        let next_key = match seed(next.height + SEED_LAG) {
            same if same == key => String::new(),
            other => const_hex::encode(other),
        };
        format!(
            "{{\"blocktemplate_blob\":\"{}\",\"blockhashing_blob\":\"{}\",\"difficulty\":{},\"difficulty_top64\":0,\
             \"height\":{},\"prev_hash\":\"{}\",\"reserved_offset\":{reserved_at},\"seed_hash\":\"{}\",\
             \"next_seed_hash\":\"{next_key}\",\"status\":\"OK\"}}",
            const_hex::encode(&bytes),
            const_hex::encode(hashing),
            self.difficulty,
            next.height,
            const_hex::encode(displayed(&next.prev_hash)),
            const_hex::encode(key),
        )
    }

    fn read(&self, block: &[u8]) -> Result<Read, &'static str> {
        let reserve = usize::from(RESERVE_LEN);
        let reserved_at = block.len().checked_sub(TAIL_LEN + reserve).ok_or("cut off")?;
        let reserved = &block[reserved_at..reserved_at + reserve];
        let blob = BlockBlob::parse(block.to_vec(), reserved_at, reserve).map_err(|_| "not a block")?;
        if blob.reward() != REWARD {
            return Err("another reward");
        }
        let mut hashing = blob.hashing_blob(reserved);
        let nonce = NONCE_OFFSET..NONCE_OFFSET + NONCE_LEN;
        hashing[nonce.clone()].copy_from_slice(&block[nonce]);
        let height = blob.height();
        let pow = self
            .oracle
            .hash(&self.oracle.name(&hashing, 0, Some(seed(height))));
        Ok(Read {
            hash: id(&hashing),
            prev_hash: Hash256::from_be_bytes(blob.prev_id()),
            height,
            pow: pow.hash,
        })
    }

    fn block_id(&self, blob: &[u8], _nonce: u64, _pow: &PowHash) -> Option<Hash256> {
        Some(id(blob))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_change_64_blocks_after_every_2048th() {
        assert_eq!(seed_height(2048 + 64), 0);
        assert_eq!(seed_height(2048 + 65), 2048);
        assert_eq!(seed_height(4096 + 64), 2048);
        assert_eq!(seed_height(10), 0);
    }
}
