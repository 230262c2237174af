//! The tables, and the version that says which build wrote them.

use rusqlite::Connection;

use super::StoreError;

/// Version of the tables below, kept in `PRAGMA user_version`.
pub(super) const VERSION: i64 = 1;

/// Marks the file as ours in `PRAGMA application_id` ("Oted").
const APPLICATION_ID: i64 = 0x4f74_6564;

/// Version 1. Columns called `work` hold hashes as an integer, or as decimal text from 2^63 on.
const TABLES: &str = "
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

-- The coins this database knows, such as 'BTC mainnet'.
CREATE TABLE chains (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- One row per pool object and start; (run, seq) names a share for ever.
CREATE TABLE runs (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    chain_id       INTEGER NOT NULL REFERENCES chains (id),
    shard          INTEGER NOT NULL,
    started_unix_s INTEGER NOT NULL,
    last_seq       INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE accounts (
    id       INTEGER PRIMARY KEY,
    chain_id INTEGER NOT NULL REFERENCES chains (id),
    name     TEXT NOT NULL,
    UNIQUE (chain_id, name)
);

CREATE TABLE workers (
    id         INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    name       TEXT NOT NULL,
    UNIQUE (account_id, name)
);

-- The journal of accepted shares. No index but the key: it is written, not searched.
CREATE TABLE shares (
    id          INTEGER PRIMARY KEY,
    run         INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    unix_s      INTEGER NOT NULL,
    worker_id   INTEGER NOT NULL,
    work        NOT NULL,
    hash        BLOB NOT NULL,
    height      INTEGER NOT NULL,
    extranonce1 INTEGER NOT NULL,
    is_block    INTEGER NOT NULL
);

-- Accepted work per worker and minute, per hour when older than a few hours.
CREATE TABLE rollups (
    slot_unix_s INTEGER NOT NULL,
    worker_id   INTEGER NOT NULL,
    work        NOT NULL,
    shares      INTEGER NOT NULL,
    PRIMARY KEY (slot_unix_s, worker_id)
) WITHOUT ROWID;

CREATE TABLE blocks (
    hash      TEXT PRIMARY KEY,
    chain_id  INTEGER NOT NULL REFERENCES chains (id),
    height    INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    reward    INTEGER NOT NULL,
    account   TEXT NOT NULL,
    worker    TEXT NOT NULL,
    unix_s    INTEGER NOT NULL,
    status    TEXT NOT NULL,
    detail    TEXT NOT NULL DEFAULT ''
);
CREATE INDEX blocks_by_time ON blocks (chain_id, unix_s);

CREATE TABLE block_outputs (
    block_hash TEXT NOT NULL REFERENCES blocks (hash),
    position   INTEGER NOT NULL,
    script     TEXT NOT NULL,
    amount     INTEGER NOT NULL,
    PRIMARY KEY (block_hash, position)
) WITHOUT ROWID;

-- What a block left owed to (positive) or paid back of (negative) an account.
CREATE TABLE carry (
    block_hash TEXT NOT NULL REFERENCES blocks (hash),
    account    TEXT NOT NULL,
    delta      INTEGER NOT NULL,
    PRIMARY KEY (block_hash, account)
) WITHOUT ROWID;

-- For reading by hand.
CREATE VIEW share_log AS
SELECT s.id, s.run, s.seq, datetime(s.unix_s, 'unixepoch') AS time, a.name AS account, w.name AS worker,
       s.work, lower(hex(s.hash)) AS hash, s.height, s.is_block
FROM shares s JOIN workers w ON w.id = s.worker_id JOIN accounts a ON a.id = w.account_id;
";

/// Sets the connection up and creates or checks the tables.
///
/// # Errors
/// When the file is not a database, belongs to another program or was written by a newer build.
pub(super) fn prepare(db: &mut Connection) -> Result<(), StoreError> {
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    let version: i64 = db.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    let application: i64 = db.query_row("PRAGMA application_id", [], |r| r.get(0))?;
    if version > VERSION {
        return Err(StoreError::Newer {
            found: version,
            known: VERSION,
        });
    }
    let empty: bool = db.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |r| r.get(0))?;
    if application != APPLICATION_ID && !empty {
        return Err(StoreError::Foreign);
    }
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "wal_autocheckpoint", 4000)?;
    db.pragma_update(None, "cache_size", -16_384)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.set_prepared_statement_cache_capacity(64);
    if version == 0 {
        let tx = db.transaction()?;
        tx.execute_batch(TABLES)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", VERSION)?;
        tx.commit()?;
    }
    Ok(())
}

/// A number in `meta`, or 0.
pub(super) fn meta(db: &Connection, key: &str) -> rusqlite::Result<i64> {
    use rusqlite::OptionalExtension as _;
    let value = db
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |r| r.get(0))
        .optional()?;
    Ok(value.unwrap_or(0))
}

/// Sets a number in `meta`.
pub(super) fn set_meta(db: &Connection, key: &str, value: i64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
    )?
    .execute((key, value))?;
    Ok(())
}
