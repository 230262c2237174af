//! Hashes, targets, difficulties and work, with byte order spelled out in every name.

mod difficulty;
mod hash256;
mod target;

pub use difficulty::{Difficulty, DifficultyError, Work};
pub use hash256::{Hash256, HexError};
pub use ruint::aliases::U256;
pub use target::{CompactError, Target};
