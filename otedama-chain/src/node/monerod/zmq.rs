//! What the node publishes over ZMQ: one frame each, a topic, a colon and JSON.
//!
//! Publications can be lost: whoever relies on them asks the node as well after some silence.

use serde::Deserialize;

use super::id;

/// Longest publication that is read. `json-full-miner_data` names every transaction that waits.
const FRAME_MAX: usize = 16 << 20;

/// Blocks that joined the best chain (`json-minimal-chain_main`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBlocks {
    /// Height of the first of them.
    pub first_height: u64,
    /// Id of the block before it, in the order in which it is displayed.
    pub first_prev_id: [u8; 32],
    /// Id of the last of them, in the same order.
    pub tip: [u8; 32],
    /// How many they are.
    pub count: usize,
}

/// What is needed to mine the next block (`json-full-miner_data` and `get_miner_data`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinerData {
    /// Which consensus rules it follows.
    pub major_version: u64,
    /// Its height.
    pub height: u64,
    /// Id of the block that it builds on, in the order in which it is displayed.
    pub prev_id: [u8; 32],
    /// The key under which it is hashed.
    pub seed_hash: [u8; 32],
    /// Number of hashes that it takes on average.
    pub difficulty: u128,
}

/// A publication of one of the topics that mining needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publication {
    /// The best chain changed.
    NewBlocks(NewBlocks),
    /// There is something new to mine on.
    MinerData(MinerData),
}

/// A frame that is no publication of these topics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZmqError {
    /// Another topic, or none at all.
    #[error("the topic is neither json-minimal-chain_main nor json-full-miner_data")]
    Topic,
    /// What follows the topic is malformed.
    #[error("a publication is malformed: {0}")]
    Json(String),
    /// It is absurdly long.
    #[error("a publication of {0} bytes is too long")]
    TooLong(usize),
}

/// Reads the only frame of a message.
///
/// # Errors
/// When it is no publication of these topics.
pub fn publication(frame: &[u8]) -> Result<Publication, ZmqError> {
    if frame.len() > FRAME_MAX {
        return Err(ZmqError::TooLong(frame.len()));
    }
    let colon = frame
        .iter()
        .position(|&byte| byte == b':')
        .ok_or(ZmqError::Topic)?;
    let json = &frame[colon + 1..];
    match &frame[..colon] {
        b"json-minimal-chain_main" => new_blocks(json).map(Publication::NewBlocks),
        b"json-full-miner_data" => miner_data(json).map(Publication::MinerData),
        _ => Err(ZmqError::Topic),
    }
}

fn parsed<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, ZmqError> {
    serde_json::from_slice(json).map_err(|error| ZmqError::Json(error.to_string()))
}

fn new_blocks(json: &[u8]) -> Result<NewBlocks, ZmqError> {
    #[derive(Deserialize)]
    struct Id(#[serde(deserialize_with = "id")] [u8; 32]);
    #[derive(Deserialize)]
    struct Raw {
        first_height: u64,
        #[serde(deserialize_with = "id")]
        first_prev_id: [u8; 32],
        ids: Vec<Id>,
    }
    let raw: Raw = parsed(json)?;
    let Some(Id(tip)) = raw.ids.last() else {
        return Err(ZmqError::Json("no ids".into()));
    };
    Ok(NewBlocks {
        first_height: raw.first_height,
        first_prev_id: raw.first_prev_id,
        tip: *tip,
        count: raw.ids.len(),
    })
}

pub(super) fn miner_data(json: &[u8]) -> Result<MinerData, ZmqError> {
    #[derive(Deserialize)]
    struct Raw<'a> {
        major_version: u64,
        height: u64,
        #[serde(deserialize_with = "id")]
        prev_id: [u8; 32],
        #[serde(deserialize_with = "id")]
        seed_hash: [u8; 32],
        difficulty: &'a str,
    }
    let raw: Raw<'_> = parsed(json)?;
    let difficulty = raw
        .difficulty
        .strip_prefix("0x")
        .and_then(|hex| u128::from_str_radix(hex, 16).ok())
        .ok_or_else(|| ZmqError::Json("the difficulty is not hex".into()))?;
    Ok(MinerData {
        major_version: raw.major_version,
        height: raw.height,
        prev_id: raw.prev_id,
        seed_hash: raw.seed_hash,
        difficulty,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Published by monerod 0.18.0.
    const MINER_DATA: &str = r#"json-full-miner_data:{"major_version":16,"height":6,"prev_id":"413ec8280a270b9e6afc553f7eeeb563a2db41a2f2f730edca4e30a4559ca6c5","seed_hash":"418015bb9ae982a1975da7d79277c2705727a56894ba0fb246adaabb1f4632e3","difficulty":"0x1","median_weight":300000,"already_generated_coins":193513207629692,"tx_backlog":[]}"#;
    const CHAIN: &str = r#"json-minimal-chain_main:{"first_height":5,"first_prev_id":"9dd94bc6144ce1b855d4145301a2dc17273bbccfad01e06c6fa015699e506f4d","ids":["413ec8280a270b9e6afc553f7eeeb563a2db41a2f2f730edca4e30a4559ca6c5"]}"#;

    #[test]
    fn publications_of_a_real_node() {
        let Ok(Publication::MinerData(data)) = publication(MINER_DATA.as_bytes()) else {
            panic!("no miner data");
        };
        assert_eq!((data.major_version, data.height, data.difficulty), (16, 6, 1));
        assert_eq!(data.seed_hash[..3], [0x41, 0x80, 0x15]);
        let Ok(Publication::NewBlocks(blocks)) = publication(CHAIN.as_bytes()) else {
            panic!("no blocks");
        };
        assert_eq!(
            (blocks.first_height, blocks.count, blocks.tip),
            (5, 1, data.prev_id)
        );
        assert_eq!(blocks.first_prev_id[..3], [0x9d, 0xd9, 0x4b]);
    }

    #[test]
    fn a_difficulty_may_have_more_than_64_bits() {
        let frame = MINER_DATA.replace("\"0x1\"", "\"0x10000000000000000\"");
        assert!(matches!(
            publication(frame.as_bytes()),
            Ok(Publication::MinerData(MinerData { difficulty, .. })) if difficulty == 1 << 64
        ));
    }

    #[test]
    fn everything_else_is_refused() {
        for frame in [
            "",
            "json-full-txpool_add:[]",
            "json-full-miner_data",
            "json-full-miner_dat:{}",
        ] {
            assert_eq!(publication(frame.as_bytes()), Err(ZmqError::Topic), "{frame}");
        }
        for frame in [
            "json-full-miner_data:".to_owned(),
            "json-full-miner_data:{}".to_owned(),
            "json-minimal-chain_main:[]".to_owned(),
            MINER_DATA.replace("\"0x1\"", "\"1\""),
            MINER_DATA.replace("413ec8", "413e"),
            CHAIN.replace(
                "[\"413ec8280a270b9e6afc553f7eeeb563a2db41a2f2f730edca4e30a4559ca6c5\"]",
                "[]",
            ),
        ] {
            assert!(
                matches!(publication(frame.as_bytes()), Err(ZmqError::Json(_))),
                "{frame}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn outside_bytes_never_panic(json: Vec<u8>) {
            for topic in ["", "json-full-miner_data:", "json-minimal-chain_main:"] {
                let _ = publication(&[topic.as_bytes(), &json].concat());
            }
        }
    }
}
