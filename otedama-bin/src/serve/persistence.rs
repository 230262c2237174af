//! From the store back to the pools, the rewards and the meter.

use std::collections::HashMap;
use std::sync::Arc;

use otedama_pool::{ExtranonceLease, ShareRow};

use super::chain::Chain;
use super::prepare::Prepared;
use crate::shard::Command;
use crate::store::Listener;

/// Tells shards and chains what the store did.
pub(super) struct Persistence {
    runs: HashMap<i64, (Arc<Chain>, usize)>,
}

impl Persistence {
    /// For the runs of these chains.
    pub(super) fn new(prepared: &[Prepared]) -> Self {
        let runs = prepared
            .iter()
            .flat_map(|p| {
                p.runs
                    .iter()
                    .enumerate()
                    .map(|(shard, run)| (run.run, (Arc::clone(&p.chain), shard)))
            })
            .collect();
        Self { runs }
    }

    fn tell(&self, run: i64, command: Command) {
        if let Some((chain, shard)) = self.runs.get(&run)
            && let Some(mailbox) = chain.shards.get(*shard)
        {
            mailbox.send(command);
        }
    }
}

impl Listener for Persistence {
    fn persisted(&mut self, run: i64, rows: &[ShareRow]) {
        if let Some((chain, shard)) = self.runs.get(&run) {
            chain.on_persisted(*shard, rows);
        }
    }

    fn given_up(&mut self, run: i64, seq: u64) {
        self.tell(run, Command::PersistFailed { seq });
    }

    fn leased(&mut self, run: i64, lease: ExtranonceLease) {
        self.tell(run, Command::Extranonce(lease));
    }
}
