//! A block that waits for somebody to mine it.

use core::fmt;

use otedama_hash::{EpochInput, Hash256, Target};

use crate::family::{bitcoin, cryptonote, ethereum};

/// A block that a node proposes, before it is known whom it pays.
#[derive(Clone, Debug)]
pub struct Template {
    /// Height of the block.
    pub height: u64,
    /// The block it builds on; all zeros where the node doesn't tell, which its driver then has to find out.
    pub prev_hash: Hash256,
    /// What its hash has to meet.
    pub network_target: Target,
    /// What the block pays out in total, fees included, in the smallest unit.
    pub reward: u64,
    /// The part of the reward that is fees; 0 where the node doesn't tell.
    pub fees: u64,
    /// Block time that the node proposes, Unix seconds; 0 where miners don't see it.
    pub time_s: u32,
    /// Earliest block time that consensus allows, Unix seconds; 0 where miners don't see it.
    pub min_time_s: u32,
    /// To be sent with the next request so that the node answers when something changed.
    pub long_poll_id: Option<String>,
    /// Whether this is an empty block ahead of the full template.
    pub is_preview: bool,
    /// What decides on the cache or dataset, for algorithms that have one.
    pub epoch: EpochInput,
    /// What will decide on the one that follows, as soon as the node tells.
    pub next_epoch: Option<EpochInput>,
    pub(crate) body: Body,
}

/// What a family's jobs and blocks need beside the public fields.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Bitcoin's family.
    Bitcoin(bitcoin::Body),
    /// What descends from `CryptoNote`.
    CryptoNote(cryptonote::BlockBlob),
    /// Ethereum's family.
    Ethereum(Box<ethereum::Proposal>),
}

impl Template {
    pub(crate) fn bitcoin(&self) -> Option<&bitcoin::Body> {
        match &self.body {
            Body::Bitcoin(body) => Some(body),
            _ => None,
        }
    }

    pub(crate) fn cryptonote(&self) -> Option<&cryptonote::BlockBlob> {
        match &self.body {
            Body::CryptoNote(blob) => Some(blob),
            _ => None,
        }
    }

    /// Whether jobs on either have the same hashes, whatever else differs.
    pub fn is_same_work(&self, other: &Self) -> bool {
        self.work_id().is_some() && self.work_id() == other.work_id()
    }

    /// What a node calls its work, where it has a name: the seal hash of Ethereum's family.
    pub fn work_id(&self) -> Option<[u8; 32]> {
        self.ethereum().map(ethereum::Proposal::seal_hash)
    }

    pub(crate) fn ethereum(&self) -> Option<&ethereum::Proposal> {
        match &self.body {
            Body::Ethereum(proposal) => Some(proposal),
            _ => None,
        }
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
    /// The block follows rules of which this crate doesn't know that they have the coin's proof of work.
    #[error(
        "the block's major version is {found}, and {oldest} to {newest} are known to be mined as this version mines; \
         update, or use a node of the configured coin"
    )]
    BlockVersion {
        /// The block's.
        found: u64,
        /// The lowest that is known.
        oldest: u64,
        /// The highest.
        newest: u64,
    },
    /// The block is older than `KawPow`, so that it has another proof of work.
    #[error(
        "the block's time, {time_s}, is before {since_s}, when KawPow begins on this network; in regression test mode \
         start the node with -mocktime={since_s}"
    )]
    BeforeKawPow {
        /// The block's, Unix seconds.
        time_s: u32,
        /// That of the first blocks with a proof of `KawPow`.
        since_s: u32,
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
    /// Two fields say different things.
    #[error("{0} and the block do not agree")]
    Contradiction(&'static str),
    /// The proposed block itself can't be used.
    #[error(transparent)]
    Blob(#[from] cryptonote::BlobError),
    /// The work that a node hands out can't be used.
    #[error(transparent)]
    Work(#[from] ethereum::WorkError),
    /// The chain belongs to another family than the code that was asked.
    #[error("the chain is of another family")]
    Family,
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
