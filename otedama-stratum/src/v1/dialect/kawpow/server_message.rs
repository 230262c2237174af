//! What a server sends, read by the client.

use std::borrow::Cow;

use otedama_hash::{Difficulty, Target};

use super::{Job, MAX_EXTRANONCE_LEN};
use crate::v1::args::{Arg, Args, cut, hex_u32};
use crate::v1::envelope::{FromServer, MAX_TEXT_LEN, from_server};
use crate::v1::fields;
pub use crate::v1::fields::Subscription;
use crate::v1::hex;
use crate::v1::server_message::reconnect_parts;
use crate::v1::{ExtranonceBytes, Id, Reply, ServerMessageError};

/// One line from a server.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServerMessage<'a> {
    /// The reply to a request of ours; [`subscription`] reads that to `mining.subscribe`.
    Reply(Reply<'a>),
    /// `mining.notify`: a job.
    Job(Job<'a>),
    /// `mining.set_target`, for the jobs that follow. Jobs carry their own as well.
    SetTarget(Target),
    /// `mining.set_difficulty`, for the jobs that follow. Jobs carry their own target as well.
    SetDifficulty(Difficulty),
    /// `mining.set_extranonce`, for the jobs that follow: the first bytes of every nonce, at most 4.
    SetExtranonce(ExtranonceBytes),
    /// `client.reconnect`.
    Reconnect {
        /// Where to; the same host if there is none.
        host: Option<Cow<'a, str>>,
        /// The port; the same one if there is none.
        port: Option<u16>,
        /// Pause before it, in seconds, at most an hour.
        wait_s: u32,
    },
    /// `client.show_message`, cut to 512 bytes.
    ShowMessage(Cow<'a, str>),
    /// `client.get_version`.
    GetVersion(Id<'a>),
    /// Any other method.
    Unknown {
        /// To be echoed; a call without one wants no reply.
        id: Id<'a>,
        /// The method's name, cut to 512 bytes.
        method: Cow<'a, str>,
    },
}

/// Reads one line from a server.
///
/// # Errors
/// When the line is no JSON object or its parameters do not fit its method or the limits.
pub fn parse_server_message(line: &[u8]) -> Result<ServerMessage<'_>, ServerMessageError> {
    let (id, call) = match from_server(line)? {
        FromServer::Reply(reply) => return Ok(ServerMessage::Reply(reply)),
        FromServer::Call(id, call) => (id, call),
    };
    let args = || call.args().map_err(ServerMessageError);
    match &*call.method {
        "mining.notify" => job(args()?).map(ServerMessage::Job),
        "mining.set_target" => args()?
            .take(0)
            .into_text()
            .and_then(|text| hex::target(&text))
            .map(ServerMessage::SetTarget)
            .ok_or(ServerMessageError("target must be at most 64 hex digits")),
        "mining.set_difficulty" => fields::difficulty(&args()?.take(0)).map(ServerMessage::SetDifficulty),
        "mining.set_extranonce" => {
            fields::extranonce(args()?.take(0), MAX_EXTRANONCE_LEN).map(ServerMessage::SetExtranonce)
        }
        "client.reconnect" => {
            let (host, port, wait_s) = reconnect_parts(args()?);
            Ok(ServerMessage::Reconnect { host, port, wait_s })
        }
        "client.show_message" => fields::message(args()?.take(0)).map(ServerMessage::ShowMessage),
        "client.get_version" => Ok(ServerMessage::GetVersion(id)),
        _ => Ok(ServerMessage::Unknown {
            id,
            method: cut(call.method, MAX_TEXT_LEN),
        }),
    }
}

/// The result of `mining.subscribe`: the session or null, and the extranonce.
///
/// # Errors
/// When it is something else, or the extranonce is longer than 4 bytes.
pub fn subscription<'a>(reply: &Reply<'a>) -> Result<Subscription<'a>, ServerMessageError> {
    const SHAPE: ServerMessageError = ServerMessageError("subscribe's result has another shape");
    let result = reply
        .result()
        .filter(|result| result.starts_with('['))
        .ok_or(SHAPE)?;
    let mut args: Args<'a> = serde_json::from_str(result).map_err(|_| SHAPE)?;
    Ok(Subscription {
        session: fields::token(args.take(0)),
        extranonce: fields::extranonce(args.take(1), MAX_EXTRANONCE_LEN)?,
    })
}

fn job(mut args: Args<'_>) -> Result<Job<'_>, ServerMessageError> {
    let id = fields::job_id(args.take(0))?;
    let header = fields::hash(args.take(1), "header hash must be 64 hex digits")?;
    let seed = fields::hash(args.take(2), "seed must be 64 hex digits")?;
    let target = args.take(3).into_text().and_then(|text| hex::target(&text));
    let clean = args.take(4) != Arg::Bool(false);
    let height = args.take(5).as_whole(u32::MAX);
    // xmrig does without, so servers may too.
    let bits = match args.take(6) {
        Arg::Null => None,
        arg => Some(
            arg.into_text()
                .and_then(|text| hex_u32(hex::digits(&text)))
                .ok_or(ServerMessageError("bits must be 8 hex digits"))?,
        ),
    };
    Ok(Job {
        id,
        header,
        seed,
        target: target.ok_or(ServerMessageError("target must be at most 64 hex digits"))?,
        clean,
        height: height.ok_or(ServerMessageError("height must be a whole number"))?,
        bits,
    })
}
