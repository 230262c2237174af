//! Nodes that misbehave: new cookies, blocks that are refused, templates that come late, branches that lose.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of real processes in real time"
)]

mod fake_node;
mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fake_node::FakeNode;
use otedama_chain::node::bitcoind::cookie_auth;
use serde_json::Value;
use support::journal::Journal;
use support::program::{Pool, Setup};
use support::stratum::{Client, Event};
use support::wait_until;
use zeromq::{PubSocket, Socket as _, SocketSend as _, ZmqMessage};

const ADDRESS: &str = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn";
const OTHER: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

fn setup(dir: &Path, nodes: &[String]) -> Setup {
    let chain = format!(
        "coin: BTC\nnetwork: regtest\npayout_address: {ADDRESS}\nhealth_check: 1s\nnodes: [{}]\n",
        nodes.join(", ")
    );
    Setup {
        chain,
        ..Setup::development(dir.join("pool.db"))
    }
}

/// Submits shares until one of them is a block that is `height` high in the node.
fn mine_to(client: &mut Client, node: &FakeNode, height: u64) {
    let limit = Instant::now() + Duration::from_secs(20);
    while node.height() < height {
        assert!(Instant::now() < limit, "no block");
        client.submit().unwrap();
        while let Some(event) = client.event(Duration::from_millis(20)).unwrap() {
            if !matches!(event, Event::Other) {
                break;
            }
        }
    }
}

#[test]
fn a_cookie_that_changes_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let cookie = dir.path().join("cookie");
    let node = FakeNode::start();
    let set = |text: &str| {
        std::fs::write(&cookie, text).unwrap();
        node.faults(|faults| faults.authorization = Some(cookie_auth(text)));
    };
    set("__cookie__:first");
    let setup = setup(
        dir.path(),
        &[node.config(&format!("cookie_file: \"{}\"", cookie.display()))],
    );
    let pool = Pool::start(dir.path(), &setup);
    let mut client = Client::login(pool.stratum(), &format!("{ADDRESS}.rig"), "x").unwrap();
    mine_to(&mut client, &node, 1);
    set("__cookie__:second");
    mine_to(&mut client, &node, 3);
    pool.stop();
    let blocks = Journal::open(&setup.database).blocks();
    assert!(
        blocks.values().filter(|block| block.status == "accepted").count() >= 3,
        "{blocks:?}"
    );
}

#[test]
fn a_block_that_every_node_refuses_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let nodes = [FakeNode::start(), FakeNode::start()];
    for node in &nodes {
        node.faults(|faults| faults.refusal = Some("bad-cb-amount".to_owned()));
    }
    let setup = setup(dir.path(), &[nodes[0].config(""), nodes[1].config("")]);
    let pool = Pool::start(dir.path(), &setup);
    let mut client = Client::login(pool.stratum(), &format!("{ADDRESS}.rig"), "x").unwrap();
    wait_until("a block to be refused", Duration::from_secs(20), || {
        client.submit().unwrap();
        client.event(Duration::from_millis(50)).unwrap();
        Journal::open(&setup.database)
            .blocks()
            .values()
            .any(|block| block.status == "rejected")
    });
    assert!(
        nodes.iter().all(|node| node.calls("submitblock") > 0),
        "every node has a say"
    );
    pool.stop();
    let blocks = Journal::open(&setup.database).blocks();
    let (hash, block) = blocks
        .iter()
        .find(|(_, block)| block.status == "rejected")
        .unwrap();
    assert!(block.detail.contains("bad-cb-amount"), "{block:?}");
    let kept = std::fs::read_to_string(dir.path().join(format!("blocks/btc-regtest/{hash}.hex"))).unwrap();
    let header = &const_hex::decode(kept).unwrap()[..80];
    let mut id = support::stratum::sha256d(header);
    id.reverse();
    assert_eq!(&const_hex::encode(id), hash);
}

#[test]
fn a_block_that_no_node_could_take_survives_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let node = FakeNode::start();
    let setup = setup(dir.path(), &[node.config("")]);
    let mut pool = Pool::start(dir.path(), &setup);
    let mut client = Client::login(pool.stratum(), &format!("{ADDRESS}.rig"), "x").unwrap();
    node.faults(|faults| faults.authorization = Some("nobody knows it".to_owned()));
    let folder = dir.path().join("blocks/btc-regtest");
    let kept = || {
        let is_block = |file: &std::fs::DirEntry| file.path().extension().is_some_and(|end| end == "hex");
        std::fs::read_dir(&folder).map_or(0, |files| files.flatten().filter(is_block).count())
    };
    wait_until("a block to be kept", Duration::from_secs(20), || {
        client.submit().unwrap();
        client.event(Duration::from_millis(50)).unwrap();
        kept() > 0
    });
    wait_until("every block to be recorded", Duration::from_secs(20), || {
        Journal::open(&setup.database).blocks().len() == kept()
            && client.event(Duration::from_millis(50)).is_ok()
    });
    assert_eq!(node.height(), 0, "the node let nobody in");
    pool.process.kill();
    node.faults(|faults| faults.authorization = None);

    let pool = Pool::start(dir.path(), &setup);
    wait_until(
        "the block to reach the node and to count",
        Duration::from_secs(20),
        || {
            let blocks = Journal::open(&setup.database).blocks();
            node.height() >= 1 && blocks.values().any(|block| block.status == "accepted")
        },
    );
    assert!(node.height() >= 1);
    pool.stop();
}

