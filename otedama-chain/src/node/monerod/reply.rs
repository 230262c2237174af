//! What the node answers.

use serde::Deserialize;

use super::{MinerData, id, zmq};
use crate::node::SubmitOutcome;
use crate::node::rpc::{self, Known, KnownError, ReplyError};

const NODE: Known = Known {
    unauthorized: "it takes one by HTTP digest only, which this version does not have: start the node without --rpc-login, on an \
                   address that only the pool reaches",
    forbidden: "ask its own port, --rpc-bind-port, and not a restricted one",
    overloaded: "it may be downloading the chain: wait until it is done, or ask it less often",
    errors: &KNOWN,
};

/// From the node's `core_rpc_server_error_codes.h`.
const KNOWN: [KnownError; 6] = [
    KnownError::new(-4, false, "is the pool's address one of this node's network?"),
    KnownError::new(
        -6,
        false,
        "the node can't read the block: is it a node of the configured coin?",
    ),
    KnownError::new(
        -9,
        true,
        "the node is still downloading the chain: wait until it is done",
    ),
    KnownError::new(
        -12,
        false,
        "the pool's address is a subaddress, which a block can't pay: take the wallet's main address",
    ),
    KnownError::new(
        -19,
        false,
        "the node is restricted: ask one that was started without --restricted-rpc",
    ),
    KnownError::new(-32601, false, "the node lacks this call: is it recent enough?"),
];

/// What the node says in `status` when all is well.
const OK: &str = "OK";

/// The object that [`NodeTemplate::parse`](crate::family::cryptonote::NodeTemplate::parse) reads, from the reply to
/// `get_block_template`.
///
/// # Errors
/// When the node reports an error or is busy, or the reply is malformed.
pub fn block_template(status: u16, body: &[u8]) -> Result<&[u8], ReplyError> {
    let result = checked(status, body)?;
    Ok(result.as_bytes())
}

/// What a node says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its network: `mainnet`, `testnet`, `stagenet`, or `fakechain` in regtest.
    pub network: String,
    /// Height of the block that comes next.
    pub next_height: u64,
    /// Id of its tip, in the order in which it is displayed.
    pub top_id: [u8; 32],
    /// Height that its peers have; 0 if it knows none that has more.
    pub target_height: u64,
    /// Whether it has what its peers have.
    pub is_synchronized: bool,
}

/// A block of the best chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// Its id, in the order in which it is displayed.
    pub id: [u8; 32],
    /// Its height.
    pub height: u64,
    /// How many blocks follow it.
    pub depth: u64,
    /// Whether it fell out of the best chain.
    pub is_orphan: bool,
    /// What it pays its miner, in the smallest unit.
    pub reward: u64,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow)]
    status: &'a str,
}

/// The text of a result whose status is "OK".
fn checked(status: u16, body: &[u8]) -> Result<&str, ReplyError> {
    let result = rpc::raw_result(&NODE, status, body)?;
    let said: Status<'_> =
        serde_json::from_str(result).map_err(|error| ReplyError::malformed(status, &error.to_string()))?;
    match said.status {
        OK => Ok(result),
        "BUSY" => Err(ReplyError::Overloaded(NODE.overloaded)),
        other => Err(ReplyError::malformed(
            status,
            &format!("the node's status is {other}"),
        )),
    }
}

fn result<'a, T: Deserialize<'a>>(status: u16, body: &'a [u8]) -> Result<T, ReplyError> {
    serde_json::from_str(checked(status, body)?)
        .map_err(|error| ReplyError::malformed(status, &error.to_string()))
}

/// Reads the reply to `get_info`.
///
/// # Errors
/// When the node reports an error or is busy, or the reply is malformed.
pub fn node_info(status: u16, body: &[u8]) -> Result<NodeInfo, ReplyError> {
    #[derive(Deserialize)]
    struct Info {
        nettype: String,
        height: u64,
        #[serde(deserialize_with = "id")]
        top_block_hash: [u8; 32],
        #[serde(default)]
        target_height: u64,
        #[serde(default)]
        synchronized: bool,
        #[serde(default)]
        busy_syncing: bool,
    }
    let info: Info = result(status, body)?;
    Ok(NodeInfo {
        network: info.nettype.chars().take(32).collect(),
        next_height: info.height,
        top_id: info.top_block_hash,
        target_height: info.target_height,
        is_synchronized: info.synchronized && !info.busy_syncing,
    })
}

/// Reads the reply to `get_miner_data`.
///
/// # Errors
/// When the node reports an error or is busy, or the reply is malformed.
pub fn miner_data(status: u16, body: &[u8]) -> Result<MinerData, ReplyError> {
    zmq::miner_data(checked(status, body)?.as_bytes())
        .map_err(|error| ReplyError::malformed(status, &error.to_string()))
}

/// Reads the reply to `get_block_header_by_height`.
///
/// # Errors
/// When the node reports an error or is busy, or the reply is malformed.
pub fn block_header(status: u16, body: &[u8]) -> Result<BlockHeader, ReplyError> {
    #[derive(Deserialize)]
    struct Outer {
        block_header: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        #[serde(deserialize_with = "id")]
        hash: [u8; 32],
        height: u64,
        depth: u64,
        orphan_status: bool,
        reward: u64,
    }
    let Outer { block_header: inner } = result(status, body)?;
    Ok(BlockHeader {
        id: inner.hash,
        height: inner.height,
        depth: inner.depth,
        is_orphan: inner.orphan_status,
        reward: inner.reward,
    })
}

