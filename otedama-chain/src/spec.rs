//! What distinguishes one coin from another within its family, as data.

use core::fmt;
use core::str::FromStr;

use otedama_hash::Algorithm;
use otedama_hash::ethash::Schedule;

/// Which of a coin's networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Network {
    /// The network whose coins are worth something.
    Mainnet,
    /// The public test networks.
    Testnet,
    /// A private network on one's own machine.
    Regtest,
}

/// Text that names no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no network; choose mainnet, testnet or regtest")]
pub struct NetworkError(pub String);

impl Network {
    /// The lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mainnet => "mainnet",
            Self::Testnet => "testnet",
            Self::Regtest => "regtest",
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(name: &str) -> Result<Self, NetworkError> {
        [Self::Mainnet, Self::Testnet, Self::Regtest]
            .into_iter()
            .find(|network| network.as_str() == name)
            .ok_or_else(|| NetworkError(name.chars().take(32).collect()))
    }
}

/// How addresses of a chain of Bitcoin's family look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRules {
    /// Base58 version byte of pay-to-public-key-hash addresses.
    pub p2pkh_version: u8,
    /// Base58 version bytes of pay-to-script-hash addresses, the usual one first.
    pub p2sh_versions: &'static [u8],
    /// Human-readable part of segwit addresses (BIP 173, BIP 350), lower case, if the coin has such addresses.
    pub bech32_hrp: Option<&'static str>,
    /// Human-readable part of MWEB addresses, to which no coinbase can pay.
    pub mweb_hrp: Option<&'static str>,
}

/// How many new coins a block makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsidyRule {
    /// Of the first blocks, in the smallest unit.
    pub initial: u64,
    /// Blocks between one halving and the next.
    pub halving_interval: u64,
}

impl SubsidyRule {
    /// New coins of the block at `height`, in the smallest unit.
    pub fn at(&self, height: u64) -> u64 {
        let halvings = height / self.halving_interval.max(1);
        u32::try_from(halvings)
            .ok()
            .and_then(|h| self.initial.checked_shr(h))
            .unwrap_or(0)
    }
}

/// When the difficulty changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetargetRule {
    /// At every height that the number divides.
    Every {
        /// Blocks from one change to the next.
        blocks: u64,
    },
    /// As [`Every`](Self::Every), and a block that comes late may have the least difficulty.
    EveryOrLate {
        /// Blocks from one change to the next.
        blocks: u64,
    },
    /// Never.
    Fixed,
    /// At every block.
    EachBlock,
}

/// What a header of Bitcoin's family looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeaderRule {
    /// 80 bytes that end in a nonce of 4.
    Plain,
    /// As [`Plain`](Self::Plain), but with the height in the nonce's place, and after it a nonce of 8 bytes and the
    /// mix of a `KawPow` proof.
    KawPow {
        /// Time of the first blocks that look so, Unix seconds; earlier ones are plain and hashed otherwise.
        since_s: u32,
    },
}

/// When a block commits to witness data (BIP 141).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegwitRule {
    /// Where the template names the rule `segwit`.
    Named,
    /// Always.
    Always,
}

/// What distinguishes a coin of Bitcoin's family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitcoinRules {
    /// How its addresses look.
    pub addresses: AddressRules,
    /// What its headers look like.
    pub header: HeaderRule,
    /// How many new coins a block makes.
    pub subsidy: SubsidyRule,
    /// More than all coins that will ever be, in the smallest unit.
    pub max_money: u64,
    /// When the difficulty changes.
    pub retarget: RetargetRule,
    /// Largest block weight (BIP 141) where a template names none.
    pub max_block_weight: u64,
    /// Rules to name in a request for a template (BIP 9, section "getblocktemplate changes").
    pub gbt_rules: &'static [&'static str],
    /// Rules that this crate follows; a template that demands another one is refused.
    pub rules_understood: &'static [&'static str],
    /// When blocks commit to witness data.
    pub segwit: SegwitRule,
    /// Whether blocks may carry a `MimbleWimble` extension block (Litecoin, LIP 3).
    pub has_mweb: bool,
}

/// What distinguishes a coin that descends from `CryptoNote`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CryptoNoteRules {
    /// What the addresses of wallets start with, once decoded.
    pub standard_tag: u8,
    /// The same of addresses with a payment id.
    pub integrated_tag: u8,
    /// The same of subaddresses.
    pub subaddress_tag: u8,
    /// How miners call the proof of work.
    pub wire_algorithm: &'static str,
    /// Lowest major version of the blocks that have this proof of work.
    pub oldest_version: u64,
    /// The highest one that is known to; a hard fork may bring another proof of work.
    pub newest_version: u64,
}

