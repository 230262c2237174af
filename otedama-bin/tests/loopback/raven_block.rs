//! A Ravencoin block from its bytes, and the rules that it has to keep.

use bitcoin::consensus::encode::{VarInt, deserialize_partial, serialize};
use bitcoin::hashes::{Hash as _, sha256d};
use bitcoin::{Amount, Transaction};

use super::{Light, unix_s};

/// Where a witness commitment begins (BIP 141).
const COMMITMENT: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/// A decoded block. Hashes are in the order in which they are displayed.
#[derive(Clone, Debug)]
pub(crate) struct RavenBlock {
    first: [u8; 80],
    pub(crate) prev: [u8; 32],
    pub(crate) time_s: u32,
    pub(crate) bits: u32,
    pub(crate) height: u32,
    pub(crate) nonce: u64,
    pub(crate) mix: [u8; 32],
    pub(crate) transactions: Vec<Transaction>,
}

/// What the next block has to be like.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) version: u32,
    pub(crate) prev: [u8; 32],
    pub(crate) height: u32,
    pub(crate) bits: u32,
    /// It has to be later.
    pub(crate) median_time_s: u32,
    pub(crate) subsidy: u64,
}

/// The node's clock, which `-mocktime` sets: `KawPow` begins in 2083 in regression test mode.
pub(crate) fn clock_s() -> u64 {
    unix_s() + 1_900_000_000
}

/// A transaction that waits, and its fee.
pub(crate) type Waiting = (Transaction, u64);

pub(crate) fn reversed(mut hash: [u8; 32]) -> [u8; 32] {
    hash.reverse();
    hash
}

/// SHA-256 twice.
pub(crate) fn sha256d(bytes: &[u8]) -> [u8; 32] {
    sha256d::Hash::hash(bytes).to_byte_array()
}

/// Root over hashes in their own order.
pub(crate) fn merkle_root(mut level: Vec<[u8; 32]>) -> [u8; 32] {
    while level.len() > 1 {
        let pair = |two: &[[u8; 32]]| sha256d(&[two[0], two[two.len() - 1]].concat());
        level = level.chunks(2).map(pair).collect();
    }
    level[0]
}

/// What the coinbase has to commit to behind the prefix, if `others` follow it (BIP 141).
pub(crate) fn witness_commitment<'a>(others: impl Iterator<Item = &'a Transaction>) -> [u8; 32] {
    let ids = others.map(|transaction| transaction.compute_wtxid().to_byte_array());
    let root = merkle_root(std::iter::once([0; 32]).chain(ids).collect());
    sha256d(&[root, [0; 32]].concat())
}

/// The script of that output.
pub(crate) fn commitment_script<'a>(others: impl Iterator<Item = &'a Transaction>) -> Vec<u8> {
    [&COMMITMENT[..], &witness_commitment(others)].concat()
}

/// The largest hash that compact bits allow, as a big-endian number.
pub(crate) fn target(bits: u32) -> [u8; 32] {
    let (size, digits) = ((bits >> 24) as usize, bits.to_be_bytes());
    let mut target = [0; 32];
    target[32 - size..35 - size].copy_from_slice(&digits[1..]);
    target
}

/// How a script begins that names a height (BIP 34).
pub(crate) fn height_push(height: u32) -> Vec<u8> {
    if (1..=16).contains(&height) {
        return vec![0x50 + height as u8];
    }
    let mut digits: Vec<u8> = height.to_le_bytes().to_vec();
    while digits.last() == Some(&0) {
        digits.pop();
    }
    if digits.last().is_some_and(|top| *top >= 0x80) {
        digits.push(0);
    }
    [vec![digits.len() as u8], digits].concat()
}

