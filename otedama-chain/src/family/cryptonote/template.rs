//! Reading `get_block_template`.

use otedama_hash::{EpochInput, Hash256, Target, U256};
use serde::Deserialize;

use super::blob::BlockBlob;
use super::varint;
use crate::Template;
use crate::spec::CryptoNoteRules;
use crate::template::{Body, TemplateError, TemplateField};

/// Longest JSON that is looked at: a block of that many transactions is larger than any node makes.
const JSON_MAX: usize = 16 << 20;

/// A block that a node proposes, as the node says it.
#[derive(Clone, Debug)]
pub struct NodeTemplate {
    /// The block itself, with the pool's bytes still free.
    pub blob: BlockBlob,
    /// Id of the block it builds on, in the order in which it is displayed.
    pub prev_id: [u8; 32],
    /// What its hash has to meet.
    pub network_target: Target,
    /// Number of hashes that a block takes on average.
    pub difficulty: u128,
    /// The key under which it is hashed.
    pub seed_hash: [u8; 32],
    /// The key that follows, from 64 blocks before it is used.
    pub next_seed_hash: Option<[u8; 32]>,
}

#[derive(Deserialize)]
struct Gbt<'a> {
    blocktemplate_blob: &'a str,
    blockhashing_blob: &'a str,
    difficulty: u64,
    #[serde(default)]
    difficulty_top64: u64,
    height: u64,
    prev_hash: &'a str,
    reserved_offset: usize,
    seed_hash: &'a str,
    #[serde(default)]
    next_seed_hash: &'a str,
}

impl NodeTemplate {
    /// Reads the object in the `result` of a reply to a request for `reserved_len` bytes (`reserve_size`) of a coin
    /// with these rules.
    ///
    /// # Errors
    /// When it is malformed or contradicts itself, or is of a kind that this crate doesn't know.
    pub fn parse(rules: &CryptoNoteRules, json: &[u8], reserved_len: usize) -> Result<Self, TemplateError> {
        if json.len() > JSON_MAX {
            return Err(TemplateError::TooLong(json.len()));
        }
        let gbt: Gbt<'_> =
            serde_json::from_slice(json).map_err(|error| TemplateError::Json(error.to_string()))?;
        let bytes = const_hex::decode(gbt.blocktemplate_blob)
            .map_err(|_| TemplateError::Hex(TemplateField::Top("blocktemplate_blob")))?;
        // First of all, as other versions may have other fields.
        if let Some(found) = varint::take(&mut bytes.as_slice())
            && !(rules.oldest_version..=rules.newest_version).contains(&found)
        {
            return Err(TemplateError::BlockVersion {
                found,
                oldest: rules.oldest_version,
                newest: rules.newest_version,
            });
        }
        let blob = BlockBlob::parse(bytes, gbt.reserved_offset, reserved_len)?;
        // What the node hashes tells whether the block is understood as the node understands it.
        let hashing = const_hex::encode(blob.hashing_blob(&vec![0; reserved_len]));
        if hashing != gbt.blockhashing_blob {
            return Err(TemplateError::Contradiction("blockhashing_blob"));
        }
        if blob.height() != gbt.height {
            return Err(TemplateError::Contradiction("height"));
        }
        let prev_id = hash("prev_hash", gbt.prev_hash)?;
        if blob.prev_id() != prev_id {
            return Err(TemplateError::Contradiction("prev_hash"));
        }
        let difficulty = u128::from(gbt.difficulty_top64) << 64 | u128::from(gbt.difficulty);
        let next_seed_hash = match gbt.next_seed_hash {
            "" => None,
            hex => Some(hash("next_seed_hash", hex)?),
        };
        Ok(Self {
            blob,
            prev_id,
            network_target: target(difficulty).ok_or(TemplateError::Range {
                field: "difficulty",
                value: 0,
            })?,
            difficulty,
            seed_hash: hash("seed_hash", gbt.seed_hash)?,
            next_seed_hash,
        })
    }
}

impl From<NodeTemplate> for Template {
    fn from(proposed: NodeTemplate) -> Self {
        let height = proposed.blob.height();
        let epoch = |height, seed| EpochInput {
            height,
            seed: Some(seed),
        };
        Self {
            height,
            prev_hash: Hash256::from_be_bytes(proposed.prev_id),
            network_target: proposed.network_target,
            reward: proposed.blob.reward(),
            fees: 0,
            time_s: 0,
            min_time_s: 0,
            long_poll_id: None,
            is_preview: false,
            epoch: epoch(height, proposed.seed_hash),
            next_epoch: proposed
                .next_seed_hash
                .map(|seed| epoch(height.saturating_add(1), seed)),
            body: Body::CryptoNote(proposed.blob),
        }
    }
}

/// The largest hash whose product with `difficulty` fits 256 bits.
fn target(difficulty: u128) -> Option<Target> {
    U256::MAX
        .checked_div(U256::from(difficulty))
        .map(Target::from_u256)
}

fn hash(field: &'static str, hex: &str) -> Result<[u8; 32], TemplateError> {
    const_hex::decode_to_array(hex).map_err(|_| TemplateError::Hex(TemplateField::Top(field)))
}
