//! Families of coins: code that all their members share.

pub mod bitcoin;
pub mod cryptonote;
pub mod ethereum;

use std::sync::Arc;

use otedama_hash::{Hash256, PowHash};
use smallvec::SmallVec;

use crate::spec::FamilyRules;
use crate::{AddressError, ChainSpec, Job, JobError, PayoutPlan, Template, TemplateError};

/// Bytes of extranonce in every coinbase: extranonce1 (4) and extranonce2 (8).
///
/// A session with an extranonce2 of 4 bytes gets an extranonce1 that ends in four zero bytes.
pub const EXTRANONCE_LEN: usize = 12;

/// The bytes over which a proof of work is computed. Bitcoin: the 80-byte header, nonce included; `CryptoNote`: the
/// hashing blob, nonce included; `KawPow` and Ethereum: the header's hash, 32 bytes, to which the nonce comes.
pub type PowBlob = SmallVec<[u8; 80]>;

/// What a miner changed in a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submission<'a> {
    /// extranonce1 and extranonce2, [`EXTRANONCE_LEN`] bytes together.
    pub extranonce: &'a [u8],
    /// Block time, Unix seconds; of no meaning where miners don't see it.
    pub ntime: u32,
    /// The nonce; at most 2^32 - 1 where it has 4 bytes.
    pub nonce: u64,
    /// The header's whole version, rolled bits included; of no meaning where miners don't see it.
    pub version: u32,
}

/// Why a submission fits no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The extranonce has the wrong length.
    #[error("extranonce has {0} bytes, {EXTRANONCE_LEN} are needed")]
    ExtranonceLength(usize),
    /// The nonce doesn't fit the header.
    #[error("nonce {0:#x} does not fit 4 bytes")]
    NonceRange(u64),
    /// The block time is before the earliest that consensus allows.
    #[error("block time {ntime} is before the earliest allowed, {min_time_s}")]
    TimeTooOld {
        /// What was submitted.
        ntime: u32,
        /// The template's earliest time.
        min_time_s: u32,
    },
    /// Version bits that the node demands were rolled away.
    #[error("version {version:#010x} lacks bits that the node requires ({required:#010x})")]
    VersionBits {
        /// What was submitted.
        version: u32,
        /// The bits that have to be set (BIP 9, `vbrequired`).
        required: u32,
    },
    /// The proof of work lacks its mix hash, without which no node takes the block.
    #[error("the proof of work has no mix hash; is it of the chain's algorithm?")]
    NoMix,
    /// The job is one of another family.
    #[error("the job is of another family")]
    Family,
}

/// A whole block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// As the node's submission call takes it, before hex. Ethereum: an encoded [`Solution`](ethereum::Solution).
    pub bytes: Vec<u8>,
    /// The block's id. Bitcoin family: double SHA-256 of the header, whatever the proof of work; with `KawPow` the
    /// proof itself; elsewhere in the order in which it is displayed. Ethereum: the seal hash where the node doesn't
    /// show its header.
    pub hash: Hash256,
}

/// A chain tip of which only the header is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TipHeader {
    /// Its block's id.
    pub hash: Hash256,
    /// Its height.
    pub height: u64,
    /// Its compact target, if known.
    pub bits: Option<u32>,
    /// Median time of the eleven blocks that end with it (BIP 113), Unix seconds.
    pub median_time_s: u32,
}

/// The code that templates, jobs and blocks of one family of coins need.
pub trait Family: Send + Sync + 'static {
    /// Reads what a node answered to the request for a template.
    ///
    /// `json` is the object in the reply's `result`: of `getblocktemplate` (BIP 22, 23, 9, 145), of
    /// `get_block_template` with [`cryptonote::RESERVE_LEN`] bytes reserved, or of `eth_getWork`, for which the header
    /// that a node posts with `--miner.notify.full` does as well.
    ///
    /// # Errors
    /// When it is malformed, contradicts itself or demands rules that this crate doesn't follow.
    fn parse_template(&self, spec: &ChainSpec, json: &[u8]) -> Result<Template, TemplateError>;

    /// What pays to `address`: in the Bitcoin family the output script, elsewhere the decoded address.
    ///
    /// # Errors
    /// When it is no address of this chain, or one to which it can't be paid.
    fn payout_script(&self, spec: &ChainSpec, address: &str) -> Result<Vec<u8>, AddressError>;

    /// Builds work that pays according to `plan`; `tag`, whose first 4 bytes tell jobs on the same template apart, is
    /// shown in the coinbase and cut where it doesn't fit.
    ///
    /// # Errors
    /// When the plan doesn't pay exactly the template's reward or makes the block too big.
    fn build_job(
        &self,
        spec: &ChainSpec,
        template: Arc<Template>,
        plan: Arc<PayoutPlan>,
        tag: &[u8],
    ) -> Result<Job, JobError>;

    /// The bytes whose hash decides over `submission`.
    ///
    /// # Errors
    /// When the submission fits no block of this job.
    fn pow_input(&self, job: &Job, submission: &Submission<'_>) -> Result<PowBlob, SubmitError>;

    /// The whole block of `submission`, whose proof of work is `pow`.
    ///
    /// # Errors
    /// As [`pow_input`](Self::pow_input), and when the block needs a mix hash that `pow` lacks.
    fn assemble(&self, job: &Job, submission: &Submission<'_>, pow: &PowHash) -> Result<Block, SubmitError>;

    /// An empty block on a tip of which only the header is known yet, to mine on until the node
    /// has sent the full template. `prev` is any earlier template of the same node.
    ///
    /// `None` where it can't be known to be valid.
    fn preview(&self, spec: &ChainSpec, prev: &Template, tip: &TipHeader) -> Option<Template>;
}

/// The code for `spec`.
pub fn family(spec: &ChainSpec) -> Arc<dyn Family> {
    match spec.family {
        FamilyRules::Bitcoin(_) => Arc::new(bitcoin::Bitcoin),
        FamilyRules::CryptoNote(_) => Arc::new(cryptonote::CryptoNote),
        FamilyRules::Ethereum(_) => Arc::new(ethereum::Ethereum),
    }
}
