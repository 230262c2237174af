//! Header and block of a submission.

use otedama_hash::sha256d::sha256d;
use otedama_hash::{Hash256, PowHash};
use sha2::{Digest, Sha256};

use super::encode::push_compact_size;
use super::{kawpow, merkle};
use crate::spec::HeaderRule;
use crate::{Block, EXTRANONCE_LEN, HeaderParts, Job, PowBlob, Submission, SubmitError};

/// Length of a block header.
const HEADER_LEN: usize = 80;
/// Of a transaction's version, which comes first, and of its lock time, which comes last.
const VERSION_LEN: usize = 4;

/// What decides over `submission`: the header, or where the proof of work is `KawPow` its hash.
pub(super) fn pow_input(job: &Job, submission: &Submission<'_>) -> Result<PowBlob, SubmitError> {
    let first = header(job, submission)?;
    Ok(
        match job.template().bitcoin().ok_or(SubmitError::Family)?.header {
            HeaderRule::Plain => PowBlob::from(first),
            HeaderRule::KawPow { .. } => PowBlob::from_slice(&kawpow::header_hash(&first)),
        },
    )
}

/// The first 80 bytes of the header of `submission`.
fn header(job: &Job, submission: &Submission<'_>) -> Result<[u8; HEADER_LEN], SubmitError> {
    let last = check(job, submission)?;
    let parts = job.header_parts().ok_or(SubmitError::Family)?;
    let merkle_root = merkle_root(&parts, submission.extranonce);

    let fields = Fields {
        version: submission.version,
        prev_hash: job.prev_hash(),
        merkle_root,
        time_s: submission.ntime,
        bits: parts.bits,
        last,
    };
    Ok(fields.to_bytes())
}

/// What the first 80 bytes of a header say.
struct Fields {
    version: u32,
    prev_hash: Hash256,
    merkle_root: Hash256,
    time_s: u32,
    bits: u32,
    /// The nonce, or the height.
    last: u32,
}

impl Fields {
    fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut header = [0; HEADER_LEN];
        header[..4].copy_from_slice(&self.version.to_le_bytes());
        header[4..36].copy_from_slice(self.prev_hash.as_le_bytes());
        header[36..68].copy_from_slice(self.merkle_root.as_le_bytes());
        header[68..72].copy_from_slice(&self.time_s.to_le_bytes());
        header[72..76].copy_from_slice(&self.bits.to_le_bytes());
        header[76..].copy_from_slice(&self.last.to_le_bytes());
        header
    }
}

fn merkle_root(parts: &HeaderParts<'_>, extranonce: &[u8]) -> Hash256 {
    let mut hasher = Sha256::new();
    hasher.update(parts.coinbase1);
    hasher.update(extranonce);
    hasher.update(parts.coinbase2);
    let coinbase_id = Hash256::from_le_bytes(Sha256::digest(hasher.finalize()).into());
    merkle::root(coinbase_id, parts.merkle_branch)
}

/// What stands at the end of the first 80 bytes: the nonce, or the height.
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
    let body = template.bitcoin().ok_or(SubmitError::Family)?;
    let required = body.required_version_bits;
    if submission.version & required != required {
        return Err(SubmitError::VersionBits {
            version: submission.version,
            required,
        });
    }
    match body.header {
        HeaderRule::Plain => {
            u32::try_from(submission.nonce).map_err(|_| SubmitError::NonceRange(submission.nonce))
        }
        // Templates are not higher than 31 bits.
        HeaderRule::KawPow { .. } => Ok(template.height as u32),
    }
}

