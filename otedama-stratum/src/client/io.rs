use core::time::Duration;
use std::sync::Arc;

use otedama_hash::Difficulty;

use super::{ClientJob, Solution};
use crate::v1::ErrorCode;

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
        /// The number on the wire; where the language has none, Bitcoin's for the same reason. See
        /// [`ErrorCode`].
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
    /// The server's jobs are for an algorithm that the miner was not configured for.
    #[error("the server's jobs are for {0:?}, which is not among the miner's algorithms")]
    UnknownAlgorithm(String),
    /// The server ended the session.
    #[error("the server ended the session")]
    Farewell,
    /// A line was longer than [`MAX_SERVER_LINE`](super::MAX_SERVER_LINE).
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
    pub(super) fn rejected(tag: u64, code: ErrorCode, message: &str) -> Self {
        Self::Rejected {
            tag,
            code: code.code(),
            message: message.to_owned(),
        }
    }
}
