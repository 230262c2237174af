//! What a server sends, read by the client.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{HelloReply, Job, Protocol, Settings, V1_NAME, V2_NAME, Work};
use crate::v1::args::{Arg, Args, Text, cut};
use crate::v1::dialect::object;
use crate::v1::envelope::{FromServer, MAX_TEXT_LEN, from_server};
use crate::v1::fields;
pub use crate::v1::fields::Subscription;
use crate::v1::hex;
use crate::v1::server_message::reconnect_parts;
use crate::v1::{ExtranonceBytes, Id, Reply, ServerMessageError};

const MAX_ALGORITHM_LEN: usize = 32;

/// One line from a server.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServerMessage<'a> {
    /// The reply to a request of ours.
    Reply(Reply<'a>),
    /// `mining.notify`: a job (1.0.0 and 2.0.0).
    Job(Job<'a>),
    /// A job of eth-proxy: pushed, or the reply to `eth_getWork`. Pools push with any id, so it does not tell.
    Work(Work),
    /// `mining.set_difficulty`, for the jobs that follow (1.0.0), relative to `Algorithm::ETHASH.diff1()`.
    SetDifficulty(otedama_hash::Difficulty),
    /// `mining.set_extranonce`, for the jobs that follow (1.0.0): the first bytes of every nonce, at most 3.
    SetExtranonce(ExtranonceBytes),
    /// `mining.set`, for the jobs that follow (2.0.0).
    Set(Settings<'a>),
    /// `client.reconnect` (1.0.0) or `mining.reconnect` (2.0.0).
    Reconnect {
        /// Where to; the same host if there is none.
        host: Option<Cow<'a, str>>,
        /// The port; the same one if there is none.
        port: Option<u16>,
        /// Pause before it, in seconds, at most an hour.
        wait_s: u32,
        /// Whether the session can be resumed there.
        resume: bool,
    },
    /// `client.show_message`, cut to 512 bytes.
    ShowMessage(Cow<'a, str>),
    /// `client.get_version`.
    GetVersion(Id<'a>),
    /// `mining.bye` (2.0.0): the session is over.
    Bye,
    /// Any other method.
    Unknown {
        /// To be echoed; a call without one wants no reply.
        id: Id<'a>,
        /// The method's name, cut to 512 bytes.
        method: Cow<'a, str>,
    },
}

#[derive(Deserialize)]
struct RawSettings<'a> {
    #[serde(borrow, default)]
    epoch: Option<Text<'a>>,
    #[serde(borrow, default)]
    target: Option<Text<'a>>,
    #[serde(borrow, default)]
    algo: Option<Text<'a>>,
    #[serde(borrow, default)]
    extranonce: Option<Arg<'a>>,
}

#[derive(Deserialize)]
struct RawReconnect<'a> {
    #[serde(borrow, default)]
    host: Option<Text<'a>>,
    #[serde(borrow, default)]
    port: Option<Text<'a>>,
    #[serde(borrow, default)]
    resume: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct RawHello<'a> {
    #[serde(borrow)]
    proto: Text<'a>,
    #[serde(borrow)]
    encoding: Text<'a>,
    #[serde(borrow, default)]
    resume: Option<Text<'a>>,
    #[serde(borrow, default)]
    timeout: Option<Text<'a>>,
    #[serde(borrow, default)]
    maxerrors: Option<Text<'a>>,
    #[serde(borrow, default)]
    node: Option<Text<'a>>,
}

/// Reads one line from a server that speaks `protocol`.
///
/// # Errors
/// When the line is no JSON object or its parameters do not fit its method or the limits.
pub fn parse_server_message(
    protocol: Protocol,
    line: &[u8],
) -> Result<ServerMessage<'_>, ServerMessageError> {
    let (id, call) = match from_server(line)? {
        FromServer::Call(id, call) => (id, call),
        FromServer::Reply(reply) => {
            return match reply.result() {
                Some(list)
                    if protocol == Protocol::Proxy && reply.error.is_none() && list.starts_with('[') =>
                {
                    work(list).map(ServerMessage::Work)
                }
                _ => Ok(ServerMessage::Reply(reply)),
            };
        }
    };
    let args = || call.args().map_err(ServerMessageError);
    match (&*call.method, protocol) {
        ("mining.notify", Protocol::V1) => job(args()?).map(ServerMessage::Job),
        ("mining.notify", Protocol::V2) => short_job(args()?).map(ServerMessage::Job),
        ("mining.set", Protocol::V2) => settings(call.params).map(ServerMessage::Set),
        ("mining.set_difficulty", Protocol::V1) => {
            fields::difficulty(&args()?.take(0)).map(ServerMessage::SetDifficulty)
        }
        ("mining.set_extranonce", Protocol::V1) => {
            let max_len = protocol.max_extranonce_len();
            fields::extranonce(args()?.take(0), max_len).map(ServerMessage::SetExtranonce)
        }
        ("mining.reconnect", Protocol::V2) => reconnect(call.params),
        ("mining.bye", Protocol::V2) => Ok(ServerMessage::Bye),
        ("client.reconnect", _) => {
            let (host, port, wait_s) = reconnect_parts(args()?);
            Ok(ServerMessage::Reconnect {
                host,
                port,
                wait_s,
                resume: false,
            })
        }
        ("client.show_message", _) => fields::message(args()?.take(0)).map(ServerMessage::ShowMessage),
        ("client.get_version", _) => Ok(ServerMessage::GetVersion(id)),
        _ => Ok(ServerMessage::Unknown {
            id,
            method: cut(call.method, MAX_TEXT_LEN),
        }),
    }
}

/// Whether a share, a login or a worker was accepted. In 2.0.0 nothing has to be said for that, and errors from 200 to
/// 299 are remarks.
pub fn is_accepted(protocol: Protocol, reply: &Reply<'_>) -> bool {
    match (protocol, &reply.error) {
        (Protocol::V2, None) => reply.result() != Some("false"),
        (Protocol::V2, Some(error)) => (200..300).contains(&error.code),
        _ => reply.is_true(),
    }
}

/// The result of `mining.hello` (2.0.0); the node's name is cut to 512 bytes.
///
/// # Errors
/// When it is something else, another protocol, or asks for compressed lines.
pub fn hello<'a>(reply: &Reply<'a>) -> Result<HelloReply<Cow<'a, str>>, ServerMessageError> {
    const SHAPE: ServerMessageError = ServerMessageError("hello's result has another shape");
    let raw: RawHello<'a> = reply
        .result()
        .and_then(|json| object(json.as_bytes()))
        .ok_or(SHAPE)?;
    if raw.proto.0 != V2_NAME || raw.encoding.0 != "plain" {
        return Err(ServerMessageError(
            "the server wants another protocol or encoding",
        ));
    }
    let number = |text: Option<Text<'_>>| {
        let number = text.and_then(|Text(text)| hex::number(&text)).unwrap_or(0);
        u32::try_from(number).unwrap_or(u32::MAX)
    };
    Ok(HelloReply {
        resume: number(raw.resume) != 0,
        timeout_s: number(raw.timeout),
        max_errors: number(raw.maxerrors),
        node: cut(
            raw.node.map_or_else(Cow::default, |Text(node)| node),
            MAX_TEXT_LEN,
        ),
    })
}

