//! What the node answers.

use otedama_hash::Hash256;
use serde::Deserialize;

use crate::node::rpc::{self, Known, KnownError, ReplyError};

const NODE: Known = Known {
    unauthorized: "check rpcuser and rpcpassword, or the cookie file",
    forbidden: "check rpcallowip and rpcwhitelist",
    overloaded: "raise rpcworkqueue, or ask it less often",
    errors: &KNOWN,
};

const KNOWN: [KnownError; 6] = [
    KnownError::new(
        -8,
        false,
        "is this a node of the configured coin, and is it recent enough?",
    ),
    KnownError::new(
        -9,
        true,
        "the node has no peers: check its network connection, or connect it to a node with addnode",
    ),
    KnownError::new(
        -10,
        true,
        "the node is still downloading the chain: wait until it is done; in regtest mine one block first",
    ),
    KnownError::new(
        -22,
        false,
        "the node can't read the block: is it a node of the configured coin?",
    ),
    KnownError::new(-28, true, "the node is starting: it answers in a moment"),
    KnownError::new(
        -32601,
        false,
        "the node lacks this call: is it a full node with mining enabled?",
    ),
];

/// The reply's `result` as a `T`.
pub(super) fn result<'a, T: Deserialize<'a>>(status: u16, body: &'a [u8]) -> Result<T, ReplyError> {
    rpc::result(&NODE, status, body)
}

/// The object that [`Family::parse_template`](crate::Family::parse_template) reads, from the reply
/// to `getblocktemplate`.
///
/// # Errors
/// When the node reports an error or the reply is malformed.
pub fn block_template(status: u16, body: &[u8]) -> Result<&[u8], ReplyError> {
    match rpc::raw_result(&NODE, status, body)? {
        "null" => Err(ReplyError::malformed(status, "no template")),
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
    Hash256::from_display_hex(hex)
        .map_err(|_| ReplyError::malformed(status, "a block hash is not 64 hex digits"))
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
        assert_eq!(
            block_hash(401, b""),
            Err(ReplyError::Unauthorized(NODE.unauthorized))
        );
        assert_eq!(block_hash(403, b""), Err(ReplyError::Forbidden(NODE.forbidden)));
        assert_eq!(
            block_hash(503, b"Work queue depth exceeded"),
            Err(ReplyError::Overloaded(NODE.overloaded))
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
