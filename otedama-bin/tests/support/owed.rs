//! Checks of blocks that pay the pool, which owes the miners from then on.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::journal::{Journal, ShareRow};
use super::monerod::Monerod;
use super::wait_until;

/// Owed to each account, in the coin's smallest unit.
pub(crate) type Owed = BTreeMap<String, i64>;

/// A block of the pool's in the node's chain.
#[derive(Clone, Debug)]
pub(crate) struct Mined {
    pub(crate) height: u64,
    /// What the journal calls it.
    pub(crate) id: String,
    pub(crate) reward: u64,
}

/// The blocks of a node's best chain.
pub(crate) fn mined_on(node: &Monerod, heights: RangeInclusive<u64>) -> Vec<Mined> {
    let mined = |height| {
        let header = node.header_at(height);
        Mined {
            height,
            id: header["hash"].as_str().unwrap().to_owned(),
            reward: header["reward"].as_u64().unwrap(),
        }
    };
    heights.map(mined).collect()
}

/// How many shares the pool had counted for sure, at heights of the node that its templates come from.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    written: usize,
    at: Vec<(u64, usize)>,
}

impl Counted {
    /// Looks into the journal, and then at the node, which says how high its tip is.
    pub(crate) fn look(&mut self, database: &Path, tip: impl FnOnce() -> u64) {
        let written = Journal::open(database).shares().len();
        // Shares are counted before the next ones are written.
        if written > self.written {
            self.at.push((tip(), self.written));
            self.written = written;
        }
    }

    /// How many at least were counted when the pool planned whom a block at `height` pays. It did so after the block
    /// below was there, which was above the tip.
    fn before(&self, height: u64) -> usize {
        let earlier = self.at.iter().filter(|(tip, _)| tip + 2 <= height);
        earlier.map(|(_, shares)| *shares).max().unwrap_or(0)
    }
}

/// Whether some block in the journal leaves something owed to so many accounts.
pub(crate) fn is_shared(database: &Path, accounts: usize) -> bool {
    let journal = Journal::open(database);
    let blocks = journal.blocks();
    blocks.keys().any(|id| journal.owed_by(id).len() == accounts)
}

/// Checks what every block leaves owed, with a fee of one percent. Returns the sum over the whole journal.
pub(crate) fn check(database: &Path, mined: &[Mined], counted: &Counted) -> Owed {
    wait_until("the pool to record its blocks", Duration::from_secs(20), || {
        let journal = Journal::open(database);
        let (blocks, shares) = (journal.blocks(), journal.shares());
        mined.iter().all(|block| {
            let is_accepted = blocks.get(&block.id).is_some_and(|b| b.status == "accepted");
            is_accepted && own_share(&shares, block.height).is_some()
        })
    });
    let journal = Journal::open(database);
    let (blocks, shares) = (journal.blocks(), journal.shares());
    for Mined { height, id, reward } in mined {
        let block = &blocks[id];
        assert_eq!(block.height.cast_unsigned(), *height);
        assert_eq!(block.reward.cast_unsigned(), *reward);
        let outputs: Vec<u64> = block.outputs.values().copied().collect();
        assert_eq!(outputs, [*reward], "block {height} pays the pool alone");
        let owed = journal.owed_by(id);
        let miners_part = (reward - reward / 100).cast_signed();
        assert_eq!(
            owed.values().sum::<i64>(),
            miners_part,
            "block {height}: {owed:?}"
        );
        let earlier = &shares[..own_share(&shares, *height).unwrap()];
        let counted = counted.before(*height);
        let to_finder = Owed::from([(block.account.clone(), miners_part)]);
        // Before the first share was counted, whoever found the block gets it.
        assert!(
            counted == 0 && owed == to_finder || is_by_work(&owed, miners_part, earlier, counted),
            "block {height} owes {owed:?}, which no {counted} or more of {} shares explain",
            earlier.len()
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

/// Where the share is that was a block at this height; the last one if there were several.
fn own_share(shares: &[ShareRow], height: u64) -> Option<usize> {
    shares
        .iter()
        .rposition(|share| share.is_block && share.height == height)
}

/// Whether `owed` follows from the first shares, of which `counted` or more were known: how many it were when the block
/// was planned is not written down.
fn is_by_work(owed: &Owed, miners_part: i64, shares: &[ShareRow], counted: usize) -> bool {
    let mut work = BTreeMap::<&str, u64>::new();
    let mut all = 0;
    shares.iter().zip(1..).any(|(share, known)| {
        *work.entry(&share.account).or_default() += share.work;
        all += share.work;
        // Parts are whole units, and the odd ones go to somebody.
        known >= counted
            && work.len() == owed.len()
            && work.iter().all(|(account, work)| {
                let part = i128::from(miners_part) * i128::from(*work) / i128::from(all);
                owed.get(*account)
                    .is_some_and(|owed| (i128::from(*owed) - part).abs() <= 1)
            })
    })
}
