//! Synthetic transactions: well-formed, with fees, and different on every tip.

use otedama_hash::Hash256;
use otedama_hash::sha256d::sha256d;

use super::decode;

/// Most transactions that wait on one tip.
pub(super) const COUNT_MAX: u64 = 32;
/// How many wait at once on a new tip.
const COUNT_MIN: u64 = 3;
/// How many come in the time that one block takes.
const COUNT_PER_INTERVAL: u64 = 8;
/// Every so many transactions one has no witness.
const LEGACY_EVERY: u64 = 4;

/// A transaction that waits for a block.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) raw: Vec<u8>,
    pub(super) id: Hash256,
    pub(super) witness_id: Hash256,
    pub(super) weight: u64,
    pub(super) fee: u64,
}

/// How many transactions wait, `elapsed_s` after the tip.
pub(super) fn count(elapsed_s: u64, interval_s: u32) -> u64 {
    let arrived = elapsed_s.saturating_mul(COUNT_PER_INTERVAL) / u64::from(interval_s.max(1));
    COUNT_MIN.saturating_add(arrived).min(COUNT_MAX)
}

/// The first `count` transactions that wait on the block `tip`.
pub(super) fn pending(tip: &Hash256, count: u64) -> Vec<Pending> {
    (0..count).map(|index| synthesise(tip, index)).collect()
}

fn synthesise(tip: &Hash256, index: u64) -> Pending {
    let seed = sha256d(&[&tip.to_le_bytes()[..], &index.to_le_bytes()].concat()).to_le_bytes();
    let part = |name: u8| sha256d(&[&seed[..], &[name]].concat()).to_le_bytes();
    let is_legacy = index % LEGACY_EVERY == LEGACY_EVERY - 1;
    // The shapes of a signature and of a compressed public key.
    let signature = [&part(1)[..], &part(2), &part(3)[..7]].concat();
    let public_key = [&[2], &part(4)[..]].concat();
    let unlocking = [&[71], &signature[..], &[33], &public_key[..]].concat();

    let mut raw = 2_u32.to_le_bytes().to_vec();
    if !is_legacy {
        raw.extend_from_slice(&[0, 1]);
    }
    raw.push(1);
    raw.extend_from_slice(&part(5));
    raw.extend_from_slice(&[seed[0] & 3, 0, 0, 0]);
    if is_legacy {
        raw.push(unlocking.len() as u8);
        raw.extend_from_slice(&unlocking);
    } else {
        raw.push(0);
    }
    raw.extend_from_slice(&[0xfd, 0xff, 0xff, 0xff]);
    let outputs = 1 + seed[1] % 3;
    raw.push(outputs);
    for output in 0..outputs {
        raw.extend_from_slice(&(100_000 + u64::from(seed[2 + usize::from(output)]) * 1_000).to_le_bytes());
        raw.extend_from_slice(&[22, 0, 20]);
        raw.extend_from_slice(&part(16 + output)[..20]);
    }
    if !is_legacy {
        raw.push(2);
        raw.extend_from_slice(&unlocking);
    }
    raw.extend_from_slice(&0_u32.to_le_bytes());
    let fee = 500 + u64::from(u16::from_le_bytes([seed[8], seed[9]]));
    let decoded = decode::transaction(&raw).expect("built to be well-formed");
    let (id, witness_id, weight) = (decoded.id, decoded.witness_id, decoded.weight);
    Pending {
        raw,
        id,
        witness_id,
        weight,
        fee,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_are_what_bitcoin_calls_transactions() {
        let tip = sha256d(b"tip");
        let pending = pending(&tip, COUNT_MAX);
        let mut witnesses = 0;
        for pending in &pending {
            let theirs: bitcoin::Transaction =
                bitcoin::consensus::deserialize(&pending.raw).expect("decodes");
            assert_eq!(theirs.compute_txid().to_string(), pending.id.to_string());
            assert_eq!(theirs.compute_wtxid().to_string(), pending.witness_id.to_string());
            assert_eq!(theirs.weight().to_wu(), pending.weight);
            witnesses += usize::from(pending.id != pending.witness_id);
        }
        assert_eq!(witnesses as u64, COUNT_MAX - COUNT_MAX / LEGACY_EVERY);
        let other = super::pending(&sha256d(b"other"), 1);
        assert_ne!(other[0].id, pending[0].id);
    }

    #[test]
    fn more_wait_with_time_up_to_a_limit() {
        assert_eq!(count(0, 30), COUNT_MIN);
        assert_eq!(count(30, 30), COUNT_MIN + COUNT_PER_INTERVAL);
        assert_eq!(count(u64::MAX, 1), COUNT_MAX);
    }
}
