//! A Bitcoin pool and miner on a real node in regtest: what they mine is accepted and pays to the last satoshi.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of real processes in real time"
)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use support::journal::Journal;
use support::mined::{self, Payee};
use support::node::{Coin, Node};
use support::program::{self, Pool, Setup};
use support::{proxy, wait_until};

/// About 400,000 hashes: a few blocks a second on half a core.
const DIFFICULTY: f64 = 0.0001;

fn setup(dir: &Path, nodes: &[String], payout: &str, own_miner: bool) -> Setup {
    std::fs::create_dir_all(dir).unwrap();
    let chain = format!(
        "coin: BTC\nnetwork: regtest\npayout_address: {payout}\ntemplate_refresh: 1s\nhealth_check: 1s\nnodes: [{}]\n",
        nodes.join(", ")
    );
    let database = dir.join("pool.db");
    Setup {
        chain,
        own_miner,
        difficulty: DIFFICULTY,
        ..Setup::development(database)
    }
}

/// Waits until the chain has `count` blocks more, while the wallet sends a transaction now and then, and until
/// all of them are in blocks.
fn wait_for_blocks(node: &Node, count: u64, spend_to: &str) -> u64 {
    let from = node.height();
    let mut last_sent = Instant::now();
    node.send(spend_to, 0.25);
    wait_until("blocks", Duration::from_secs(60), || {
        if node.height() >= from + count {
            return node.waiting_transactions() == 0;
        }
        if last_sent.elapsed() > Duration::from_millis(400) {
            node.send(spend_to, 0.25);
            last_sent = Instant::now();
        }
        false
    });
    from
}

#[test]
fn both_miners_mine_blocks_that_pay_exactly() {
    if !Coin::Bitcoin.is_installed() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(Coin::Bitcoin, &dir.path().join("node"), &[]);
    node.create_wallet();
    let wallet = node.new_address("bech32");
    node.generate(110, &wallet);

    // Every kind of address that can be paid.
    let own = node.new_address("bech32m");
    let home = dir.path().join("own");
    let setup_own = setup(&home, &[node.config()], &own, true);
    let pool = Pool::start(&home, &setup_own);
    let from = wait_for_blocks(&node, 20, &wallet);
    pool.stop();
    let payee = Payee::One(node.script_of(&own));
    let seen = mined::check(&node, from + 1..=node.height(), &payee, &setup_own.database);
    assert!(seen.with_fees > 0, "{seen:?}");

    for (number, kind) in ["legacy", "p2sh-segwit", "bech32"].into_iter().enumerate() {
        let (fee_address, miner) = (node.new_address("bech32"), node.new_address(kind));
        let home = dir.path().join(format!("outside-{number}"));
        let setup = setup(&home, &[node.config()], &fee_address, false);
        let pool = Pool::start(&home, &setup);
        let from = node.height();
        let mut miner_process = program::mine(&home, pool.stratum(), &format!("{miner}.rig"), "sha256d");
        wait_for_blocks(&node, if number == 0 { 20 } else { 3 }, &wallet);
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
        assert!(seen.with_fees > 0, "{kind}: {seen:?}");
        let shares = Journal::open(&setup.database).shares();
        assert!(
            shares.iter().all(|s| s.account == miner),
            "a share is credited to somebody else"
        );
    }
}

#[test]
fn mining_goes_on_while_a_node_is_dead_and_the_other_one_slow() {
    if !Coin::Bitcoin.is_installed() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut first = Node::start(Coin::Bitcoin, &dir.path().join("first"), &[]);
    let second = Node::start(
        Coin::Bitcoin,
        &dir.path().join("second"),
        &[format!("-connect={}", first.p2p())],
    );
    first.create_wallet();
    let wallet = first.new_address("bech32");
    first.generate(101, &wallet);
    wait_until("the nodes to agree", Duration::from_secs(10), || {
        second.tip() == first.tip()
    });
    let slow = proxy::start_slow(second.rpc.address, Duration::from_secs(2));
    let nodes = [first.config(), Node::config_at(&format!("http://{slow}"))];

    let setup = setup(&dir.path().join("pool"), &nodes, &wallet, true);
    let pool = Pool::start(&dir.path().join("pool"), &setup);
    let start = first.height();
    wait_until("blocks with both nodes", Duration::from_secs(20), || {
        first.height() >= start + 3
    });
    first.kill();
    let killed_at = second.height();
    wait_until(
        "blocks while the first node is dead",
        Duration::from_secs(30),
        || second.height() >= killed_at + 3,
    );
    first.restart();
    let restarted_at = second.height();
    wait_until("blocks with both nodes again", Duration::from_secs(30), || {
        first.height() >= restarted_at + 5 && second.height() >= restarted_at + 5
    });
    // Two blocks of the same height may still compete for the very tip.
    let last = restarted_at + 3;
    mined::wait_until_recorded(&first, start + 1..=last, &setup.database);
    pool.stop();
    assert_eq!(first.hash_at(last), second.hash_at(last));
    let payee = Payee::One(first.script_of(&wallet));
    let seen = mined::check(&first, start + 1..=last, &payee, &setup.database);
    assert!(last - start >= 9 && seen.with_fees == 0, "{seen:?}");
}