#[test]
fn a_block_that_was_accepted_before_it_was_recorded_is_recorded_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let node = FakeNode::start();
    let mut setup = setup(dir.path(), &[node.config("")]);
    // One output for two miners, so that every block leaves something owed.
    setup.chain += "max_coinbase_outputs: 1\n";
    let mut pool = Pool::start(dir.path(), &setup);
    for address in [ADDRESS, OTHER] {
        let mut client = Client::login(pool.stratum(), &format!("{address}.rig"), "x").unwrap();
        mine_to(&mut client, &node, node.height() + 3);
    }
    let recorded = || Journal::open(&setup.database).blocks();

    // While somebody else holds the database, the pool can't write what it finds.
    let locked = rusqlite::Connection::open(&setup.database).unwrap();
    locked.busy_timeout(Duration::from_secs(10)).unwrap();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    let before = recorded();
    let mut client = Client::login(pool.stratum(), &format!("{ADDRESS}.rig"), "x").unwrap();
    mine_to(&mut client, &node, node.height() + 2);
    pool.process.kill();
    let hash = node.tip().to_string();
    locked.execute_batch("ROLLBACK").unwrap();
    drop(locked);
    assert_eq!(recorded(), before, "nothing was written");
    assert!(!before.contains_key(&hash), "the block came after the lock");

    let pool = Pool::start(dir.path(), &setup);
    wait_until("the block to count", Duration::from_secs(20), || {
        recorded()
            .get(&hash)
            .is_some_and(|block| block.status == "accepted")
    });
    pool.stop();
    let block = &recorded()[&hash];
    assert_eq!(block.outputs.values().sum::<u64>(), block.reward.cast_unsigned());
    let owed = Journal::open(&setup.database).owed_by(&hash);
    assert!(!owed.is_empty(), "one output can't pay both");
    let notes = std::fs::read_dir(dir.path().join("blocks/btc-regtest")).unwrap();
    let notes: Vec<_> = notes
        .flatten()
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    assert!(notes.is_empty(), "{notes:?}");
}

/// Every block of the node's chain is ours; waits until all of them count, and no other.
fn wait_until_all_count(setup: &Setup, node: &FakeNode) {
    wait_until("the node's blocks to count", Duration::from_secs(30), || {
        let blocks = Journal::open(&setup.database).blocks();
        let with = |status: &str| blocks.values().filter(|block| block.status == status).count() as u64;
        assert_eq!(with("rejected"), 0, "{blocks:?}");
        with("accepted") == node.height() && with("submitted") == 0
    });
}

#[test]
fn a_block_counts_though_the_reply_to_it_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let node = FakeNode::start();
    let mut setup = setup(dir.path(), &[node.config("")]);
    // One output for two miners, so that every block leaves something owed.
    setup.chain += "max_coinbase_outputs: 1\n";
    node.faults(|faults| faults.hangs_up = true);
    let pool = Pool::start(dir.path(), &setup);
    for address in [ADDRESS, OTHER] {
        let mut client = Client::login(pool.stratum(), &format!("{address}.rig"), "x").unwrap();
        mine_to(&mut client, &node, node.height() + 3);
    }
    wait_until("the chain to be heard", Duration::from_secs(30), || {
        let blocks = Journal::open(&setup.database).blocks();
        let counts = blocks.values().filter(|block| block.status == "accepted");
        counts.count() >= 4
    });
    // The last ones are still being tried.
    node.faults(|faults| faults.hangs_up = false);
    wait_until_all_count(&setup, &node);
    let owed = pool.chain_status()["owed"].clone();
    assert_ne!(owed, "0.00000000 BTC");
    pool.stop();
    let pool = Pool::start(dir.path(), &setup);
    assert_eq!(pool.chain_status()["owed"], owed, "each block was settled once");
    pool.stop();
}

#[test]
fn a_block_that_was_refused_counts_once_it_is_in_the_chain() {
    let dir = tempfile::tempdir().unwrap();
    let node = FakeNode::start();
    let setup = setup(dir.path(), &[node.config("")]);
    node.faults(|faults| {
        faults.refusal = Some("busy".to_owned());
        faults.takes_refused = true;
    });
    let pool = Pool::start(dir.path(), &setup);
    let mut client = Client::login(pool.stratum(), &format!("{ADDRESS}.rig"), "x").unwrap();
    mine_to(&mut client, &node, 3);
    wait_until("the refused blocks to count", Duration::from_secs(20), || {
        let blocks = Journal::open(&setup.database).blocks();
        let counts = blocks.values().filter(|block| block.status == "accepted");
        counts.count() as u64 == node.height()
    });
    pool.stop();
}

