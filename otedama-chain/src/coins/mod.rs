//! The coins that this crate carries: one file each, constants only.

pub mod btc;
pub mod dev;
pub mod etc;
pub mod ltc;
pub mod rvn;
pub mod xmr;

use crate::{ChainSpec, Network};

static ALL: [&ChainSpec; 16] = [
    &btc::MAINNET,
    &btc::TESTNET,
    &btc::REGTEST,
    &ltc::MAINNET,
    &ltc::TESTNET,
    &ltc::REGTEST,
    &etc::MAINNET,
    &etc::TESTNET,
    &etc::REGTEST,
    &rvn::MAINNET,
    &rvn::TESTNET,
    &rvn::REGTEST,
    &xmr::MAINNET,
    &xmr::TESTNET,
    &xmr::REGTEST,
    &dev::REGTEST,
];

/// Every chain, in a fixed order.
pub fn all() -> &'static [&'static ChainSpec] {
    &ALL
}

/// The chain with this ticker symbol (in either case) and network.
pub fn find(symbol: &str, network: Network) -> Option<&'static ChainSpec> {
    all()
        .iter()
        .copied()
        .find(|spec| spec.network == network && spec.symbol.eq_ignore_ascii_case(symbol))
}

#[cfg(test)]
mod tests {
    use otedama_hash::Algorithm;

    use super::*;
    use crate::spec::HeaderRule;

    #[test]
    fn every_chain_is_found_by_symbol_and_network() {
        for spec in all() {
            let found = find(&spec.symbol.to_lowercase(), spec.network).expect("listed");
            assert!(core::ptr::eq(found, *spec), "{spec} is hidden by {found}");
        }
        assert!(find("DEV", Network::Mainnet).is_none());
        assert!(find("DOGE", Network::Mainnet).is_none());
    }

    #[test]
    fn headers_with_a_kawpow_proof_are_those_of_the_algorithm() {
        for spec in all() {
            let header = spec.bitcoin().map(|rules| rules.header);
            let has_proof = matches!(header, Some(HeaderRule::KawPow { .. }));
            assert_eq!(has_proof, spec.algorithm == Algorithm::KAWPOW, "{spec}");
        }
    }

    #[test]
    fn rules_asked_for_are_understood() {
        for spec in all() {
            let Some(rules) = spec.bitcoin() else { continue };
            for rule in rules.gbt_rules {
                assert!(rules.rules_understood.contains(rule), "{spec} asks for {rule}");
            }
        }
    }

    #[test]
    fn no_more_coins_than_the_maximum() {
        for spec in all() {
            let Some(rules) = spec.bitcoin() else { continue };
            let total: u128 = (0..64)
                .map(|era| {
                    let height = era * rules.subsidy.halving_interval;
                    u128::from(rules.subsidy.at(height)) * u128::from(rules.subsidy.halving_interval)
                })
                .sum();
            assert!(total <= u128::from(rules.max_money), "{spec}");
        }
    }
}
