//! A template of the family, beside what all families have.

use core::fmt;

use otedama_hash::Hash256;

use crate::spec::{BitcoinRules, HeaderRule};

/// What jobs and blocks need beside the public fields.
#[derive(Clone)]
pub(crate) struct Body {
    pub(super) header: HeaderRule,
    pub(crate) version: u32,
    /// Version bits that have to stay set (`vbrequired`).
    pub(super) required_version_bits: u32,
    pub(crate) bits: u32,
    /// Data that the node wants in the coinbase script.
    pub(super) coinbase_aux: Vec<u8>,
    /// Output script; the coinbase has a witness if and only if this is there.
    pub(super) witness_commitment: Option<Vec<u8>>,
    pub(crate) merkle_branch: Vec<Hash256>,
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
    pub(super) fn empty(rules: &BitcoinRules, prev: &Self, bits: u32) -> Self {
        Self {
            header: rules.header,
            version: prev.version,
            required_version_bits: prev.required_version_bits,
            bits,
            coinbase_aux: prev.coinbase_aux.clone(),
            witness_commitment: None,
            merkle_branch: Vec::new(),
            transactions: Vec::new(),
            transaction_count: 0,
            mweb: None,
            weight_left: rules.max_block_weight,
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
