//! What a node knows of its chain: which block is the tip, what comes next, and which blocks are valid.

mod cryptonote;
mod dev;
mod ethereum;
pub(crate) mod kawpow;
mod tree;

use otedama_chain::spec::{Dialect, FamilyRules};
use otedama_hash::{Difficulty, Hash256, PowHash, Target, U256};

use crate::coin::Coin;
use crate::config::BLOCK_INTERVAL_S;
use crate::oracle::Oracle;

use tree::Tree;

/// Why a node does not take a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Duplicate,
    UnknownParent,
    Invalid(String),
}

/// A block that a node took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) hash: Hash256,
    pub(crate) is_tip: bool,
}

/// One node's chain.
pub(crate) trait Ledger {
    /// Id and height of the best chain's last block.
    fn tip(&self) -> (Hash256, u64);
    /// What the node answers to the request for a template.
    fn template_json(&self, unix_s: u64) -> String;
    /// Judges a block and, if it is valid, takes it.
    fn submit(&mut self, block: &[u8], unix_s: u64) -> Result<Taken, Refusal>;
    fn contains(&self, hash: &Hash256) -> bool;
    fn is_in_best_chain(&self, hash: &Hash256) -> bool;
    /// Ids of the best chain, tip first.
    fn best_chain(&self) -> Box<dyn Iterator<Item = Hash256> + '_>;
    /// Work of the tip's target.
    fn network_work(&self) -> u128;
    /// What the proof of a block with this blob has to meet.
    fn network_target(&self, blob: &[u8]) -> Option<Target>;
    /// The id of the block that a proof makes.
    fn block_id(&self, blob: &[u8], nonce: u64, pow: &PowHash) -> Option<Hash256>;
}

/// The ledgers of a chain's nodes, whose first blocks are found in time at `hashrate`.
pub(crate) fn ledgers(
    coin: &'static Coin,
    oracle: &Oracle,
    hashrate: f64,
    count: usize,
) -> Vec<Box<dyn Ledger>> {
    let hashes = hashrate * f64::from(BLOCK_INTERVAL_S);
    let difficulty = Difficulty::new((hashes / coin.hashes_per_difficulty()).max(1e-3));
    let target = difficulty.map_or(Target::MAX, |d| d.to_target(coin.spec.algorithm.diff1()));
    let works = ethereum::Works::default();
    let ledger = |node: usize| -> Box<dyn Ledger> {
        match (&coin.spec.family, coin.spec.dialect) {
            (FamilyRules::CryptoNote(_), _) => {
                let rules = cryptonote::CryptoNote::new(oracle, difficulty_of(target));
                Box::new(Tree::new(coin, cryptonote::target(difficulty_of(target)), rules))
            }
            (FamilyRules::Ethereum(rules), _) => {
                let rules = ethereum::Ethereum::new(oracle, rules, difficulty_of(target), &works, node);
                Box::new(Tree::new(coin, ethereum::target(difficulty_of(target)), rules))
            }
            (FamilyRules::Bitcoin(rules), Dialect::KawPow) => {
                // The compact form keeps the target's first three bytes.
                let target = Target::from_compact(target.to_compact()).unwrap_or(target);
                Box::new(Tree::new(
                    coin,
                    target,
                    kawpow::KawPow::new(oracle, rules, target),
                ))
            }
            _ => Box::new(dev::Dev::new(coin, oracle, target)),
        }
    };
    (0..count).map(ledger).collect()
}

/// A block's id in the order in which it is displayed.
fn displayed(id: &Hash256) -> [u8; 32] {
    let mut bytes = id.to_le_bytes();
    bytes.reverse();
    bytes
}

/// Hashes that a block takes on average, as nodes of the other families say it.
fn difficulty_of(target: Target) -> u64 {
    U256::MAX
        .checked_div(target.to_u256())
        .map_or(1, |hashes| hashes.saturating_to())
}
