//! A Litecoin pool and miner on two real nodes in regtest with MWEB active.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of real processes in real time"
)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use support::mined::{self, Payee};
use support::node::{Coin, Node};
use support::program::{self, Pool, Setup};
use support::wait_until;

/// Scrypt's difficulty 1 is 65,536 hashes: this one takes about 330.
const DIFFICULTY: f64 = 0.005;
/// The first height at which a block has an MWEB part in regtest.
const MWEB_HEIGHT: u64 = 432;

fn setup(dir: &Path, nodes: &[String], payout: &str, own_miner: bool) -> Setup {
    std::fs::create_dir_all(dir).unwrap();
    let chain = format!(
        "coin: LTC\nnetwork: regtest\npayout_address: {payout}\ntemplate_refresh: 1s\nnodes: [{}]\n",
        nodes.join(", ")
    );
    let database = dir.join("pool.db");
    Setup {
        chain,
        own_miner,
        algorithm: "scrypt",
        difficulty: DIFFICULTY,
        ..Setup::development(database)
    }
}

/// Waits until the chain has `count` blocks more, while coins move into MWEB and outside of it, and until all of
/// these transactions are in blocks.
fn wait_for_blocks(node: &Node, count: u64, addresses: [&str; 2]) -> u64 {
    let from = node.height();
    let mut last_sent: Option<Instant> = None;
    let mut turn = 0;
    wait_until("blocks", Duration::from_secs(60), || {
        if node.height() >= from + count {
            return node.waiting_transactions() == 0;
        }
        if last_sent.is_none_or(|at| at.elapsed() > Duration::from_millis(700)) {
            node.send(addresses[turn % 2], 0.5);
            turn += 1;
            last_sent = Some(Instant::now());
        }
        false
    });
    from
}

#[test]
fn both_miners_mine_blocks_with_mweb_that_pay_exactly() {
    if !Coin::Litecoin.is_installed() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(Coin::Litecoin, &dir.path().join("first"), &[]);
    let second = Node::start(
        Coin::Litecoin,
        &dir.path().join("second"),
        &[format!("-connect={}", node.p2p())],
    );
    node.create_wallet();
    let wallet = node.new_address("bech32");
    let mweb = node.new_address("mweb");
    node.generate(MWEB_HEIGHT - 1, &wallet);
    // The first MWEB block must hold a transaction into it.
    node.send(&mweb, 5.0);
    wait_until("the nodes to agree", Duration::from_secs(20), || {
        second.tip() == node.tip()
    });
    let nodes = [node.config(), second.config()];

    let own = node.new_address("bech32");
    let home = dir.path().join("own");
    let setup_own = setup(&home, &nodes, &own, true);
    let pool = Pool::start(&home, &setup_own);
    let from = wait_for_blocks(&node, 20, [&mweb, &wallet]);
    pool.stop();
    let payee = Payee::One(node.script_of(&own));
    let seen = mined::check(&node, from + 1..=node.height(), &payee, &setup_own.database);
    assert!(seen.with_mweb_kernels > 0 && seen.with_fees > 0, "{seen:?}");

    let (fee_address, miner) = (node.new_address("legacy"), node.new_address("p2sh-segwit"));
    let home = dir.path().join("outside");
    let setup = setup(&home, &nodes, &fee_address, false);
    let pool = Pool::start(&home, &setup);
    let mut miner_process = program::mine(&home, pool.stratum(), &format!("{miner}.rig"), "scrypt");
    let from = wait_for_blocks(&node, 20, [&mweb, &wallet]);
    assert!(
        miner_process.stop().is_some(),
        "mine did not stop within 5 s of SIGTERM"
    );
    pool.stop();
    let payee = Payee::Split {
        pool: node.script_of(&fee_address),
        miner: node.script_of(&miner),
    };
    let seen = mined::check(&node, from + 1..=node.height(), &payee, &setup.database);
    assert!(seen.with_mweb_kernels > 0 && seen.with_fees > 0, "{seen:?}");
    wait_until("the nodes to agree", Duration::from_secs(10), || {
        second.tip() == node.tip()
    });
}
