//! `chains`: the coins, their nodes and where the pool's own part is paid.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use otedama_chain::coins;
use serde::{Deserialize, Serialize, Serializer};

use super::choice::choice;
use super::{Rewards, Vardiff, duration};

choice! {
    /// Which network of a coin.
    pub enum Network {
        /// The one with value.
        Mainnet = "mainnet",
        /// The public test network.
        Testnet = "testnet",
        /// A private one with trivial difficulty.
        Regtest = "regtest",
    }
}

impl From<Network> for otedama_chain::Network {
    fn from(network: Network) -> Self {
        match network {
            Network::Mainnet => Self::Mainnet,
            Network::Testnet => Self::Testnet,
            Network::Regtest => Self::Regtest,
        }
    }
}

/// One coin that the pool mines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chain {
    /// The coin's symbol: BTC, LTC, XMR, ETC, RVN, or DEV for the embedded development chain.
    pub coin: String,
    /// Which of its networks.
    pub network: Network,
    /// Its nodes, the preferred one first.
    pub nodes: Vec<Node>,
    /// Where the fee and whatever cannot be paid in a coinbase goes. May be empty for DEV only.
    pub payout_address: String,
    /// Text in every coinbase.
    pub coinbase_tag: String,
    /// Outputs that a coinbase has at most.
    pub max_coinbase_outputs: usize,
    /// Smallest amount that an output pays, in the coin's smallest unit.
    pub dust: u64,
    /// Where this chain's miners connect; the first chain's default is `pool.address`.
    pub address: Option<SocketAddr>,
    /// Where this chain's nodes may post new work over HTTP (core-geth's `--miner.notify`), which is faster than asking
    /// for it. Only the nodes should be able to reach it.
    pub notify_address: Option<SocketAddr>,
    /// Overrides `pool.rewards` for this chain.
    pub rewards: Option<Rewards>,
    /// How share difficulty follows a miner's speed on this chain; without it `pool.vardiff`. For RandomX, Ethash
    /// and `KawPow`, whose miners are slower by orders of magnitude, no more than its rate is taken, beside limits that
    /// suit them.
    pub vardiff: Option<Vardiff>,
    /// How often a template is renewed while the block stays the same.
    #[serde(with = "duration")]
    pub template_refresh: Duration,
    /// How often nodes are asked for their state.
    #[serde(with = "duration")]
    pub health_check: Duration,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            coin: coins::btc::MAINNET.symbol.to_owned(),
            network: Network::Mainnet,
            nodes: Vec::new(),
            payout_address: String::new(),
            coinbase_tag: "/Otedama/".to_owned(),
            max_coinbase_outputs: 100,
            dust: 546,
            address: None,
            notify_address: None,
            rewards: None,
            vardiff: None,
            template_refresh: Duration::from_secs(30),
            health_check: Duration::from_secs(10),
        }
    }
}

impl Chain {
    /// The embedded development chain. Its coins are worthless.
    pub fn development() -> Self {
        Self {
            coin: coins::dev::REGTEST.symbol.to_owned(),
            network: Network::Regtest,
            ..Self::default()
        }
    }

    /// The rules of this coin's network; a config that loaded has them for every chain.
    pub fn spec(&self) -> Option<&'static otedama_chain::ChainSpec> {
        coins::find(&self.coin, self.network.into())
    }

    /// Whether this is the embedded development chain, which has no nodes.
    pub fn is_development(&self) -> bool {
        self.coin.eq_ignore_ascii_case(coins::dev::REGTEST.symbol)
    }
}

/// One node of a chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    /// Its JSON-RPC address, `http://host:port`.
    pub url: String,
    /// User of `rpcauth` or `rpcuser`.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// The node's `.cookie` file, instead of user and password.
    pub cookie_file: Option<PathBuf>,
    /// Address of its `zmqpubhashblock`, or monerod's `zmq-pub`: `tcp://host:port`.
    pub zmq_block: Option<String>,
    /// How long a call may take; long polls may take longer.
    #[serde(with = "duration")]
    pub timeout: Duration,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8332".to_owned(),
            user: String::new(),
            password: Secret::default(),
            cookie_file: None,
            zmq_block: None,
            timeout: Duration::from_secs(10),
        }
    }
}

/// Text that no log and no listing shows.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// A secret with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn shown(&self) -> &'static str {
        if self.0.is_empty() { "" } else { "(hidden)" }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.shown(), f)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let node = Node {
            password: Secret::new("hunter2"),
            ..Node::default()
        };
        assert!(!format!("{node:?}").contains("hunter2"));
        assert!(!serde_json::to_string(&node).unwrap().contains("hunter2"));
        assert_eq!(node.password.expose(), "hunter2");
    }
}
