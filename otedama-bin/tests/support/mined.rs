//! Checks of mined blocks against the node and against the pool's own account of them.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::coinbase::{Coinbase, Outputs};
use super::journal::Journal;
use super::node::Node;
use super::wait_until;

/// Whom blocks have to pay.
#[derive(Clone, Debug)]
pub(crate) enum Payee {
    /// Script of the only address there is.
    One(String),
    /// One percent goes to `pool` and the rest to `miner`.
    Split { pool: String, miner: String },
}

/// What was seen in the blocks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Blocks checked.
    pub(crate) blocks: usize,
    /// Blocks with transactions that paid fees.
    pub(crate) with_fees: usize,
    /// Blocks with a kernel in their MWEB part.
    pub(crate) with_mweb_kernels: usize,
}

/// Checks every block of the best chain at `heights`: what it pays, and that the pool knows it.
pub(crate) fn check(node: &Node, heights: RangeInclusive<u64>, payee: &Payee, database: &Path) -> Seen {
    wait_until_recorded(node, heights.clone(), database);
    let mut seen = Seen::default();
    let mut in_chain = HashMap::new();
    for height in heights {
        let block = node.block(height);
        let coinbase = Coinbase::of(&block);
        let stats = node
            .rpc
            .call("getblockstats", &json!([height, ["subsidy", "totalfee"]]));
        let (subsidy, fees) = (
            stats["subsidy"].as_u64().unwrap(),
            stats["totalfee"].as_u64().unwrap(),
        );
        assert_eq!(
            coinbase.total(),
            subsidy + fees,
            "block {height} gives coins away"
        );
        assert_eq!(coinbase.paid, expected(coinbase.total(), payee), "block {height}");
        assert!(
            coinbase.script.contains(&const_hex::encode("/Otedama/")),
            "no tag in block {height}"
        );
        // BIP 141 wants a commitment where witnesses are; the first job on a new block may be empty.
        let is_empty = block["tx"].as_array().unwrap().len() == 1;
        assert!(
            coinbase.has_witness_commitment || is_empty,
            "no witness commitment in block {height}"
        );
        seen.blocks += 1;
        seen.with_fees += usize::from(fees > 0);
        let kernels = block["mweb"]["num_kernels"].as_u64().unwrap_or(0);
        seen.with_mweb_kernels += usize::from(kernels > 0);
        in_chain.insert(block["hash"].as_str().unwrap().to_owned(), coinbase.paid);
    }
    check_journal(database, &in_chain);
    seen
}

fn expected(total: u64, payee: &Payee) -> Outputs {
    match payee {
        Payee::One(script) => Outputs::from([(script.clone(), total)]),
        Payee::Split { pool, miner } => {
            let fee = total / 100;
            Outputs::from([(pool.clone(), fee), (miner.clone(), total - fee)])
        }
    }
}

/// Waits until the pool has recorded every block of the best chain at `heights` as accepted.
pub(crate) fn wait_until_recorded(node: &Node, heights: RangeInclusive<u64>, database: &Path) {
    let hashes: Vec<String> = heights.map(|height| node.hash_at(height)).collect();
    wait_until("the pool to record its blocks", Duration::from_secs(10), || {
        let blocks = Journal::open(database).blocks();
        hashes
            .iter()
            .all(|hash| blocks.get(hash).is_some_and(|b| b.status == "accepted"))
    });
}

/// Every block of the chain is in the pool's account, with what it pays.
fn check_journal(database: &Path, in_chain: &HashMap<String, Outputs>) {
    let journal = Journal::open(database);
    let blocks = journal.blocks();
    for block in blocks.values().filter(|b| b.status != "accepted") {
        eprintln!("block {} is {}: {}", block.height, block.status, block.detail);
    }
    for (hash, paid) in in_chain {
        assert_eq!(&blocks[hash].outputs, paid, "what {hash} pays");
        assert_eq!(u64::try_from(blocks[hash].reward), Ok(paid.values().sum()));
    }
    let shares = journal.shares();
    let mut hashes: Vec<_> = shares.iter().map(|s| &s.hash).collect();
    hashes.sort_unstable();
    assert!(
        hashes.windows(2).all(|pair| pair[0] != pair[1]),
        "a share was written twice"
    );
    let solved = shares.iter().filter(|s| s.is_block).count();
    assert_eq!(solved, blocks.len(), "every block has its share");
}
