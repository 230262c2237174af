//! Header and block of a submission.

use otedama_hash::Hash256;
use otedama_hash::sha256d::sha256d;
use sha2::{Digest, Sha256};

use super::encode::push_compact_size;
use super::{Job, merkle};
use crate::{Block, EXTRANONCE_LEN, Submission, SubmitError};

/// Length of a block header.
const HEADER_LEN: usize = 80;
/// Of a transaction's version, which comes first, and of its lock time, which comes last.
const VERSION_LEN: usize = 4;

/// The 80-byte header of `submission`.
pub(super) fn header(job: &Job, submission: &Submission<'_>) -> Result<[u8; HEADER_LEN], SubmitError> {
    let nonce = check(job, submission)?;
    let mut hasher = Sha256::new();
    hasher.update(job.coinbase1());
    hasher.update(submission.extranonce);
    hasher.update(job.coinbase2());
    let coinbase_id = Hash256::from_le_bytes(Sha256::digest(hasher.finalize()).into());
    let merkle_root = merkle::root(coinbase_id, job.merkle_branch());

    let mut header = [0; HEADER_LEN];
    header[..4].copy_from_slice(&submission.version.to_le_bytes());
    header[4..36].copy_from_slice(job.prev_hash().as_le_bytes());
    header[36..68].copy_from_slice(merkle_root.as_le_bytes());
    header[68..72].copy_from_slice(&submission.ntime.to_le_bytes());
    header[72..76].copy_from_slice(&job.bits().to_le_bytes());
    header[76..].copy_from_slice(&nonce.to_le_bytes());
    Ok(header)
}

fn check(job: &Job, submission: &Submission<'_>) -> Result<u32, SubmitError> {
    if submission.extranonce.len() != EXTRANONCE_LEN {
        return Err(SubmitError::ExtranonceLength(submission.extranonce.len()));
    }
    let template = job.template();
    if submission.ntime < template.min_time_s {
        return Err(SubmitError::TimeTooOld {
            ntime: submission.ntime,
            min_time_s: template.min_time_s,
        });
    }
    let required = template.body.required_version_bits;
    if submission.version & required != required {
        return Err(SubmitError::VersionBits {
            version: submission.version,
            required,
        });
    }
    u32::try_from(submission.nonce).map_err(|_| SubmitError::NonceRange(submission.nonce))
}

/// The block: header, transactions with witness data, and the extension block if there is one.
pub(super) fn assemble(job: &Job, submission: &Submission<'_>) -> Result<Block, SubmitError> {
    let header = header(job, submission)?;
    let body = &job.template().body;
    let mweb_len = body.mweb.as_ref().map_or(0, Vec::len);
    let mut bytes = Vec::with_capacity(256 + job.coinbase_len() + body.transactions.len() + mweb_len);
    bytes.extend_from_slice(&header);
    push_compact_size(&mut bytes, body.transaction_count + 1);
    push_coinbase(&mut bytes, job, submission.extranonce);
    bytes.extend_from_slice(&body.transactions);
    if let Some(mweb) = &body.mweb {
        // An optional value: one byte that says it is there, then the value (LIP 3).
        bytes.push(1);
        bytes.extend_from_slice(mweb);
    }
    Ok(Block {
        bytes,
        hash: sha256d(&header),
    })
}

/// Appends the coinbase; where it commits to witness data it has a witness itself, one item of 32
/// zero bytes (BIP 141, section "Commitment structure").
fn push_coinbase(out: &mut Vec<u8>, job: &Job, extranonce: &[u8]) {
    let (version, inputs) = job.coinbase1().split_at(VERSION_LEN);
    let (outputs, lock_time) = job.coinbase2().split_at(job.coinbase2().len() - VERSION_LEN);
    let has_witness = job.template().body.witness_commitment.is_some();
    out.extend_from_slice(version);
    if has_witness {
        // Marker and flag (BIP 144).
        out.extend_from_slice(&[0, 1]);
    }
    out.extend_from_slice(inputs);
    out.extend_from_slice(extranonce);
    out.extend_from_slice(outputs);
    if has_witness {
        out.extend_from_slice(&[1, 32]);
        out.extend_from_slice(&[0; 32]);
    }
    out.extend_from_slice(lock_time);
}
