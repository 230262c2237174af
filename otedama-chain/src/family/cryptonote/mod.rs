//! Monero and what descends from `CryptoNote`: a block is a header, a miner transaction that the node writes, and the
//! hashes of the other transactions. A pool's part is some bytes in the miner transaction that it reserved.

mod blob;
mod template;
mod tree;
mod varint;

pub use blob::{BlobError, BlockBlob, NONCE_LEN, NONCE_OFFSET};
pub use template::{Template, TemplateError};
