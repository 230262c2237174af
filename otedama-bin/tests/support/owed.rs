//! Checks of blocks that pay the pool, which owes the miners from then on.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::journal::{Journal, ShareRow};
use super::monerod::Monerod;
use super::wait_until;

/// Owed to each account, in the coin's smallest unit.
pub(crate) type Owed = BTreeMap<String, i64>;

/// Waits until every block of the chain is in the pool's journal as accepted.
pub(crate) fn wait_until_recorded(node: &Monerod, database: &Path, heights: std::ops::RangeInclusive<u64>) {
    let ids: Vec<String> = heights.map(|height| node.id_at(height)).collect();
    wait_until("the pool to record its blocks", Duration::from_secs(20), || {
        let blocks = Journal::open(database).blocks();
        ids.iter()
            .all(|id| blocks.get(id).is_some_and(|b| b.status == "accepted"))
    });
}

/// Checks what every block at `heights` leaves owed, with a fee of one percent. Returns the sum over the whole journal.
pub(crate) fn check(node: &Monerod, database: &Path, heights: std::ops::RangeInclusive<u64>) -> Owed {
    wait_until_recorded(node, database, heights.clone());
    let journal = Journal::open(database);
    let (blocks, shares) = (journal.blocks(), journal.shares());
    for height in heights {
        let header = node.header_at(height);
        let id = header["hash"].as_str().unwrap();
        let block = &blocks[id];
        let reward = header["reward"].as_u64().unwrap();
        assert_eq!(block.height.cast_unsigned(), height);
        assert_eq!(block.reward.cast_unsigned(), reward);
        let outputs: Vec<u64> = block.outputs.values().copied().collect();
        assert_eq!(outputs, [reward], "block {height} pays the pool alone");
        let owed = journal.owed_by(id);
        let miners_part = (reward - reward / 100).cast_signed();
        assert_eq!(
            owed.values().sum::<i64>(),
            miners_part,
            "block {height}: {owed:?}"
        );
        assert!(
            is_by_work(&owed, miners_part, &shares),
            "block {height} owes {owed:?}, which no shares explain"
        );
    }
    let mut total = Owed::new();
    for (id, block) in &blocks {
        if block.status == "accepted" {
            for (account, owed) in journal.owed_by(id) {
                *total.entry(account).or_default() += owed;
            }
        }
    }
    total
}

/// Whether `owed` follows from the shares up to some time: which ones a block's plan knew of is not written down.
fn is_by_work(owed: &Owed, miners_part: i64, shares: &[ShareRow]) -> bool {
    // Before the first share was known, whoever found the block gets it.
    if owed.len() == 1 && owed.values().all(|amount| *amount == miners_part) {
        return true;
    }
    let mut work = BTreeMap::<&str, u64>::new();
    let mut all = 0;
    shares.iter().any(|share| {
        *work.entry(&share.account).or_default() += share.work;
        all += share.work;
        // Parts are whole units, and the odd ones go to somebody.
        work.len() == owed.len()
            && work.iter().all(|(account, work)| {
                let part = i128::from(miners_part) * i128::from(*work) / i128::from(all);
                owed.get(*account)
                    .is_some_and(|owed| (i128::from(*owed) - part).abs() <= 1)
            })
    })
}
