//! The journal of accepted shares: one transaction for whatever waits.

use std::collections::HashMap;
use std::path::Path;

use otedama_hash::Now;
use otedama_pool::{ExtranonceLease, ShareRow};
use rusqlite::Connection;

use super::names::{Names, chain_id};
use super::retention::Retention;
use super::rollup::Rollup;
use super::work::{SqlWork, to_sql};
use super::{StoreError, lease, schema};

/// Rows of one pool object that wait to become durable.
#[derive(Debug)]
pub struct ShareBatch {
    /// Which run of which pool object they belong to.
    pub run: i64,
    /// The rows, in rising order of their sequence numbers.
    pub rows: Vec<ShareRow>,
}

/// What a pool object needs before it may start.
#[derive(Clone, Copy, Debug)]
pub struct RunStart {
    /// Its number in the journal.
    pub run: i64,
    /// Its first extranonces.
    pub lease: ExtranonceLease,
}

/// The database, as its one writer holds it.
#[derive(Debug)]
pub struct Journal {
    pub(super) db: Connection,
    names: Names,
    rollup: Rollup,
    retention: Retention,
    next_id: i64,
    chain_of_run: HashMap<i64, i64>,
}

impl Journal {
    /// Opens or creates the database at `path`. Raw rows are kept for `retention_s` seconds.
    ///
    /// # Errors
    /// When the file can't be opened, isn't ours, or comes from a newer build.
    pub fn open(path: &Path, retention_s: u64) -> Result<Self, StoreError> {
        let mut db = Connection::open(path)?;
        schema::prepare(&mut db)?;
        let rolled_to = schema::meta(&db, Rollup::ROLLED_TO)?;
        let last_id: i64 = db.query_row("SELECT coalesce(max(id), 0) FROM shares", [], |r| r.get(0))?;
        let rollup = Rollup::resume(&db, rolled_to, last_id)?;
        Ok(Self {
            db,
            names: Names::default(),
            rollup,
            retention: Retention::new(retention_s),
            next_id: last_id.max(rolled_to) + 1,
            chain_of_run: HashMap::new(),
        })
    }

    /// Registers a start of `chain` with `shards` pool objects: each gets a run and its own extranonces.
    ///
    /// # Errors
    /// When the database can't be written.
    pub fn start_runs(&mut self, chain: &str, shards: usize, now: Now) -> Result<Vec<RunStart>, StoreError> {
        let tx = self.db.transaction()?;
        let chain = chain_id(&tx, chain)?;
        let mut starts = Vec::with_capacity(shards);
        for shard in 0..shards {
            let run = tx
                .prepare_cached("INSERT INTO runs (chain_id, shard, started_unix_s) VALUES (?1, ?2, ?3)")?
                .insert((chain, shard as u32, to_sql(now.unix_s)))?;
            starts.push(RunStart {
                run,
                lease: lease::take(&tx)?,
            });
        }
        tx.commit()?;
        self.chain_of_run
            .extend(starts.iter().map(|start| (start.run, chain)));
        Ok(starts)
    }

    /// Takes the next block of extranonces; it is durable when this returns.
    ///
    /// # Errors
    /// When the database can't be written.
    pub fn lease(&mut self) -> Result<ExtranonceLease, StoreError> {
        let tx = self.db.transaction()?;
        let lease = lease::take(&tx)?;
        tx.commit()?;
        Ok(lease)
    }

    /// Writes all batches in one transaction. Rows that an earlier, seemingly failed attempt did
    /// write are not written again.
    ///
    /// # Errors
    /// When the transaction could not be committed; nothing of it is in the journal then.
    pub fn append(&mut self, batches: &[ShareBatch], now: Now) -> Result<(), StoreError> {
        let result = self.try_append(batches, now);
        if result.is_err() {
            self.names.forget();
        }
        result
    }

