//! Proof-of-work primitives, the registry of algorithms, and the hashing backends.
//!
//! Nothing here opens a socket, reads a clock or starts a thread.

pub mod algorithm;
pub mod backend;
pub mod ethash;
pub mod kawpow;
pub mod layout;
pub mod memory;
pub mod primitives;
#[cfg(feature = "randomx")]
mod randomx;
pub mod registry;
#[cfg(feature = "scrypt")]
pub mod scrypt;
pub mod setup;
pub mod sha256d;
pub mod time;

pub use algorithm::Algorithm;
pub use backend::{
    EpochInput, EpochKey, HashBackend, Hasher, Hit, Hits, NonceRange, PerThread, PowHash, PowInput,
    PrepareError, Prepared, ScanWork,
};
pub use ethash::keccak256;
pub use layout::BlobLayout;
pub use memory::{MemoryReport, PagePolicy, Pages};
pub use primitives::{CompactError, Difficulty, DifficultyError, Hash256, HexError, Target, U256, Work};
pub use registry::Registry;
pub use setup::{Alone, Crew, MemoryPlan, Setup};
pub use time::{Monotonic, Now};
