//! Found blocks, as the journal and a note beside it have them.
//!
//! A note is written before a block goes to the nodes, and removed once the journal has the block. Even if
//! the program is killed in between, no block is in the chain of which the next start doesn't know whom
//! it pays and what it leaves owed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use otedama_pool::Candidate;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::{BlockRow, BlockStatus, Journal, StoreError};

/// A block that is being submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundBlock {
    /// Its hash, as explorers show it.
    pub hash: String,
    /// Its height.
    pub height: u64,
    /// The block it builds on.
    pub prev_hash: String,
    /// Coinbase value.
    pub reward: u64,
    /// Who found it.
    pub account: String,
    /// With which worker.
    pub worker: String,
    /// When.
    pub unix_s: u64,
    /// Scripts that it pays, in hexadecimal digits, with their amounts.
    pub outputs: Vec<(String, u64)>,
    /// What it leaves owed to each account once it counts.
    pub carry: Vec<(String, i128)>,
}

impl FoundBlock {
    /// What is kept of a block that leaves `carry` owed.
    pub fn new(block: &Candidate, carry: &[(Arc<str>, i128)]) -> Self {
        let outputs = block.plan.outputs.iter();
        let carry = carry.iter();
        Self {
            hash: block.hash.to_string(),
            height: block.height,
            prev_hash: block.prev_hash.to_string(),
            reward: block.reward,
            account: block.account.to_string(),
            worker: block.worker.to_string(),
            unix_s: block.unix_s,
            outputs: outputs
                .map(|output| (const_hex::encode(&output.script), output.amount))
                .collect(),
            carry: carry
                .map(|(account, delta)| (account.to_string(), *delta))
                .collect(),
        }
    }

    /// Its row, before anybody has judged it.
    pub fn row(&self) -> BlockRow {
        BlockRow {
            hash: self.hash.clone(),
            height: self.height,
            reward: self.reward,
            account: self.account.clone(),
            worker: self.worker.clone(),
            unix_s: self.unix_s,
            status: BlockStatus::Submitted,
        }
    }

    /// Writes the note into `folder`. It is not flushed to the disk: that would hold up the block, and
    /// guard against nothing but a power cut in the same instant.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write_note(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(note(folder, &self.hash), serde_json::to_vec(self)?)
    }
}

/// The journal has the block.
pub fn remove_note(folder: &Path, hash: &str) {
    match fs::remove_file(note(folder, hash)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            warn!(hash, %error, "a note of a recorded block can't be removed; the next start reads it again");
        }
        _ => {}
    }
}

/// Records the blocks of `chain` whose notes are in `folder`: the program ended before the journal had them.
///
/// # Errors
/// When the database can't be written.
pub fn record_notes(journal: &mut Journal, chain: &str, folder: &Path) -> Result<(), StoreError> {
    let Ok(files) = fs::read_dir(folder) else {
        return Ok(());
    };
    for path in files.flatten().map(|file| file.path()) {
        if path.extension().is_none_or(|extension| extension != NOTE) {
            continue;
        }
        let block = fs::read(&path)
            .map_err(|error| error.to_string())
            .and_then(|bytes| {
                serde_json::from_slice::<FoundBlock>(&bytes).map_err(|error| error.to_string())
            });
        match block {
            Ok(block) => {
                journal.block_found(chain, &block)?;
                info!(
                    chain,
                    block.height, block.hash, "block from just before the last end is recorded"
                );
                remove_note(folder, &block.hash);
            }
            Err(error) => {
                warn!(file = %path.display(), %error, "not the note of a block; it is left alone");
            }
        }
    }
    Ok(())
}

/// How the names of notes end.
const NOTE: &str = "json";

fn note(folder: &Path, hash: &str) -> PathBuf {
    folder.join(hash).with_extension(NOTE)
}
