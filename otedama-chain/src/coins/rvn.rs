//! Ravencoin.

use otedama_hash::Algorithm;

use crate::spec::{
    AddressRules, BitcoinRules, ChainSpec, Dialect, FamilyRules, HeaderRule, Network, RetargetRule,
    SegwitRule, SubsidyRule,
};

const COIN: u64 = 100_000_000;

const RULES: BitcoinRules = BitcoinRules {
    addresses: AddressRules {
        p2pkh_version: 60,
        p2sh_versions: &[122],
        bech32_hrp: None,
        mweb_hrp: None,
    },
    header: HeaderRule::KawPow {
        since_s: 1_588_788_000,
    },
    subsidy: SubsidyRule {
        initial: 5000 * COIN,
        halving_interval: 2_100_000,
    },
    max_money: 21_000_000_000 * COIN,
    // Dark Gravity Wave.
    retarget: RetargetRule::EachBlock,
    max_block_weight: 8_000_000,
    gbt_rules: &["segwit"],
    rules_understood: &[
        "assets",
        "messaging_restricted",
        "transfer_script",
        "enforce",
        "coinbase",
        "segwit",
    ],
    segwit: SegwitRule::Always,
    has_mweb: false,
};

const TESTNET_RULES: BitcoinRules = BitcoinRules {
    addresses: AddressRules {
        p2pkh_version: 111,
        p2sh_versions: &[196],
        ..RULES.addresses
    },
    header: HeaderRule::KawPow {
        since_s: 1_585_159_200,
    },
    ..RULES
};

/// Ravencoin's main network.
pub static MAINNET: ChainSpec = ChainSpec {
    symbol: "RVN",
    name: "Ravencoin",
    network: Network::Mainnet,
    node_chains: &["main"],
    genesis_hashes: &["0000006b444bc2f2ffe627be9d9e7e7a0730000870ef6eb6da46c8eae389df90"],
    family: FamilyRules::Bitcoin(RULES),
    dialect: Dialect::KawPow,
    algorithm: Algorithm::KAWPOW,
    maturity: 100,
    unit_decimals: 8,
};

/// Ravencoin's public test network.
pub static TESTNET: ChainSpec = ChainSpec {
    network: Network::Testnet,
    node_chains: &["test"],
    genesis_hashes: &["000000ecfc5e6324a079542221d00e10362bdc894d56500c414060eea8a3ad5a"],
    family: FamilyRules::Bitcoin(TESTNET_RULES),
    ..MAINNET
};

/// Ravencoin's regression test mode, in which `KawPow` begins in the year 2083: nodes have to be started with
/// `-mocktime=3582830167` or later.
pub static REGTEST: ChainSpec = ChainSpec {
    network: Network::Regtest,
    node_chains: &["regtest"],
    genesis_hashes: &["0b2c703dc93bb63a36c4e33b85be4855ddbca2ac951a7a0a29b8de0408200a3c"],
    family: FamilyRules::Bitcoin(BitcoinRules {
        header: HeaderRule::KawPow {
            since_s: 3_582_830_167,
        },
        subsidy: SubsidyRule {
            initial: 5000 * COIN,
            halving_interval: 150,
        },
        retarget: RetargetRule::Fixed,
        ..TESTNET_RULES
    }),
    ..MAINNET
};
