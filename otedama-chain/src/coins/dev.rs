//! The development chain: worthless coins, mined for practice on [`DevChain`](crate::dev::DevChain).

use crate::coins::btc;
use crate::spec::{BitcoinRules, ChainSpec, FamilyRules, RetargetRule, SubsidyRule};

/// The development chain. Its addresses are those of Bitcoin's regression test mode.
pub static REGTEST: ChainSpec = ChainSpec {
    symbol: "DEV",
    name: "Development chain",
    node_chains: &["dev"],
    genesis_hashes: &[],
    family: FamilyRules::Bitcoin(BitcoinRules {
        subsidy: SubsidyRule {
            halving_interval: 210_000,
            ..btc::REGTEST_RULES.subsidy
        },
        retarget: RetargetRule::EachBlock,
        ..btc::REGTEST_RULES
    }),
    ..btc::REGTEST
};
