//! The client machine: one miner's side of one connection to one pool, without the socket.
//!
//! It configures version rolling, subscribes and authorises, turns `mining.notify` into jobs,
//! matches replies with submitted solutions, and gives up a server that does not answer. The same
//! machine serves later connections to the pool: it then asks to resume its session.

mod handshake;
mod incoming;
mod jobs;
mod machine;
mod pending;

use core::time::Duration;
use std::sync::Arc;

use otedama_hash::{Difficulty, Hash256};

pub use machine::Client;
pub use pending::MAX_PENDING;

use crate::v1::{ErrorCode, ExtranonceBytes};

/// Longest line that a server may send, in bytes.
pub const MAX_SERVER_LINE: usize = 256 * 1024;

/// How many of the newest jobs a solution may be for.
pub const MAX_JOBS: usize = 8;

/// What a client asks of its pool.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientConfig {
    /// Usually "address.worker".
    pub user: String,
    /// Often "x", or options such as "d=1024".
    pub password: String,
    /// The user agent.
    pub agent: String,
    /// Header version bits that the miner could roll; 0 to not ask (BIP 310).
    pub want_version_mask: u32,
    /// A difficulty to suggest once subscribed.
    pub suggest_difficulty: Option<Difficulty>,
    /// How long the server may take to answer a request.
    pub reply_timeout: Duration,
    /// How long the server may take to answer `mining.configure`, which old ones ignore; the client
    /// then goes on without version rolling.
    pub configure_timeout: Duration,
    /// How long the server may say nothing at all.
    pub silence_timeout: Duration,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            user: String::new(),
            password: "x".to_owned(),
            agent: concat!("otedama/", env!("CARGO_PKG_VERSION")).to_owned(),
            want_version_mask: 0x1fff_e000,
            suggest_difficulty: None,
            reply_timeout: Duration::from_secs(20),
            configure_timeout: Duration::from_secs(5),
            silence_timeout: Duration::from_secs(300),
        }
    }
}

/// Something that happened to the client.
#[derive(Debug)]
pub enum ClientInput<'a> {
    /// The connection is up.
    Connected,
    /// Bytes arrived, in any cut.
    Bytes(&'a [u8]),
    /// The connection is gone.
    Closed,
    /// A miner found a share.
    Submit(Solution),
    /// Time passed.
    Tick,
}

/// A share to submit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// The job's id.
    pub job_id: Arc<str>,
    /// As long as the job's `extranonce2_len`.
    pub extranonce2: ExtranonceBytes,
    /// Header time, Unix seconds.
    pub ntime: u32,
    /// Header nonce.
    pub nonce: u32,
    /// The header version's bits under the job's version mask; `None` for the job's own.
    pub version_bits: Option<u32>,
    /// The caller's name for it, given back with the verdict.
    pub tag: u64,
}

/// A job with all that a miner needs to hash it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientJob {
    /// The job's name.
    pub job_id: Arc<str>,
    /// The previous block's hash.
    pub prev_hash: Hash256,
    /// The coinbase transaction's bytes before the extranonce.
    pub coinbase1: Arc<[u8]>,
    /// The coinbase transaction's bytes after the extranonce.
    pub coinbase2: Arc<[u8]>,
    /// Hashes to combine with the coinbase's hash, leaf first.
    pub merkle_branch: Arc<[Hash256]>,
    /// Header version.
    pub version: u32,
    /// Header bits: the network target's compact form.
    pub bits: u32,
    /// Header time, Unix seconds.
    pub ntime: u32,
    /// Whether every older job is void; always so for the first one of a connection.
    pub clean: bool,
    /// The server's part of the extranonce.
    pub extranonce1: ExtranonceBytes,
    /// Bytes of extranonce that the miner appends.
    pub extranonce2_len: usize,
    /// The share difficulty.
    pub difficulty: Difficulty,
    /// Header version bits that may be rolled; 0 if none.
    pub version_mask: u32,
}

/// Something that the driver has to do or may want to know, in the order of its happening.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClientOutput {
    /// Write these whole lines.
    Send(Vec<u8>),
    /// Mine on this.
    Job(Arc<ClientJob>),
    /// The difficulty of the jobs that follow.
    Difficulty(Difficulty),
    /// The server took a solution.
    Accepted {
        /// The solution's tag.
        tag: u64,
        /// Between submission and reply.
        latency: Duration,
    },
    /// The server, or the client itself where it knows better, refused a solution.
    Rejected {
        /// The solution's tag.
        tag: u64,
        /// The number on the wire; see [`ErrorCode`].
        code: i32,
        /// The server's words.
        message: String,
    },
    /// The connection ended before the server answered; it may or may not have taken the solution.
    Unanswered {
        /// The solution's tag.
        tag: u64,
    },
    /// The server wants the client elsewhere. Whether to go there is the driver's decision.
    Reconnect {
        /// Where to; the same host if there is none.
        host: Option<String>,
        /// The port; the same one if there is none.
        port: Option<u16>,
        /// Pause before it.
        wait: Duration,
    },
    /// A text for whoever owns the miner.
    Message(String),
    /// Close the connection. Nothing follows until the next `Connected`.
    Close(ClientClose),
}

/// Why a client gives its connection up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientClose {
    /// No answer to a request in time.
    #[error("no reply to {0} in time")]
    ReplyTimeout(&'static str),
    /// Nothing at all was heard for too long.
    #[error("the server fell silent")]
    Silence,
    /// The subscription failed.
    #[error("subscription refused: {0}")]
    SubscribeRefused(String),
    /// The user was refused.
    #[error("user refused: {0}")]
    Unauthorized(String),
    /// A line was longer than [`MAX_SERVER_LINE`].
    #[error("a line was too long")]
    LineTooLong,
    /// Too many lines in a row made no sense.
    #[error("the server sends no stratum")]
    Garbage,
    /// The driver does not take outputs, or the server sends more than it can.
    #[error("too many messages wait")]
    Overrun,
}

impl ClientOutput {
    fn rejected(tag: u64, code: ErrorCode, message: &str) -> Self {
        Self::Rejected {
            tag,
            code: code.code(),
            message: message.to_owned(),
        }
    }
}
