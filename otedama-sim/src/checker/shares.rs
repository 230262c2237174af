//! Each accepted share is in the journal once, at the work of the target that its job was announced with.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use otedama_hash::{Hash256, Monotonic, Target};
use otedama_pool::ShareRow;

use crate::miner::{Cheat, Found};

/// How long a share is remembered.
const KEPT: Duration = Duration::from_secs(2400);

/// What miners found, and what became of it.
#[derive(Debug)]
pub(crate) struct Shares {
    known: HashMap<Hash256, Known, FixedState>,
    oldest: VecDeque<(Monotonic, Hash256)>,
    /// The last row of each journal that the pool handed over, and that is on disk.
    handed: BTreeMap<(u64, usize), u64>,
    stored: BTreeMap<(u64, usize), u64>,
    /// Rows on disk.
    pub(crate) rows: u64,
    /// Work credited by rows on disk.
    pub(crate) credited: u128,
    /// Work that the shares of those rows proved.
    pub(crate) proven: u128,
}

#[derive(Debug)]
struct Known {
    account: Arc<str>,
    worker: Box<str>,
    target: Target,
    can_count: bool,
    was_sent_again: bool,
    is_durable: bool,
    is_accepted: bool,
}

impl Shares {
    pub(super) fn new() -> Self {
        Self {
            known: HashMap::with_hasher(FixedState::with_seed(0)),
            oldest: VecDeque::new(),
            handed: BTreeMap::new(),
            stored: BTreeMap::new(),
            rows: 0,
            credited: 0,
            proven: 0,
        }
    }

    pub(super) fn found(&mut self, now: Monotonic, hash: Hash256, found: &Found) {
        while self.oldest.front().is_some_and(|(at, _)| now.since(*at) > KEPT) {
            if let Some((_, old)) = self.oldest.pop_front() {
                self.known.remove(&old);
            }
        }
        let known = Known {
            account: found.account.clone(),
            worker: found.worker.as_str().into(),
            target: found.target,
            can_count: matches!(found.cheat, None | Some(Cheat::Duplicate)),
            was_sent_again: false,
            is_durable: false,
            is_accepted: false,
        };
        self.known.insert(hash, known);
        self.oldest.push_back((now, hash));
    }

    pub(super) fn again(&mut self, hash: &Hash256) {
        if let Some(known) = self.known.get_mut(hash) {
            known.was_sent_again = true;
        }
    }

    pub(super) fn persist(
        &mut self,
        incarnation: u64,
        shard: usize,
        rows: &[ShareRow],
    ) -> Result<(), String> {
        let last = self.handed.entry((incarnation, shard)).or_default();
        for row in rows {
            if row.seq != *last + 1 {
                return Err(format!("row {} of pool {shard} follows row {last}", row.seq));
            }
            *last = row.seq;
        }
        Ok(())
    }

    pub(super) fn durable(&mut self, incarnation: u64, shard: usize, row: &ShareRow) -> Result<(), String> {
        let last = self.stored.entry((incarnation, shard)).or_default();
        if row.seq <= *last {
            return Err(format!(
                "row {} of pool {shard} was stored after row {last}",
                row.seq
            ));
        }
        *last = row.seq;
        self.rows += 1;
        self.credited += row.work.get();
        let Some(known) = self.known.get_mut(&row.hash) else {
            return Err(format!("nobody found the share {} that was credited", row.hash));
        };
        if !known.can_count {
            return Err(format!(
                "a share that breaks the rules was credited: {}",
                row.hash
            ));
        }
        if std::mem::replace(&mut known.is_durable, true) {
            return Err(format!("the share {} is in the journal twice", row.hash));
        }
        if known.account != row.account || *known.worker != *row.worker {
            let (theirs, ours) = (&known.account, &row.account);
            return Err(format!(
                "a share of {theirs}.{} was credited to {ours}.{}",
                known.worker, row.worker
            ));
        }
        if !known.target.is_met_by(&row.hash) || known.target.work() != row.work {
            let (due, given) = (known.target.work(), row.work);
            return Err(format!(
                "the share {} of {} is worth {due} and was credited {given}",
                row.hash, known.worker
            ));
        }
        self.proven += known.target.work().get();
        Ok(())
    }

    pub(super) fn accepted(&mut self, hash: &Hash256) -> Result<(), String> {
        let Some(known) = self.known.get_mut(hash) else {
            return Err(format!("nobody found the share {hash} that was accepted"));
        };
        if !known.is_durable {
            return Err(format!(
                "the share {hash} of {} was called accepted before it was durable",
                known.worker
            ));
        }
        if std::mem::replace(&mut known.is_accepted, true) {
            return Err(format!("the share {hash} of {} was accepted twice", known.worker));
        }
        Ok(())
    }

    pub(super) fn answered(
        &self,
        hash: &Hash256,
        found: &Found,
        code: Option<i32>,
        is_calm: bool,
    ) -> Result<(), String> {
        let was_sent_again = self.known.get(hash).is_some_and(|k| k.was_sent_again);
        let is_right = match (found.cheat, code) {
            // Somebody else's proof does not fit another's session for one reason or another.
            (None, None | Some(21)) | (Some(Cheat::Borrowed), Some(_)) => true,
            (None, Some(20)) => !is_calm,
            (None, Some(22)) => was_sent_again,
            (Some(cheat), Some(code)) => code == cheat.code() || code == 21 || (code == 20 && !is_calm),
            _ => false,
        };
        if is_right {
            return Ok(());
        }
        let said = code.map_or("accepted".to_owned(), |code| format!("error {code}"));
        let what = found
            .cheat
            .map_or("a good share".to_owned(), |cheat| format!("{cheat:?}"));
        Err(format!("{what} of {} got the answer: {said}", found.worker))
    }
}
