//! Bitcoin and what descends from it: 80-byte headers, coinbase, merkle tree, segwit, MWEB.

mod block;
mod body;
mod coinbase;
pub(crate) mod encode;
mod job;
mod kawpow;
pub(crate) mod merkle;
mod parse;
mod preview;
#[cfg(test)]
mod real_blocks;

use std::sync::Arc;

pub(crate) use body::Body;
pub(crate) use coinbase::Halves;

use super::{Block, Family, PowBlob, Submission, SubmitError, TipHeader};
use crate::{AddressError, ChainSpec, Job, JobError, PayoutPlan, Template, TemplateError, address};
use otedama_hash::PowHash;

/// What the script of a witness commitment starts with (BIP 141, section "Commitment structure").
pub(crate) const COMMITMENT_PREFIX: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];
/// Consensus allows a coinbase script of 2 to 100 bytes.
pub(crate) const COINBASE_SCRIPT_MAX: usize = 100;

/// The family's code; which coin it serves is an argument of every call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bitcoin;

impl Family for Bitcoin {
    fn parse_template(&self, spec: &ChainSpec, json: &[u8]) -> Result<Template, TemplateError> {
        parse::parse(spec.bitcoin().ok_or(TemplateError::Family)?, json)
    }

    fn payout_script(&self, spec: &ChainSpec, address: &str) -> Result<Vec<u8>, AddressError> {
        address::output_script(spec, address)
    }

    fn build_job(
        &self,
        _spec: &ChainSpec,
        template: Arc<Template>,
        plan: Arc<PayoutPlan>,
        tag: &[u8],
    ) -> Result<Job, JobError> {
        job::build(template, plan, tag)
    }

    fn pow_input(&self, job: &Job, submission: &Submission<'_>) -> Result<PowBlob, SubmitError> {
        block::pow_input(job, submission)
    }

    fn assemble(&self, job: &Job, submission: &Submission<'_>, pow: &PowHash) -> Result<Block, SubmitError> {
        block::assemble(job, submission, pow)
    }

    fn preview(&self, spec: &ChainSpec, prev: &Template, tip: &TipHeader) -> Option<Template> {
        preview::preview(spec.bitcoin()?, prev, tip)
    }
}
