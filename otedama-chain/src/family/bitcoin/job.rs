//! From template and plan to work.

use std::sync::Arc;

use super::encode::compact_size_len;
use super::{Body, Halves, coinbase};
use crate::job::JobBody;
use crate::spec::HeaderRule;
use crate::{Job, JobError, PayoutPlan, Template};

/// Weight of a byte that isn't witness data (BIP 141).
const WITNESS_SCALE: u64 = 4;
/// Weight of the coinbase's witness: marker, flag, one item of 32 bytes.
const COINBASE_WITNESS_WEIGHT: u64 = 36;
const HEADER_LEN: u64 = 80;
/// Nonce and mix of a `KawPow` header.
const PROOF_LEN: u64 = 40;

pub(super) fn build(template: Arc<Template>, plan: Arc<PayoutPlan>, tag: &[u8]) -> Result<Job, JobError> {
    let body = template.bitcoin().ok_or(JobError::Family)?;
    JobError::check(&template, &plan)?;
    let sigops: u64 = coinbase::paid(&plan)
        .map(|output| legacy_sigops(&output.script))
        .sum();
    let cost = sigops * WITNESS_SCALE;
    if let Some(room) = body.sigops_left.filter(|&room| cost > room) {
        return Err(JobError::TooManySigops { cost, room });
    }
    let halves = coinbase::build(template.height, body, &plan, tag);
    let (weight, room) = (own_weight(body, &halves), body.weight_left);
    if weight > room {
        return Err(JobError::TooHeavy { weight, room });
    }
    Ok(Job {
        template,
        plan,
        body: JobBody::Bitcoin(halves),
    })
}

/// Weight of everything but the template's transactions.
fn own_weight(body: &Body, halves: &Halves) -> u64 {
    let count_len = compact_size_len(body.transaction_count + 1) as u64;
    let witness = if body.witness_commitment.is_some() {
        COINBASE_WITNESS_WEIGHT
    } else {
        0
    };
    let header_len = match body.header {
        HeaderRule::Plain => HEADER_LEN,
        HeaderRule::KawPow { .. } => HEADER_LEN + PROOF_LEN,
    };
    WITNESS_SCALE * (header_len + count_len + halves.coinbase_len() as u64) + witness
}

/// Signature operations of an output script by the rules from before P2SH, which hold for a
/// coinbase: `OP_CHECKSIG(VERIFY)` counts 1, `OP_CHECKMULTISIG(VERIFY)` 20.
fn legacy_sigops(script: &[u8]) -> u64 {
    let mut count = 0;
    let mut rest = script;
    while let Some((&opcode, tail)) = rest.split_first() {
        let little_endian = |n: usize| {
            tail.get(..n)
                .map(|b| b.iter().rev().fold(0, |v, &x| v << 8 | usize::from(x)))
        };
        // Bytes that belong to the opcode: length field and data.
        let operand = match opcode {
            0x01..=0x4b => Some(usize::from(opcode)),
            0x4c => little_endian(1).map(|n| n + 1),
            0x4d => little_endian(2).map(|n| n + 2),
            0x4e => little_endian(4).map(|n| n + 4),
            _ => Some(0),
        };
        count += match opcode {
            0xac | 0xad => 1,
            0xae | 0xaf => 20,
            _ => 0,
        };
        match operand.and_then(|n| tail.get(n..)) {
            Some(tail) => rest = tail,
            None => break,
        }
    }
    count
}
