//! Blocks with a `KawPow` proof: 80 bytes with the height at their end, nonce, mix, and transactions as in Bitcoin.

use otedama_chain::spec::BitcoinRules;
use otedama_hash::sha256d::sha256d;
use otedama_hash::{Hash256, PowHash, Target, keccak256};

use super::tree::{Next, Read, Rules};
use crate::coinbase;
use crate::oracle::Oracle;

const EPOCH_BLOCKS: u64 = 7500;
/// Length of the header, proof included.
pub(crate) const HEADER_LEN: usize = 120;

pub(super) struct KawPow {
    oracle: Oracle,
    rules: &'static BitcoinRules,
    target: Target,
}

impl KawPow {
    pub(super) fn new(oracle: &Oracle, rules: &'static BitcoinRules, target: Target) -> Self {
        Self {
            oracle: oracle.clone(),
            rules,
            target,
        }
    }
}

/// The seed of a block's epoch.
fn seed(height: u64) -> [u8; 32] {
    (0..height / EPOCH_BLOCKS).fold([0; 32], |seed, _| keccak256(&seed))
}

impl Rules for KawPow {
    /// A template without transactions.
    fn template_json(&self, next: &Next) -> String {
        format!(
            "{{\"version\":805306368,\"rules\":[\"segwit\"],\"vbrequired\":0,\"previousblockhash\":\"{}\",\
             \"transactions\":[],\"coinbaseaux\":{{}},\"coinbasevalue\":{},\"target\":\"{}\",\"mintime\":{},\
             \"curtime\":{},\"bits\":\"{:08x}\",\"height\":{}}}",
            next.prev_hash,
            self.rules.subsidy.at(next.height),
            self.target,
            next.unix_s - 600,
            next.unix_s,
            self.target.to_compact(),
            next.height,
        )
    }

    fn read(&self, block: &[u8]) -> Result<Read, &'static str> {
        let header = block.get(..HEADER_LEN).ok_or("cut off")?;
        let part = |at: usize| -> [u8; 32] { header[at..at + 32].try_into().unwrap_or_default() };
        let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap_or_default());
        let height = u64::from(number(76));
        if number(72) != self.target.to_compact() {
            return Err("bad-diffbits");
        }
        let nonce = u64::from_le_bytes(header[80..88].try_into().unwrap_or_default());
        let mut mix = part(88);
        mix.reverse();
        let mut hash = sha256d(&header[..80]).to_le_bytes();
        hash.reverse();
        let pow = self
            .oracle
            .hash(&self.oracle.name(&hash, nonce, Some(seed(height))));
        if pow.mix != Some(mix) {
            return Err("invalid-mix-hash");
        }
        // The one transaction of the block; it has no witness.
        let coinbase = block.get(HEADER_LEN + 1..).ok_or("no transaction")?;
        if block[HEADER_LEN] != 1 || sha256d(coinbase).to_le_bytes() != part(36) {
            return Err("bad-txnmrklroot");
        }
        let paid = coinbase::outputs(block, HEADER_LEN).ok_or("bad-cb")?;
        let sum: u64 = paid.iter().map(|(_, amount)| amount).sum();
        if sum > self.rules.subsidy.at(height) {
            return Err("bad-cb-amount");
        }
        Ok(Read {
            hash: pow.hash,
            prev_hash: Hash256::from_le_bytes(part(4)),
            height,
            pow: pow.hash,
        })
    }

    fn block_id(&self, _blob: &[u8], _nonce: u64, pow: &PowHash) -> Option<Hash256> {
        Some(pow.hash)
    }
}
