//! The dialect of Monero's miners (xmrig, xmrig-proxy): `login`, `job`, `submit`, `keepalived`.
//!
//! [`parse_request`] and the writers in [`reply`] are the server's side; [`parse_server_message`] and the writers in
//! [`request`] are the client's.

pub mod reply;
pub mod request;
pub mod server_message;
mod target;

use std::borrow::Cow;

pub use reply::Refusal;
pub use request::{Call, Login, Request, Submit, parse_request};
pub use server_message::{Reply, ServerMessage, parse_server_message};
pub use target::{WireTarget, WireTargetError};

pub use crate::v1::{RequestError, ServerMessageError};

/// Longest hashing blob that miners take, in bytes.
pub const MAX_BLOB_LEN: usize = 407;

/// Work for a miner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job<'a> {
    /// The job's name, at most 64 bytes.
    pub id: Cow<'a, str>,
    /// What is hashed. A nonce in it that is not zero asks the miner to leave its last byte alone.
    pub blob: Cow<'a, [u8]>,
    /// What a share's hash has to be below.
    pub target: WireTarget,
    /// Name of the algorithm, such as `rx/0`; empty if the server didn't say.
    pub algorithm: Cow<'a, str>,
    /// Height of the block; 0 if the server didn't say.
    pub height: u64,
    /// The key of the algorithm, if it has one.
    pub seed_hash: Option<[u8; 32]>,
    /// The key that follows, if the server said: RandomX's miners get its memory ready before it counts.
    pub next_seed_hash: Option<[u8; 32]>,
}