/// The result of `mining.subscribe` (1.0.0).
///
/// # Errors
/// When it is something else, or another version of the protocol.
pub fn subscription<'a>(reply: &Reply<'a>) -> Result<Subscription<'a>, ServerMessageError> {
    const SHAPE: ServerMessageError = ServerMessageError("subscribe's result has another shape");
    let items: Vec<&'a RawValue> = reply
        .result()
        .and_then(|json| serde_json::from_str(json).ok())
        .ok_or(SHAPE)?;
    let [names, extranonce, ..] = items[..] else {
        return Err(SHAPE);
    };
    let mut names: Args<'a> = serde_json::from_str(names.get()).map_err(|_| SHAPE)?;
    if names.take(2).into_text().as_deref() != Some(V1_NAME) {
        return Err(ServerMessageError(
            "the server does not speak EthereumStratum/1.0.0",
        ));
    }
    let extranonce: Arg<'a> = serde_json::from_str(extranonce.get()).map_err(|_| SHAPE)?;
    Ok(Subscription {
        session: fields::token(names.take(1)),
        extranonce: fields::extranonce(extranonce, Protocol::V1.max_extranonce_len())?,
    })
}

/// The session or the worker's id that a request was answered with (2.0.0): 1 to 64 bytes.
///
/// # Errors
/// When it is something else.
pub fn token<'a>(reply: &Reply<'a>) -> Result<Cow<'a, str>, ServerMessageError> {
    reply
        .result()
        .and_then(|json| serde_json::from_str(json).ok())
        .and_then(fields::token)
        .ok_or(ServerMessageError("expected a name of 1 to 64 bytes"))
}

