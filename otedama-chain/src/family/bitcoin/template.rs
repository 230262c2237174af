//! A block that waits for its coinbase.

use core::fmt;

use otedama_hash::{Hash256, Target};

use crate::ChainSpec;

/// A block that a node proposes, before it is known whom it pays.
#[derive(Clone, Debug)]
pub struct Template {
    /// Height of the block.
    pub height: u64,
    /// The block it builds on.
    pub prev_hash: Hash256,
    /// What its hash has to meet.
    pub network_target: Target,
    /// What the coinbase pays out in total, fees included, in the smallest unit.
    pub reward: u64,
    /// The part of the reward that is fees.
    pub fees: u64,
    /// Block time that the node proposes, Unix seconds.
    pub time_s: u32,
    /// Earliest block time that consensus allows, Unix seconds.
    pub min_time_s: u32,
    /// To be sent with the next request so that the node answers when something changed.
    pub long_poll_id: Option<String>,
    /// Whether this is an empty block ahead of the full template.
    pub is_preview: bool,
    pub(crate) body: Body,
}

/// What jobs and blocks need beside the public fields.
#[derive(Clone)]
pub(crate) struct Body {
    pub(super) version: u32,
    /// Version bits that have to stay set (`vbrequired`).
    pub(super) required_version_bits: u32,
    pub(super) bits: u32,
    /// Data that the node wants in the coinbase script.
    pub(super) coinbase_aux: Vec<u8>,
    /// Output script; the coinbase has a witness if and only if this is there.
    pub(super) witness_commitment: Option<Vec<u8>>,
    pub(super) merkle_branch: Vec<Hash256>,
    /// Raw, one after the other.
    pub(super) transactions: Vec<u8>,
    pub(super) transaction_count: u64,
    /// Raw extension block.
    pub(super) mweb: Option<Vec<u8>>,
    /// What the transactions leave of the block's weight.
    pub(super) weight_left: u64,
    /// What the transactions leave of the block's signature operations, if the node says.
    pub(super) sigops_left: Option<u64>,
}

impl Body {
    /// Of a block without transactions that follows soon after `prev`.
    pub(super) fn empty(spec: &ChainSpec, prev: &Template, bits: u32) -> Self {
        Self {
            version: prev.body.version,
            required_version_bits: prev.body.required_version_bits,
            bits,
            coinbase_aux: prev.body.coinbase_aux.clone(),
            witness_commitment: None,
            merkle_branch: Vec::new(),
            transactions: Vec::new(),
            transaction_count: 0,
            mweb: None,
            weight_left: spec.max_block_weight,
            sigops_left: None,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("version", &self.version)
            .field("bits", &self.bits)
            .field("transaction_count", &self.transaction_count)
            .field("transaction_bytes", &self.transactions.len())
            .field("mweb_bytes", &self.mweb.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

/// Why a template can't be mined on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// It isn't the JSON that a template should be.
    #[error("not a block template: {0}")]
    Json(String),
    /// It is absurdly long.
    #[error("a block template of {0} bytes is too long")]
    TooLong(usize),
    /// The node demands a rule that this crate doesn't follow.
    #[error(
        "the node demands the rule \"{0}\", which this version does not follow; update, or use another node"
    )]
    UnknownRule(String),
    /// A field isn't hex of the right length.
    #[error("{0} is not the hex that it should be")]
    Hex(TemplateField),
    /// A number is outside what is possible.
    #[error("{field} of {value} is not possible")]
    Range {
        /// Which.
        field: &'static str,
        /// The number.
        value: u64,
    },
    /// The compact target and the target differ.
    #[error("bits {bits:#010x} and target {target} do not agree")]
    TargetMismatch {
        /// The compact target.
        bits: u32,
        /// The other one.
        target: Target,
    },
    /// The version lacks bits that the node requires.
    #[error("version {version:#010x} lacks the bits {required:#010x} that the node requires")]
    VersionBits {
        /// The version.
        version: u32,
        /// `vbrequired`.
        required: u32,
    },
    /// The transactions exceed the block's size or weight.
    #[error("{what} of the transactions, {value}, exceeds the limit of {limit}")]
    Limit {
        /// What they exceed.
        what: &'static str,
        /// By their sum.
        value: u64,
        /// What is allowed.
        limit: u64,
    },
    /// Transactions carry witness data that nothing commits to.
    #[error("transactions have witness data, but the template has no usable default_witness_commitment")]
    NoWitnessCommitment,
    /// MWEB is active, but the extension block or its integrating transaction is missing, or the
    /// other way round.
    #[error("{0}")]
    Mweb(&'static str),
}

/// A hex field of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateField {
    /// At the top.
    Top(&'static str),
    /// Of the transaction with this index.
    Transaction(usize, &'static str),
}

impl fmt::Display for TemplateField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top(name) => f.write_str(name),
            Self::Transaction(index, name) => write!(f, "transactions[{index}].{name}"),
        }
    }
}
