//! The proofs of the newest shares, for a pool that must not credit them again.

use otedama_hash::Hash256;

use super::work::{from_sql, to_sql};
use super::{Journal, StoreError};

/// Rows that are read: more shares than miners find between two blocks.
const MAX_ROWS: u64 = 1 << 20;

/// The proofs of the shares of `chain` on its greatest height, and that height; nothing if there are none.
///
/// # Errors
/// When the database can't be read.
pub fn newest_proofs(journal: &Journal, chain: &str) -> Result<(u64, Vec<Hash256>), StoreError> {
    let mut statement = journal.db.prepare(
        "SELECT s.height, s.hash FROM shares s JOIN runs r ON r.id = s.run JOIN chains c ON c.id = r.chain_id WHERE c.name \
         = ?1 ORDER BY s.id DESC LIMIT ?2",
    )?;
    let mut rows = statement.query((chain, to_sql(MAX_ROWS)))?;
    let (mut newest, mut proofs) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        let (height, mut hash): (u64, [u8; 32]) = (from_sql(row.get(0)?), row.get(1)?);
        if height > newest {
            // A share of the height before may be the last that was written.
            newest = height;
            proofs.clear();
        } else if height + 1 < newest {
            break;
        }
        if height == newest {
            hash.reverse();
            proofs.push(Hash256::from_le_bytes(hash));
        }
    }
    Ok((newest, proofs))
}
