//! Reads back what was accepted, for the reward scheme of a pool that starts.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;
use super::rollup::SLOT_S;
use super::work::{SqlWork, from_sql, to_sql};

/// Sums by minute or hour, oldest first.
const SUMS: &str = "SELECT worker_id, work, slot_unix_s FROM rollups WHERE slot_unix_s >= ?1 ORDER BY slot_unix_s, worker_id";

/// Shares that no sum includes yet. While sums are being written, those of the workers up to
/// `rolling_worker_id` include more than those of the others.
const SHARES: &str = "
WITH m AS (
    SELECT coalesce(max(value) FILTER (WHERE key = 'rolled_to_id'), 0) AS rolled,
           coalesce(max(value) FILTER (WHERE key = 'rolling_to_id'), 0) AS rolling,
           coalesce(max(value) FILTER (WHERE key = 'rolling_worker_id'), 0) AS worker
    FROM meta
)
SELECT s.worker_id, s.work, s.unix_s FROM m, shares s
WHERE s.id > m.rolled AND NOT (s.id <= m.rolling AND s.worker_id <= m.worker) AND s.unix_s >= ?1 ORDER BY s.id";

/// Calls `each` with `(account, work, unix_s)` for what `chain` accepted since `since_unix_s`, oldest
/// first. It sees one state of the database, whatever is written meanwhile. Work that is summed
/// carries the time at which its minute or hour began.
///
/// # Errors
/// When the database can't be read.
pub fn replay(
    path: &Path,
    chain: &str,
    since_unix_s: u64,
    mut each: impl FnMut(&Arc<str>, u128, u64),
) -> Result<(), StoreError> {
    let mut db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    let tx = db.transaction()?;
    let accounts = accounts_of_workers(&tx, chain)?;
    let since = to_sql(since_unix_s.saturating_sub(SLOT_S));
    for sql in [SUMS, SHARES] {
        let mut statement = tx.prepare(sql)?;
        let mut rows = statement.query([since])?;
        while let Some(row) = rows.next()? {
            if let Some(account) = accounts.get(&row.get(0)?) {
                each(account, row.get::<_, SqlWork>(1)?.0, from_sql(row.get(2)?));
            }
        }
    }
    Ok(())
}

fn accounts_of_workers(db: &Connection, chain: &str) -> rusqlite::Result<HashMap<i64, Arc<str>>> {
    let mut statement = db.prepare(
        "SELECT w.id, a.id, a.name FROM workers w JOIN accounts a ON a.id = w.account_id JOIN chains c ON c.id = \
         a.chain_id WHERE c.name = ?1 ORDER BY a.id",
    )?;
    let mut rows = statement.query([chain])?;
    let mut names = HashMap::new();
    let mut last: Option<(i64, Arc<str>)> = None;
    while let Some(row) = rows.next()? {
        let (worker, account): (i64, i64) = (row.get(0)?, row.get(1)?);
        let name = match &last {
            Some((id, name)) if *id == account => Arc::clone(name),
            _ => Arc::from(row.get::<_, String>(2)?),
        };
        last = Some((account, Arc::clone(&name)));
        names.insert(worker, name);
    }
    Ok(names)
}
