//! Bodies of JSON-RPC calls, to be sent by HTTP POST.

use otedama_hash::Hash256;
use serde::Serialize;

use crate::ChainSpec;
use crate::node::rpc;

fn call(method: &str, params: impl Serialize) -> String {
    rpc::call("1.0", method, params)
}

#[derive(Serialize)]
struct TemplateRequest<'a> {
    rules: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    longpollid: Option<&'a str>,
}

/// `getblocktemplate` with the rules of `spec`. With `long_poll_id` from the last template the
/// node answers when something changed, which may take minutes (BIP 22, section "Long Polling").
pub fn get_block_template(spec: &ChainSpec, long_poll_id: Option<&str>) -> String {
    call(
        "getblocktemplate",
        [TemplateRequest {
            rules: spec.bitcoin().map_or(&[], |rules| rules.gbt_rules),
            longpollid: long_poll_id,
        }],
    )
}

/// `submitblock` of a raw block.
pub fn submit_block(block: &[u8]) -> String {
    call("submitblock", [const_hex::encode(block)])
}

/// `getblockchaininfo`.
pub fn get_blockchain_info() -> String {
    call("getblockchaininfo", [(); 0])
}

/// `getbestblockhash`.
pub fn get_best_block_hash() -> String {
    call("getbestblockhash", [(); 0])
}

/// `getblockhash` of the block at `height` in the best chain.
pub fn get_block_hash(height: u64) -> String {
    call("getblockhash", [height])
}

/// `getblockheader`, decoded.
pub fn get_block_header(hash: &Hash256) -> String {
    call("getblockheader", (hash.to_string(), true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coins;

    #[test]
    fn calls_as_the_node_reads_them() {
        assert_eq!(
            get_block_template(&coins::btc::REGTEST, None),
            r#"{"jsonrpc":"1.0","id":"otedama","method":"getblocktemplate","params":[{"rules":["segwit"]}]}"#
        );
        assert_eq!(
            get_block_template(&coins::ltc::MAINNET, Some("ab\"12")),
            r#"{"jsonrpc":"1.0","id":"otedama","method":"getblocktemplate","params":[{"rules":["mweb","segwit"],"longpollid":"ab\"12"}]}"#
                .replace("ab\"12", "ab\\\"12")
        );
        assert!(submit_block(&[0xab, 0x01]).ends_with(r#""method":"submitblock","params":["ab01"]}"#));
        assert!(get_best_block_hash().ends_with(r#""method":"getbestblockhash","params":[]}"#));
        assert!(get_blockchain_info().ends_with(r#""method":"getblockchaininfo","params":[]}"#));
        assert!(get_block_hash(7).ends_with(r#""method":"getblockhash","params":[7]}"#));
        let zeros = "0".repeat(64);
        assert!(get_block_header(&Hash256::ZERO).ends_with(&format!(
            r#""method":"getblockheader","params":["{zeros}",true]}}"#
        )));
    }
}
