//! What a block's coinbase pays, as the node tells it.

use std::collections::BTreeMap;

use serde_json::Value;

/// Amounts by script, in the smallest unit.
pub(crate) type Outputs = BTreeMap<String, u64>;

/// One block's coinbase.
#[derive(Debug)]
pub(crate) struct Coinbase {
    /// Everything that is paid, without the outputs of amount zero.
    pub(crate) paid: Outputs,
    /// Whether it commits to witnesses (BIP 141).
    pub(crate) has_witness_commitment: bool,
    /// Its script, in hex.
    pub(crate) script: String,
}

impl Coinbase {
    /// Reads it from a block as `getblock` with verbosity 2 tells it.
    pub(crate) fn of(block: &Value) -> Self {
        let transaction = &block["tx"][0];
        let mut paid = Outputs::new();
        let mut has_witness_commitment = false;
        for output in transaction["vout"].as_array().unwrap() {
            let script = output["scriptPubKey"]["hex"].as_str().unwrap();
            let amount = units(&output["value"]);
            if amount > 0 {
                *paid.entry(script.to_owned()).or_default() += amount;
            } else {
                has_witness_commitment |= script.starts_with("6a24aa21a9ed");
            }
        }
        let script = transaction["vin"][0]["coinbase"].as_str().unwrap().to_owned();
        Self {
            paid,
            has_witness_commitment,
            script,
        }
    }

    /// The sum of what is paid.
    pub(crate) fn total(&self) -> u64 {
        self.paid.values().sum()
    }
}

/// A node's amount, which it writes with eight decimals, in the smallest unit.
#[allow(clippy::cast_sign_loss, reason = "nodes write no negative amounts here")]
pub(crate) fn units(value: &Value) -> u64 {
    // 21 million times 10^8 is below 2^53: the product is exact after rounding.
    (value.as_f64().unwrap() * 1e8).round() as u64
}
