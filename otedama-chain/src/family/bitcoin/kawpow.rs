//! Headers with a `KawPow` proof: 80 bytes as elsewhere, but with the height in the nonce's place; then the nonce (8)
//! and the mix (32).

use otedama_hash::sha256d::sha256d;
use otedama_hash::{EpochInput, kawpow};

use crate::TemplateError;
use crate::spec::{BitcoinRules, HeaderRule};

/// What decides on the dataset of the block at `height`, whose time is `time_s`. Miners want to be told the seed.
pub(super) fn epoch(rules: &BitcoinRules, height: u64, time_s: u32) -> Result<EpochInput, TemplateError> {
    let seed = match rules.header {
        HeaderRule::Plain => None,
        HeaderRule::KawPow { since_s } if time_s < since_s => {
            return Err(TemplateError::BeforeKawPow { time_s, since_s });
        }
        HeaderRule::KawPow { .. } => Some(kawpow::seed_hash(height).ok_or(TemplateError::Range {
            field: "height",
            value: height,
        })?),
    };
    Ok(EpochInput { height, seed })
}

/// What miners hash: the double SHA-256 of the first 80 bytes, in the order in which it is displayed.
pub(super) fn header_hash(first: &[u8]) -> [u8; 32] {
    let mut hash = sha256d(first).to_le_bytes();
    hash.reverse();
    hash
}

/// What follows the first 80 bytes.
pub(super) fn proof(nonce: u64, mix: [u8; 32]) -> Vec<u8> {
    let mut bytes = nonce.to_le_bytes().to_vec();
    bytes.extend(mix.iter().rev());
    bytes
}
