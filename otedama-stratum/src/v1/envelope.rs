//! What is around the parameters of a message, in every dialect.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::args::{Arg, Args, Text, cut};
use super::dialect::object;
use super::{ErrorCode, Id, Reply, Request, RequestError, ServerMessageError};

/// Longest answer of a client that is kept; longer ones are cut.
const MAX_ANSWER_LEN: usize = 256;
/// Longest text from a server that is kept; longer ones are cut.
pub(super) const MAX_TEXT_LEN: usize = 512;
/// Longest name of a machine that a miner sends beside its user.
pub(super) const MAX_WORKER_LEN: usize = 128;

/// One line, from either side.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Text<'a>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    worker: Option<Arg<'a>>,
    /// ckpool's way to refuse.
    #[serde(borrow, default, rename = "reject-reason")]
    reject_reason: Option<Arg<'a>>,
}

/// A call before its parameters are looked at.
pub(super) struct CallParts<'a> {
    pub(super) method: Cow<'a, str>,
    pub(super) params: Option<&'a RawValue>,
    /// The member `worker`, cut to 128 bytes; empty ones are none.
    pub(super) worker: Option<Cow<'a, str>>,
}

impl<'a> CallParts<'a> {
    /// The parameters as a list.
    pub(super) fn args(&self) -> Result<Args<'a>, &'static str> {
        Args::parse(self.params).ok_or("params must be an array")
    }
}

/// Refuses what is neither a call nor an answer.
pub(super) const NO_METHOD: &str = "method is missing";
/// Refuses what is no message at all.
pub(super) const NO_OBJECT: RequestError<'static> = refuse(Id::Null, "expected a JSON object");

/// A refusal with the code of whatever is malformed.
pub(super) const fn refuse<'a>(id: Id<'a>, message: &'static str) -> RequestError<'a> {
    RequestError {
        id,
        code: ErrorCode::Other,
        message,
    }
}

/// Looks into a miner's line: `call` makes a call of the dialect out of one, `answer` out of the answer to something that
/// the server asked, of which it gets the result if that is a string.
pub(super) fn request<'a, C>(
    envelope: Envelope<'a>,
    call: impl FnOnce(CallParts<'a>) -> Result<C, &'static str>,
    answer: impl FnOnce(Option<Cow<'a, str>>) -> Result<C, &'static str>,
) -> Result<Request<'a, C>, RequestError<'a>> {
    let id = Id::from_raw(envelope.id).ok_or(refuse(
        Id::Null,
        "id must be null, a number or a string, at most 64 bytes long",
    ))?;
    let call = match envelope.method {
        Some(Text(method)) => call(CallParts {
            method,
            params: envelope.params,
            worker: envelope
                .worker
                .and_then(Arg::into_text)
                .filter(|worker| !worker.is_empty())
                .map(|worker| cut(worker, MAX_WORKER_LEN)),
        }),
        None if envelope.result.is_some() || envelope.error.is_some() => answer(reply_text(envelope.result)),
        None => Err(NO_METHOD),
    };
    match call {
        Ok(call) => Ok(Request { id, call }),
        Err(message) => Err(refuse(id, message)),
    }
}

fn reply_text(result: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let Text(text) = serde_json::from_str(result?.get()).ok()?;
    Some(cut(text, MAX_ANSWER_LEN))
}

/// What a server sends.
pub(super) enum FromServer<'a> {
    /// The reply to a request.
    Reply(Reply<'a>),
    /// Anything else, with the id to echo.
    Call(Id<'a>, CallParts<'a>),
}

/// Reads a server's line as far as its method.
pub(super) fn from_server(line: &[u8]) -> Result<FromServer<'_>, ServerMessageError> {
    let envelope: Envelope<'_> = object(line).ok_or(ServerMessageError("expected a JSON object"))?;
    let id = Id::from_raw(envelope.id).ok_or(ServerMessageError("id is no number or short string"))?;
    let Some(Text(method)) = envelope.method else {
        let reason = envelope.reject_reason.and_then(Arg::into_text);
        let reason = reason.map(|reason| cut(reason, MAX_TEXT_LEN));
        let reply = Reply::new(id, envelope.result, envelope.error, reason);
        return Ok(FromServer::Reply(reply));
    };
    let call = CallParts {
        method,
        params: envelope.params,
        worker: None,
    };
    Ok(FromServer::Call(id, call))
}
