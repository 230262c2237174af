//! Litecoin.

use otedama_hash::Algorithm;

use crate::spec::{AddressRules, ChainSpec, FamilyKind, Network, RetargetRule, SubsidyRule};

const COIN: u64 = 100_000_000;

/// Litecoin's main network.
pub static MAINNET: ChainSpec = ChainSpec {
    symbol: "LTC",
    name: "Litecoin",
    network: Network::Mainnet,
    node_chains: &["main"],
    genesis_hashes: &["12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2"],
    family: FamilyKind::Bitcoin,
    algorithm: Algorithm::SCRYPT,
    addresses: AddressRules {
        p2pkh_version: 48,
        // 'M', and the '3' that Litecoin once shared with Bitcoin.
        p2sh_versions: &[50, 5],
        bech32_hrp: "ltc",
        mweb_hrp: Some("ltcmweb"),
    },
    subsidy: SubsidyRule {
        initial: 50 * COIN,
        halving_interval: 840_000,
    },
    max_money: 84_000_000 * COIN,
    maturity: 100,
    retarget: RetargetRule::Every { blocks: 2016 },
    max_block_weight: 4_000_000,
    gbt_rules: &["mweb", "segwit"],
    rules_understood: &["csv", "segwit", "taproot", "testdummy", "mweb"],
    has_mweb: true,
    unit_decimals: 8,
};

/// Litecoin's public test network.
pub static TESTNET: ChainSpec = ChainSpec {
    network: Network::Testnet,
    node_chains: &["test"],
    genesis_hashes: &["4966625a4b2851d9fdee139e56211a0d88575f59ed816ff5e6a63deb4e3e29a0"],
    addresses: AddressRules {
        p2pkh_version: 111,
        // 'Q', and the '2' that Litecoin once shared with Bitcoin.
        p2sh_versions: &[58, 196],
        bech32_hrp: "tltc",
        mweb_hrp: Some("tmweb"),
    },
    retarget: RetargetRule::EveryOrLate { blocks: 2016 },
    ..MAINNET
};

/// Litecoin's regression test mode.
pub static REGTEST: ChainSpec = ChainSpec {
    network: Network::Regtest,
    node_chains: &["regtest"],
    genesis_hashes: &["530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9"],
    addresses: AddressRules {
        bech32_hrp: "rltc",
        ..TESTNET.addresses
    },
    subsidy: SubsidyRule {
        initial: 50 * COIN,
        halving_interval: 150,
    },
    retarget: RetargetRule::Fixed,
    ..TESTNET
};
