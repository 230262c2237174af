//! What the development chain answers to `getblocktemplate`.

use std::collections::BTreeMap;

use otedama_hash::sha256d::sha256d;
use otedama_hash::{Hash256, Target};
use serde::Serialize;

use super::mempool::Pending;
use crate::family::bitcoin::{COMMITMENT_PREFIX, merkle};
use crate::spec::BitcoinRules;

/// The block that a template is for.
pub(super) struct Next {
    pub(super) prev_hash: Hash256,
    pub(super) height: u64,
    pub(super) bits: u32,
    pub(super) min_time_s: u32,
    pub(super) time_s: u32,
}

#[derive(Serialize)]
struct Gbt {
    capabilities: [&'static str; 1],
    version: u32,
    rules: [&'static str; 3],
    vbavailable: BTreeMap<String, u32>,
    vbrequired: u32,
    previousblockhash: String,
    transactions: Vec<GbtTransaction>,
    coinbaseaux: BTreeMap<String, String>,
    coinbasevalue: u64,
    longpollid: String,
    target: String,
    mintime: u32,
    mutable: [&'static str; 3],
    noncerange: &'static str,
    sigoplimit: u64,
    sizelimit: u64,
    weightlimit: u64,
    curtime: u32,
    bits: String,
    height: u64,
    default_witness_commitment: String,
}

#[derive(Serialize)]
struct GbtTransaction {
    data: String,
    txid: String,
    hash: String,
    depends: [u32; 0],
    fee: u64,
    sigops: u64,
    weight: u64,
}

/// The `result` object, as Bitcoin Core writes it.
pub(super) fn json(coin: &BitcoinRules, next: &Next, pending: &[Pending]) -> String {
    let fees: u64 = pending.iter().map(|p| p.fee).sum();
    let target = Target::from_compact(next.bits).unwrap_or(Target::MAX);
    let gbt = Gbt {
        capabilities: ["proposal"],
        version: 0x2000_0000,
        rules: ["csv", "!segwit", "taproot"],
        vbavailable: BTreeMap::new(),
        vbrequired: 0,
        previousblockhash: next.prev_hash.to_string(),
        transactions: pending.iter().map(entry).collect(),
        coinbaseaux: BTreeMap::new(),
        coinbasevalue: coin.subsidy.at(next.height) + fees,
        longpollid: format!("{}{}", next.prev_hash, pending.len()),
        target: target.to_string(),
        mintime: next.min_time_s,
        mutable: ["time", "transactions", "prevblock"],
        noncerange: "00000000ffffffff",
        sigoplimit: 80_000,
        sizelimit: 4_000_000,
        weightlimit: coin.max_block_weight,
        curtime: next.time_s,
        bits: format!("{:08x}", next.bits),
        height: next.height,
        default_witness_commitment: commitment(pending),
    };
    serde_json::to_string(&gbt).expect("strings and numbers always serialise")
}

fn entry(pending: &Pending) -> GbtTransaction {
    GbtTransaction {
        data: const_hex::encode(&pending.raw),
        txid: pending.id.to_string(),
        hash: pending.witness_id.to_string(),
        depends: [],
        fee: pending.fee,
        sigops: 1,
        weight: pending.weight,
    }
}

/// The commitment's output script; the coinbase's own place in the tree is all zero (BIP 141).
fn commitment(pending: &[Pending]) -> String {
    let ids: Vec<_> = pending.iter().map(|p| p.witness_id).collect();
    let root = merkle::root(Hash256::ZERO, &merkle::branch(&ids));
    let hash = sha256d(&[root.to_le_bytes(), [0; 32]].concat());
    const_hex::encode([&COMMITMENT_PREFIX[..], hash.as_le_bytes()].concat())
}
