use core::ops::Range;
use std::sync::Arc;

use otedama_hash::{Difficulty, Hash256, Target};

use crate::v1::ExtranonceBytes;

/// A job with all that a miner needs to hash it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientJob {
    /// The job's name.
    pub job_id: Arc<str>,
    /// Whether every older job is void; always so for the first one of a connection.
    pub clean: bool,
    /// The largest hash that counts as a share.
    pub target: Target,
    /// The same as a difficulty, for people.
    pub difficulty: Difficulty,
    /// What is hashed.
    pub work: ClientWork,
}

/// What is hashed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClientWork {
    /// Block headers that the miner builds.
    Headers(HeaderWork),
    /// Bytes that the server built, and a range of nonces.
    Blob(BlobWork),
}

impl ClientWork {
    /// The parts of headers, if that is what is hashed.
    pub const fn headers(&self) -> Option<&HeaderWork> {
        match self {
            Self::Headers(work) => Some(work),
            Self::Blob(_) => None,
        }
    }

    /// The server's bytes, if that is what is hashed.
    pub const fn blob(&self) -> Option<&BlobWork> {
        match self {
            Self::Headers(_) => None,
            Self::Blob(work) => Some(work),
        }
    }
}

/// The parts of the block headers that a miner may hash (Bitcoin's stratum).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderWork {
    /// The previous block's hash.
    pub prev_hash: Hash256,
    /// The coinbase transaction's bytes before the extranonce.
    pub coinbase1: Arc<[u8]>,
    /// The coinbase transaction's bytes after the extranonce.
    pub coinbase2: Arc<[u8]>,
    /// Hashes to combine with the coinbase's hash, leaf first.
    pub merkle_branch: Arc<[Hash256]>,
    /// Header version.
    pub version: u32,
    /// Header bits: the network target's compact form.
    pub bits: u32,
    /// Header time, Unix seconds.
    pub ntime: u32,
    /// The server's part of the extranonce.
    pub extranonce1: ExtranonceBytes,
    /// Bytes of extranonce that the miner appends.
    pub extranonce2_len: usize,
    /// Header version bits that may be rolled; 0 if none.
    pub version_mask: u32,
}

/// Bytes that are hashed with a nonce (every other language).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobWork {
    /// Monero: the hashing blob, whose bytes 39 to 42 the nonce replaces, least significant first.
    /// Ravencoin and Ethereum: the header's hash, 32 bytes in the order in which they are hashed.
    pub blob: Arc<[u8]>,
    /// The miner's own nonces. The last 64-bit nonce of all is never in it.
    pub nonces: Range<u64>,
    /// Height of the block that is mined, if the server said.
    pub height: Option<u64>,
    /// RandomX's key or Ethash's seed hash, if the server said.
    pub seed: Option<[u8; 32]>,
    /// RandomX's next key, if the server said.
    pub next_seed: Option<[u8; 32]>,
    /// The algorithm's name on the wire, if the server said.
    pub algorithm: Option<Arc<str>>,
    /// The largest hash that makes a block, if the server said.
    pub network_target: Option<Target>,
}

impl ClientJob {
    /// Nonce, header hash and mix hash of a solution of Ethash or `KawPow`.
    pub(super) fn mixed(&self, proof: &Proof) -> Result<(u64, [u8; 32], [u8; 32]), &'static str> {
        let (ClientWork::Blob(work), &Proof::Nonce { nonce, mix, .. }) = (&self.work, proof) else {
            return Err("a nonce is missing");
        };
        let header = (*work.blob)
            .try_into()
            .map_err(|_| "the job has no header hash")?;
        if !work.nonces.contains(&nonce) {
            return Err("the nonce is not one of the job's");
        }
        Ok((nonce, header, mix.ok_or("a mix hash is missing")?))
    }
}

/// The 64-bit nonces that begin with these bytes; none if the bytes leave no room.
pub(super) fn nonces_behind(extranonce: &[u8]) -> Option<Range<u64>> {
    let free_bits = u64::BITS.checked_sub(8 * extranonce.len() as u32)?;
    let count = 1_u64.checked_shl(free_bits).unwrap_or(u64::MAX);
    let fixed = extranonce
        .iter()
        .fold(0_u64, |fixed, byte| fixed << 8 | u64::from(*byte));
    let start = fixed.checked_shl(free_bits).unwrap_or(0);
    (free_bits > 0).then(|| start..start.saturating_add(count))
}

/// A share to submit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// The job's id.
    pub job_id: Arc<str>,
    /// The caller's name for it, given back with the verdict.
    pub tag: u64,
    /// What makes it one.
    pub proof: Proof,
}

/// What makes a solution of a job, in the form of the job's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// For [`HeaderWork`].
    Header {
        /// As long as the job's `extranonce2_len`.
        extranonce2: ExtranonceBytes,
        /// Header time, Unix seconds.
        ntime: u32,
        /// Header nonce.
        nonce: u32,
        /// The header version's bits under the job's version mask; `None` for the job's own.
        version_bits: Option<u32>,
    },
    /// For [`BlobWork`].
    Nonce {
        /// One of the job's nonces.
        nonce: u64,
        /// The hash that it leads to, in the order in which the algorithm writes its bytes.
        hash: [u8; 32],
        /// The mix hash of Ethash and `KawPow`, in the order in which the algorithm writes its bytes.
        mix: Option<[u8; 32]>,
    },
}