/// The block: header, transactions with witness data, and the extension block if there is one.
pub(super) fn assemble(job: &Job, submission: &Submission<'_>, pow: &PowHash) -> Result<Block, SubmitError> {
    let header = header(job, submission)?;
    let parts = job.header_parts().ok_or(SubmitError::Family)?;
    let body = job.template().bitcoin().ok_or(SubmitError::Family)?;
    let mweb_len = body.mweb.as_ref().map_or(0, Vec::len);
    let mut bytes = Vec::with_capacity(256 + job.coinbase_len() + body.transactions.len() + mweb_len);
    bytes.extend_from_slice(&header);
    if let HeaderRule::KawPow { .. } = body.header {
        let mix = pow.mix.ok_or(SubmitError::NoMix)?;
        bytes.extend(kawpow::proof(submission.nonce, mix));
    }
    push_compact_size(&mut bytes, body.transaction_count + 1);
    push_coinbase(
        &mut bytes,
        &parts,
        submission.extranonce,
        body.witness_commitment.is_some(),
    );
    bytes.extend_from_slice(&body.transactions);
    if let Some(mweb) = &body.mweb {
        // An optional value: one byte that says it is there, then the value (LIP 3).
        bytes.push(1);
        bytes.extend_from_slice(mweb);
    }
    Ok(Block {
        bytes,
        hash: match body.header {
            HeaderRule::Plain => sha256d(&header),
            HeaderRule::KawPow { .. } => pow.hash,
        },
    })
}

/// Appends the coinbase; where it commits to witness data it has a witness itself, one item of 32
/// zero bytes (BIP 141, section "Commitment structure").
fn push_coinbase(out: &mut Vec<u8>, parts: &HeaderParts<'_>, extranonce: &[u8], has_witness: bool) {
    let (version, inputs) = parts.coinbase1.split_at(VERSION_LEN);
    let (outputs, lock_time) = parts.coinbase2.split_at(parts.coinbase2.len() - VERSION_LEN);
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

#[cfg(test)]
mod tests {
    use otedama_hash::{Algorithm, EpochInput, EpochKey, PowInput, Registry, Target};
    use serde::Deserialize;

    use super::super::real_blocks::check_proof;
    use super::*;

    /// What a node says of a block of Ravencoin's main network, and the bytes of its header; `source` says which node.
    #[derive(Deserialize)]
    struct Real {
        height: u32,
        hash: String,
        version: u32,
        previousblockhash: String,
        merkleroot: String,
        time: u32,
        bits: String,
        nonce64: String,
        mixhash: String,
        header: String,
    }

    fn number(hex: &str) -> u64 {
        u64::from_str_radix(hex, 16).expect("hex")
    }

    impl Real {
        fn fields(&self) -> Fields {
            let hash = |hex: &str| Hash256::from_display_hex(hex).expect("a hash");
            Fields {
                version: self.version,
                prev_hash: hash(&self.previousblockhash),
                merkle_root: hash(&self.merkleroot),
                time_s: self.time,
                bits: number(&self.bits) as u32,
                last: self.height,
            }
        }
    }

    #[test]
    fn headers_of_real_blocks_with_a_kawpow_proof() {
        let blocks = include_str!("../../../tests/data/ravencoin_headers.json");
        let blocks: Vec<Real> = serde_json::from_str(blocks).expect("JSON");
        assert_eq!(blocks.len(), 6);
        let registry = Registry::with_builtin();
        let backend = registry.get(Algorithm::KAWPOW).expect("built in");
        let key = |block: &Real| -> EpochKey {
            let height = block.height.into();
            backend
                .epoch(EpochInput { height, seed: None })
                .expect("an epoch")
        };
        for blocks in blocks.chunk_by(|a, b| key(a) == key(b)) {
            let mut hasher = backend.verifier(key(&blocks[0])).expect("enough memory");
            for block in blocks {
                let nonce = number(&block.nonce64);
                let mix = const_hex::decode_to_array(&block.mixhash).expect("hex");
                let fields = block.fields();
                let first = fields.to_bytes();
                let header = [&first[..], &kawpow::proof(nonce, mix)].concat();
                assert_eq!(const_hex::encode(header), block.header, "{}", block.height);
                let input = PowInput {
                    blob: &kawpow::header_hash(&first),
                    nonce,
                    height: block.height.into(),
                };
                let target = Target::from_compact(fields.bits).expect("a target");
                check_proof(&**backend, &mut *hasher, input, mix, Some(&block.hash), target);
            }
        }
    }
}
