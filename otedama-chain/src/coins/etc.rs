//! Ethereum Classic. Amounts are counted in gwei, the billionth part of a coin.

use otedama_hash::Algorithm;
use otedama_hash::ethash::Schedule;

use crate::spec::{ChainSpec, Dialect, EraRule, EthereumRules, FamilyRules, Network};

const RULES: EthereumRules = EthereumRules {
    schedule: Schedule::CLASSIC,
    // ECIP-1017.
    subsidy: EraRule {
        initial: 5_000_000_000,
        blocks: 5_000_000,
    },
};

/// Ethereum Classic's main network.
pub static MAINNET: ChainSpec = ChainSpec {
    symbol: "ETC",
    name: "Ethereum Classic",
    network: Network::Mainnet,
    node_chains: &["61"],
    genesis_hashes: &["d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"],
    family: FamilyRules::Ethereum(RULES),
    dialect: Dialect::Ethereum,
    algorithm: Algorithm::ETCHASH,
    // Rewards can be spent at once, but a block may be replaced.
    maturity: 120,
    unit_decimals: 9,
};

/// Mordor, Ethereum Classic's public test network.
pub static TESTNET: ChainSpec = ChainSpec {
    network: Network::Testnet,
    node_chains: &["63"],
    genesis_hashes: &["a68ebde7932eccb177d38d55dcc6461a019dd795a681e59b5a3e4f3a7259a3f1"],
    family: FamilyRules::Ethereum(EthereumRules {
        schedule: Schedule::MORDOR,
        subsidy: EraRule {
            blocks: 2_000_000,
            ..RULES.subsidy
        },
    }),
    ..MAINNET
};

/// A private network with the chain id 1337, which nodes take in developer mode.
pub static REGTEST: ChainSpec = ChainSpec {
    network: Network::Regtest,
    node_chains: &["1337"],
    genesis_hashes: &[],
    ..MAINNET
};
