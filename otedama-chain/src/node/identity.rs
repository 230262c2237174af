//! Whether a node serves the right chain.

use otedama_hash::Hash256;

use crate::ChainSpec;

/// A node of another coin or network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node serves {found}, the pool is configured for {expected}")]
pub struct ChainMismatch {
    /// What the node says.
    pub found: String,
    /// The configured chain, and what its nodes say.
    pub expected: String,
}

/// Compares the network's name, as the node says it, with those of `spec`.
///
/// # Errors
/// When it is another one's.
pub fn check_network(spec: &ChainSpec, name: &str) -> Result<(), ChainMismatch> {
    if spec.node_chains.contains(&name) {
        return Ok(());
    }
    Err(ChainMismatch {
        found: format!("the chain \"{name}\""),
        expected: format!("{spec}, which nodes call {}", any_of(spec.node_chains)),
    })
}

/// Compares the node's first block with those of `spec`: coins share the names of their networks.
///
/// # Errors
/// When it is another chain's.
pub fn check_genesis(spec: &ChainSpec, genesis: &Hash256) -> Result<(), ChainMismatch> {
    let found = genesis.to_string();
    if spec.genesis_hashes.is_empty() || spec.genesis_hashes.contains(&found.as_str()) {
        return Ok(());
    }
    Err(ChainMismatch {
        found: format!("a chain that starts with {found}"),
        expected: format!("{spec}, which starts with {}", any_of(spec.genesis_hashes)),
    })
}

fn any_of(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coins;

    #[test]
    fn names_tell_networks_apart() {
        assert_eq!(check_network(&coins::btc::REGTEST, "regtest"), Ok(()));
        let error = check_network(&coins::btc::MAINNET, "regtest").expect_err("another network");
        assert_eq!(
            error.to_string(),
            "the node serves the chain \"regtest\", the pool is configured for Bitcoin mainnet, which nodes call \"main\""
        );
        for (spec, name, wanted) in [
            // What Monero calls its testnet is another network than the one on which pools are tried out.
            (
                &coins::xmr::TESTNET,
                "testnet",
                "Monero testnet, which nodes call \"stagenet\"",
            ),
            (
                &coins::etc::MAINNET,
                "1",
                "Ethereum Classic mainnet, which nodes call \"61\"",
            ),
            (
                &coins::btc::TESTNET,
                "signet",
                "which nodes call \"test\" or \"testnet4\"",
            ),
        ] {
            let error = check_network(spec, name)
                .expect_err("another network")
                .to_string();
            assert!(error.ends_with(wanted), "{error}");
        }
    }

    #[test]
    fn genesis_tells_coins_apart() {
        let bitcoin = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
        let bitcoin = Hash256::from_display_hex(bitcoin).expect("hex");
        assert_eq!(check_genesis(&coins::btc::MAINNET, &bitcoin), Ok(()));
        assert!(check_genesis(&coins::ltc::MAINNET, &bitcoin).is_err());
    }
}