/// Reads the reply to `submit_block`.
///
/// The node doesn't tell a block that it already had from a new one, nor one of a side branch from a new tip: all are
/// [`SubmitOutcome::Accepted`].
///
/// # Errors
/// When the node reports an error that says nothing about the block, is busy, or the reply is malformed.
pub fn submit_outcome(status: u16, body: &[u8]) -> Result<SubmitOutcome, ReplyError> {
    match checked(status, body) {
        Ok(_) => Ok(SubmitOutcome::Accepted),
        Err(ReplyError::Rpc(error)) if error.code == -7 => Ok(SubmitOutcome::Rejected(error.message)),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Answers of monerod 0.18.5, shortened by members that nobody reads.
    const INFO: &str = r#"{"id":"otedama","jsonrpc":"2.0","result":{"busy_syncing":false,"height":16,
        "nettype":"fakechain","status":"OK","synchronized":true,"target_height":0,
        "top_block_hash":"b80477626ff3a2837abdc832e0c3eae138e99fc30eb55360db507a808b1b84f3","untrusted":false}}"#;
    const HEADER: &str = r#"{"id":"otedama","jsonrpc":"2.0","result":{"block_header":{"depth":0,
        "hash":"b80477626ff3a2837abdc832e0c3eae138e99fc30eb55360db507a808b1b84f3","height":15,
        "orphan_status":false,"reward":35183399022847},"status":"OK","untrusted":false}}"#;
    const SUBMITTED: &str = r#"{"id":"otedama","jsonrpc":"2.0","result":{
        "block_id":"b80477626ff3a2837abdc832e0c3eae138e99fc30eb55360db507a808b1b84f3","status":"OK"}}"#;
    const NOT_ACCEPTED: &str =
        r#"{"error":{"code":-7,"message":"Block not accepted"},"id":"otedama","jsonrpc":"2.0"}"#;
    const NO_ADDRESS: &str =
        r#"{"error":{"code":-4,"message":"Failed to parse wallet address"},"id":"otedama","jsonrpc":"2.0"}"#;

    #[test]
    fn answers_of_a_real_node() {
        let info = node_info(200, INFO.as_bytes()).expect("info");
        assert_eq!(
            (info.network.as_str(), info.next_height, info.is_synchronized),
            ("fakechain", 16, true)
        );
        let header = block_header(200, HEADER.as_bytes()).expect("a header");
        assert_eq!(
            header,
            BlockHeader {
                id: info.top_id,
                height: 15,
                depth: 0,
                is_orphan: false,
                reward: 35_183_399_022_847,
            }
        );
        assert_eq!(info.top_id[..4], [0xb8, 0x04, 0x77, 0x62]);
        assert_eq!(
            submit_outcome(200, SUBMITTED.as_bytes()),
            Ok(SubmitOutcome::Accepted)
        );
        assert_eq!(
            submit_outcome(200, NOT_ACCEPTED.as_bytes()),
            Ok(SubmitOutcome::Rejected("Block not accepted".into()))
        );
    }

    /// As monerod 0.18.0 answered.
    const MINER_DATA: &str = r#"{"id":"0","jsonrpc":"2.0","result":{"already_generated_coins":123145000321342,
        "difficulty":"0x1","height":4,"major_version":16,"median_weight":300000,
        "prev_id":"89e2e98add16081e186b5bb11b9ad01f32d8b6cad3e0c65b4d81dd24ad093186",
        "seed_hash":"418015bb9ae982a1975da7d79277c2705727a56894ba0fb246adaabb1f4632e3","status":"OK","untrusted":false}}"#;

    #[test]
    fn miner_data_of_a_real_node() {
        let data = miner_data(200, MINER_DATA.as_bytes()).expect("miner data");
        assert_eq!((data.height, data.major_version, data.difficulty), (4, 16, 1));
        assert_eq!((data.prev_id[0], data.seed_hash[0]), (0x89, 0x41));
        let broken = MINER_DATA.replace("0x1", "1");
        assert!(miner_data(200, broken.as_bytes()).is_err());
    }

    #[test]
    fn errors_carry_a_remedy() {
        let error = block_template(200, NO_ADDRESS.as_bytes()).expect_err("an error");
        assert_eq!(
            error.to_string(),
            "the node answers -4: Failed to parse wallet address (is the pool's address one of this node's network?)"
        );
        assert!(!error.is_transient());
        let busy = r#"{"error":{"code":-9,"message":"Core is busy"},"id":"0","jsonrpc":"2.0"}"#;
        assert!(block_template(200, busy.as_bytes()).is_err_and(|error| error.is_transient()));
        assert!(submit_outcome(200, NO_ADDRESS.as_bytes()).is_err());
    }

    #[test]
    fn a_status_that_is_not_ok_is_an_error() {
        let answer = |said: &str| format!(r#"{{"id":"0","jsonrpc":"2.0","result":{{"status":"{said}"}}}}"#);
        assert_eq!(
            submit_outcome(200, answer("BUSY").as_bytes()),
            Err(ReplyError::Overloaded(NODE.overloaded))
        );
        let error = submit_outcome(200, answer("PAYMENT REQUIRED").as_bytes()).expect_err("an error");
        assert!(error.to_string().contains("PAYMENT REQUIRED"), "{error}");
        assert!(submit_outcome(200, br#"{"id":"0","result":{}}"#).is_err());
        assert!(submit_outcome(200, br#"{"id":"0","result":null}"#).is_err());
        let error = submit_outcome(401, b"").expect_err("an error");
        assert!(error.to_string().contains("--rpc-login"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn outside_bytes_never_panic(status: u16, body: Vec<u8>) {
            let _ = block_template(status, &body);
            let _ = miner_data(status, &body);
            let _ = node_info(status, &body);
            let _ = block_header(status, &body);
            let _ = submit_outcome(status, &body);
        }
    }
}
