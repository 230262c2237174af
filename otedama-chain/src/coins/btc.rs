//! Bitcoin.

use otedama_hash::Algorithm;

use crate::spec::{
    AddressRules, BitcoinRules, ChainSpec, Dialect, FamilyRules, HeaderRule, Network, RetargetRule,
    SegwitRule, SubsidyRule,
};

const COIN: u64 = 100_000_000;

const RULES: BitcoinRules = BitcoinRules {
    addresses: AddressRules {
        p2pkh_version: 0,
        p2sh_versions: &[5],
        bech32_hrp: Some("bc"),
        mweb_hrp: None,
    },
    header: HeaderRule::Plain,
    subsidy: SubsidyRule {
        initial: 50 * COIN,
        halving_interval: 210_000,
    },
    max_money: 21_000_000 * COIN,
    retarget: RetargetRule::Every { blocks: 2016 },
    max_block_weight: 4_000_000,
    gbt_rules: &["segwit"],
    rules_understood: &["csv", "segwit", "taproot", "testdummy"],
    segwit: SegwitRule::Named,
    has_mweb: false,
};

const TESTNET_RULES: BitcoinRules = BitcoinRules {
    addresses: AddressRules {
        p2pkh_version: 111,
        p2sh_versions: &[196],
        bech32_hrp: Some("tb"),
        mweb_hrp: None,
    },
    retarget: RetargetRule::EveryOrLate { blocks: 2016 },
    ..RULES
};

/// What holds in regression test mode.
pub(super) const REGTEST_RULES: BitcoinRules = BitcoinRules {
    addresses: AddressRules {
        bech32_hrp: Some("bcrt"),
        ..TESTNET_RULES.addresses
    },
    subsidy: SubsidyRule {
        initial: 50 * COIN,
        halving_interval: 150,
    },
    retarget: RetargetRule::Fixed,
    ..RULES
};

/// Bitcoin's main network.
pub static MAINNET: ChainSpec = ChainSpec {
    symbol: "BTC",
    name: "Bitcoin",
    network: Network::Mainnet,
    node_chains: &["main"],
    genesis_hashes: &["000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"],
    family: FamilyRules::Bitcoin(RULES),
    dialect: Dialect::Bitcoin,
    algorithm: Algorithm::SHA256D,
    maturity: 100,
    unit_decimals: 8,
};

/// Bitcoin's public test networks (testnet3 and testnet4).
pub static TESTNET: ChainSpec = ChainSpec {
    network: Network::Testnet,
    node_chains: &["test", "testnet4"],
    genesis_hashes: &[
        "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943",
        "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
    ],
    family: FamilyRules::Bitcoin(TESTNET_RULES),
    ..MAINNET
};

/// Bitcoin's regression test mode.
pub static REGTEST: ChainSpec = ChainSpec {
    network: Network::Regtest,
    node_chains: &["regtest"],
    genesis_hashes: &["0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"],
    family: FamilyRules::Bitcoin(REGTEST_RULES),
    ..MAINNET
};
