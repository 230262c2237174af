//! Bitcoin Core and what descends from it: JSON-RPC calls, their replies, and ZMQ notifications.

mod auth;
mod header;
mod info;
mod pprpc;
mod reply;
mod request;
mod submit;
mod zmq;

pub use auth::{basic_auth, cookie_auth};
pub use header::{BlockHeader, block_header};
pub use info::{BlockchainInfo, blockchain_info};
pub use pprpc::{PprpcWork, pprpc_outcome, pprpc_work, submit_pprpc};
pub use reply::{block_hash, block_template};
pub use request::{
    get_best_block_hash, get_block_hash, get_block_header, get_block_template, get_blockchain_info,
    submit_block,
};
pub use submit::submit_outcome;
pub use zmq::{HashBlock, ZmqError, hash_block};
