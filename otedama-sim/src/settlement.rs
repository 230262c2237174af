//! What blocks leave owed: settled while they are part of the chain, reversed when they leave it.

use crate::config::Sabotage;
use crate::store::{BlockRecord, Write};
use crate::world::World;

/// How many blocks below the tip a block is looked after.
const SETTLE_DEPTH: u64 = 60;

impl World {
    /// What blocks leave owed counts while they are part of the chain, and only then.
    pub(crate) fn reconcile(&mut self) {
        let Some(process) = &mut self.process else { return };
        let Some(node) = [process.preferred, 0, 1]
            .into_iter()
            .find(|n| self.nodes[*n].is_up)
        else {
            return;
        };
        let tip = self.nodes[node].ledger.tip().1;
        let mut changes = Vec::new();
        for (hash, record) in process
            .blocks
            .iter_mut()
            .filter(|(_, r)| r.height + SETTLE_DEPTH > tip)
        {
            let is_in_chain = self.nodes[node].ledger.is_in_best_chain(hash);
            if is_in_chain != record.is_settled {
                record.is_settled = is_in_chain;
                changes.push((*hash, *record));
            }
        }
        for (hash, record) in changes {
            let Some(plan) = process.plans.get(&record.plan) else {
                let what = format!("nobody knows the plan {} that block {hash} pays", record.plan);
                self.checks.fail("carry", what);
                return;
            };
            let forget = self.config.sabotage == Some(Sabotage::ForgetCarry);
            match record.is_settled {
                true if !forget => process.book.settle(plan),
                true => {}
                false => {
                    process.book.reverse(plan);
                    self.counts.orphans += 1;
                }
            }
            let BlockRecord {
                plan,
                height,
                is_settled,
            } = record;
            self.store.push(Write::Block {
                hash,
                plan,
                height,
                is_settled,
            });
        }
        self.drain(0);
    }
}
