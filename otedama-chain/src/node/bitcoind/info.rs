//! Whether a node serves the right chain.

use otedama_hash::Hash256;
use serde::Deserialize;

use super::reply;
use crate::node::ReplyError;

/// What a node says about its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockchainInfo {
    /// Its name for the network, such as `main` or `regtest`.
    pub chain: String,
    /// Height of its tip.
    pub height: u64,
    /// Height of the best header it knows.
    pub headers: u64,
    /// Its tip.
    pub best_block_hash: Hash256,
    /// Whether it is still downloading the chain.
    pub initial_block_download: bool,
}

#[derive(Deserialize)]
struct Raw<'a> {
    chain: String,
    blocks: u64,
    headers: u64,
    bestblockhash: &'a str,
    #[serde(default)]
    initialblockdownload: bool,
}

/// Reads the reply to `getblockchaininfo`.
///
/// # Errors
/// When the node reports an error or the reply is malformed.
pub fn blockchain_info(status: u16, body: &[u8]) -> Result<BlockchainInfo, ReplyError> {
    let raw: Raw<'_> = reply::result(status, body)?;
    Ok(BlockchainInfo {
        chain: raw.chain.chars().take(32).collect(),
        height: raw.blocks,
        headers: raw.headers,
        best_block_hash: reply::hash(status, raw.bestblockhash)?,
        initial_block_download: raw.initialblockdownload,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_of_the_right_and_the_wrong_network() {
        let body = br#"{"result":{"chain":"regtest","blocks":113,"headers":114,
            "bestblockhash":"7a1dc949eb8d08ead732926d0b23d2cb66d00492131b7a11d2a53b6c46e15eba",
            "bits":"207fffff","difficulty":4.6e-10,"initialblockdownload":true,"warnings":[]},"error":null,"id":1}"#;
        let info = blockchain_info(200, body).expect("well-formed");
        assert_eq!(
            (info.height, info.headers, info.initial_block_download),
            (113, 114, true)
        );
        assert_eq!(info.chain, "regtest");
    }
}