    fn try_append(&mut self, batches: &[ShareBatch], now: Now) -> Result<(), StoreError> {
        let tx = self.db.transaction()?;
        let mut id = self.next_id;
        let mut written = Vec::with_capacity(batches.iter().map(|b| b.rows.len()).sum());
        for batch in batches {
            let chain = *self
                .chain_of_run
                .get(&batch.run)
                .ok_or(StoreError::UnknownRun(batch.run))?;
            let last_seq: i64 = tx
                .prepare_cached("SELECT last_seq FROM runs WHERE id = ?1")?
                .query_row([batch.run], |r| r.get(0))?;
            let Some(last) = batch.rows.last() else { continue };
            let mut insert = tx.prepare_cached(INSERT_SHARE)?;
            for row in batch.rows.iter().filter(|row| to_sql(row.seq) > last_seq) {
                let worker_id = self.names.worker_id(&tx, chain, &row.account, &row.worker)?;
                insert.execute(rusqlite::params![
                    id,
                    batch.run,
                    to_sql(row.seq),
                    to_sql(row.unix_s),
                    worker_id,
                    SqlWork(row.work.get()),
                    display_order(&row.hash),
                    to_sql(row.height),
                    row.extranonce1,
                    row.is_block,
                ])?;
                written.push((worker_id, row.unix_s, row.work.get()));
                id += 1;
            }
            tx.prepare_cached("UPDATE runs SET last_seq = max(last_seq, ?2) WHERE id = ?1")?
                .execute((batch.run, to_sql(last.seq)))?;
        }
        let chunk = self.rollup.write_chunk(&tx)?;
        self.retention
            .delete_some(&tx, self.rollup.rolled_to(), written.len(), now)?;
        tx.commit()?;
        self.next_id = id;
        self.rollup.chunk_written(chunk);
        for (worker_id, unix_s, work) in written {
            self.rollup.add(worker_id, unix_s, work);
        }
        self.rollup.freeze_if_due(id - 1, now);
        Ok(())
    }

    /// Housekeeping for quiet moments: writes waiting rollups, deletes and compacts what is old.
    /// Returns whether more waits.
    ///
    /// # Errors
    /// When the transaction could not be committed.
    pub fn maintain(&mut self, now: Now) -> Result<bool, StoreError> {
        self.rollup.freeze_if_due(self.next_id - 1, now);
        if !self.rollup.has_frozen() && !self.retention.is_due(now) {
            return Ok(false);
        }
        let tx = self.db.transaction()?;
        let chunk = self.rollup.write_chunk(&tx)?;
        let deleted = self
            .retention
            .delete_some(&tx, self.rollup.rolled_to(), 500, now)?;
        let compacted = self.retention.compact_some(&tx, now)?;
        tx.commit()?;
        self.rollup.chunk_written(chunk);
        Ok(self.rollup.has_frozen() || deleted > 0 || compacted > 0)
    }

    /// Writes everything that is still held in memory, before the journal is closed.
    ///
    /// # Errors
    /// When a transaction could not be committed; the next start then reads the raw rows instead.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        loop {
            if !self.rollup.has_frozen() {
                self.rollup.freeze(self.next_id - 1);
                if !self.rollup.has_frozen() {
                    break;
                }
            }
            let tx = self.db.transaction()?;
            let chunk = self.rollup.write_chunk(&tx)?;
            tx.commit()?;
            self.rollup.chunk_written(chunk);
        }
        self.db.execute_batch("PRAGMA wal_checkpoint(PASSIVE)")?;
        Ok(())
    }

    /// Writes one number, to learn whether the database can be written.
    ///
    /// # Errors
    /// When it can't.
    pub fn probe(&mut self, now: Now) -> Result<(), StoreError> {
        schema::set_meta(&self.db, "probed_unix_s", to_sql(now.unix_s))?;
        Ok(())
    }
}

const INSERT_SHARE: &str = "INSERT INTO shares (id, run, seq, unix_s, worker_id, work, hash, height, extranonce1, \
                            is_block) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

/// A hash in the byte order in which explorers show it.
fn display_order(hash: &otedama_hash::Hash256) -> [u8; 32] {
    let mut bytes = hash.to_le_bytes();
    bytes.reverse();
    bytes
}
