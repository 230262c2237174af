//! Messages to and from nodes: bytes in, bytes out, no sockets.

pub mod bitcoind;
pub mod monerod;
mod rpc;

pub use rpc::{ReplyError, RpcError};
