//! The program's database, read from outside with plain SQL.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::coinbase::Outputs;

/// The database of a pool, opened for reading.
pub(crate) struct Journal(Connection);

/// An accepted share.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShareRow {
    /// Proof of work, as explorers show hashes.
    pub(crate) hash: String,
    pub(crate) account: String,
    pub(crate) worker: String,
    /// Hashes that it is credited with.
    pub(crate) work: u64,
    pub(crate) height: u64,
    pub(crate) extranonce1: u32,
    pub(crate) is_block: bool,
}

/// A block that the pool found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BlockRow {
    pub(crate) height: i64,
    /// Who found it.
    pub(crate) account: String,
    pub(crate) status: String,
    pub(crate) detail: String,
    pub(crate) reward: i64,
    /// What its coinbase pays by the pool's own account.
    pub(crate) outputs: Outputs,
}

impl Journal {
    /// Opens the file; the pool may be running.
    pub(crate) fn open(path: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).unwrap();
        db.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        Self(db)
    }

    /// Every share, in the order in which they were written.
    pub(crate) fn shares(&self) -> Vec<ShareRow> {
        let sql = "SELECT lower(hex(s.hash)), a.name, w.name, CAST(s.work AS INTEGER), s.height, s.extranonce1, \
                   s.is_block FROM shares s \
                   JOIN workers w ON w.id = s.worker_id JOIN accounts a ON a.id = w.account_id ORDER BY s.id";
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |r| {
            Ok(ShareRow {
                hash: r.get(0)?,
                account: r.get(1)?,
                worker: r.get(2)?,
                work: r.get::<_, i64>(3)?.cast_unsigned(),
                height: r.get::<_, i64>(4)?.cast_unsigned(),
                extranonce1: r.get(5)?,
                is_block: r.get(6)?,
            })
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// What every account was credited, in hashes: summed up over its shares, and how many these are.
    pub(crate) fn credits(&self) -> BTreeMap<String, (u128, usize)> {
        let sql = "SELECT a.name, CAST(s.work AS TEXT) FROM shares s \
                   JOIN workers w ON w.id = s.worker_id JOIN accounts a ON a.id = w.account_id";
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)));
        let mut credits = BTreeMap::<String, (u128, usize)>::new();
        for (account, work) in rows.unwrap().map(Result::unwrap) {
            let (sum, count) = credits.entry(account).or_default();
            *sum += work.parse::<u128>().unwrap();
            *count += 1;
        }
        credits
    }

    /// What the blocks leave owed to every account.
    pub(crate) fn owed(&self) -> BTreeMap<String, i64> {
        let sql = "SELECT account, sum(delta) FROM carry GROUP BY account";
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// Every block, by its hash.
    pub(crate) fn blocks(&self) -> BTreeMap<String, BlockRow> {
        let sql = "SELECT hash, height, account, status, detail, reward FROM blocks";
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |r| {
            let row = BlockRow {
                height: r.get(1)?,
                account: r.get(2)?,
                status: r.get(3)?,
                detail: r.get(4)?,
                reward: r.get(5)?,
                outputs: Outputs::new(),
            };
            Ok((r.get::<_, String>(0)?, row))
        });
        let mut blocks: BTreeMap<_, _> = rows.unwrap().map(Result::unwrap).collect();
        let mut statement = self
            .0
            .prepare("SELECT block_hash, script, amount FROM block_outputs")
            .unwrap();
        let outputs = statement
            .query_map([], |r| {
                Ok((
                    r.get::<_, String>(0)?,
                    r.get::<_, String>(1)?,
                    r.get::<_, i64>(2)?,
                ))
            })
            .unwrap();
        for (hash, script, amount) in outputs.map(Result::unwrap) {
            *blocks.get_mut(&hash).unwrap().outputs.entry(script).or_default() +=
                u64::try_from(amount).unwrap();
        }
        blocks
    }

    /// What a block leaves owed to each account.
    pub(crate) fn owed_by(&self, hash: &str) -> BTreeMap<String, i64> {
        let sql = "SELECT account, delta FROM carry WHERE block_hash = ?1";
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([hash], |r| Ok((r.get(0)?, r.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }
}
