//! The coinbase transaction.

use super::encode::{push_bytes, push_compact_size, push_data, push_height};
use super::{Body, COINBASE_SCRIPT_MAX};
use crate::{EXTRANONCE_LEN, PayoutOutput, PayoutPlan};

/// Length of the push of the extranonce.
const EXTRANONCE_PUSH_LEN: usize = 1 + EXTRANONCE_LEN;
/// Longest data that one byte of opcode can push.
const SHORT_PUSH_MAX: usize = 75;
/// The longest height push, of a height below 2^31.
const HEIGHT_PUSH_MAX: usize = 5;
/// How many bytes of `coinbaseaux` fit beside height and extranonce in every coinbase script.
pub(super) const AUX_MAX: usize = SHORT_PUSH_MAX;
const _: () = assert!(HEIGHT_PUSH_MAX + 1 + AUX_MAX + EXTRANONCE_PUSH_LEN <= COINBASE_SCRIPT_MAX);

/// What stands before and after the extranonce, serialised without witness data.
#[derive(Clone, Debug)]
pub(crate) struct Halves {
    pub(crate) first: Vec<u8>,
    pub(crate) second: Vec<u8>,
}

impl Halves {
    /// Bytes of the whole coinbase without witness data.
    pub(crate) fn coinbase_len(&self) -> usize {
        self.first.len() + EXTRANONCE_LEN + self.second.len()
    }
}

/// Serialises the coinbase that pays `plan`; outputs of zero are left out.
pub(super) fn build(height: u64, body: &Body, plan: &PayoutPlan, tag: &[u8]) -> Halves {
    let script = script_before_extranonce(height, body, tag);
    let mut first = Vec::with_capacity(42 + script.len());
    // Version 1, one input, which spends the null outpoint (32 zero bytes and index 2^32 - 1).
    first.extend_from_slice(&1_u32.to_le_bytes());
    push_compact_size(&mut first, 1);
    first.extend_from_slice(&[0; 32]);
    first.extend_from_slice(&u32::MAX.to_le_bytes());
    push_compact_size(&mut first, (script.len() + EXTRANONCE_LEN) as u64);
    first.extend_from_slice(&script);

    let mut second = Vec::with_capacity(64 + plan.outputs.len() * 43);
    second.extend_from_slice(&u32::MAX.to_le_bytes());
    let commitment = body.witness_commitment.as_deref();
    let count = paid(plan).count() + usize::from(commitment.is_some());
    push_compact_size(&mut second, count as u64);
    for output in paid(plan) {
        push_output(&mut second, output.amount, &output.script);
    }
    if let Some(script) = commitment {
        push_output(&mut second, 0, script);
    }
    second.extend_from_slice(&0_u32.to_le_bytes());
    Halves { first, second }
}

/// The outputs that make it into the coinbase.
pub(super) fn paid(plan: &PayoutPlan) -> impl Iterator<Item = &PayoutOutput> {
    plan.outputs.iter().filter(|output| output.amount > 0)
}

fn push_output(out: &mut Vec<u8>, amount: u64, script: &[u8]) {
    out.extend_from_slice(&amount.to_le_bytes());
    push_bytes(out, script);
}

/// Height (BIP 34), `coinbaseaux` (BIP 22), tag, and the opcode that pushes the extranonce.
fn script_before_extranonce(height: u64, body: &Body, tag: &[u8]) -> Vec<u8> {
    let mut script = Vec::with_capacity(COINBASE_SCRIPT_MAX);
    push_height(&mut script, height);
    push_data(&mut script, &body.coinbase_aux);
    let room = COINBASE_SCRIPT_MAX.saturating_sub(script.len() + EXTRANONCE_PUSH_LEN + 1);
    push_data(&mut script, &tag[..tag.len().min(room).min(SHORT_PUSH_MAX)]);
    script.push(EXTRANONCE_LEN as u8);
    script
}
