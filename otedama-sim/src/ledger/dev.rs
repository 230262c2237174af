//! The development chain, which also judges what looks like it.

use otedama_chain::dev::{DevChain, DevConfig, RejectReason};
use otedama_hash::sha256d::sha256d;
use otedama_hash::{Hash256, Hasher, Hits, NonceRange, PowHash, PowInput, ScanWork, Target};

use super::{Ledger, Refusal, Taken};
use crate::clock::START_UNIX_S;
use crate::coin::Coin;
use crate::config::BLOCK_INTERVAL_S;
use crate::oracle::Oracle;

/// Asks the oracle in place of hashing.
#[derive(Debug)]
struct OracleHasher(Oracle);

impl Hasher for OracleHasher {
    fn hash_batch(&mut self, inputs: &[PowInput<'_>], out: &mut [PowHash]) {
        for (input, out) in inputs.iter().zip(out) {
            *out = self.0.hash(&self.0.name(input.blob, 0, None));
        }
    }

    fn scan(&mut self, _work: &ScanWork<'_>, _nonces: NonceRange, _hits: &mut Hits) -> u64 {
        0
    }
}

pub(super) struct Dev(DevChain);

impl Dev {
    pub(super) fn new(coin: &Coin, oracle: &Oracle, target: Target) -> Self {
        let config = DevConfig {
            spec: coin.spec,
            genesis_time_s: START_UNIX_S as u32 - 3600,
            block_interval_s: BLOCK_INTERVAL_S,
            initial_bits: target.to_compact(),
            mempool: true,
        };
        let hasher = Box::new(OracleHasher(oracle.clone()));
        Self(DevChain::with_hasher(config, hasher).expect("the development chain's own rules"))
    }
}

impl Ledger for Dev {
    fn tip(&self) -> (Hash256, u64) {
        self.0.tip()
    }

    fn template_json(&self, unix_s: u64) -> String {
        self.0.template_json(unix_s)
    }

    fn submit(&mut self, block: &[u8], unix_s: u64) -> Result<Taken, Refusal> {
        match self.0.submit(block, unix_s) {
            Ok(accepted) => Ok(Taken {
                hash: accepted.hash,
                is_tip: accepted.tip_changed,
            }),
            Err(RejectReason::Duplicate) => Err(Refusal::Duplicate),
            Err(RejectReason::UnknownParent) => Err(Refusal::UnknownParent),
            Err(why) => Err(Refusal::Invalid(why.to_string())),
        }
    }

    fn contains(&self, hash: &Hash256) -> bool {
        self.0.header(hash).is_some()
    }

    fn is_in_best_chain(&self, hash: &Hash256) -> bool {
        self.0.header(hash).is_some_and(|header| header.confirmations > 0)
    }

    fn best_chain(&self) -> Box<dyn Iterator<Item = Hash256> + '_> {
        Box::new(self.0.best_chain().map(|block| block.hash))
    }

    fn network_work(&self) -> u128 {
        let bits = self.0.header(&self.0.tip().0).map_or(0x207f_ffff, |h| h.bits);
        Target::from_compact(bits).map_or(1, |t| t.work().get())
    }

    /// The one that the header names.
    fn network_target(&self, blob: &[u8]) -> Option<Target> {
        let bits = blob.get(72..76)?.try_into().ok()?;
        Target::from_compact(u32::from_le_bytes(bits)).ok()
    }

    fn block_id(&self, blob: &[u8], _nonce: u64, _pow: &PowHash) -> Option<Hash256> {
        Some(sha256d(blob))
    }
}
