//! Accepted work per worker and minute, so that a restart doesn't have to read every share.
//!
//! Sums gather in memory. Once a minute they are frozen together with the id of the last share in
//! them and then written in small chunks, each inside a transaction that commits anyway, ordered by
//! worker. `rolled_to_id` moves when the last chunk is in; until then `rolling_to_id` and
//! `rolling_worker_id` say how far the writing got, so that a crash between two chunks neither loses
//! a share nor counts one twice.

use std::collections::HashMap;

use otedama_hash::{Monotonic, Now};
use rusqlite::{Connection, OptionalExtension as _};

use super::schema::{meta, set_meta};
use super::work::{SqlWork, from_sql, to_sql};

/// Seconds that one row covers.
pub const SLOT_S: u64 = 60;

/// How long sums gather before they are written.
const FREEZE_AFTER: std::time::Duration = std::time::Duration::from_secs(60);

/// Rows written per transaction.
const CHUNK: usize = 200;

/// Sums in memory beyond which they are frozen early.
const MAX_OPEN: usize = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    worker_id: i64,
    slot: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    work: u128,
    shares: u64,
}

/// What the last chunk of a transaction contained; handed back once the transaction is in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chunk(usize);

/// Sums on their way into the table.
#[derive(Debug, Default)]
pub(super) struct Rollup {
    open: HashMap<Key, Sum>,
    /// Highest worker first, so that the next chunk is popped off the end.
    frozen: Vec<(Key, Sum)>,
    frozen_to_id: i64,
    rolled_to_id: i64,
    next_freeze: Monotonic,
}

impl Rollup {
    /// Key of the last share that the table includes for every worker.
    pub(super) const ROLLED_TO: &'static str = "rolled_to_id";
    const ROLLING_TO: &'static str = "rolling_to_id";
    const ROLLING_WORKER: &'static str = "rolling_worker_id";

    /// Gathers again what the journal holds beyond the table.
    pub(super) fn resume(db: &Connection, rolled_to_id: i64, last_id: i64) -> rusqlite::Result<Self> {
        let mut rollup = Self {
            rolled_to_id,
            ..Self::default()
        };
        let rolling_to = meta(db, Self::ROLLING_TO)?;
        if rolling_to > rolled_to_id {
            let written_to = meta(db, Self::ROLLING_WORKER)?;
            rollup.gather(db, rolled_to_id, rolling_to, written_to)?;
            rollup.freeze(rolling_to);
            if !rollup.has_frozen() {
                rollup.finish(db)?;
            }
        }
        rollup.gather(db, rolling_to.max(rolled_to_id), last_id, 0)?;
        Ok(rollup)
    }

    fn gather(&mut self, db: &Connection, after: i64, to: i64, above_worker: i64) -> rusqlite::Result<()> {
        let mut statement = db.prepare(
            "SELECT worker_id, unix_s, work FROM shares WHERE id > ?1 AND id <= ?2 AND worker_id > ?3",
        )?;
        let mut rows = statement.query((after, to, above_worker))?;
        while let Some(row) = rows.next()? {
            self.add(row.get(0)?, from_sql(row.get(1)?), row.get::<_, SqlWork>(2)?.0);
        }
        Ok(())
    }

    /// Adds one share that is in the journal.
    pub(super) fn add(&mut self, worker_id: i64, unix_s: u64, work: u128) {
        let sum = self
            .open
            .entry(Key {
                worker_id,
                slot: unix_s - unix_s % SLOT_S,
            })
            .or_default();
        sum.work = sum.work.saturating_add(work);
        sum.shares += 1;
    }

    /// The last share that the table includes for every worker.
    pub(super) fn rolled_to(&self) -> i64 {
        self.rolled_to_id
    }

    /// Whether sums wait to be written.
    pub(super) fn has_frozen(&self) -> bool {
        !self.frozen.is_empty()
    }

    /// Freezes what gathered, if its time has come. `last_id` is the last share in it.
    pub(super) fn freeze_if_due(&mut self, last_id: i64, now: Now) {
        if self.next_freeze == Monotonic::ZERO {
            self.next_freeze = now.mono + FREEZE_AFTER;
        }
        if now.mono >= self.next_freeze || self.open.len() > MAX_OPEN {
            self.next_freeze = now.mono + FREEZE_AFTER;
            self.freeze(last_id);
        }
    }

