//! Litecoin.

use otedama_hash::Algorithm;

use crate::spec::{
    AddressRules, BitcoinRules, ChainSpec, Dialect, FamilyRules, HeaderRule, Network, RetargetRule,
    SegwitRule, SubsidyRule,
};

const COIN: u64 = 100_000_000;

const RULES: BitcoinRules = BitcoinRules {
    addresses: AddressRules {
        p2pkh_version: 48,
        // 'M', and the '3' that Litecoin once shared with Bitcoin.
        p2sh_versions: &[50, 5],
        bech32_hrp: Some("ltc"),
        mweb_hrp: Some("ltcmweb"),
    },
    header: HeaderRule::Plain,
    subsidy: SubsidyRule {
        initial: 50 * COIN,
        halving_interval: 840_000,
    },
    max_money: 84_000_000 * COIN,
    retarget: RetargetRule::Every { blocks: 2016 },
    max_block_weight: 4_000_000,
    gbt_rules: &["mweb", "segwit"],
    rules_understood: &["csv", "segwit", "taproot", "testdummy", "mweb"],
    segwit: SegwitRule::Named,
    has_mweb: true,
};

const TESTNET_RULES: BitcoinRules = BitcoinRules {
    addresses: AddressRules {
        p2pkh_version: 111,
        // 'Q', and the '2' that Litecoin once shared with Bitcoin.
        p2sh_versions: &[58, 196],
        bech32_hrp: Some("tltc"),
        mweb_hrp: Some("tmweb"),
    },
    retarget: RetargetRule::EveryOrLate { blocks: 2016 },
    ..RULES
};

const REGTEST_RULES: BitcoinRules = BitcoinRules {
    addresses: AddressRules {
        bech32_hrp: Some("rltc"),
        ..TESTNET_RULES.addresses
    },
    subsidy: SubsidyRule {
        initial: 50 * COIN,
        halving_interval: 150,
    },
    retarget: RetargetRule::Fixed,
    ..RULES
};

/// Litecoin's main network.
pub static MAINNET: ChainSpec = ChainSpec {
    symbol: "LTC",
    name: "Litecoin",
    network: Network::Mainnet,
    node_chains: &["main"],
    genesis_hashes: &["12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2"],
    family: FamilyRules::Bitcoin(RULES),
    dialect: Dialect::Bitcoin,
    algorithm: Algorithm::SCRYPT,
    maturity: 100,
    unit_decimals: 8,
};

/// Litecoin's public test network.
pub static TESTNET: ChainSpec = ChainSpec {
    network: Network::Testnet,
    node_chains: &["test"],
    genesis_hashes: &["4966625a4b2851d9fdee139e56211a0d88575f59ed816ff5e6a63deb4e3e29a0"],
    family: FamilyRules::Bitcoin(TESTNET_RULES),
    ..MAINNET
};

/// Litecoin's regression test mode.
pub static REGTEST: ChainSpec = ChainSpec {
    network: Network::Regtest,
    node_chains: &["regtest"],
    genesis_hashes: &["530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9"],
    family: FamilyRules::Bitcoin(REGTEST_RULES),
    ..MAINNET
};
