//! Monero.

use otedama_hash::Algorithm;

use crate::spec::{ChainSpec, CryptoNoteRules, Dialect, FamilyRules, Network};

const RULES: CryptoNoteRules = CryptoNoteRules {
    standard_tag: 18,
    integrated_tag: 19,
    subaddress_tag: 42,
    wire_algorithm: "rx/0",
    // RandomX came with version 12; 16 is the newest that monerod 0.18 knows.
    oldest_version: 12,
    newest_version: 16,
};

/// Monero's main network.
pub static MAINNET: ChainSpec = ChainSpec {
    symbol: "XMR",
    name: "Monero",
    network: Network::Mainnet,
    node_chains: &["mainnet"],
    genesis_hashes: &["418015bb9ae982a1975da7d79277c2705727a56894ba0fb246adaabb1f4632e3"],
    family: FamilyRules::CryptoNote(RULES),
    dialect: Dialect::CryptoNote,
    algorithm: Algorithm::RANDOMX,
    maturity: 60,
    unit_decimals: 12,
};

/// Monero's stagenet, on which wallets and pools are tried out. What Monero calls its testnet tries out the node itself
/// and isn't served.
pub static TESTNET: ChainSpec = ChainSpec {
    network: Network::Testnet,
    node_chains: &["stagenet"],
    genesis_hashes: &["76ee3cc98646292206cd3e86f74d88b4dcc1d937088645e9b0cbca84b7ce74eb"],
    family: FamilyRules::CryptoNote(CryptoNoteRules {
        standard_tag: 24,
        integrated_tag: 25,
        subaddress_tag: 36,
        ..RULES
    }),
    ..MAINNET
};

/// Monero's regression test mode, which has the main network's addresses.
pub static REGTEST: ChainSpec = ChainSpec {
    network: Network::Regtest,
    node_chains: &["fakechain"],
    genesis_hashes: &[],
    ..MAINNET
};
