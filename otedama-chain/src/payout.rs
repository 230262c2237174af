//! Whom a block pays.

/// One output of a coinbase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PayoutOutput {
    /// The output script, as [`Family::payout_script`](crate::Family::payout_script) makes it.
    pub script: Vec<u8>,
    /// Amount in the coin's smallest unit; an output of zero is left out of the coinbase.
    pub amount: u64,
}

/// The outputs of a coinbase, in order. They sum to the reward of the template they are used with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PayoutPlan {
    /// Chosen by the caller, so that a found block can be matched with the distribution it pays.
    pub id: u64,
    /// The outputs.
    pub outputs: Vec<PayoutOutput>,
}

impl PayoutPlan {
    /// The sum of all outputs, or `None` if it exceeds 2^64 - 1.
    pub fn total(&self) -> Option<u64> {
        self.outputs
            .iter()
            .try_fold(0_u64, |sum, output| sum.checked_add(output.amount))
    }
}
