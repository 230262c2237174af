//! Why a block is refused.

use core::fmt;

/// Why a block is refused; displayed as the word that Bitcoin Core uses for it, where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectReason {
    /// Not the serialisation of a block.
    Undecodable,
    /// Already known and valid.
    Duplicate,
    /// It builds on an unknown block.
    UnknownParent,
    /// Its branch leaves the best chain too far below the tip.
    TooDeep,
    /// Too many blocks beside the best chain are remembered already.
    TooManyBranches,
    /// Its hash doesn't meet its target.
    HighHash,
    /// Its target isn't the one of its height.
    WrongBits,
    /// Its time isn't after the median of the eleven blocks before it.
    TimeTooOld,
    /// Its time is more than two hours ahead.
    TimeTooNew,
    /// Its version is below 4.
    Version,
    /// The header's merkle root isn't that of the transactions.
    MerkleRoot,
    /// A transaction stands in it twice.
    DuplicateTransaction,
    /// The first transaction is no coinbase.
    NoCoinbase,
    /// Another transaction is a coinbase.
    SecondCoinbase,
    /// The coinbase script hasn't 2 to 100 bytes.
    CoinbaseLength,
    /// The coinbase script doesn't start with the height (BIP 34).
    CoinbaseHeight,
    /// The coinbase pays more than subsidy and fees.
    CoinbaseAmount,
    /// The coinbase has no outputs.
    NoOutputs,
    /// An output pays more coins than there are.
    OutputAmount,
    /// The coinbase's witness isn't one item of 32 bytes though there is a commitment.
    WitnessNonce,
    /// The witness commitment isn't that of the transactions.
    WitnessCommitment,
    /// There is witness data without a commitment.
    UnexpectedWitness,
    /// It is heavier than allowed.
    Weight,
    /// A transaction spends something that isn't there.
    UnknownInputs,
}

impl RejectReason {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undecodable => "block-decode-failed",
            Self::Duplicate => "duplicate",
            Self::UnknownParent => "prev-blk-not-found",
            Self::TooDeep => "fork-too-deep",
            Self::TooManyBranches => "too-many-branches",
            Self::HighHash => "high-hash",
            Self::WrongBits => "bad-diffbits",
            Self::TimeTooOld => "time-too-old",
            Self::TimeTooNew => "time-too-new",
            Self::Version => "bad-version",
            Self::MerkleRoot => "bad-txnmrklroot",
            Self::DuplicateTransaction => "bad-txns-duplicate",
            Self::NoCoinbase => "bad-cb-missing",
            Self::SecondCoinbase => "bad-cb-multiple",
            Self::CoinbaseLength => "bad-cb-length",
            Self::CoinbaseHeight => "bad-cb-height",
            Self::CoinbaseAmount => "bad-cb-amount",
            Self::NoOutputs => "bad-txns-vout-empty",
            Self::OutputAmount => "bad-txns-vout-toolarge",
            Self::WitnessNonce => "bad-witness-nonce-size",
            Self::WitnessCommitment => "bad-witness-merkle-match",
            Self::UnexpectedWitness => "unexpected-witness",
            Self::Weight => "bad-blk-weight",
            Self::UnknownInputs => "bad-txns-inputs-missingorspent",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::error::Error for RejectReason {}
