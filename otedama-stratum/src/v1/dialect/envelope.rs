//! What is around the parameters of a message of Ethash's and KawPow's dialects.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::object;
use crate::v1::args::{Arg, Args, Text, cut};
use crate::v1::{ErrorCode, Id, RequestError};

const MAX_REPLY_LEN: usize = 256;
const MAX_WORKER_LEN: usize = 128;

/// One line, from either side.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) method: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    worker: Option<Arg<'a>>,
}

/// What a miner sends.
pub(super) enum Incoming<'a> {
    /// A call.
    Call(CallParts<'a>),
    /// The answer to something that the server asked: its result if that is a string.
    Reply(Option<Cow<'a, str>>),
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

/// A refusal with the code of whatever is malformed.
pub(super) const fn refuse<'a>(id: Id<'a>, message: &'static str) -> RequestError<'a> {
    RequestError {
        id,
        code: ErrorCode::Other,
        message,
    }
}

/// Reads a miner's line as far as its id and its method.
pub(super) fn incoming(line: &[u8]) -> Result<(Id<'_>, Incoming<'_>), RequestError<'_>> {
    let Some(envelope) = object::<Envelope<'_>>(line) else {
        return Err(refuse(Id::Null, "expected a JSON object"));
    };
    let Some(id) = Id::from_raw(envelope.id) else {
        return Err(refuse(
            Id::Null,
            "id must be null, a number or a string, at most 64 bytes long",
        ));
    };
    let Some(Text(method)) = envelope.method else {
        if envelope.result.is_some() || envelope.error.is_some() {
            return Ok((id, Incoming::Reply(reply_text(envelope.result))));
        }
        return Err(refuse(id, "method is missing"));
    };
    let worker = envelope
        .worker
        .and_then(Arg::into_text)
        .filter(|worker| !worker.is_empty())
        .map(|worker| cut(worker, MAX_WORKER_LEN));
    let call = CallParts {
        method,
        params: envelope.params,
        worker,
    };
    Ok((id, Incoming::Call(call)))
}

fn reply_text(result: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let Text(text) = serde_json::from_str(result?.get()).ok()?;
    Some(cut(text, MAX_REPLY_LEN))
}
