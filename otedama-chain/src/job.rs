//! Work to hand to miners.

use std::sync::Arc;

use otedama_hash::Hash256;

use crate::family::bitcoin;
use crate::{PayoutPlan, Template};

/// A template together with one plan of whom it pays.
#[derive(Clone, Debug)]
pub struct Job {
    pub(crate) template: Arc<Template>,
    pub(crate) plan: Arc<PayoutPlan>,
    pub(crate) body: JobBody,
}

/// What a family makes of template and plan.
#[derive(Clone, Debug)]
pub(crate) enum JobBody {
    /// The coinbase of Bitcoin's family.
    Bitcoin(bitcoin::Halves),
    /// What the pool writes into the miner transaction, but for a session's own bytes.
    CryptoNote([u8; 4]),
    /// Nothing: the node keeps the block.
    Ethereum,
}

/// What a miner needs to build the coinbase and the header of a job of Bitcoin's family.
#[derive(Clone, Copy, Debug)]
pub struct HeaderParts<'a> {
    /// The coinbase before the extranonce, without witness data, as stratum sends it.
    pub coinbase1: &'a [u8],
    /// The coinbase after the extranonce, without witness data, as stratum sends it.
    pub coinbase2: &'a [u8],
    /// The hashes that lead from the coinbase's id to the merkle root.
    pub merkle_branch: &'a [Hash256],
    /// The header's version before any rolling.
    pub version: u32,
    /// The compact network target.
    pub bits: u32,
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

    /// The template's block time, Unix seconds; 0 where miners don't see it.
    pub fn time_s(&self) -> u32 {
        self.template.time_s
    }

    /// The block it builds on.
    pub fn prev_hash(&self) -> Hash256 {
        self.template.prev_hash
    }

    /// The parts of coinbase and header, for a job of Bitcoin's family.
    pub fn header_parts(&self) -> Option<HeaderParts<'_>> {
        let (JobBody::Bitcoin(halves), Some(body)) = (&self.body, self.template.bitcoin()) else {
            return None;
        };
        Some(HeaderParts {
            coinbase1: &halves.first,
            coinbase2: &halves.second,
            merkle_branch: &body.merkle_branch,
            version: body.version,
            bits: body.bits,
        })
    }

    /// The header's version before any rolling; 0 where miners don't see one.
    pub fn version(&self) -> u32 {
        self.template.bitcoin().map_or(0, |body| body.version)
    }

    /// Bytes of the coinbase that a miner assembles; 0 where miners assemble none.
    pub fn coinbase_len(&self) -> usize {
        match &self.body {
            JobBody::Bitcoin(halves) => halves.coinbase_len(),
            JobBody::CryptoNote(_) | JobBody::Ethereum => 0,
        }
    }
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
    /// The template is one of another family.
    #[error("the template is of another family")]
    Family,
}

impl JobError {
    /// Whether `plan` pays exactly what `template` has to give.
    pub(crate) fn check(template: &Template, plan: &PayoutPlan) -> Result<(), Self> {
        if plan.outputs.iter().all(|output| output.amount == 0) {
            return Err(Self::EmptyPlan);
        }
        let (total, reward) = (plan.total(), template.reward);
        if total != Some(reward) {
            return Err(Self::PlanSum { total, reward });
        }
        Ok(())
    }
}
