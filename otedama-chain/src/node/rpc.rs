//! JSON-RPC over HTTP, whichever node it is.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// Longest part of a node's message that is kept.
const MESSAGE_MAX: usize = 300;

/// The body of a call.
pub(super) fn call(jsonrpc: &str, method: &str, params: impl Serialize) -> String {
    #[derive(Serialize)]
    struct Call<'a, P> {
        jsonrpc: &'a str,
        id: &'a str,
        method: &'a str,
        params: P,
    }
    let call = Call {
        jsonrpc,
        id: "otedama",
        method,
        params,
    };
    serde_json::to_string(&call).expect("strings and numbers always serialise")
}

/// What is known of one of a node's error numbers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KnownError {
    code: i32,
    /// What an operator can do about it.
    remedy: &'static str,
    /// Whether the same call may succeed later without anybody doing anything.
    is_transient: bool,
}

impl KnownError {
    pub(super) const fn new(code: i32, is_transient: bool, remedy: &'static str) -> Self {
        Self {
            code,
            remedy,
            is_transient,
        }
    }
}

/// What an operator can do where a kind of node refuses.
#[derive(Debug)]
pub(super) struct Known {
    /// A login that is wrong or missing.
    pub(super) unauthorized: &'static str,
    /// The caller or the call.
    pub(super) forbidden: &'static str,
    /// For want of time.
    pub(super) overloaded: &'static str,
    /// Its error numbers.
    pub(super) errors: &'static [KnownError],
}

/// An error that the node reports for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError {
    /// Its number.
    pub code: i32,
    /// Its text, cut where it is very long.
    pub message: String,
    known: Option<&'static KnownError>,
}

impl RpcError {
    /// What an operator can do about it.
    pub fn remedy(&self) -> Option<&'static str> {
        self.known.map(|known| known.remedy)
    }
}

impl core::fmt::Display for RpcError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the node answers {}: {}", self.code, self.message)?;
        match self.remedy() {
            Some(remedy) => write!(f, " ({remedy})"),
            None => Ok(()),
        }
    }
}

/// Why a reply holds no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// HTTP 401; with what an operator can do, as in the two that follow.
    #[error("the node refuses the login ({0})")]
    Unauthorized(&'static str),
    /// HTTP 403.
    #[error("the node refuses calls from this address or of this method ({0})")]
    Forbidden(&'static str),
    /// HTTP 429 or 503, or a node that says that it is busy.
    #[error("the node is too busy to answer ({0})")]
    Overloaded(&'static str),
    /// The node reports an error.
    #[error("{0}")]
    Rpc(RpcError),
    /// The answer isn't what it should be.
    #[error("unexpected answer (HTTP {status}): {reason}")]
    Malformed {
        /// HTTP status code.
        status: u16,
        /// What is wrong with it.
        reason: String,
    },
}

impl ReplyError {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Overloaded(_) => true,
            Self::Rpc(error) => error.known.is_some_and(|known| known.is_transient),
            _ => false,
        }
    }

    pub(super) fn malformed(status: u16, reason: &str) -> Self {
        Self::Malformed {
            status,
            reason: shortened(reason),
        }
    }
}

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    error: Option<ErrorObject>,
}

#[derive(Deserialize)]
struct ErrorObject {
    code: i32,
    message: String,
}

/// Tells a `null` from a missing key.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The text of the reply's `result`, which may be `null`; `known` is of the node's kind.
pub(super) fn raw_result<'a>(
    known: &'static Known,
    status: u16,
    body: &'a [u8],
) -> Result<&'a str, ReplyError> {
    let reply = match (serde_json::from_slice::<Reply<'_>>(body), status) {
        (Ok(reply), _) => reply,
        (Err(_), 401) => return Err(ReplyError::Unauthorized(known.unauthorized)),
        (Err(_), 403) => return Err(ReplyError::Forbidden(known.forbidden)),
        (Err(_), 429 | 503) => return Err(ReplyError::Overloaded(known.overloaded)),
        (Err(error), _) => return Err(ReplyError::malformed(status, &error.to_string())),
    };
    match (reply.error, reply.result) {
        (Some(error), _) => Err(ReplyError::Rpc(RpcError {
            code: error.code,
            message: shortened(&error.message),
            known: known.errors.iter().find(|known| known.code == error.code),
        })),
        (None, Some(result)) => Ok(result.get()),
        (None, None) => Err(ReplyError::malformed(status, "neither result nor error")),
    }
}

/// The reply's `result` as a `T`.
pub(super) fn result<'a, T: Deserialize<'a>>(
    known: &'static Known,
    status: u16,
    body: &'a [u8],
) -> Result<T, ReplyError> {
    serde_json::from_str(raw_result(known, status, body)?)
        .map_err(|error| ReplyError::malformed(status, &error.to_string()))
}

fn shortened(text: &str) -> String {
    text.chars().take(MESSAGE_MAX).collect()
}
