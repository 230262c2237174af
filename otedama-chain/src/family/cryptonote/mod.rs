//! Monero and what descends from `CryptoNote`: a block is a header, a miner transaction that the node writes, and the
//! hashes of the other transactions. A pool's part is some bytes in the miner transaction that it reserved.

mod address;
mod blob;
mod template;
mod tree;
mod varint;

use std::sync::Arc;

use otedama_hash::PowHash;

pub use blob::{BlobError, BlockBlob, NONCE_LEN, NONCE_OFFSET};
pub use template::NodeTemplate;

use super::{Block, EXTRANONCE_LEN, Family, PowBlob, Submission, SubmitError, TipHeader};
use crate::job::JobBody;
use crate::spec::FamilyRules;
use crate::{AddressError, ChainSpec, Job, JobError, PayoutPlan, Template, TemplateError};

/// Bytes that tell the jobs on one template apart.
const JOB_LEN: usize = 4;
/// How many bytes the node is asked to reserve in the miner transaction: a session's and a job's.
pub const RESERVE_LEN: u8 = (EXTRANONCE_LEN + JOB_LEN) as u8;

/// The family's code; which coin it serves is an argument of every call.
#[derive(Clone, Copy, Debug, Default)]
pub struct CryptoNote;

impl Family for CryptoNote {
    fn parse_template(&self, spec: &ChainSpec, json: &[u8]) -> Result<Template, TemplateError> {
        match spec.family {
            FamilyRules::CryptoNote(rules) => {
                NodeTemplate::parse(&rules, json, usize::from(RESERVE_LEN)).map(Template::from)
            }
            _ => Err(TemplateError::Family),
        }
    }

    fn payout_script(&self, spec: &ChainSpec, address: &str) -> Result<Vec<u8>, AddressError> {
        address::decode(spec, address)
    }

    fn build_job(
        &self,
        _spec: &ChainSpec,
        template: Arc<Template>,
        plan: Arc<PayoutPlan>,
        tag: &[u8],
    ) -> Result<Job, JobError> {
        template.cryptonote().ok_or(JobError::Family)?;
        JobError::check(&template, &plan)?;
        let mut job = [0; JOB_LEN];
        let len = tag.len().min(JOB_LEN);
        job[..len].copy_from_slice(&tag[..len]);
        Ok(Job {
            template,
            plan,
            body: JobBody::CryptoNote(job),
        })
    }

    fn pow_input(&self, job: &Job, submission: &Submission<'_>) -> Result<PowBlob, SubmitError> {
        let (blob, reserved, nonce) = parts(job, submission)?;
        let mut hashing = blob.hashing_blob(&reserved);
        hashing[NONCE_OFFSET..NONCE_OFFSET + NONCE_LEN].copy_from_slice(&nonce);
        Ok(PowBlob::from_vec(hashing))
    }

    fn assemble(&self, job: &Job, submission: &Submission<'_>, _pow: &PowHash) -> Result<Block, SubmitError> {
        let (blob, reserved, nonce) = parts(job, submission)?;
        let (bytes, hash) = blob.assemble(&reserved, nonce);
        Ok(Block { bytes, hash })
    }

    fn preview(&self, _spec: &ChainSpec, _prev: &Template, _tip: &TipHeader) -> Option<Template> {
        None
    }
}

/// The block of a job, and what a submission puts into it.
type Parts<'a> = (&'a BlockBlob, [u8; RESERVE_LEN as usize], [u8; NONCE_LEN]);

fn parts<'a>(job: &'a Job, submission: &Submission<'_>) -> Result<Parts<'a>, SubmitError> {
    let (Some(blob), JobBody::CryptoNote(number)) = (job.template.cryptonote(), &job.body) else {
        return Err(SubmitError::Family);
    };
    if submission.extranonce.len() != EXTRANONCE_LEN {
        return Err(SubmitError::ExtranonceLength(submission.extranonce.len()));
    }
    let nonce = u32::try_from(submission.nonce).map_err(|_| SubmitError::NonceRange(submission.nonce))?;
    let mut reserved = [0; RESERVE_LEN as usize];
    reserved[..EXTRANONCE_LEN].copy_from_slice(submission.extranonce);
    reserved[EXTRANONCE_LEN..].copy_from_slice(number);
    Ok((blob, reserved, nonce.to_le_bytes()))
}
