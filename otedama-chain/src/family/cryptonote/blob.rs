//! A proposed block: its header, its miner transaction, and the hashes of its other transactions.

use core::ops::Range;

use otedama_hash::{Hash256, keccak256};

use super::tree::{self, Hash};
use super::varint;

/// Where miners put the nonce into a hashing blob: behind two versions of one byte, a time of five and the previous
/// block's id. Every miner has this offset built in.
pub const NONCE_OFFSET: usize = 39;
/// Bytes of the nonce.
pub const NONCE_LEN: usize = 4;
/// Version of the only kind of miner transaction that blocks have had since 2017 (`RingCT`).
const TRANSACTION_VERSION: u64 = 2;
/// Kind of input that makes new coins.
const INPUT_GEN: u8 = 0xff;
/// Kinds of output: to a key, and to a key with a view tag.
const OUTPUT_KEY: u8 = 2;
const OUTPUT_TAGGED_KEY: u8 = 3;

/// Why bytes are no proposed block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// A field is cut off, or a number is written as none should be.
    #[error("the block's {field}, at byte {at}, is cut off or malformed")]
    Malformed {
        /// Which.
        field: &'static str,
        /// Where it begins.
        at: usize,
    },
    /// A field has a value that this crate can't mine on.
    #[error(
        "the block's {field} is {value}, which this version does not know; is the node of the configured coin?"
    )]
    Unknown {
        /// Which.
        field: &'static str,
        /// What it is.
        value: u64,
    },
    /// The nonce is not where miners put it.
    #[error("the block's nonce is at byte {0}, where miners put it at {NONCE_OFFSET}")]
    NonceOffset(usize),
    /// The reserved bytes are not all within the miner transaction's extra field.
    #[error(
        "the {len} bytes reserved at {at} are not within the miner transaction's extra field; ask the node with reserve_size"
    )]
    Reserved {
        /// Where they begin.
        at: usize,
        /// How many.
        len: usize,
    },
    /// Bytes follow the last transaction hash.
    #[error("{0} bytes follow the block")]
    Trailing(usize),
}

/// A block as `get_block_template` proposes it, whose nonce and reserved bytes are still to be filled in.
#[derive(Clone, Debug)]
pub struct BlockBlob {
    bytes: Vec<u8>,
    major_version: u64,
    height: u64,
    reward: u64,
    /// What the miner transaction's first hash covers: all of it but its empty signatures.
    prefix: Range<usize>,
    reserved: Range<usize>,
    branch: Vec<Hash>,
    /// All of them, as it stands at the end of a hashing blob.
    transaction_count: u64,
}

