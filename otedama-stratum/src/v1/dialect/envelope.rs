//! What is around the parameters of a message, in every dialect but Bitcoin's.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::object;
use crate::v1::args::{Arg, Args, Text, cut};
use crate::v1::request::{BAD_ID, NO_METHOD, reply_text};
use crate::v1::{ErrorCode, Id, Reply, Request, RequestError, ServerMessageError};

/// Longest name of a machine that a miner sends beside its user.
pub(super) const MAX_WORKER_LEN: usize = 128;

/// One line, from either side.
#[derive(Deserialize)]
struct Envelope<'a> {
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

/// Reads a miner's line: `call` makes a call of the dialect out of one, `answer` out of the answer to something that
/// the server asked, of which it gets the result if that is a string.
pub(super) fn request<'a, C>(
    line: &'a [u8],
    call: impl FnOnce(CallParts<'a>) -> Result<C, &'static str>,
    answer: impl FnOnce(Option<Cow<'a, str>>) -> Result<C, &'static str>,
) -> Result<Request<'a, C>, RequestError<'a>> {
    let refuse = |id, message| RequestError {
        id,
        code: ErrorCode::Other,
        message,
    };
    let Some(envelope) = object::<Envelope<'_>>(line) else {
        return Err(refuse(Id::Null, "expected a JSON object"));
    };
    let id = Id::from_raw(envelope.id).ok_or(refuse(Id::Null, BAD_ID))?;
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
    Ok(match envelope.method {
        Some(Text(method)) => FromServer::Call(
            id,
            CallParts {
                method,
                params: envelope.params,
                worker: None,
            },
        ),
        None => FromServer::Reply(Reply::new(id, envelope.result, envelope.error, None)),
    })
}
