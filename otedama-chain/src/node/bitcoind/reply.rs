//! What a node's HTTP server answers.

use otedama_hash::Hash256;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Longest part of a node's message that is kept.
const MESSAGE_MAX: usize = 300;

/// An error that the node reports for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError {
    /// Its number.
    pub code: i32,
    /// Its text, cut where it is very long.
    pub message: String,
}

impl RpcError {
    /// What an operator can do about it.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self.code {
            -8 => "is this a node of the configured coin, and is it recent enough?",
            -9 => "the node has no peers: check its network connection, or connect it to a node with addnode",
            -10 => {
                "the node is still downloading the chain: wait until it is done; in regtest mine one block first"
            }
            -22 => "the node can't read the block: is it a node of the configured coin?",
            -28 => "the node is starting: it answers in a moment",
            -32601 => "the node lacks this call: is it a full node with mining enabled?",
            _ => return None,
        })
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
    /// HTTP 401.
    #[error("the node refuses the user and password; check rpcuser and rpcpassword, or the cookie file")]
    Unauthorized,
    /// HTTP 403.
    #[error("the node refuses calls from this address or of this method; check rpcallowip and rpcwhitelist")]
    Forbidden,
    /// HTTP 429 or 503.
    #[error("the node's queue of calls is full; raise rpcworkqueue, or ask less often")]
    Overloaded,
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
            Self::Overloaded => true,
            Self::Rpc(error) => matches!(error.code, -9 | -10 | -28),
            _ => false,
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

/// The text of the reply's `result`, which may be `null`.
pub(super) fn raw_result(status: u16, body: &[u8]) -> Result<&str, ReplyError> {
    let malformed = |reason: &str| ReplyError::Malformed {
        status,
        reason: shortened(reason),
    };
    let reply = match (serde_json::from_slice::<Reply<'_>>(body), status) {
        (Ok(reply), _) => reply,
        (Err(_), 401) => return Err(ReplyError::Unauthorized),
        (Err(_), 403) => return Err(ReplyError::Forbidden),
        (Err(_), 429 | 503) => return Err(ReplyError::Overloaded),
        (Err(error), _) => return Err(malformed(&error.to_string())),
    };
    match (reply.error, reply.result) {
        (Some(error), _) => Err(ReplyError::Rpc(RpcError {
            code: error.code,
            message: shortened(&error.message),
        })),
        (None, Some(result)) => Ok(result.get()),
        (None, None) => Err(malformed("neither result nor error")),
    }
}

/// The reply's `result` as a `T`.
pub(super) fn result<'a, T: Deserialize<'a>>(status: u16, body: &'a [u8]) -> Result<T, ReplyError> {
    serde_json::from_str(raw_result(status, body)?).map_err(|error| ReplyError::Malformed {
        status,
        reason: shortened(&error.to_string()),
    })
}

/// The object that [`Family::parse_template`](crate::Family::parse_template) reads, from the reply
/// to `getblocktemplate`.
///
/// # Errors
/// When the node reports an error or the reply is malformed.
pub fn block_template(status: u16, body: &[u8]) -> Result<&[u8], ReplyError> {
    match raw_result(status, body)? {
        "null" => Err(ReplyError::Malformed {
            status,
            reason: "no template".into(),
        }),
        object => Ok(object.as_bytes()),
    }
}

/// The hash, from the reply to `getbestblockhash` or `getblockhash`.
///
/// # Errors
/// When the node reports an error or the reply is malformed.
pub fn block_hash(status: u16, body: &[u8]) -> Result<Hash256, ReplyError> {
    let hex: &str = result(status, body)?;
    hash(status, hex)
}

pub(super) fn hash(status: u16, hex: &str) -> Result<Hash256, ReplyError> {
    Hash256::from_display_hex(hex).map_err(|_| ReplyError::Malformed {
        status,
        reason: "a block hash is not 64 hex digits".into(),
    })
}

fn shortened(text: &str) -> String {
    text.chars().take(MESSAGE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_of_each_kind() {
        let hash = "0865a90989a2b4d0d1f64312a5dda6cd1ffc08a2bae8f6a274db4404c32c2c52";
        let body = format!(r#"{{"result":"{hash}","error":null,"id":"otedama"}}"#);
        assert_eq!(
            block_hash(200, body.as_bytes()).map(|h| h.to_string()),
            Ok(hash.into())
        );
        assert_eq!(
            block_template(200, br#"{"result":{"height": 1},"error":null,"id":1}"#),
            Ok(&br#"{"height": 1}"#[..])
        );
        for body in [
            &b"{}"[..],
            br#"{"result":null,"error":null}"#,
            b"[]",
            b"",
            b"\xff",
            br#"{"result":7}"#,
        ] {
            assert!(
                matches!(block_hash(200, body), Err(ReplyError::Malformed { .. })),
                "{body:?}"
            );
        }
        assert!(block_template(200, br#"{"result":null,"error":null}"#).is_err());
    }

    #[test]
    fn refusals_of_the_http_server() {
        assert_eq!(block_hash(401, b""), Err(ReplyError::Unauthorized));
        assert_eq!(block_hash(403, b""), Err(ReplyError::Forbidden));
        assert_eq!(
            block_hash(503, b"Work queue depth exceeded"),
            Err(ReplyError::Overloaded)
        );
        assert!(matches!(
            block_hash(404, b"x"),
            Err(ReplyError::Malformed { status: 404, .. })
        ));
    }

    #[test]
    fn errors_carry_a_remedy() {
        let error = |code: i32| {
            let body = format!(r#"{{"result":null,"error":{{"code":{code},"message":"why"}},"id":1}}"#);
            block_template(500, body.as_bytes()).expect_err("an error")
        };
        for (code, transient, word) in [
            (-8, false, "configured coin"),
            (-9, true, "no peers"),
            (-10, true, "downloading"),
            (-28, true, "starting"),
            (-32601, false, "full node"),
        ] {
            let error = error(code);
            assert_eq!(error.is_transient(), transient, "{error}");
            assert!(error.to_string().contains(word), "{error}");
            assert!(error.to_string().contains("why"), "{error}");
        }
        assert_eq!(error(-1).to_string(), "the node answers -1: why");
        // As JSON-RPC 2.0 has it: no result beside an error.
        let body = br#"{"jsonrpc":"2.0","error":{"code":-9,"message":"x"},"id":1}"#;
        assert!(matches!(block_hash(200, body), Err(ReplyError::Rpc(_))));
    }

    proptest::proptest! {
        #[test]
        fn outside_bytes_never_panic(status: u16, body: Vec<u8>) {
            let _ = block_hash(status, &body);
            let _ = block_template(status, &body);
        }
    }
}
