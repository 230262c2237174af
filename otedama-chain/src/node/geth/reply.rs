//! What the node answers.

use serde::Deserialize;

use crate::family::ethereum::{Header, quantity};
use crate::node::SubmitOutcome;
use crate::node::rpc::{self, Known, KnownError, ReplyError};

const NO_CALL: KnownError = KnownError::new(
    -32601,
    false,
    "the node lacks this call: does its --http.api name eth and net?",
);
const NODE: Known = Known {
    unauthorized: "is the url the one of --http.port? that of the engine API asks for a token",
    forbidden: "name the host of the url in the node's --http.vhosts",
    overloaded: "ask it less often",
    errors: &[NO_CALL],
};
/// From core-geth's `consensus/ethash`: whatever goes wrong is -32000.
const NODE_AT_WORK: Known = Known {
    errors: &[
        NO_CALL,
        KnownError::new(
            -32000,
            true,
            "does the node mine? start it with --mine and --miner.etherbase, which takes the address that blocks pay, \
             and wait until it has the chain",
        ),
    ],
    ..NODE
};

/// Whether a node has what its peers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncing {
    /// It has the chain, or no peers yet: a node without peers can't tell.
    Done,
    /// It is still downloading.
    Behind {
        /// Height of its tip.
        height: u64,
        /// Height of its peers' tip.
        highest: u64,
    },
}

/// The array that [`Work::parse`](crate::family::ethereum::Work::parse) reads, from the reply to `eth_getWork`.
///
/// # Errors
/// When the node reports an error, as while it doesn't mine.
pub fn work(status: u16, body: &[u8]) -> Result<&[u8], ReplyError> {
    rpc::raw_result(&NODE_AT_WORK, status, body).map(str::as_bytes)
}

/// Reads the reply to `eth_submitWork`.
///
/// The node doesn't say why it refuses a seal. Most reasons are final: the proof of work is wrong, the work is more than
/// seven blocks old, or the node doesn't know it, as after a restart. One passes: core-geth answers the same when its own
/// loop doesn't take the sealed block at once (its log then says "Sealing result is not read by miner"), so a seal that
/// is known to be good is worth sending again.
///
/// An accepted block may still lose to another at its height: whether it is in the chain shows by its
/// [seal hash](Header::seal_hash) there.
///
/// # Errors
/// When the node reports an error, which says nothing about the block, or the reply is malformed.
pub fn submit_outcome(status: u16, body: &[u8]) -> Result<SubmitOutcome, ReplyError> {
    let is_accepted = rpc::result(&NODE_AT_WORK, status, body)?;
    Ok(if is_accepted {
        SubmitOutcome::Accepted
    } else {
        SubmitOutcome::Rejected("the node refuses the seal".into())
    })
}

/// Reads the reply to `eth_getBlockByNumber`. `None` when the chain has no block there yet.
///
/// # Errors
/// When the node reports an error, or the block's header is malformed or not of a known kind.
pub fn block(status: u16, body: &[u8]) -> Result<Option<Header>, ReplyError> {
    match rpc::raw_result(&NODE, status, body)? {
        "null" => Ok(None),
        json => Header::parse(json.as_bytes())
            .map(Some)
            .map_err(|error| ReplyError::malformed(status, &error.to_string())),
    }
}

/// Reads the reply to `eth_chainId`: 61 for Ethereum Classic, 63 for Mordor (EIP-155).
///
/// # Errors
/// When the node reports an error or the reply is malformed.
pub fn chain_id(status: u16, body: &[u8]) -> Result<u64, ReplyError> {
    hex(status, "a chain id", rpc::result(&NODE, status, body)?)
}

/// Reads the reply to `eth_syncing`.
///
/// # Errors
/// When the node reports an error or the reply is malformed.
pub fn syncing(status: u16, body: &[u8]) -> Result<Syncing, ReplyError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Progress<'a> {
        current_block: &'a str,
        highest_block: &'a str,
    }
    let json = rpc::raw_result(&NODE, status, body)?;
    if json == "false" {
        return Ok(Syncing::Done);
    }
    // A list of the fields would be read as well.
    if !json.starts_with('{') {
        return Err(ReplyError::malformed(status, "neither false nor an object"));
    }
    let progress: Progress<'_> =
        serde_json::from_str(json).map_err(|error| ReplyError::malformed(status, &error.to_string()))?;
    Ok(Syncing::Behind {
        height: hex(status, "a height", progress.current_block)?,
        highest: hex(status, "a height", progress.highest_block)?,
    })
}