#[test]
fn an_announced_block_is_mined_on_before_its_template_comes() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let _context = runtime.enter();
    let mut publisher = PubSocket::new();
    let zmq = runtime.block_on(publisher.bind("tcp://127.0.0.1:0")).unwrap();
    let node = FakeNode::start();
    let setup = setup(dir.path(), &[node.config(&format!("zmq_block: \"{zmq}\""))]);
    let pool = Pool::start(dir.path(), &setup);
    let mut client = Client::login(pool.stratum(), &format!("{ADDRESS}.rig"), "x").unwrap();
    mine_to(&mut client, &node, 3);
    // A template that is under way would still come.
    let log = || std::fs::read_to_string(dir.path().join("serve.log")).unwrap();
    wait_until("the template on the third block", Duration::from_secs(20), || {
        log().contains("height=4 on=")
    });

    node.faults(|faults| faults.template_delay = Duration::from_secs(60));
    let hash = node.mine_elsewhere();
    let announced = Instant::now();
    let mut reversed = hash.to_le_bytes();
    reversed.reverse();
    let frames: Vec<Bytes> = vec![
        Bytes::from_static(b"hashblock"),
        Bytes::copy_from_slice(&reversed),
        Bytes::from_static(&[0; 4]),
    ];
    runtime
        .block_on(publisher.send(ZmqMessage::try_from(frames).unwrap()))
        .unwrap();
    // Nothing but an empty block on the announced one can make the chain longer now.
    mine_to(&mut client, &node, 5);
    assert!(announced.elapsed() < Duration::from_secs(10));
    pool.stop();
    let log = log();
    assert!(log.contains(&format!("height=5 on={hash} preview=true")), "{log}");
}

#[test]
fn a_block_that_loses_to_a_longer_branch_is_orphaned() {
    let dir = tempfile::tempdir().unwrap();
    let node = FakeNode::start();
    let setup = setup(dir.path(), &[node.config("")]);
    let pool = Pool::start(dir.path(), &setup);
    let mut client = Client::login(pool.stratum(), &format!("{ADDRESS}.rig"), "x").unwrap();
    mine_to(&mut client, &node, 2);
    let mined = Journal::open(&setup.database).blocks();
    node.reorganise(5);
    wait_until("the blocks to be orphaned", Duration::from_secs(20), || {
        let blocks = Journal::open(&setup.database).blocks();
        mined.keys().all(|hash| blocks[hash].status == "orphaned")
    });
    mine_to(&mut client, &node, 6);
    pool.stop();
}

/// What a pool answers who is asked for its health.
fn health(dir: &Path) -> String {
    let ready: Value = serde_json::from_slice(&std::fs::read(dir.join("ready.json")).unwrap()).unwrap();
    let mut stream = TcpStream::connect(ready["health"].as_str().unwrap()).unwrap();
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: pool\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

#[test]
fn a_node_without_templates_is_looked_at_again_soon() {
    let dir = tempfile::tempdir().unwrap();
    let node = FakeNode::start();
    let mut setup = setup(dir.path(), &[node.config("")]);
    setup.chain = setup.chain.replace("health_check: 1s", "health_check: 1h");
    let pool = Pool::start(dir.path(), &setup);
    let mut client = Client::login(pool.stratum(), &format!("{ADDRESS}.rig"), "x").unwrap();
    node.faults(|faults| faults.lacks_templates = true);
    mine_to(&mut client, &node, 1);
    wait_until("the fault to be named", Duration::from_secs(20), || {
        health(dir.path()).contains("no node can be used")
    });
    node.faults(|faults| faults.lacks_templates = false);
    wait_until("all to be well", Duration::from_secs(20), || {
        health(dir.path()).starts_with("HTTP/1.1 200")
    });
    pool.stop();
}

#[test]
fn a_pool_waits_for_its_node() {
    let dir = tempfile::tempdir().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], support::free_port()));
    let setup = setup(dir.path(), &[format!("{{ url: \"http://{address}\" }}")]);
    let pool = Pool::start(dir.path(), &setup);
    let health = || health(dir.path());
    // A miner that is early keeps its connection and gets a job as soon as there is one.
    let early = {
        let stratum = pool.stratum();
        std::thread::spawn(move || Client::login(stratum, &format!("{ADDRESS}.early"), "x").map(drop))
    };
    wait_until("the fault to be named", Duration::from_secs(10), || {
        health().contains("no node can be used")
    });
    assert!(health().starts_with("HTTP/1.1 503"), "{}", health());
    let node = FakeNode::start_at(address);
    wait_until("all to be well", Duration::from_secs(10), || {
        health().starts_with("HTTP/1.1 200")
    });
    early.join().unwrap().unwrap();
    assert_eq!(node.height(), 0);
    pool.stop();
}
