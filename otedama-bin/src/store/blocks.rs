//! Blocks that the pool found, what they pay, and what they left owed.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension as _;

use super::StoreError;
use super::found::FoundBlock;
use super::journal::Journal;
use super::names::chain_id;
use super::work::{from_sql, to_sql};

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockStatus {
    /// On its way to the nodes, or none of them has said clearly what became of it.
    Submitted,
    /// A node took it, or its chain has it.
    Accepted,
    /// Every node refused it.
    Rejected,
    /// Another block has its place in the best chain.
    Orphaned,
    /// So deep that its coins can be spent.
    Mature,
}

impl BlockStatus {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Orphaned => "orphaned",
            Self::Mature => "mature",
        }
    }

    fn from_str(word: &str) -> Self {
        match word {
            "accepted" => Self::Accepted,
            "rejected" => Self::Rejected,
            "orphaned" => Self::Orphaned,
            "mature" => Self::Mature,
            _ => Self::Submitted,
        }
    }
}

/// A block as the table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRow {
    /// Its hash, as explorers show it.
    pub hash: String,
    /// Its height.
    pub height: u64,
    /// Coinbase value.
    pub reward: u64,
    /// Who found it.
    pub account: String,
    /// With which worker.
    pub worker: String,
    /// When.
    pub unix_s: u64,
    /// What became of it.
    pub status: BlockStatus,
}

impl BlockRow {
    /// Whether it may still enter or leave the best chain.
    pub fn may_change(&self) -> bool {
        // Even a block that every node refused: the chain has the last word.
        self.status != BlockStatus::Mature
    }
}

/// Owed amounts by account; a negative one was paid ahead.
pub type CarryBalances = BTreeMap<String, i128>;

impl Journal {
    /// Records a block that is being submitted, with what it will leave owed once it counts. Doing so
    /// twice changes nothing.
    ///
    /// # Errors
    /// When the database can't be written.
    pub fn block_found(&mut self, chain: &str, block: &FoundBlock) -> Result<(), StoreError> {
        let tx = self.db.transaction()?;
        let chain = chain_id(&tx, chain)?;
        let new = tx
            .prepare_cached(
                "INSERT INTO blocks (hash, chain_id, height, prev_hash, reward, account, worker, unix_s, status) VALUES \
                 (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'submitted') ON CONFLICT (hash) DO NOTHING",
            )?
            .execute(rusqlite::params![
                block.hash,
                chain,
                to_sql(block.height),
                block.prev_hash,
                to_sql(block.reward),
                block.account,
                block.worker,
                to_sql(block.unix_s),
            ])?;
        if new > 0 {
            for (position, (script, amount)) in block.outputs.iter().enumerate() {
                tx.prepare_cached(
                    "INSERT INTO block_outputs (block_hash, position, script, amount) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((&block.hash, position as u32, script, to_sql(*amount)))?;
            }
            for (account, delta) in &block.carry {
                let delta = i64::try_from(*delta).map_err(|_| StoreError::AmountOutOfRange)?;
                tx.prepare_cached("INSERT INTO carry (block_hash, account, delta) VALUES (?1, ?2, ?3)")?
                    .execute((&block.hash, account, delta))?;
            }
        }
        tx.commit()?;
        Ok(())
    }

    /// Records what became of a block.
    ///
    /// # Errors
    /// When the database can't be written.
    pub fn block_status(&mut self, hash: &str, status: BlockStatus, detail: &str) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE blocks SET status = ?2, detail = ?3 WHERE hash = ?1")?
            .execute((hash, status.as_str(), detail))?;
        Ok(())
    }

    /// What blocks of `chain` that count left owed to each account.
    ///
    /// # Errors
    /// When the database can't be read.
    pub fn carry_balances(&self, chain: &str) -> Result<CarryBalances, StoreError> {
        let mut statement = self.db.prepare(
            "SELECT k.account, k.delta FROM carry k JOIN blocks b ON b.hash = k.block_hash JOIN chains c ON c.id = \
             b.chain_id WHERE c.name = ?1 AND b.status IN ('accepted', 'mature')",
        )?;
        let mut balances = CarryBalances::new();
        let mut rows = statement.query([chain])?;
        while let Some(row) = rows.next()? {
            *balances.entry(row.get(0)?).or_default() += i128::from(row.get::<_, i64>(1)?);
        }
        balances.retain(|_, owed| *owed != 0);
        Ok(balances)
    }

    /// What `hash` left owed to each account.
    ///
    /// # Errors
    /// When the database can't be read.
    pub fn carry_of(&self, hash: &str) -> Result<Vec<(String, i128)>, StoreError> {
        let mut statement = self
            .db
            .prepare_cached("SELECT account, delta FROM carry WHERE block_hash = ?1")?;
        let rows = statement.query_map([hash], |r| Ok((r.get(0)?, i128::from(r.get::<_, i64>(1)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The newest blocks of `chain`, newest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub fn recent_blocks(&self, chain: &str, limit: u32) -> Result<Vec<BlockRow>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT b.hash, b.height, b.reward, b.account, b.worker, b.unix_s, b.status FROM blocks b JOIN chains c ON \
             c.id = b.chain_id WHERE c.name = ?1 ORDER BY b.unix_s DESC, b.height DESC LIMIT ?2",
        )?;
        let rows = statement.query_map((chain, limit), |r| {
            Ok(BlockRow {
                hash: r.get(0)?,
                height: from_sql(r.get(1)?),
                reward: from_sql(r.get(2)?),
                account: r.get(3)?,
                worker: r.get(4)?,
                unix_s: from_sql(r.get(5)?),
                status: BlockStatus::from_str(&r.get::<_, String>(6)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The status of a block, if it is known.
    ///
    /// # Errors
    /// When the database can't be read.
    pub fn status_of(&self, hash: &str) -> Result<Option<BlockStatus>, StoreError> {
        Ok(self
            .db
            .query_row("SELECT status FROM blocks WHERE hash = ?1", [hash], |r| {
                r.get::<_, String>(0)
            })
            .optional()?
            .map(|word| BlockStatus::from_str(&word)))
    }
}
