//! What a node makes of a submitted block.

/// What became of a submitted block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// The block is valid: the new tip, where the node can tell.
    Accepted,
    /// The node had the block already, and it is valid.
    Duplicate,
    /// The block is stored, but not on the best chain: another one came first.
    Inconclusive,
    /// The block builds on something that is no longer the tip.
    Stale(String),
    /// The block is invalid; the node's word for why, such as `high-hash` or `bad-cb-amount`.
    Rejected(String),
}

impl SubmitOutcome {
    /// Whether the block is in the node's best chain or may still get there.
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::Accepted | Self::Duplicate | Self::Inconclusive)
    }
}
