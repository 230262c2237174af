//! Who is owed what for a block: reward schemes and coinbase plans, in exact integers.
//!
//! Every amount is a `u64` in the coin's smallest unit and every work a `u128` of expected hashes. Nothing here reads
//! a clock or draws a random number: the same calls in the same order give the same distribution on every machine.

mod apportion;
pub mod coinbase;
mod fee;
pub mod scheme;

use std::sync::Arc;

pub use coinbase::{CarryBook, CoinbasePlan, Limits, plan};
pub use fee::{Fee, FeeError};
pub use scheme::{Pplns, Solo, Window};

/// Whom a share is credited to: the text of a payout address.
pub type Account = Arc<str>;

/// Accepted work of one account: a single share, or several that were added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareRecord {
    /// Who did it.
    pub account: Account,
    /// How much, in expected hashes.
    pub work: u128,
    /// When, in Unix seconds.
    pub time_s: u64,
}

/// A block to be shared out, found or about to be mined on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockReward {
    /// Subsidy and fees together.
    pub reward: u64,
    /// Expected hashes to find a block at its difficulty.
    pub network_work: u128,
    /// When, in Unix seconds; later shares don't count.
    pub time_s: u64,
    /// Who found it, where that is known.
    pub finder: Option<Account>,
}

/// One account's part of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credit {
    /// Whose.
    pub account: Account,
    /// How much; never zero.
    pub amount: u64,
}

/// How a block is shared out: `credits` and `fee` sum to the reward, to the last unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// What each account earned, one entry per account, in ascending order of its text.
    pub credits: Vec<Credit>,
    /// What the pool keeps.
    pub fee: u64,
}

impl Distribution {
    /// What is shared out: the sum of all credits and the fee.
    pub fn reward(&self) -> u64 {
        self.credits
            .iter()
            .fold(self.fee, |sum, credit| sum.saturating_add(credit.amount))
    }
}

/// A way of sharing out blocks.
pub trait RewardScheme: Send {
    /// Counts accepted work; order matters only where the scheme says so.
    fn credit(&mut self, share: &ShareRecord);

    /// Shares a block out; the result sums to `block.reward` exactly.
    fn distribute(&self, block: &BlockReward) -> Distribution;

    /// Tells the scheme the network's expected hashes per block, so that it can forget what no block will count.
    fn observe_network(&mut self, network_work: u128) {
        let _ = network_work;
    }
}
