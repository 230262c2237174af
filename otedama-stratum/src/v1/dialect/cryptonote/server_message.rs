//! What a server sends, read by the client.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::request::digits;
use super::{Job, MAX_BLOB_LEN, WireTarget, object};
use crate::v1::Id;
use crate::v1::args::{Arg, Text, cut};

/// Longest text from a server that is kept; longer ones are cut.
const MAX_TEXT_LEN: usize = 512;
const MAX_SESSION_LEN: usize = 64;
const MAX_JOB_ID_LEN: usize = 64;
const MAX_ALGORITHM_LEN: usize = 32;

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

/// A line from a server that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ServerMessageError(&'static str);

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Text<'a>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<ReplyResult<'a>>,
    #[serde(borrow, default)]
    error: Option<ReplyError<'a>>,
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
struct ReplyError<'a> {
    #[serde(borrow, default)]
    message: Option<Text<'a>>,
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
    let envelope: Envelope<'_> = object(line).ok_or(ServerMessageError("malformed message"))?;
    if let Some(Text(method)) = envelope.method {
        if method != "job" {
            return Ok(ServerMessage::Unknown(cut(method, MAX_TEXT_LEN)));
        }
        let params = envelope.params.ok_or(ServerMessageError("a job has no params"))?;
        let raw = object(params.get().as_bytes()).ok_or(ServerMessageError("malformed job"))?;
        return job(raw).map(ServerMessage::Job);
    }
    let id = Id::from_raw(envelope.id).ok_or(ServerMessageError("id is no number or short string"))?;
    let reply = match (envelope.error, envelope.result) {
        (Some(error), _) => {
            let text = error
                .message
                .map_or(Cow::Borrowed("no reason given"), |Text(text)| text);
            Reply::Error(cut(text, MAX_TEXT_LEN))
        }
        (None, Some(result)) => reply(result)?,
        (None, None) => return Err(ServerMessageError("neither method, result nor error")),
    };
    Ok(ServerMessage::Reply { id, reply })
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
        Some(Text(hex)) => Some(digits(&hex).ok_or(ServerMessageError("seed_hash must be 64 hex digits"))?),
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
            .and_then(|hex| digits(&hex)),
    })
}