/// How the new coins of a block fall from era to era (ECIP-1017).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EraRule {
    /// Of the blocks of the first era, in the smallest unit.
    pub initial: u64,
    /// Blocks of an era; every one pays four fifths of the one before.
    pub blocks: u64,
}

impl EraRule {
    /// New coins of the block at `height`, in the smallest unit.
    pub fn at(&self, height: u64) -> u64 {
        let eras = height.saturating_sub(1) / self.blocks.max(1);
        let mut reward = u128::from(self.initial);
        for _ in 0..eras {
            reward = reward * 4 / 5;
            if reward == 0 {
                break;
            }
        }
        reward as u64
    }
}

/// What distinguishes a coin of Ethereum's family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EthereumRules {
    /// How long its epochs are.
    pub schedule: Schedule,
    /// How many new coins a block makes.
    pub subsidy: EraRule,
}

/// The code that a coin's templates, jobs and blocks need, and what distinguishes the coin there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FamilyRules {
    /// Headers, coinbase and merkle tree as in Bitcoin; the coinbase pays the miners.
    Bitcoin(BitcoinRules),
    /// As in Monero; the node writes a miner transaction that pays the pool.
    CryptoNote(CryptoNoteRules),
    /// As in Ethereum Classic; the node keeps the block, which pays the pool.
    Ethereum(EthereumRules),
}

/// What miners of a coin speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// Stratum v1 as for Bitcoin.
    Bitcoin,
    /// `login`, `job`, `submit` as for Monero.
    CryptoNote,
    /// Stratum v1 as for Ravencoin.
    KawPow,
    /// EthereumStratum/1.0.0, EthereumStratum/2.0.0 or eth-proxy, as the miner's first message says.
    Ethereum,
}

/// Everything that a family's code needs to know about one network of one coin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChainSpec {
    /// Ticker symbol, upper case.
    pub symbol: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// Which network.
    pub network: Network,
    /// How the nodes of this network call it: `chain` in `getblockchaininfo`, `nettype` in `get_info`, or `eth_chainId`
    /// as a decimal number.
    pub node_chains: &'static [&'static str],
    /// Ids of the first blocks of these networks, as displayed; empty if any will do.
    pub genesis_hashes: &'static [&'static str],
    /// Which code it needs.
    pub family: FamilyRules,
    /// What its miners speak.
    pub dialect: Dialect,
    /// Its proof of work.
    pub algorithm: Algorithm,
    /// Confirmations before a block's reward can be spent.
    pub maturity: u32,
    /// Digits after the decimal point that make the smallest unit that is counted.
    pub unit_decimals: u8,
}

impl ChainSpec {
    /// What distinguishes it within Bitcoin's family, if it belongs there.
    pub const fn bitcoin(&self) -> Option<&BitcoinRules> {
        match &self.family {
            FamilyRules::Bitcoin(rules) => Some(rules),
            FamilyRules::CryptoNote(_) | FamilyRules::Ethereum(_) => None,
        }
    }

    /// Whether jobs on one template with different tags have different hashes, so that a share can belong to one of
    /// them only.
    pub const fn jobs_differ(&self) -> bool {
        !matches!(self.family, FamilyRules::Ethereum(_))
    }

    /// Whether a block itself can pay many miners. Where it can't, all of it goes to the pool, which then owes them.
    pub const fn block_pays_miners(&self) -> bool {
        matches!(self.family, FamilyRules::Bitcoin(_))
    }
}

impl fmt::Display for ChainSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsidy_halves_and_ends() {
        let rule = SubsidyRule {
            initial: 5_000_000_000,
            halving_interval: 210_000,
        };
        assert_eq!(rule.at(0), 5_000_000_000);
        assert_eq!(rule.at(209_999), 5_000_000_000);
        assert_eq!(rule.at(210_000), 2_500_000_000);
        assert_eq!(rule.at(840_000), 312_500_000);
        assert_eq!(rule.at(33 * 210_000), 0);
        assert_eq!(rule.at(u64::MAX), 0);
    }

    #[test]
    fn eras_pay_four_fifths_of_the_one_before() {
        let rule = EraRule {
            initial: 5_000_000_000,
            blocks: 5_000_000,
        };
        for (height, reward) in [
            (1, 5_000_000_000),
            (5_000_000, 5_000_000_000),
            (5_000_001, 4_000_000_000),
            (10_000_001, 3_200_000_000),
            (20_000_001, 2_048_000_000),
        ] {
            assert_eq!(rule.at(height), reward, "{height}");
        }
        assert_eq!(rule.at(u64::MAX), 0);
    }

    #[test]
    fn network_names_round_trip() {
        for network in [Network::Mainnet, Network::Testnet, Network::Regtest] {
            assert_eq!(network.as_str().parse(), Ok(network));
        }
        assert_eq!("signet".parse::<Network>(), Err(NetworkError("signet".into())));
    }
}
