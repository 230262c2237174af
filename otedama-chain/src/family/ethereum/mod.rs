//! Ethereum Classic and its relatives: the node keeps the block to itself and hands out the hash of its header
//! without the seal. A pool finds a nonce and a mix hash for that hash, and neither writes transactions nor pays
//! anybody: the node's own address earns the block.

mod header;
mod hex;
mod rlp;
mod work;

pub use header::{BLOOM_LEN, EXTRA_MAX, Header, HeaderError};
pub use work::{Seal, Work, WorkError};

pub(crate) use hex::quantity;
