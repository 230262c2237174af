//! Ethereum Classic and its relatives: the node keeps the block to itself and hands out the hash of its header
//! without the seal. A pool finds a nonce and a mix hash for that hash, and neither writes transactions nor pays
//! anybody: the node's own address earns the block.

mod address;
mod header;
mod hex;
mod rlp;
mod work;

use std::sync::Arc;

use otedama_hash::ethash::Schedule;
use otedama_hash::{EpochInput, Hash256, PowHash};

pub use header::{BLOOM_LEN, EXTRA_MAX, Header, HeaderError};
pub use work::{Seal, Solution, Work, WorkError};

pub(crate) use hex::quantity;

use super::{Block, Family, PowBlob, Submission, SubmitError, TipHeader};
use crate::job::JobBody;
use crate::spec::FamilyRules;
use crate::template::Body;
use crate::{AddressError, ChainSpec, Job, JobError, PayoutPlan, Template, TemplateError};

/// The family's code; which coin it serves is an argument of every call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ethereum;

/// What a node wants mined, and the header if it showed it.
#[derive(Clone, Debug)]
pub(crate) struct Proposal {
    work: Work,
    header: Option<Header>,
}

impl Proposal {
    /// Reads an array of work, or a whole header.
    fn parse(json: &[u8], schedule: Schedule) -> Result<Self, WorkError> {
        if json.trim_ascii_start().first() == Some(&b'[') {
            let work = Work::parse(json, schedule)?;
            return Ok(Self { work, header: None });
        }
        let header = Header::parse(json)?;
        Ok(Self {
            work: Work::of_header(&header, schedule)?,
            header: Some(header),
        })
    }

    pub(crate) fn seal_hash(&self) -> [u8; 32] {
        self.work.seal_hash
    }
}

impl Family for Ethereum {
    fn parse_template(&self, spec: &ChainSpec, json: &[u8]) -> Result<Template, TemplateError> {
        let FamilyRules::Ethereum(rules) = &spec.family else {
            return Err(TemplateError::Family);
        };
        let proposal = Proposal::parse(json, rules.schedule)?;
        let Proposal { work, header } = &proposal;
        let height = work.height;
        Ok(Template {
            height,
            prev_hash: header
                .as_ref()
                .map_or(Hash256::ZERO, |header| Hash256::from_be_bytes(header.parent_hash)),
            network_target: work.network_target,
            reward: rules.subsidy.at(height),
            fees: 0,
            time_s: 0,
            min_time_s: 0,
            long_poll_id: None,
            is_preview: false,
            epoch: EpochInput {
                height,
                seed: Some(work.seed_hash),
            },
            next_epoch: None,
            body: Body::Ethereum(Box::new(proposal)),
        })
    }

    fn payout_script(&self, spec: &ChainSpec, address: &str) -> Result<Vec<u8>, AddressError> {
        match spec.family {
            FamilyRules::Ethereum(_) => address::decode(address),
            _ => Err(AddressError::Malformed("the chain is of another family".into())),
        }
    }

    fn build_job(
        &self,
        _spec: &ChainSpec,
        template: Arc<Template>,
        plan: Arc<PayoutPlan>,
        _tag: &[u8],
    ) -> Result<Job, JobError> {
        template.ethereum().ok_or(JobError::Family)?;
        JobError::check(&template, &plan)?;
        Ok(Job {
            template,
            plan,
            body: JobBody::Ethereum,
        })
    }

    fn pow_input(&self, job: &Job, _submission: &Submission<'_>) -> Result<PowBlob, SubmitError> {
        let proposal = job.template.ethereum().ok_or(SubmitError::Family)?;
        Ok(PowBlob::from_slice(&proposal.work.seal_hash))
    }

    fn assemble(&self, job: &Job, submission: &Submission<'_>, pow: &PowHash) -> Result<Block, SubmitError> {
        let proposal = job.template.ethereum().ok_or(SubmitError::Family)?;
        let seal = Seal {
            nonce: submission.nonce,
            mix: pow.mix.ok_or(SubmitError::NoMix)?,
        };
        let solution = Solution {
            seal_hash: proposal.work.seal_hash,
            seal,
        };
        let id = match &proposal.header {
            Some(header) => Header {
                seal,
                ..header.clone()
            }
            .hash(),
            None => proposal.work.seal_hash,
        };
        Ok(Block {
            bytes: solution.to_bytes().to_vec(),
            hash: Hash256::from_be_bytes(id),
        })
    }

    fn preview(&self, _spec: &ChainSpec, _prev: &Template, _tip: &TipHeader) -> Option<Template> {
        None
    }
}
