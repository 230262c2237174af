//! The three protocols of Ethash's miners: `EthereumStratum/1.0.0` (`NiceHash`), `EthereumStratum/2.0.0` (EIP-1571), and
//! eth-proxy.
//!
//! [`parse_request`] and the writers in [`reply`] and [`notify`] are the server's side; [`parse_server_message`] and
//! the writers in [`request`] are the client's. The first line of a miner tells which protocol it speaks:
//! [`Call::protocol`]. Hashes are written in the order of their bytes, targets and nonces most significant first.

mod nonce;
pub mod notify;
pub mod reply;
pub mod request;
pub mod server_message;

use std::borrow::Cow;

use otedama_hash::Target;

pub use nonce::{MinerNonce, MinerNonceError, full_nonce};
pub use notify::Settings;
pub use reply::HelloReply;
pub use request::{Call, Request, Submit, SubmitWork, parse_request};
pub use server_message::{ServerMessage, Subscription, parse_server_message};

use crate::v1::ErrorCode;
pub use crate::v1::RequestError;

/// How miners and servers name `EthereumStratum/1.0.0`.
pub const V1_NAME: &str = "EthereumStratum/1.0.0";
/// How miners and servers name `EthereumStratum/2.0.0`.
pub const V2_NAME: &str = "EthereumStratum/2.0.0";

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `EthereumStratum/1.0.0`: Bitcoin's methods, a difficulty, and a part of the nonce that the server fixes.
    V1,
    /// `EthereumStratum/2.0.0`: the same with sessions, worker ids, a target, and fewer bytes.
    V2,
    /// eth-proxy: a node's `eth_getWork` and `eth_submitWork` over a line, and jobs pushed as results.
    Proxy,
}

impl Protocol {
    /// Most bytes of the nonce that a server may fix.
    pub const fn max_extranonce_len(self) -> usize {
        match self {
            Self::V1 => 3,
            Self::V2 => 6,
            Self::Proxy => 0,
        }
    }

    /// The number that goes with `code` on the wire. EIP-1571 has ranges (3xx: not authorised, 4xx: a bad request)
    /// and a few examples.
    pub const fn error_number(self, code: ErrorCode) -> i32 {
        match (self, code) {
            (Self::Proxy, ErrorCode::Other) => -1,
            (Self::V1 | Self::Proxy, _) => code.code(),
            (Self::V2, ErrorCode::Other) => 400,
            (Self::V2, ErrorCode::Stale) => 404,
            (Self::V2, ErrorCode::LowDifficulty) => 406,
            (Self::V2, ErrorCode::Duplicate) => 409,
            (Self::V2, ErrorCode::Unauthorized) => 301,
            (Self::V2, ErrorCode::NotSubscribed) => 302,
        }
    }
}

/// Work for a miner that speaks `EthereumStratum`, either version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job<'a> {
    /// The job's name, at most 64 bytes; hex digits, because some miners read it as a number.
    pub id: Cow<'a, str>,
    /// Hash of the header without nonce and mix.
    pub header: [u8; 32],
    /// The epoch's seed; only version 1.0.0 carries it.
    pub seed: Option<[u8; 32]>,
    /// Height of the block; only version 2.0.0 carries it.
    pub height: Option<u64>,
    /// Whether every older job is void.
    pub clean: bool,
}

impl Job<'_> {
    /// The same job, borrowing nothing.
    pub fn into_owned(self) -> Job<'static> {
        Job {
            id: Cow::Owned(self.id.into_owned()),
            ..self
        }
    }
}

/// Work for a miner that speaks eth-proxy: what `eth_getWork` is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Hash of the header without nonce and mix; it also names the job.
    pub header: [u8; 32],
    /// The epoch's seed.
    pub seed: [u8; 32],
    /// What a share's hash has to meet.
    pub target: Target,
    /// Height of the block, which nodes add as a fourth item and pools don't.
    pub height: Option<u64>,
}
