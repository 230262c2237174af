//! From a distribution to the outputs of a coinbase, when not everybody fits into it.
//!
//! Amounts below dust and those beyond the allowed number of outputs go to the pool's own output and are remembered per
//! account in a [`CarryBook`]; later blocks pay them out of what would be the pool's. [`plan`] changes nothing: the
//! book changes when a block that pays the plan is accepted ([`CarryBook::settle`]) and changes back when that block is
//! orphaned ([`CarryBook::reverse`]). At any time an account's earnings are what settled plans paid it plus its balance.

mod carry;
mod plan;

pub use carry::CarryBook;
pub use plan::{CoinbasePlan, Limits, hold, plan};
