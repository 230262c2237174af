//! Messages to and from nodes: bytes in, bytes out, no sockets.

pub mod bitcoind;
pub mod geth;
mod identity;
pub mod monerod;
mod outcome;
mod rpc;

pub use identity::{ChainMismatch, check_genesis, check_network};
pub use outcome::SubmitOutcome;
pub use rpc::{ReplyError, RpcError};
