//! What a server sends, read by the client.

mod notify;
mod reply;

use std::borrow::Cow;

use otedama_hash::Difficulty;

use super::args::{Arg, Args, Text, hex_u32, short_hex_u32};
use super::envelope::{FromServer, MAX_TEXT_LEN, from_server};
use super::{ExtranonceBytes, Id, fields};

pub use notify::{MAX_COINBASE_PART_LEN, MAX_MERKLE_BRANCH_LEN, Notify};
pub use reply::{ConfigureAnswer, Reply, ReplyError, SubscribeAnswer};

/// Longest pause before a reconnect that a server may ask for, in seconds.
const MAX_RECONNECT_WAIT_S: u32 = 3600;

/// One line from a server.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServerMessage<'a> {
    /// The reply to a request of ours.
    Reply(Reply<'a>),
    /// `mining.notify`: a job.
    Notify(Notify<'a>),
    /// `mining.set_difficulty`, for the jobs that follow.
    SetDifficulty(Difficulty),
    /// `mining.set_extranonce`, for the jobs that follow.
    SetExtranonce {
        /// The server's part.
        extranonce1: ExtranonceBytes,
        /// Bytes that the client appends.
        extranonce2_len: usize,
    },
    /// `mining.set_version_mask` (BIP 310).
    SetVersionMask(u32),
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
    /// `mining.ping`.
    Ping(Id<'a>),
    /// Any other method.
    Unknown {
        /// To be echoed; a call without one wants no reply.
        id: Id<'a>,
        /// The method's name, cut to 512 bytes.
        method: Cow<'a, str>,
    },
}

/// A line from a server that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ServerMessageError(pub(super) &'static str);

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
        "mining.notify" => Notify::parse(call.params).map(ServerMessage::Notify),
        "mining.set_difficulty" => fields::difficulty(&args()?.take(0)).map(ServerMessage::SetDifficulty),
        "mining.set_extranonce" => set_extranonce(args()?),
        "mining.set_version_mask" => args()?
            .take(0)
            .into_text()
            .and_then(|hex| short_hex_u32(&hex))
            .map(ServerMessage::SetVersionMask)
            .ok_or(ServerMessageError("version mask must be hex digits")),
        "client.reconnect" => {
            let (host, port, wait_s) = reconnect_parts(args()?);
            Ok(ServerMessage::Reconnect { host, port, wait_s })
        }
        "client.show_message" => fields::message(args()?.take(0)).map(ServerMessage::ShowMessage),
        "client.get_version" => Ok(ServerMessage::GetVersion(id)),
        "mining.ping" => Ok(ServerMessage::Ping(id)),
        _ => Ok(ServerMessage::Unknown {
            id,
            method: cut(call.method),
        }),
    }
}

fn set_extranonce(mut args: Args<'_>) -> Result<ServerMessage<'_>, ServerMessageError> {
    let extranonce1 = args.take(0).into_text();
    let (extranonce1, extranonce2_len) = extranonce_pair(extranonce1.as_deref(), &args.take(1))?;
    Ok(ServerMessage::SetExtranonce {
        extranonce1,
        extranonce2_len,
    })
}

/// Checks the two halves of an extranonce against the limits.
fn extranonce_pair(
    extranonce1: Option<&str>,
    extranonce2_len: &Arg<'_>,
) -> Result<(ExtranonceBytes, usize), ServerMessageError> {
    let extranonce1 = extranonce1
        .and_then(|hex| ExtranonceBytes::from_hex(hex).ok())
        .ok_or(ServerMessageError(
            "extranonce1 must be hex digits of at most 16 bytes",
        ))?;
    let extranonce2_len = extranonce2_len
        .as_whole(ExtranonceBytes::MAX_LEN as u32)
        .ok_or(ServerMessageError("extranonce2 length must be 0 to 16"))?;
    Ok((extranonce1, extranonce2_len as usize))
}

/// Host, port and pause of `client.reconnect`, as far as they make sense.
pub(super) fn reconnect_parts(mut args: Args<'_>) -> (Option<Cow<'_, str>>, Option<u16>, u32) {
    let host = args.take(0).into_text().filter(|host| !host.is_empty()).map(cut);
    let port = args
        .take(1)
        .as_whole(u16::MAX.into())
        .filter(|port| *port != 0)
        .map(|port| port as u16);
    let wait_s = args
        .take(2)
        .as_whole(u32::MAX)
        .unwrap_or(0)
        .min(MAX_RECONNECT_WAIT_S);
    (host, port, wait_s)
}

fn cut(text: Cow<'_, str>) -> Cow<'_, str> {
    super::args::cut(text, MAX_TEXT_LEN)
}

fn header_field(text: &Text<'_>, message: &'static str) -> Result<u32, ServerMessageError> {
    hex_u32(&text.0).ok_or(ServerMessageError(message))
}
