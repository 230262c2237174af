//! Where a running program listens, and what its API says.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use super::http::get;

/// The addresses in a ready file.
#[derive(Clone, Debug)]
pub(crate) struct Listening(Value);

impl Listening {
    /// Those of the program that was started in `dir` and is ready.
    pub(crate) fn of(dir: &Path) -> Self {
        let text = std::fs::read_to_string(dir.join("ready.json")).unwrap();
        Self(serde_json::from_str(&text).unwrap())
    }

    /// Where a chain's miners connect.
    pub(crate) fn stratum(&self, chain: usize) -> SocketAddr {
        address(&self.0["stratum"][chain])
    }

    /// Where a chain's nodes may post work.
    pub(crate) fn notify(&self, chain: usize) -> SocketAddr {
        address(&self.0["notify"][chain])
    }

    /// What `/api/status` says of a chain.
    pub(crate) fn chain(&self, chain: usize) -> Value {
        let status: Value = serde_json::from_str(&get(address(&self.0["api"]), "/api/status")).unwrap();
        status["chains"][chain].clone()
    }

    /// What the metrics say is owed to the miners of a coin.
    pub(crate) fn owed(&self, coin: &str) -> i64 {
        let metrics = get(address(&self.0["metrics"]), "/metrics");
        let name = format!("otedama_owed{{coin=\"{coin}\",network=\"regtest\"}} ");
        let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
        value.unwrap().parse().unwrap()
    }

    /// The blocks of a chain that the API lists with this status, by height from below: their heights and hashes.
    pub(crate) fn blocks(&self, chain: usize, status: &str) -> Vec<(u64, String)> {
        let chain = self.chain(chain);
        let listed = chain["blocks"].as_array().unwrap().iter();
        let mut blocks: Vec<_> = listed
            .filter(|block| block["status"] == status)
            .map(|block| {
                let hash = block["hash"].as_str().unwrap().to_owned();
                (block["height"].as_u64().unwrap(), hash)
            })
            .collect();
        blocks.sort();
        blocks
    }
}

fn address(value: &Value) -> SocketAddr {
    value.as_str().unwrap().parse().unwrap()
}
