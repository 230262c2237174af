//! Monero's node: JSON-RPC calls to `/json_rpc`, their replies, and ZMQ publications.

mod reply;
mod request;
mod zmq;

pub use reply::{BlockHeader, NodeInfo, block_header, block_template, miner_data, node_info, submit_outcome};
pub use request::{get_block_header_by_height, get_block_template, get_info, get_miner_data, submit_block};
pub use zmq::{MinerData, NewBlocks, Publication, ZmqError, publication};

use otedama_hash::Hash256;
use serde::{Deserialize, Deserializer, de};

/// A block's id or a key, which the node shows in the order of its bytes.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let hex = <&str>::deserialize(deserializer)?;
    Hash256::from_display_hex(hex)
        .map(|hash| {
            let mut bytes = hash.to_le_bytes();
            bytes.reverse();
            bytes
        })
        .map_err(|_| de::Error::custom("an id is not 64 hex digits"))
}
