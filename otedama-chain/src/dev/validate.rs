//! The rules of the development chain: those of Bitcoin, as far as a chain without wallets has them.

use std::collections::BTreeMap;

use otedama_hash::sha256d::sha256d;
use otedama_hash::{Hash256, Target};

use super::RejectReason;
use super::decode::{Block, Header, Transaction};
use super::mempool::Pending;
use crate::spec::BitcoinRules;

/// How far ahead of the clock a block's time may be.
const FUTURE_S: u64 = 7_200;
/// Where the hash stands in a commitment's script, and what stands before it (BIP 141).
const COMMITMENT: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/// What a header is checked against.
pub(super) struct HeaderRules {
    pub(super) bits: u32,
    /// Of the eleven blocks before it.
    pub(super) median_time_s: u32,
    pub(super) now_unix_s: u64,
}

/// Checks a header; `pow` is its proof of work.
pub(super) fn header(header: &Header, pow: &Hash256, rules: &HeaderRules) -> Result<(), RejectReason> {
    if !Target::from_compact(header.bits).is_ok_and(|target| target.is_met_by(pow)) {
        return Err(RejectReason::HighHash);
    }
    if header.bits != rules.bits {
        return Err(RejectReason::WrongBits);
    }
    if header.time_s <= rules.median_time_s {
        return Err(RejectReason::TimeTooOld);
    }
    if u64::from(header.time_s) > rules.now_unix_s.saturating_add(FUTURE_S) {
        return Err(RejectReason::TimeTooNew);
    }
    if header.version < 4 {
        return Err(RejectReason::Version);
    }
    Ok(())
}

/// Checks everything but the header of a block at `height`, on which `pending` waits.
pub(super) fn body(
    coin: &BitcoinRules,
    block: &Block<'_>,
    height: u64,
    pending: &[Pending],
) -> Result<(), RejectReason> {
    let Some((coinbase, others)) = block.transactions.split_first() else {
        return Err(RejectReason::NoCoinbase);
    };
    let ids = block.transactions.iter().map(|t| t.id).collect();
    if merkle_root(ids) != block.header.merkle_root {
        return Err(RejectReason::MerkleRoot);
    }
    coinbase_script(coinbase, height)?;
    if others
        .iter()
        .any(|t| t.inputs.iter().any(super::decode::Input::is_null))
    {
        return Err(RejectReason::SecondCoinbase);
    }
    witness(block)?;
    if block.weight > coin.max_block_weight {
        return Err(RejectReason::Weight);
    }
    if coinbase.outputs.is_empty() {
        return Err(RejectReason::NoOutputs);
    }
    let fees = fees(others, pending)?;
    let mut paid = 0_u64;
    for output in &coinbase.outputs {
        paid = paid.saturating_add(output.amount);
        if output.amount > coin.max_money || paid > coin.max_money {
            return Err(RejectReason::OutputAmount);
        }
    }
    if paid > coin.subsidy.at(height) + fees {
        return Err(RejectReason::CoinbaseAmount);
    }
    Ok(())
}

/// The root of a merkle tree, level by level.
fn merkle_root(mut level: Vec<Hash256>) -> Hash256 {
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| {
                let (left, right) = (pair[0], pair[pair.len() - 1]);
                sha256d(&[left.to_le_bytes(), right.to_le_bytes()].concat())
            })
            .collect();
    }
    level.first().copied().unwrap_or_default()
}

fn coinbase_script(coinbase: &Transaction<'_>, height: u64) -> Result<(), RejectReason> {
    let [input] = &coinbase.inputs[..] else {
        return Err(RejectReason::NoCoinbase);
    };
    if !input.is_null() {
        return Err(RejectReason::NoCoinbase);
    }
    if !(2..=100).contains(&input.script.len()) {
        return Err(RejectReason::CoinbaseLength);
    }
    if script_height(input.script) != Some(height) {
        return Err(RejectReason::CoinbaseHeight);
    }
    Ok(())
}

/// The number that a script starts with, if it is written in the shortest way.
fn script_height(script: &[u8]) -> Option<u64> {
    let (&opcode, rest) = script.split_first()?;
    if let 0x51..=0x60 = opcode {
        return Some(u64::from(opcode) - 0x50);
    }
    let number = rest
        .get(..usize::from(opcode))
        .filter(|n| (1..=8).contains(&n.len()))?;
    let (&last, low) = number.split_last()?;
    // A last byte without bits of the number is there only to hold the sign of the one before it.
    let is_shortest = last != 0 || low.last().is_some_and(|byte| byte & 0x80 != 0);
    let value = number
        .iter()
        .rev()
        .fold(0, |value, &byte| value << 8 | u64::from(byte));
    (last & 0x80 == 0 && is_shortest && value > 16).then_some(value)
}

/// BIP 141, section "Commitment structure".
fn witness(block: &Block<'_>) -> Result<(), RejectReason> {
    let coinbase = &block.transactions[0];
    let commitment = coinbase
        .outputs
        .iter()
        .rev()
        .find_map(|output| output.script.strip_prefix(&COMMITMENT)?.get(..32));
    let Some(commitment) = commitment else {
        let has_witness = block.transactions.iter().any(|t| t.has_witness);
        return if has_witness {
            Err(RejectReason::UnexpectedWitness)
        } else {
            Ok(())
        };
    };
    let [reserved] = coinbase.first_witness[..] else {
        return Err(RejectReason::WitnessNonce);
    };
    if reserved.len() != 32 {
        return Err(RejectReason::WitnessNonce);
    }
    let mut ids: Vec<_> = block.transactions.iter().map(|t| t.witness_id).collect();
    ids[0] = Hash256::ZERO;
    let expected = sha256d(&[&merkle_root(ids).to_le_bytes()[..], reserved].concat());
    if expected.as_le_bytes()[..] == *commitment {
        Ok(())
    } else {
        Err(RejectReason::WitnessCommitment)
    }
}

/// Sums the fees of `transactions`, each of which has to be one of `pending`, at most once.
fn fees(transactions: &[Transaction<'_>], pending: &[Pending]) -> Result<u64, RejectReason> {
    let mut waiting: BTreeMap<Hash256, (u64, bool)> =
        pending.iter().map(|p| (p.id, (p.fee, false))).collect();
    let mut sum = 0;
    for transaction in transactions {
        let (fee, is_used) = waiting
            .get_mut(&transaction.id)
            .ok_or(RejectReason::UnknownInputs)?;
        if core::mem::replace(is_used, true) {
            return Err(RejectReason::DuplicateTransaction);
        }
        sum += *fee;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_read_in_their_shortest_form_only() {
        assert_eq!(script_height(&[0x51]), Some(1));
        assert_eq!(script_height(&[0x60, 0xff]), Some(16));
        assert_eq!(script_height(&[0x01, 0x11]), Some(17));
        assert_eq!(script_height(&[0x02, 0x80, 0x00]), Some(128));
        assert_eq!(script_height(&[0x03, 0x5b, 0x7a, 0x03, 0xaa]), Some(227_931));
        for wrong in [
            &[][..],
            &[0x00],
            &[0x01, 0x10],
            &[0x01, 0x80],
            &[0x02, 0x11, 0x00],
            &[0x03, 0x01],
            &[0x61],
            &[0x09, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        ] {
            assert_eq!(script_height(wrong), None, "{wrong:?}");
        }
    }
}