    /// Freezes what gathered up to `last_id`, unless frozen sums still wait.
    pub(super) fn freeze(&mut self, last_id: i64) {
        if self.has_frozen() || self.open.is_empty() {
            return;
        }
        self.frozen = self.open.drain().collect();
        self.frozen
            .sort_unstable_by_key(|(key, _)| std::cmp::Reverse(*key));
        self.frozen_to_id = last_id;
    }

    /// Writes the next chunk inside the caller's transaction.
    pub(super) fn write_chunk(&self, tx: &Connection) -> rusqlite::Result<Chunk> {
        if self.frozen.is_empty() {
            return Ok(Chunk(0));
        }
        // All rows of a worker go into the same chunk: progress is remembered by worker.
        let mut count = self.frozen.len().min(CHUNK);
        while count < self.frozen.len() {
            let at = self.frozen.len() - count;
            if self.frozen[at].0.worker_id != self.frozen[at - 1].0.worker_id {
                break;
            }
            count += 1;
        }
        let chunk = &self.frozen[self.frozen.len() - count..];
        for (key, sum) in chunk.iter().rev() {
            add_to_row(tx, to_sql(key.slot), key.worker_id, *sum)?;
        }
        if count == self.frozen.len() {
            set_meta(tx, Self::ROLLED_TO, self.frozen_to_id)?;
        } else {
            set_meta(tx, Self::ROLLING_TO, self.frozen_to_id)?;
            set_meta(tx, Self::ROLLING_WORKER, chunk[0].0.worker_id)?;
        }
        Ok(Chunk(count))
    }

    /// The transaction with `chunk` is in.
    pub(super) fn chunk_written(&mut self, chunk: Chunk) {
        if chunk.0 == 0 {
            return;
        }
        self.frozen.truncate(self.frozen.len().saturating_sub(chunk.0));
        if self.frozen.is_empty() {
            self.frozen = Vec::new();
            self.rolled_to_id = self.frozen_to_id;
        }
    }

    fn finish(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.rolled_to_id = meta(db, Self::ROLLING_TO)?;
        set_meta(db, Self::ROLLED_TO, self.rolled_to_id)
    }
}

fn add_to_row(tx: &Connection, slot: i64, worker_id: i64, sum: Sum) -> rusqlite::Result<()> {
    let old = tx
        .prepare_cached("SELECT work, shares FROM rollups WHERE slot_unix_s = ?1 AND worker_id = ?2")?
        .query_row((slot, worker_id), |r| {
            Ok((r.get::<_, SqlWork>(0)?.0, r.get::<_, i64>(1)?))
        })
        .optional()?
        .unwrap_or((0, 0));
    tx.prepare_cached(
        "INSERT OR REPLACE INTO rollups (slot_unix_s, worker_id, work, shares) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((
        slot,
        worker_id,
        SqlWork(old.0.saturating_add(sum.work)),
        old.1 + to_sql(sum.shares),
    ))?;
    Ok(())
}

/// Moves up to `limit` rows after `hour` and before the next one into the row of the hour itself.
/// Returns how many were moved.
pub(super) fn merge_hour(tx: &Connection, hour: i64, hour_s: i64, limit: u32) -> rusqlite::Result<usize> {
    let mut statement = tx.prepare_cached(
        "SELECT slot_unix_s, worker_id, work, shares FROM rollups WHERE slot_unix_s > ?1 AND slot_unix_s < ?2 LIMIT ?3",
    )?;
    let rows: Vec<(i64, i64, SqlWork, i64)> = statement
        .query_map((hour, hour + hour_s, limit), |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))
        })?
        .collect::<Result<_, _>>()?;
    for &(slot, worker_id, work, shares) in &rows {
        add_to_row(
            tx,
            hour,
            worker_id,
            Sum {
                work: work.0,
                shares: from_sql(shares),
            },
        )?;
        tx.prepare_cached("DELETE FROM rollups WHERE slot_unix_s = ?1 AND worker_id = ?2")?
            .execute((slot, worker_id))?;
    }
    Ok(rows.len())
}
