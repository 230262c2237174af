//! Bodies of JSON-RPC calls, to be sent by HTTP POST to `/json_rpc`.

use serde::Serialize;

use crate::node::rpc;

fn call(method: &str, params: impl Serialize) -> String {
    rpc::call("2.0", method, params)
}

#[derive(Serialize)]
struct TemplateRequest<'a> {
    wallet_address: &'a str,
    reserve_size: u8,
}

/// `get_block_template` of a block that pays `address`, which is no subaddress, with so many bytes for the pool.
///
/// The node reserves up to 255, but from 128 on its `reserved_offset` is one too low: it points into the length that
/// stands before them, which has two bytes then (seen with 0.18.5). Such a template is refused where it is read.
pub fn get_block_template(address: &str, reserve_size: u8) -> String {
    call(
        "get_block_template",
        TemplateRequest {
            wallet_address: address,
            reserve_size,
        },
    )
}

/// `get_miner_data`: what is needed to mine the next block, without a block.
pub fn get_miner_data() -> String {
    call("get_miner_data", [(); 0])
}

/// `submit_block` of a whole block.
pub fn submit_block(block: &[u8]) -> String {
    call("submit_block", [const_hex::encode(block)])
}

/// `get_info`.
pub fn get_info() -> String {
    call("get_info", [(); 0])
}

#[derive(Serialize)]
struct HeightRequest {
    height: u64,
}

/// `get_block_header_by_height` of the best chain.
pub fn get_block_header_by_height(height: u64) -> String {
    call("get_block_header_by_height", HeightRequest { height })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_as_the_node_reads_them() {
        assert_eq!(
            get_block_template("4abc", 17),
            r#"{"jsonrpc":"2.0","id":"otedama","method":"get_block_template","params":{"wallet_address":"4abc","reserve_size":17}}"#
        );
        assert!(submit_block(&[0xab, 1]).ends_with(r#""method":"submit_block","params":["ab01"]}"#));
        assert!(get_miner_data().ends_with(r#""method":"get_miner_data","params":[]}"#));
        assert!(get_info().ends_with(r#""method":"get_info","params":[]}"#));
        assert!(
            get_block_header_by_height(7)
                .ends_with(r#""method":"get_block_header_by_height","params":{"height":7}}"#)
        );
    }
}
