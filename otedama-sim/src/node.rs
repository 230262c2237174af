//! A node: a chain and how well it answers.

use core::fmt;
use std::sync::Arc;

use otedama_hash::Hash256;

use crate::ledger::{Ledger, Refusal};

/// A block that somebody found.
#[derive(Clone, Debug)]
pub(crate) struct BlockInfo {
    pub(crate) bytes: Arc<Vec<u8>>,
    /// Whether the pool knows that a node took it.
    pub(crate) is_taken: bool,
}

/// One node.
pub(crate) struct Node {
    pub(crate) ledger: Box<dyn Ledger>,
    /// Whether it answers at all.
    pub(crate) is_up: bool,
    /// Blocks that it will refuse without a reason.
    pub(crate) refuses: u32,
    /// Whether every answer comes twice.
    pub(crate) repeats: bool,
    /// What it accepted, in that order.
    pub(crate) accepted: Vec<Hash256>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node(tip {:?}, up {})", self.ledger.tip(), self.is_up)
    }
}

impl Node {
    pub(crate) fn new(ledger: Box<dyn Ledger>) -> Self {
        Self {
            ledger,
            is_up: true,
            refuses: 0,
            repeats: false,
            accepted: Vec::new(),
        }
    }

    /// Judges a block; whether it became the tip.
    pub(crate) fn offer(&mut self, block: &BlockInfo, unix_s: u64) -> Result<bool, Refusal> {
        let taken = self.ledger.submit(&block.bytes, unix_s)?;
        self.accepted.push(taken.hash);
        Ok(taken.is_tip)
    }
}
