//! The development chain: worthless coins, mined for practice on [`DevChain`](crate::dev::DevChain).

use crate::coins::btc;
use crate::spec::{ChainSpec, RetargetRule, SubsidyRule};

/// The development chain. Its addresses are those of Bitcoin's regression test mode.
pub static REGTEST: ChainSpec = ChainSpec {
    symbol: "DEV",
    name: "Development chain",
    node_chains: &["dev"],
    genesis_hashes: &[],
    subsidy: SubsidyRule {
        initial: btc::MAINNET.subsidy.initial,
        halving_interval: 210_000,
    },
    retarget: RetargetRule::EachBlock,
    ..btc::REGTEST
};