fn hex(status: u16, what: &str, text: &str) -> Result<u64, ReplyError> {
    quantity(text).ok_or_else(|| ReplyError::malformed(status, &format!("{what} is no hex number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(result: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":"otedama","result":{result}}}"#)
    }

    // As core-geth's api.go, sealer.go and rpc package write them.
    const NO_WORK: &str = r#"{"jsonrpc":"2.0","id":"otedama","error":{"code":-32000,"message":"no mining work available yet"}}"#;
    const NO_METHOD: &str = r#"{"jsonrpc":"2.0","id":"otedama","error":{"code":-32601,"message":"the method eth_getWork does not exist/is not available"}}"#;

    #[test]
    fn the_id_of_a_chain() {
        let read = |result: &str| chain_id(200, answer(result).as_bytes()).ok();
        assert_eq!(read(r#""0x3d""#), Some(61));
        for result in [
            r#""""#,
            r#""0x""#,
            r#""61""#,
            r#""0x10000000000000000""#,
            "61",
            "null",
            "[]",
        ] {
            assert_eq!(read(result), None, "{result}");
        }
    }

    #[test]
    fn what_becomes_of_a_seal() {
        let read = |result: &str| submit_outcome(200, answer(result).as_bytes());
        assert_eq!(read("true"), Ok(SubmitOutcome::Accepted));
        assert_eq!(
            read("false"),
            Ok(SubmitOutcome::Rejected("the node refuses the seal".into()))
        );
        for result in ["null", "1", "\"true\"", "[true]"] {
            assert!(read(result).is_err(), "{result}");
        }
        assert!(submit_outcome(200, NO_METHOD.as_bytes()).is_err());
    }

    #[test]
    fn how_far_a_node_is() {
        let read = |result: &str| syncing(200, answer(result).as_bytes());
        assert_eq!(read("false"), Ok(Syncing::Done));
        let progress = r#"{"currentBlock":"0x10","highestBlock":"0xb28720","startingBlock":"0x0"}"#;
        let behind = Syncing::Behind {
            height: 16,
            highest: 11_700_000,
        };
        assert_eq!(read(progress), Ok(behind));
        for result in [
            "true",
            "null",
            r#"["0x10","0x20"]"#,
            r#"{"currentBlock":"0x10"}"#,
            r#"{"currentBlock":"0x10","highestBlock":"16"}"#,
        ] {
            assert!(read(result).is_err(), "{result}");
        }
    }

    #[test]
    fn a_height_without_a_block() {
        assert_eq!(block(200, answer("null").as_bytes()), Ok(None));
        for result in ["{}", "[]", "\"0x0\"", "true"] {
            assert!(block(200, answer(result).as_bytes()).is_err(), "{result}");
        }
    }

    #[test]
    fn errors_carry_a_remedy() {
        let error = work(200, NO_WORK.as_bytes()).expect_err("an error");
        assert!(error.is_transient());
        let text = error.to_string();
        assert!(text.contains("no mining work available yet"), "{text}");
        assert!(text.contains("--mine and --miner.etherbase"), "{text}");
        let error = work(200, NO_METHOD.as_bytes()).expect_err("an error");
        assert!(!error.is_transient());
        assert!(error.to_string().contains("--http.api"), "{error}");
        // The same number says nothing about mining elsewhere.
        let error = chain_id(200, NO_WORK.as_bytes()).expect_err("an error");
        assert!(
            !error.is_transient() && !error.to_string().contains("--mine"),
            "{error}"
        );
    }

    proptest::proptest! {
        #[test]
        fn outside_bytes_never_panic(status: u16, body: Vec<u8>, result: String) {
            for body in [body, answer(&result).into_bytes(), answer(&format!("{result:?}")).into_bytes()] {
                let _ = work(status, &body);
                let _ = submit_outcome(status, &body);
                let _ = block(status, &body);
                let _ = chain_id(status, &body);
                let _ = syncing(status, &body);
            }
        }
    }
}
