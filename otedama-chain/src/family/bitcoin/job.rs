//! Work to hand to miners.

use std::sync::Arc;

use otedama_hash::Hash256;

use super::encode::compact_size_len;
use super::{Template, coinbase};
use crate::{EXTRANONCE_LEN, PayoutPlan};

/// Weight of a byte that isn't witness data (BIP 141).
const WITNESS_SCALE: u64 = 4;
/// Weight of the coinbase's witness: marker, flag, one item of 32 bytes.
const COINBASE_WITNESS_WEIGHT: u64 = 36;
const HEADER_LEN: u64 = 80;

/// A template together with the coinbase that pays one plan.
#[derive(Clone, Debug)]
pub struct Job {
    template: Arc<Template>,
    plan: Arc<PayoutPlan>,
    coinbase1: Vec<u8>,
    coinbase2: Vec<u8>,
}

/// Why a plan can't be used with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// No output has an amount.
    #[error("the payout plan pays nobody")]
    EmptyPlan,
    /// The outputs don't sum to the reward.
    #[error("the payout plan pays {total:?} where the block's reward is {reward}")]
    PlanSum {
        /// What they sum to; `None` if that exceeds 2^64 - 1.
        total: Option<u64>,
        /// The template's reward.
        reward: u64,
    },
    /// The coinbase doesn't fit beside the template's transactions.
    #[error("the coinbase makes the block {weight} heavy, of which {room} are left by its transactions")]
    TooHeavy {
        /// Weight of header and coinbase.
        weight: u64,
        /// What the template leaves for them.
        room: u64,
    },
    /// The output scripts hold more signature checks than the template leaves.
    #[error(
        "the payout plan costs {cost} signature operations, of which {room} are left by the block's transactions"
    )]
    TooManySigops {
        /// Of the plan's scripts (BIP 141, section "Sigops").
        cost: u64,
        /// What the template leaves for them.
        room: u64,
    },
}

pub(super) fn build(template: Arc<Template>, plan: Arc<PayoutPlan>, tag: &[u8]) -> Result<Job, JobError> {
    if coinbase::paid(&plan).next().is_none() {
        return Err(JobError::EmptyPlan);
    }
    let total = plan.total();
    if total != Some(template.reward) {
        return Err(JobError::PlanSum {
            total,
            reward: template.reward,
        });
    }
    let sigops: u64 = coinbase::paid(&plan)
        .map(|output| legacy_sigops(&output.script))
        .sum();
    let cost = sigops * WITNESS_SCALE;
    if let Some(room) = template.body.sigops_left.filter(|&room| cost > room) {
        return Err(JobError::TooManySigops { cost, room });
    }
    let halves = coinbase::build(&template, &plan, tag);
    let job = Job {
        template,
        plan,
        coinbase1: halves.first,
        coinbase2: halves.second,
    };
    let (weight, room) = (job.own_weight(), job.template.body.weight_left);
    if weight > room {
        return Err(JobError::TooHeavy { weight, room });
    }
    Ok(job)
}

impl Job {
    /// What it was built from.
    pub fn template(&self) -> &Arc<Template> {
        &self.template
    }

    /// Whom it pays.
    pub fn plan(&self) -> &Arc<PayoutPlan> {
        &self.plan
    }

    /// The coinbase before the extranonce, without witness data, as stratum sends it.
    pub fn coinbase1(&self) -> &[u8] {
        &self.coinbase1
    }

    /// The coinbase after the extranonce, without witness data, as stratum sends it.
    pub fn coinbase2(&self) -> &[u8] {
        &self.coinbase2
    }

    /// Bytes of the coinbase that a miner assembles.
    pub fn coinbase_len(&self) -> usize {
        self.coinbase1.len() + EXTRANONCE_LEN + self.coinbase2.len()
    }

    /// The hashes that lead from the coinbase's id to the merkle root.
    pub fn merkle_branch(&self) -> &[Hash256] {
        &self.template.body.merkle_branch
    }

    /// The header's version before any rolling.
    pub fn version(&self) -> u32 {
        self.template.body.version
    }

    /// The compact network target.
    pub fn bits(&self) -> u32 {
        self.template.body.bits
    }

    /// The template's block time, Unix seconds.
    pub fn time_s(&self) -> u32 {
        self.template.time_s
    }

    /// The block it builds on.
    pub fn prev_hash(&self) -> Hash256 {
        self.template.prev_hash
    }

    /// Weight of everything but the template's transactions.
    fn own_weight(&self) -> u64 {
        let body = &self.template.body;
        let count_len = compact_size_len(body.transaction_count + 1) as u64;
        let witness = if body.witness_commitment.is_some() {
            COINBASE_WITNESS_WEIGHT
        } else {
            0
        };
        WITNESS_SCALE * (HEADER_LEN + count_len + self.coinbase_len() as u64) + witness
    }
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
