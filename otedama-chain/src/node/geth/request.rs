//! Bodies of JSON-RPC calls, to be sent by HTTP POST with `Content-Type: application/json`.

use serde::Serialize;

use crate::family::ethereum::Solution;
use crate::node::rpc;

fn call(method: &str, params: impl Serialize) -> String {
    rpc::call("2.0", method, params)
}

/// Which block of the best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockAt {
    /// The tip.
    Latest,
    /// The one at this height; the first block is at 0.
    Height(u64),
}

/// `eth_getWork`.
pub fn get_work() -> String {
    call("eth_getWork", [(); 0])
}

/// `eth_submitWork`.
pub fn submit_work(solution: &Solution) -> String {
    let nonce = const_hex::encode_prefixed(solution.seal.nonce.to_be_bytes());
    let [seal_hash, mix] = [solution.seal_hash, solution.seal.mix].map(const_hex::encode_prefixed);
    call("eth_submitWork", [nonce, seal_hash, mix])
}

/// `eth_getBlockByNumber`, with no more than the hashes of the block's transactions.
pub fn get_block(at: BlockAt) -> String {
    let tag = match at {
        BlockAt::Latest => "latest".into(),
        BlockAt::Height(height) => format!("{height:#x}"),
    };
    call("eth_getBlockByNumber", (tag, false))
}

/// `eth_syncing`.
pub fn get_syncing() -> String {
    call("eth_syncing", [(); 0])
}

/// `eth_chainId`.
pub fn get_chain_id() -> String {
    call("eth_chainId", [(); 0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::ethereum::Seal;

    #[test]
    fn calls_as_the_node_reads_them() {
        assert_eq!(
            get_work(),
            r#"{"jsonrpc":"2.0","id":"otedama","method":"eth_getWork","params":[]}"#
        );
        let solution = Solution {
            seal_hash: [0xab; 32],
            seal: Seal {
                nonce: 0x0e06_1fa0,
                mix: [1; 32],
            },
        };
        let params = format!(
            r#""method":"eth_submitWork","params":["0x000000000e061fa0","0x{}","0x{}"]}}"#,
            "ab".repeat(32),
            "01".repeat(32)
        );
        assert!(submit_work(&solution).ends_with(&params));
        for (at, tag) in [
            (BlockAt::Latest, "latest"),
            (BlockAt::Height(0), "0x0"),
            (BlockAt::Height(11_700_000), "0xb28720"),
        ] {
            let params = format!(r#""method":"eth_getBlockByNumber","params":["{tag}",false]}}"#);
            assert!(get_block(at).ends_with(&params), "{tag}");
        }
        for (call, method) in [(get_syncing(), "eth_syncing"), (get_chain_id(), "eth_chainId")] {
            assert!(
                call.ends_with(&format!(r#""method":"{method}","params":[]}}"#)),
                "{method}"
            );
        }
    }
}