impl RavenBlock {
    /// Reads all of `bytes`.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first_chunk::<80>()?;
        let (nonce, rest) = rest.split_first_chunk::<8>()?;
        let (mix, rest) = rest.split_first_chunk::<32>()?;
        let number = |at: usize| u32::from_le_bytes(first[at..at + 4].try_into().unwrap());
        let (VarInt(count), mut at) = deserialize_partial::<VarInt>(rest).ok()?;
        let mut transactions = Vec::new();
        for _ in 0..count {
            let (transaction, length) = deserialize_partial::<Transaction>(&rest[at..]).ok()?;
            at += length;
            transactions.push(transaction);
        }
        // One form only: what is written again is what was read.
        let written: Vec<u8> = transactions.iter().flat_map(serialize).collect();
        if !rest.ends_with(&written) || at != rest.len() {
            return None;
        }
        Some(Self {
            first: *first,
            prev: reversed(first[4..36].try_into().unwrap()),
            time_s: number(68),
            bits: number(72),
            height: number(76),
            nonce: u64::from_le_bytes(*nonce),
            mix: reversed(*mix),
            transactions,
        })
    }

    /// What is mined.
    pub(crate) fn header_hash(&self) -> [u8; 32] {
        reversed(sha256d(&self.first))
    }

    /// The block's id, or the word for the rule that it breaks (BIP 22).
    pub(crate) fn check(
        &self,
        rules: &Rules,
        waiting: &[Waiting],
        light: &mut Light,
    ) -> Result<[u8; 32], &'static str> {
        let id = self.check_header(rules, light)?;
        self.check_body(rules, waiting)?;
        Ok(id)
    }

    fn check_header(&self, rules: &Rules, light: &mut Light) -> Result<[u8; 32], &'static str> {
        let (hash, mix) = light.hash(&self.header_hash(), self.nonce, self.height.into());
        let latest = clock_s() + 7200;
        let broken = [
            (self.prev != rules.prev, "bad-prevblk"),
            (self.height != rules.height, "bad-height"),
            (self.bits != rules.bits, "bad-diffbits"),
            (self.mix != mix, "invalid-mix-hash"),
            (hash > target(self.bits), "high-hash"),
            (self.first[..4] != rules.version.to_le_bytes(), "bad-version"),
            (self.time_s <= rules.median_time_s, "time-too-old"),
            (u64::from(self.time_s) > latest, "time-too-new"),
        ];
        match broken.into_iter().find(|(is_broken, _)| *is_broken) {
            Some((_, word)) => Err(word),
            None => Ok(hash),
        }
    }

    fn check_body(&self, rules: &Rules, waiting: &[Waiting]) -> Result<(), &'static str> {
        let ids = self.transactions.iter().map(|t| t.compute_txid().to_byte_array());
        let ids: Vec<_> = ids.collect();
        let Some((coinbase, others)) = self.transactions.split_first() else {
            return Err("bad-blk-length");
        };
        if self.first[36..68] != merkle_root(ids) {
            return Err("bad-txnmrklroot");
        }
        if !coinbase.is_coinbase() || others.iter().any(Transaction::is_coinbase) {
            return Err("bad-cb-missing");
        }
        let script = coinbase.input[0].script_sig.as_bytes();
        if !(2..=100).contains(&script.len()) {
            return Err("bad-cb-length");
        }
        if !script.starts_with(&height_push(rules.height)) {
            return Err("bad-cb-height");
        }
        let is_offered = others.len() == waiting.len() && others.iter().zip(waiting).all(|(a, b)| *a == b.0);
        if !is_offered {
            return Err("bad-txns-inputs-missingorspent");
        }
        let fees: u64 = waiting.iter().map(|(_, fee)| fee).sum();
        let paid: Amount = coinbase.output.iter().map(|output| output.value).sum();
        if paid.to_sat() > rules.subsidy + fees {
            return Err("bad-cb-amount");
        }
        check_witness(coinbase, others)
    }
}

fn check_witness(coinbase: &Transaction, others: &[Transaction]) -> Result<(), &'static str> {
    let scripts = coinbase
        .output
        .iter()
        .map(|output| output.script_pubkey.as_bytes());
    let commitment = scripts
        .rev()
        .find(|script| script.len() >= 38 && script.starts_with(&COMMITMENT));
    let witness = &coinbase.input[0].witness;
    match commitment {
        Some(_) if witness.len() != 1 || witness.iter().any(|item| item != [0; 32]) => {
            Err("bad-witness-nonce-size")
        }
        Some(script) if script[6..38] != witness_commitment(others.iter()) => Err("bad-witness-merkle-match"),
        Some(_) => Ok(()),
        None => {
            let has_witness = |t: &Transaction| t.input.iter().any(|input| !input.witness.is_empty());
            if has_witness(coinbase) || others.iter().any(has_witness) {
                return Err("unexpected-witness");
            }
            Ok(())
        }
    }
}