fn job(mut args: Args<'_>) -> Result<Job<'_>, ServerMessageError> {
    Ok(Job {
        id: fields::job_id(args.take(0))?,
        seed: Some(fields::hash(args.take(1), "seed must be 64 hex digits")?),
        header: fields::hash(args.take(2), "header hash must be 64 hex digits")?,
        height: None,
        clean: args.take(3) != Arg::Bool(false),
    })
}

fn short_job(mut args: Args<'_>) -> Result<Job<'_>, ServerMessageError> {
    let id = fields::job_id(args.take(0))?;
    let height = args.take(1).into_text().and_then(|text| hex::number(&text));
    Ok(Job {
        id,
        seed: None,
        header: fields::hash(args.take(2), "header hash must be 64 hex digits")?,
        height: Some(height.ok_or(ServerMessageError("height must be hex digits"))?),
        clean: args.take(3).into_text().as_deref() != Some("0"),
    })
}

fn work(list: &str) -> Result<Work, ServerMessageError> {
    let mut args: Args<'_> = serde_json::from_str(list).map_err(|_| ServerMessageError("malformed work"))?;
    let target = args.take(2).into_text().and_then(|text| hex::target(&text));
    Ok(Work {
        header: fields::hash(args.take(0), "header hash must be 64 hex digits")?,
        seed: fields::hash(args.take(1), "seed must be 64 hex digits")?,
        target: target.ok_or(ServerMessageError("target must be at most 64 hex digits"))?,
        height: args.take(3).into_text().and_then(|text| hex::number(&text)),
    })
}

fn settings(params: Option<&RawValue>) -> Result<Settings<'_>, ServerMessageError> {
    let raw: RawSettings<'_> = params
        .and_then(|raw| object(raw.get().as_bytes()))
        .ok_or(ServerMessageError("mining.set takes an object of strings"))?;
    let epoch = raw.epoch.map(|Text(text)| {
        hex::number(&text)
            .and_then(|epoch| u32::try_from(epoch).ok())
            .ok_or(ServerMessageError("epoch must be hex digits"))
    });
    let target = raw.target.map(|Text(text)| {
        hex::target(&text).ok_or(ServerMessageError("target must be at most 64 hex digits"))
    });
    if raw
        .algo
        .as_ref()
        .is_some_and(|Text(name)| name.len() > MAX_ALGORITHM_LEN)
    {
        return Err(ServerMessageError("algo is longer than 32 bytes"));
    }
    let extranonce = raw
        .extranonce
        .map(|arg| fields::extranonce(arg, Protocol::V2.max_extranonce_len()));
    Ok(Settings {
        epoch: epoch.transpose()?,
        target: target.transpose()?,
        algorithm: raw.algo.map(|Text(name)| name),
        extranonce: extranonce.transpose()?,
    })
}

fn reconnect(params: Option<&RawValue>) -> Result<ServerMessage<'_>, ServerMessageError> {
    let raw: RawReconnect<'_> = params
        .and_then(|raw| object(raw.get().as_bytes()))
        .ok_or(ServerMessageError("mining.reconnect takes an object of strings"))?;
    let port = raw.port.and_then(|Text(port)| hex::number(&port));
    Ok(ServerMessage::Reconnect {
        host: raw
            .host
            .map(|Text(host)| cut(host, MAX_TEXT_LEN))
            .filter(|host| !host.is_empty()),
        port: port
            .and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port != 0),
        wait_s: 0,
        resume: raw.resume.is_some_and(|Text(resume)| resume == "1"),
    })
}
