//! Storage: one `SQLite` file, one thread that writes it, one transaction for whatever waits.

pub mod blocks;
pub mod found;
mod health;
pub mod journal;
mod lease;
mod lock;
mod names;
mod proofs;
pub mod replay;
mod retention;
mod rollup;
mod schema;
mod work;
pub mod writer;

pub use blocks::{BlockRow, BlockStatus, CarryBalances};
pub use found::FoundBlock;
pub use health::StoreHealth;
pub use journal::{Journal, RunStart, ShareBatch};
pub use lock::Lock;
pub use proofs::newest_proofs;
pub use replay::replay;
pub use rollup::SLOT_S;
pub use writer::{Listener, Request, Store, WriterConfig, WriterParts, channel};

/// Why the database can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// `SQLite` refused.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The folder or the lock file can't be made.
    #[error("{path}: {error}")]
    Io {
        /// Which file or folder.
        path: std::path::PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Another process has it.
    #[error("{0} is in use by another otedama process")]
    InUse(std::path::PathBuf),
    /// It was written by a newer build.
    #[error(
        "the database has version {found} and this build knows versions up to {known}: use a newer otedama, or another \
         storage.path"
    )]
    Newer {
        /// Version in the file.
        found: i64,
        /// The newest that this build knows.
        known: i64,
    },
    /// It belongs to another program.
    #[error("the file is a database of another program; set storage.path to another file")]
    Foreign,
    /// Shares came from a pool object that never registered.
    #[error("run {0} was not registered in this process")]
    UnknownRun(i64),
    /// An amount doesn't fit into a column.
    #[error("an amount is out of range")]
    AmountOutOfRange,
}

#[cfg(test)]
mod tests;
