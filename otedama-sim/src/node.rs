//! A node: a development chain and how well it answers.

use core::fmt;
use std::sync::Arc;

use otedama_chain::PowBlob;
use otedama_chain::dev::{DevChain, DevConfig, RejectReason};
use otedama_hash::{Algorithm, Hash256, Hasher, Hits, NonceRange, PowHash, PowInput, ScanWork, Target};

use crate::address::SPEC;
use crate::clock::START_UNIX_S;
use crate::config::BLOCK_INTERVAL_S;
use crate::oracle::{Header, Oracle};

/// Asks the oracle in place of hashing.
#[derive(Debug)]
struct OracleHasher(Oracle);

impl Hasher for OracleHasher {
    fn hash_batch(&mut self, inputs: &[PowInput<'_>], out: &mut [PowHash]) {
        for (input, out) in inputs.iter().zip(out) {
            *out = proof(&self.0, input.blob);
        }
    }

    fn scan(&mut self, _work: &ScanWork<'_>, _nonces: NonceRange, _hits: &mut Hits) -> u64 {
        0
    }
}

/// The proof of work of a header, as pools and nodes of the simulation see it.
pub(crate) fn proof(oracle: &Oracle, blob: &[u8]) -> PowHash {
    let hash = <&Header>::try_from(blob).map_or(Hash256::ZERO, |header| oracle.hash(header));
    PowHash { hash, mix: None }
}

/// The network target that a header names.
pub(crate) fn network_target(blob: &PowBlob) -> Option<Target> {
    let bits = blob.get(72..76)?.try_into().ok()?;
    Target::from_compact(u32::from_le_bytes(bits)).ok()
}

/// A block that somebody found.
#[derive(Clone, Debug)]
pub(crate) struct BlockInfo {
    pub(crate) bytes: Arc<Vec<u8>>,
    /// Whether the pool knows that a node took it.
    pub(crate) is_taken: bool,
}

/// One node.
pub(crate) struct Node {
    pub(crate) chain: DevChain,
    /// Whether it answers at all.
    pub(crate) is_up: bool,
    /// Blocks that it will refuse without a reason.
    pub(crate) refuses: u32,
    /// Whether every answer comes twice.
    pub(crate) repeats: bool,
    /// What it accepted, in that order.
    pub(crate) accepted: Vec<Hash256>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node(tip {:?}, up {})", self.chain.tip(), self.is_up)
    }
}

impl Node {
    /// A node whose first blocks are found in time at `hashrate`.
    pub(crate) fn new(oracle: &Oracle, hashrate: f64) -> Self {
        let hashes = hashrate * f64::from(BLOCK_INTERVAL_S);
        let difficulty = otedama_hash::Difficulty::new((hashes / 4_294_967_296.0).max(1e-3));
        let target = difficulty.map_or(Target::MAX, |d| d.to_target(Algorithm::SHA256D.diff1()));
        let config = DevConfig {
            spec: SPEC,
            genesis_time_s: START_UNIX_S as u32 - 3600,
            block_interval_s: BLOCK_INTERVAL_S,
            initial_bits: target.to_compact(),
            mempool: true,
        };
        let hasher = Box::new(OracleHasher(oracle.clone()));
        let chain = DevChain::with_hasher(config, hasher).expect("the development chain's own rules");
        Self {
            chain,
            is_up: true,
            refuses: 0,
            repeats: false,
            accepted: Vec::new(),
        }
    }

    /// Judges a block; whether it became the tip.
    pub(crate) fn offer(&mut self, block: &BlockInfo, unix_s: u64) -> Result<bool, RejectReason> {
        let accepted = self.chain.submit(&block.bytes, unix_s)?;
        self.accepted.push(accepted.hash);
        Ok(accepted.tip_changed)
    }

    /// Whether a block is part of its best chain.
    pub(crate) fn has_in_chain(&self, hash: &Hash256) -> bool {
        self.chain
            .header(hash)
            .is_some_and(|header| header.confirmations > 0)
    }
}
