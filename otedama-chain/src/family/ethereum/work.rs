//! What miners work on, and what they find.

use otedama_hash::ethash::{Schedule, backends_of};
use otedama_hash::{Algorithm, EpochInput, Target, U256};

use super::Proposal;
use super::header::{Header, HeaderError};
use super::hex;

/// Longest JSON that is looked at. The node's has some 220 bytes.
const JSON_MAX: usize = 4096;

/// A proof of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seal {
    /// The nonce.
    pub nonce: u64,
    /// The mix hash, in the order in which it is displayed.
    pub mix: [u8; 32],
}

/// A seal and what it seals: what a node takes as a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Solution {
    /// The hash of the header without its seal.
    pub seal_hash: [u8; 32],
    /// The proof of work.
    pub seal: Seal,
}

/// Length of an encoded [`Solution`].
const SOLUTION_LEN: usize = 8 + 32 + 32;

impl Solution {
    /// Nonce (big-endian), seal hash and mix, one after the other.
    pub fn to_bytes(&self) -> [u8; SOLUTION_LEN] {
        let mut bytes = [0; SOLUTION_LEN];
        bytes[..8].copy_from_slice(&self.seal.nonce.to_be_bytes());
        bytes[8..40].copy_from_slice(&self.seal_hash);
        bytes[40..].copy_from_slice(&self.seal.mix);
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; `None` if the length is another one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (nonce, rest) = bytes.split_first_chunk()?;
        let (seal_hash, rest) = rest.split_first_chunk()?;
        Some(Self {
            seal_hash: *seal_hash,
            seal: Seal {
                nonce: u64::from_be_bytes(*nonce),
                mix: rest.try_into().ok()?,
            },
        })
    }
}

/// What a node wants mined (`eth_getWork`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// What is hashed: the header without its seal. It also names the block when a seal is submitted.
    pub seal_hash: [u8; 32],
    /// What the light cache of the block's epoch grows from.
    pub seed_hash: [u8; 32],
    /// What the block's hash has to meet.
    pub network_target: Target,
    /// The block's height.
    pub height: u64,
}

/// Why work can't be mined on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkError {
    /// It isn't the JSON that work should be.
    #[error("not work for a miner: {0}")]
    Json(String),
    /// It is absurdly long.
    #[error("work of {0} bytes is too long")]
    TooLong(usize),
    /// It has another number of strings; some nodes leave the height away.
    #[error(
        "work has {0} strings instead of 4: header hash, seed hash, target and height; is the node core-geth?"
    )]
    Count(usize),
    /// A string isn't hex of the right length behind "0x".
    #[error("the work's {0} is not the hex that it should be")]
    Hex(&'static str),
    /// Nothing can meet it.
    #[error("a difficulty of 0 and a target of 0 are not possible")]
    Difficulty,
    /// The seed is that of another epoch, or none is known at this height.
    #[error("the seed hash is not that of height {height}; is the node of the configured coin?")]
    Seed {
        /// The work's height.
        height: u64,
    },
    /// The header that was posted can't be used.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

impl Work {
    /// Reads the array in the `result` of a reply to `eth_getWork`, which is also what a node posts with
    /// `--miner.notify`. Its seed has to be the one that `schedule` has at its height.
    ///
    /// # Errors
    /// When it is malformed or contradicts itself.
    pub fn parse(json: &[u8], schedule: Schedule) -> Result<Self, WorkError> {
        if json.len() > JSON_MAX {
            return Err(WorkError::TooLong(json.len()));
        }
        let strings: Vec<&str> =
            serde_json::from_slice(json).map_err(|error| WorkError::Json(error.to_string()))?;
        let &[seal_hash, seed_hash, target, height] = strings.as_slice() else {
            return Err(WorkError::Count(strings.len()));
        };
        let work = Self {
            seal_hash: hex::data(seal_hash).ok_or(WorkError::Hex("header hash"))?,
            seed_hash: hex::data(seed_hash).ok_or(WorkError::Hex("seed hash"))?,
            network_target: Target::from_u256(U256::from_be_bytes::<32>(
                hex::data(target).ok_or(WorkError::Hex("target"))?,
            )),
            height: hex::quantity(height).ok_or(WorkError::Hex("height"))?,
        };
        if work.network_target.to_u256().is_zero() {
            return Err(WorkError::Difficulty);
        }
        if seed(schedule, work.height) != Some(work.seed_hash) {
            return Err(WorkError::Seed { height: work.height });
        }
        Ok(work)
    }

    /// The work on a header whose seal is still to be found.
    ///
    /// # Errors
    /// When its difficulty is 0, or its height beyond all epochs.
    pub fn of_header(header: &Header, schedule: Schedule) -> Result<Self, WorkError> {
        let height = header.number;
        Ok(Self {
            seal_hash: header.seal_hash(),
            seed_hash: seed(schedule, height).ok_or(WorkError::Seed { height })?,
            network_target: target(header.difficulty).ok_or(WorkError::Difficulty)?,
            height,
        })
    }

    /// Reads the body of what a node posts: the array of [`parse`](Self::parse) with `--miner.notify`, the header
    /// with `--miner.notify.full` as well.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), [`Header::parse`] and [`of_header`](Self::of_header).
    pub fn of_notification(body: &[u8], schedule: Schedule) -> Result<Self, WorkError> {
        Proposal::parse(body, schedule).map(|proposal| proposal.work)
    }
}

/// The largest hash that a block of this difficulty may have: 2^256 / difficulty.
fn target(difficulty: U256) -> Option<Target> {
    let one = U256::from(1);
    if difficulty <= one {
        // 2^256 itself is no hash.
        return (difficulty == one).then_some(Target::MAX);
    }
    // 2^256 / d = (2^256 - d) / d + 1.
    Some(Target::from_u256(difficulty.wrapping_neg() / difficulty + one))
}

/// The seed hash at `height`. `None` beyond the heights that are supported.
fn seed(schedule: Schedule, height: u64) -> Option<[u8; 32]> {
    // Any of the backends: they differ in how they hash.
    let backend = backends_of(Algorithm::ETCHASH, schedule).pop()?;
    let key = backend.epoch(EpochInput { height, seed: None }).ok()?;
    Some(key.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solution_is_read_as_it_was_written() {
        let solution = Solution {
            seal_hash: [7; 32],
            seal: Seal {
                nonce: 0x0102_0304_0506_0708,
                mix: [9; 32],
            },
        };
        let bytes = solution.to_bytes();
        assert_eq!(bytes[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(Solution::from_bytes(&bytes), Some(solution));
        assert_eq!(Solution::from_bytes(&bytes[1..]), None);
        assert_eq!(Solution::from_bytes(&[&bytes[..], &[0]].concat()), None);
    }

    #[test]
    fn targets_of_difficulties() {
        let at = |difficulty: U256| target(difficulty).map(Target::to_u256);
        assert_eq!(at(U256::ZERO), None);
        assert_eq!(at(U256::from(1)), Some(U256::MAX));
        assert_eq!(at(U256::from(2)), Some(U256::from(1) << 255));
        // 2^256 - 1 is divisible by 3, so that 2^256 leaves 1.
        assert_eq!(at(U256::from(3)), Some(U256::MAX / U256::from(3)));
        assert_eq!(at(U256::from(131_072)), Some(U256::from(1) << 239));
        assert_eq!(at(U256::MAX), Some(U256::from(1)));
    }
}