/// Takes the fields of a block one by one.
struct Fields<'a> {
    all: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn at(&self) -> usize {
        self.all.len() - self.rest.len()
    }

    fn number(&mut self, field: &'static str) -> Result<u64, BlobError> {
        let at = self.at();
        varint::take(&mut self.rest).ok_or(BlobError::Malformed { field, at })
    }

    fn bytes(&mut self, field: &'static str, len: usize) -> Result<&'a [u8], BlobError> {
        let malformed = BlobError::Malformed { field, at: self.at() };
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(malformed)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn byte(&mut self, field: &'static str) -> Result<u8, BlobError> {
        self.bytes(field, 1).map(|bytes| bytes[0])
    }

    /// A number that has to be this one.
    fn only(&mut self, field: &'static str, expected: u64) -> Result<(), BlobError> {
        match self.number(field)? {
            value if value == expected => Ok(()),
            value => Err(BlobError::Unknown { field, value }),
        }
    }

    /// How many items of at least `item_len` bytes follow.
    fn count(&mut self, field: &'static str, item_len: usize) -> Result<usize, BlobError> {
        let at = self.at();
        let count = self.number(field)?;
        usize::try_from(count)
            .ok()
            .filter(|&count| count <= self.rest.len() / item_len)
            .ok_or(BlobError::Malformed { field, at })
    }

    /// The miner transaction's outputs, as the sum of what they pay.
    fn outputs(&mut self) -> Result<u64, BlobError> {
        let mut sum = 0_u64;
        for _ in 0..self.count("number of outputs", 34)? {
            let amount = self.number("output's amount")?;
            sum = sum.checked_add(amount).ok_or(BlobError::Unknown {
                field: "sum of outputs",
                value: amount,
            })?;
            let len = match self.byte("kind of output")? {
                OUTPUT_KEY => 32,
                OUTPUT_TAGGED_KEY => 33,
                kind => {
                    return Err(BlobError::Unknown {
                        field: "kind of output",
                        value: kind.into(),
                    });
                }
            };
            self.bytes("output's key", len)?;
        }
        Ok(sum)
    }
}

impl BlockBlob {
    /// Reads `bytes` (`blocktemplate_blob`), in which the `reserved_len` bytes from `reserved_at`
    /// (`reserved_offset`) on are the pool's.
    ///
    /// # Errors
    /// When the bytes are no block, or one that can't be mined on.
    pub fn parse(bytes: Vec<u8>, reserved_at: usize, reserved_len: usize) -> Result<Self, BlobError> {
        let mut fields = Fields {
            all: &bytes,
            rest: &bytes,
        };
        let major_version = fields.number("major version")?;
        fields.number("minor version")?;
        fields.number("time")?;
        fields.bytes("previous block", 32)?;
        if fields.at() != NONCE_OFFSET {
            return Err(BlobError::NonceOffset(fields.at()));
        }
        fields.bytes("nonce", NONCE_LEN)?;

        let prefix_start = fields.at();
        fields.only("miner transaction's version", TRANSACTION_VERSION)?;
        fields.number("miner transaction's unlock time")?;
        fields.only("number of inputs", 1)?;
        match fields.byte("kind of input")? {
            INPUT_GEN => {}
            kind => {
                return Err(BlobError::Unknown {
                    field: "kind of input",
                    value: kind.into(),
                });
            }
        }
        let height = fields.number("height")?;
        let reward = fields.outputs()?;
        let extra_len = fields.count("length of extra", 1)?;
        let extra_start = fields.at();
        fields.bytes("extra", extra_len)?;
        let prefix = prefix_start..fields.at();
        fields.only("kind of signatures", 0)?;

        let others = fields.count("number of transactions", 32)?;
        let hashes = fields.bytes("transaction hashes", others * 32)?;
        let trailing = fields.rest.len();
        let branch = tree::branch(hashes.as_chunks().0);
        let outside = BlobError::Reserved {
            at: reserved_at,
            len: reserved_len,
        };
        let reserved_end = reserved_at.checked_add(reserved_len).ok_or(outside)?;
        if reserved_at < extra_start || reserved_end > prefix.end {
            return Err(outside);
        }
        if trailing > 0 {
            return Err(BlobError::Trailing(trailing));
        }
        Ok(Self {
            major_version,
            height,
            reward,
            prefix,
            reserved: reserved_at..reserved_end,
            branch,
            transaction_count: others as u64 + 1,
            bytes,
        })
    }

    /// Which consensus rules the block follows.
    pub fn major_version(&self) -> u64 {
        self.major_version
    }

    /// Height of the block.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// Id of the block it builds on, in the order in which it is displayed.
    pub fn prev_id(&self) -> Hash {
        let mut id = [0; 32];
        id.copy_from_slice(&self.bytes[NONCE_OFFSET - 32..NONCE_OFFSET]);
        id
    }

    /// What the miner transaction pays out, in the smallest unit.
    pub fn reward(&self) -> u64 {
        self.reward
    }

    /// How many bytes of the miner transaction are the pool's to choose.
    pub fn reserved_len(&self) -> usize {
        self.reserved.len()
    }

    /// What miners hash, with a nonce of zero: the header, the root of the transactions' tree, and their number.
    ///
    /// # Panics
    /// When `reserved` is not [`reserved_len`](Self::reserved_len) bytes long.
    pub fn hashing_blob(&self, reserved: &[u8]) -> Vec<u8> {
        let mut miner_tx = self.bytes[self.prefix.clone()].to_vec();
        let at = self.reserved.start - self.prefix.start;
        miner_tx[at..at + self.reserved.len()].copy_from_slice(reserved);
        let hashes = [keccak256(&miner_tx), keccak256(&[0]), [0; 32]];
        let root = tree::root(keccak256(hashes.as_flattened()), &self.branch);

        let mut blob = self.bytes[..NONCE_OFFSET].to_vec();
        blob.extend([0; NONCE_LEN]);
        blob.extend(root);
        varint::put(&mut blob, self.transaction_count);
        blob
    }

    /// The whole block with these reserved bytes and this nonce, as `submit_block` takes it, and its id.
    ///
    /// # Panics
    /// As [`hashing_blob`](Self::hashing_blob).
    pub fn assemble(&self, reserved: &[u8], nonce: [u8; NONCE_LEN]) -> (Vec<u8>, Hash256) {
        let mut hashing = self.hashing_blob(reserved);
        hashing[NONCE_OFFSET..NONCE_OFFSET + NONCE_LEN].copy_from_slice(&nonce);
        let mut block = self.bytes.clone();
        block[NONCE_OFFSET..NONCE_OFFSET + NONCE_LEN].copy_from_slice(&nonce);
        block[self.reserved.clone()].copy_from_slice(reserved);
        (block, block_id(&hashing))
    }
}

/// The id of the block with this hashing blob.
fn block_id(hashing_blob: &[u8]) -> Hash256 {
    let mut counted = Vec::with_capacity(2 + hashing_blob.len());
    varint::put(&mut counted, hashing_blob.len() as u64);
    counted.extend(hashing_blob);
    // Shown in the order of its bytes.
    Hash256::from_be_bytes(keccak256(&counted))
}
