//! Bitcoin Cash.

use otedama_chain::spec::{
    AddressRules, BitcoinRules, ChainSpec, Dialect, FamilyRules, HeaderRule, Network, RetargetRule,
    SegwitRule, SubsidyRule,
};
use otedama_hash::Algorithm;

const COIN: u64 = 100_000_000;

const RULES: BitcoinRules = BitcoinRules {
    addresses: AddressRules {
        p2pkh_version: 0,
        p2sh_versions: &[5],
        bech32_hrp: None,
        mweb_hrp: None,
    },
    header: HeaderRule::Plain,
    subsidy: SubsidyRule {
        initial: 50 * COIN,
        halving_interval: 210_000,
    },
    max_money: 21_000_000 * COIN,
    // The difficulty follows every block (aserti3).
    retarget: RetargetRule::EachBlock,
    // Four times the 32 MB of a block.
    max_block_weight: 128_000_000,
    gbt_rules: &[],
    rules_understood: &[],
    segwit: SegwitRule::Named,
    has_mweb: false,
};

/// Bitcoin Cash's main network.
pub static MAINNET: ChainSpec = ChainSpec {
    symbol: "BCH",
    name: "Bitcoin Cash",
    network: Network::Mainnet,
    node_chains: &["main"],
    genesis_hashes: &["000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"],
    family: FamilyRules::Bitcoin(RULES),
    dialect: Dialect::Bitcoin,
    algorithm: Algorithm::SHA256D,
    maturity: 100,
    unit_decimals: 8,
};
