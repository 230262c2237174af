//! Ways of sharing out a block.

mod pplns;
mod solo;

pub use pplns::{Pplns, Window};
pub use solo::Solo;

use crate::{Account, BlockReward, Credit, Distribution, Fee};

/// The distribution of a block that no counted work stands behind: its finder takes it, or the pool where nobody is
/// named.
fn to_finder(block: &BlockReward, fee: Fee) -> Distribution {
    let Some(finder) = &block.finder else {
        return Distribution {
            credits: Vec::new(),
            fee: block.reward,
        };
    };
    let fee = fee.of(block.reward);
    let mut credits = Vec::new();
    push_credit(&mut credits, finder, block.reward - fee);
    Distribution { credits, fee }
}

fn push_credit(credits: &mut Vec<Credit>, account: &Account, amount: u64) {
    if amount > 0 {
        credits.push(Credit {
            account: Account::clone(account),
            amount,
        });
    }
}
