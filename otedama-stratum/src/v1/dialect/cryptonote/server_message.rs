//! What a server sends, read by the client.

use std::borrow::Cow;

use serde::Deserialize;

use super::request::MAX_ALGORITHM_LEN;
use super::{Job, MAX_BLOB_LEN, WireTarget};
use crate::v1::args::{Arg, Text, cut, hex_bytes};
use crate::v1::dialect::object;
use crate::v1::envelope::{FromServer, MAX_TEXT_LEN, from_server};
use crate::v1::fields::{MAX_JOB_ID_LEN, MAX_SESSION_LEN};
use crate::v1::{self, Id, ServerMessageError};

/// One line from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerMessage<'a> {
    /// The reply to a request of ours.
    Reply {
        /// The request's.
        id: Id<'a>,
        /// What it says.
        reply: Reply<'a>,
    },
    /// `job`.
    Job(Job<'a>),
    /// Any other method, its name cut to 512 bytes.
    Unknown(Cow<'a, str>),
}

/// What a reply says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// The answer to `login`.
    Login {
        /// To be named in shares.
        session: Cow<'a, str>,
        /// The first job.
        job: Box<Job<'a>>,
    },
    /// A status, such as `OK` and `KEEPALIVED`, cut to 512 bytes.
    Status(Cow<'a, str>),
    /// An error's text, cut to 512 bytes.
    Error(Cow<'a, str>),
}

#[derive(Deserialize)]
struct ReplyResult<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    job: Option<RawJob<'a>>,
    #[serde(borrow, default)]
    status: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct RawJob<'a> {
    #[serde(borrow)]
    blob: Text<'a>,
    #[serde(borrow)]
    job_id: Text<'a>,
    #[serde(borrow)]
    target: Text<'a>,
    #[serde(borrow, default)]
    algo: Option<Text<'a>>,
    #[serde(default)]
    height: Option<u64>,
    #[serde(borrow, default)]
    seed_hash: Option<Text<'a>>,
    #[serde(borrow, default)]
    next_seed_hash: Option<Arg<'a>>,
}

/// Reads one line from a server.
///
/// # Errors
/// When the line is no JSON object, or what it says does not fit its kind or the limits.
pub fn parse_server_message(line: &[u8]) -> Result<ServerMessage<'_>, ServerMessageError> {
    match from_server(line)? {
        FromServer::Call(_, call) if call.method == "job" => {
            let params = call.params.ok_or(ServerMessageError("a job has no params"))?;
            let raw = object(params.get().as_bytes()).ok_or(ServerMessageError("malformed job"))?;
            job(raw).map(ServerMessage::Job)
        }
        FromServer::Call(_, call) => Ok(ServerMessage::Unknown(cut(call.method, MAX_TEXT_LEN))),
        FromServer::Reply(v1::Reply {
            id,
            error: Some(error),
            ..
        }) => Ok(ServerMessage::Reply {
            id,
            reply: Reply::Error(error.message),
        }),
        FromServer::Reply(answer) => {
            let result = answer
                .result()
                .ok_or(ServerMessageError("neither method, result nor error"))?;
            let result = object(result.as_bytes()).ok_or(ServerMessageError("malformed result"))?;
            Ok(ServerMessage::Reply {
                id: answer.id,
                reply: reply(result)?,
            })
        }
    }
}

fn reply(result: ReplyResult<'_>) -> Result<Reply<'_>, ServerMessageError> {
    let Some(raw) = result.job else {
        let Text(status) = result.status.ok_or(ServerMessageError("a reply has no status"))?;
        return Ok(Reply::Status(cut(status, MAX_TEXT_LEN)));
    };
    let session = result.id.map_or_else(Cow::default, |Text(id)| id);
    if session.len() > MAX_SESSION_LEN {
        return Err(ServerMessageError("the session's id is longer than 64 bytes"));
    }
    let job = Box::new(job(raw)?);
    Ok(Reply::Login { session, job })
}

fn job(raw: RawJob<'_>) -> Result<Job<'_>, ServerMessageError> {
    let algorithm = raw.algo.map_or_else(Cow::default, |Text(name)| name);
    if raw.job_id.0.len() > MAX_JOB_ID_LEN || algorithm.len() > MAX_ALGORITHM_LEN {
        return Err(ServerMessageError("job_id or algo is too long"));
    }
    if raw.blob.0.len() > 2 * MAX_BLOB_LEN {
        return Err(ServerMessageError("a blob is longer than 407 bytes"));
    }
    let blob =
        const_hex::decode(raw.blob.0.as_bytes()).map_err(|_| ServerMessageError("a blob is not hex"))?;
    let seed_hash = match raw.seed_hash {
        None => None,
        Some(Text(hex)) if hex.is_empty() => None,
        Some(Text(hex)) => {
            Some(hex_bytes(&hex).ok_or(ServerMessageError("seed_hash must be 64 hex digits"))?)
        }
    };
    Ok(Job {
        id: raw.job_id.0,
        blob: Cow::Owned(blob),
        target: WireTarget::from_hex(&raw.target.0)
            .map_err(|_| ServerMessageError("a target is malformed"))?,
        algorithm,
        height: raw.height.unwrap_or(0),
        seed_hash,
        // A hint that can't be read is no reason to lose the job.
        next_seed_hash: raw
            .next_seed_hash
            .and_then(Arg::into_text)
            .and_then(|hex| hex_bytes(&hex)),
    })
}
