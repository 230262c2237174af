//! Deletes raw shares that are old and rolled up, and merges old minutes into hours, a few rows at a
//! time.

use std::time::Duration;

use otedama_hash::{Monotonic, Now};
use rusqlite::{Connection, OptionalExtension as _};

use super::rollup::merge_hour;
use super::work::to_sql;

/// How often to look again when nothing was old.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Minutes older than this many seconds are merged.
const MERGE_AFTER_S: u64 = 26 * HOUR_S;

const HOUR_S: u64 = 3600;

/// Most rows deleted in one transaction.
const MAX_CHUNK: usize = 4000;

/// What is kept for how long.
#[derive(Debug)]
pub(super) struct Retention {
    keep_s: u64,
    next_delete: Monotonic,
    next_merge: Monotonic,
    hour: i64,
}

impl Retention {
    /// Keeps raw rows for `keep_s` seconds.
    pub(super) fn new(keep_s: u64) -> Self {
        Self {
            keep_s,
            next_delete: Monotonic::ZERO,
            next_merge: Monotonic::ZERO,
            hour: 0,
        }
    }

    /// Whether it is time to look for old rows.
    pub(super) fn is_due(&self, now: Now) -> bool {
        now.mono >= self.next_delete || now.mono >= self.next_merge
    }

    /// Deletes old raw rows, twice as many as were just written, so that it keeps up with any rate.
    pub(super) fn delete_some(
        &mut self,
        tx: &Connection,
        rolled_to_id: i64,
        written: usize,
        now: Now,
    ) -> rusqlite::Result<usize> {
        if now.mono < self.next_delete {
            return Ok(0);
        }
        let limit = (2 * written + 100).min(MAX_CHUNK);
        let cutoff = to_sql(now.unix_s.saturating_sub(self.keep_s));
        let last: Option<i64> = tx
            .prepare_cached(
                "SELECT max(id) FROM (SELECT id, unix_s FROM shares ORDER BY id LIMIT ?1) WHERE unix_s < ?2 AND id <= ?3",
            )?
            .query_row((limit as u32, cutoff, rolled_to_id), |r| r.get(0))
            .optional()?
            .flatten();
        let deleted = match last {
            Some(id) => tx
                .prepare_cached("DELETE FROM shares WHERE id <= ?1 AND unix_s < ?2")?
                .execute((id, cutoff))?,
            None => 0,
        };
        if deleted < limit {
            self.next_delete = now.mono + LOOK_EVERY;
        }
        Ok(deleted)
    }

    /// Merges some old minutes into their hours.
    pub(super) fn compact_some(&mut self, tx: &Connection, now: Now) -> rusqlite::Result<usize> {
        if now.mono < self.next_merge {
            return Ok(0);
        }
        let hour_s = to_sql(HOUR_S);
        let end = to_sql(now.unix_s.saturating_sub(MERGE_AFTER_S));
        for _ in 0..50 {
            let first: Option<i64> = tx
                .prepare_cached("SELECT min(slot_unix_s) FROM rollups WHERE slot_unix_s >= ?1")?
                .query_row([self.hour], |r| r.get(0))?;
            let Some(first) = first.filter(|slot| *slot < end) else {
                self.next_merge = now.mono + LOOK_EVERY;
                return Ok(0);
            };
            self.hour = first - first % hour_s;
            let moved = merge_hour(tx, self.hour, hour_s, 200)?;
            if moved > 0 {
                return Ok(moved);
            }
            self.hour += hour_s;
        }
        Ok(1)
    }
}
