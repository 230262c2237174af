//! Blocks of Ethereum Classic: the node keeps the block and hands out its header, which the seal completes.
//!
//! Headers are encoded and hashed by the pool's own [`Header`], so an error in it goes unnoticed here. What finds it are
//! the main network's blocks in `otedama-chain/tests/ethereum_blocks.rs`, and the node of `otedama-bin/tests/loopback`,
//! which has an encoding of its own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use otedama_chain::family::ethereum::{Header, Seal, Solution};
use otedama_chain::spec::EthereumRules;
use otedama_hash::ethash::backends_of;
use otedama_hash::{Algorithm, EpochInput, Hash256, PowHash, Target, U256};

use super::displayed;
use super::tree::{Next, Read, Rules};
use crate::oracle::Oracle;

/// A node's own block changes this often though the tip stays.
const RENEWED_S: u64 = 15;
/// Headers that are remembered.
const WORKS_KEPT: usize = 1024;

/// The headers that nodes handed out. Nodes tell each other whole blocks; here they look them up in one table.
#[derive(Clone, Debug, Default)]
pub(super) struct Works(Arc<Mutex<VecDeque<Named>>>);

/// A header under its seal hash.
type Named = ([u8; 32], Header);

impl Works {
    fn add(&self, header: &Header) {
        let hash = header.seal_hash();
        let mut works = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if works.iter().rev().any(|(known, _)| *known == hash) {
            return;
        }
        if works.len() == WORKS_KEPT {
            works.pop_front();
        }
        works.push_back((hash, header.clone()));
    }

    fn get(&self, seal_hash: &[u8]) -> Option<Header> {
        let works = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        works
            .iter()
            .rev()
            .find(|(known, _)| known == seal_hash)
            .map(|(_, header)| header.clone())
    }
}

pub(super) struct Ethereum {
    oracle: Oracle,
    rules: &'static EthereumRules,
    difficulty: u64,
    works: Works,
    node: u8,
}

impl Ethereum {
    pub(super) fn new(
        oracle: &Oracle,
        rules: &'static EthereumRules,
        difficulty: u64,
        works: &Works,
        node: usize,
    ) -> Self {
        Self {
            oracle: oracle.clone(),
            rules,
            difficulty,
            works: works.clone(),
            node: node as u8,
        }
    }

    fn seed(&self, height: u64) -> Option<[u8; 32]> {
        let backend = backends_of(Algorithm::ETCHASH, self.rules.schedule).pop()?;
        let key = backend.epoch(EpochInput { height, seed: None }).ok()?;
        Some(key.0)
    }
}

/// What a hash has to meet: 2^256 / difficulty.
pub(super) fn target(difficulty: u64) -> Target {
    let difficulty = U256::from(difficulty.max(2));
    Target::from_u256(difficulty.wrapping_neg() / difficulty + U256::from(1))
}

impl Rules for Ethereum {
    fn template_json(&self, next: &Next) -> String {
        let header = Header {
            parent_hash: displayed(&next.prev_hash),
            uncles_hash: [0x1d; 32],
            coinbase: [self.node + 1; 20],
            state_root: [0x51; 32],
            transactions_root: [0x52; 32],
            receipts_root: [0x53; 32],
            logs_bloom: [0; 256],
            difficulty: U256::from(self.difficulty),
            number: next.height,
            gas_limit: 8_000_000,
            gas_used: 21_000,
            time_s: next.unix_s / RENEWED_S * RENEWED_S,
            extra: b"simulated".to_vec(),
            seal: Seal::default(),
            base_fee: None,
        };
        self.works.add(&header);
        let hex = |bytes: &[u8]| const_hex::encode_prefixed(bytes);
        format!(
            "{{\"parentHash\":\"{}\",\"sha3Uncles\":\"{}\",\"miner\":\"{}\",\"stateRoot\":\"{}\",\
             \"transactionsRoot\":\"{}\",\"receiptsRoot\":\"{}\",\"logsBloom\":\"{}\",\"difficulty\":\"{:#x}\",\
             \"number\":\"{:#x}\",\"gasLimit\":\"{:#x}\",\"gasUsed\":\"{:#x}\",\"timestamp\":\"{:#x}\",\
             \"extraData\":\"{}\",\"mixHash\":\"{}\",\"nonce\":\"{}\"}}",
            hex(&header.parent_hash),
            hex(&header.uncles_hash),
            hex(&header.coinbase),
            hex(&header.state_root),
            hex(&header.transactions_root),
            hex(&header.receipts_root),
            hex(&header.logs_bloom),
            self.difficulty,
            header.number,
            header.gas_limit,
            header.gas_used,
            header.time_s,
            hex(&header.extra),
            hex(&header.seal.mix),
            hex(&header.seal.nonce.to_be_bytes()),
        )
    }

    fn read(&self, block: &[u8]) -> Result<Read, &'static str> {
        let solution = Solution::from_bytes(block).ok_or("not a solution")?;
        let header = self.works.get(&solution.seal_hash).ok_or("unknown work")?;
        let seed = self.seed(header.number).ok_or("no epoch")?;
        let name = self
            .oracle
            .name(&solution.seal_hash, solution.seal.nonce, Some(seed));
        let pow = self.oracle.hash(&name);
        if pow.mix != Some(solution.seal.mix) {
            return Err("invalid mix");
        }
        let sealed = Header {
            seal: solution.seal,
            ..header
        };
        Ok(Read {
            hash: Hash256::from_be_bytes(sealed.hash()),
            prev_hash: Hash256::from_be_bytes(sealed.parent_hash),
            height: sealed.number,
            pow: pow.hash,
        })
    }

    fn block_id(&self, blob: &[u8], nonce: u64, pow: &PowHash) -> Option<Hash256> {
        let seal = Seal { nonce, mix: pow.mix? };
        let sealed = Header {
            seal,
            ..self.works.get(blob)?
        };
        Some(Hash256::from_be_bytes(sealed.hash()))
    }
}
