//! Row numbers of accounts and workers.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};

/// Beyond this many remembered names the memory starts afresh; the tables keep everything.
const MAX_REMEMBERED: usize = 200_000;

/// Remembers the numbers of names that were used lately.
#[derive(Debug, Default)]
pub(super) struct Names {
    accounts: HashMap<(i64, Arc<str>), i64>,
    workers: HashMap<(i64, Arc<str>), i64>,
}

impl Names {
    /// The worker's number; both rows are written where they are new.
    pub(super) fn worker_id(
        &mut self,
        db: &Connection,
        chain_id: i64,
        account: &Arc<str>,
        worker: &Arc<str>,
    ) -> rusqlite::Result<i64> {
        let account_id = self.account_id(db, chain_id, account)?;
        let key = (account_id, Arc::clone(worker));
        if let Some(&id) = self.workers.get(&key) {
            return Ok(id);
        }
        let found = db
            .prepare_cached("SELECT id FROM workers WHERE account_id = ?1 AND name = ?2")?
            .query_row((account_id, &**worker), |r| r.get(0))
            .optional()?;
        let id = if let Some(id) = found {
            id
        } else {
            db.prepare_cached("INSERT INTO workers (account_id, name) VALUES (?1, ?2)")?
                .insert((account_id, &**worker))?
        };
        if self.workers.len() >= MAX_REMEMBERED {
            self.workers.clear();
        }
        self.workers.insert(key, id);
        Ok(id)
    }

    fn account_id(&mut self, db: &Connection, chain_id: i64, account: &Arc<str>) -> rusqlite::Result<i64> {
        let key = (chain_id, Arc::clone(account));
        if let Some(&id) = self.accounts.get(&key) {
            return Ok(id);
        }
        let found = db
            .prepare_cached("SELECT id FROM accounts WHERE chain_id = ?1 AND name = ?2")?
            .query_row((chain_id, &**account), |r| r.get(0))
            .optional()?;
        let id = if let Some(id) = found {
            id
        } else {
            db.prepare_cached("INSERT INTO accounts (chain_id, name) VALUES (?1, ?2)")?
                .insert((chain_id, &**account))?
        };
        if self.accounts.len() >= MAX_REMEMBERED {
            self.accounts.clear();
        }
        self.accounts.insert(key, id);
        Ok(id)
    }

    /// Forgets everything, after a transaction that may have created rows was rolled back.
    pub(super) fn forget(&mut self) {
        self.accounts.clear();
        self.workers.clear();
    }
}

/// The number of a chain; its row is written if it is new.
pub(super) fn chain_id(db: &Connection, name: &str) -> rusqlite::Result<i64> {
    db.prepare_cached("INSERT INTO chains (name) VALUES (?1) ON CONFLICT (name) DO NOTHING")?
        .execute([name])?;
    db.prepare_cached("SELECT id FROM chains WHERE name = ?1")?
        .query_row([name], |r| r.get(0))
}
