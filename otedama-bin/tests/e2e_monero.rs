//! A Monero pool on real nodes in regtest, with the miner that most people use.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of real processes in real time"
)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use support::cryptonote::{Caches, Client, Event};
use support::installed::are_here_with_randomx;
use support::journal::Journal;
use support::miner::Miner;
use support::monero::{ALICE, BOB, STALE, setup};
use support::monerod::{Monerod, Options};
use support::owed;
use support::program::{Pool, mine_with};
use support::stratum::connect_from;
use support::wait_until;
use support::xmrig::Xmrig;

#[test]
fn xmrig_mines_blocks_that_monerod_accepts_and_that_are_owed_to_the_miners() {
    const BLOCKS: u64 = 10;
    if !are_here_with_randomx(&["monerod", "xmrig"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let node = Monerod::start(&dir.path().join("node"), &Options::with_difficulty(30));
    let home = dir.path().join("pool");
    let setup = setup(&home, &[node.config()], 12.0);
    let pool = Pool::start(&home, &setup);
    let alice = Xmrig::start(&dir.path().join("xmrig"), pool.stratum(), ALICE, None);
    let bob = Miner::start(pool.stratum(), &format!("{BOB}.rig"), &Arc::default());
    let mut counted = owed::Counted::default();
    wait_until(
        "blocks, of which both get a part",
        Duration::from_secs(80),
        || {
            counted.look(&setup.database, || node.height());
            node.height() >= BLOCKS
                && alice.accepted() > 0
                && bob.accepted() > 0
                && owed::is_shared(&setup.database, 2)
        },
    );
    let refused = alice.rejected();
    assert!(refused.iter().all(|why| why == STALE), "{refused:?}");
    drop(alice);
    for answer in bob.stop() {
        assert!(answer.refused.is_none_or(|why| why == STALE));
    }
    let last = node.height();
    let total = owed::check(&setup.database, &owed::mined_on(&node, 1..=last), &counted);
    assert!(total[ALICE] > 0 && total[BOB] > 0, "{total:?}");

    // What the API shows is the node's chain, the newest block first.
    let status = pool.chain_status();
    let shown: Vec<_> = status["blocks"].as_array().unwrap().iter().collect();
    for height in (1..=last).rev().take(BLOCKS as usize) {
        let id = node.id_at(height);
        let block = shown.iter().find(|block| block["hash"] == id);
        let block = block.unwrap_or_else(|| panic!("block {height} is not shown: {status}"));
        assert_eq!(block["height"], height, "{block}");
        assert_eq!(block["status"], "accepted", "{block}");
    }
    pool.stop();

    // The book is the same after a restart.
    let pool = Pool::start(&home, &setup);
    let sum: i64 = total.values().sum();
    wait_until("the book that was read back", Duration::from_secs(10), || {
        pool.process.log().contains(&format!(" owed={sum}"))
    });
    pool.stop();
    eprintln!("{last} blocks; owed {total:?}");
}

#[test]
fn our_own_miner_finds_out_what_to_mine_and_mines_blocks_at_a_difficulty_of_its_choice() {
    const BLOCKS: u64 = 10;
    if !are_here_with_randomx(&["monerod"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let node = Monerod::start(&dir.path().join("node"), &Options::with_difficulty(30));
    let home = dir.path().join("pool");
    let setup = setup(&home, &[node.config()], 12.0);
    let pool = Pool::start(&home, &setup);
    let user = format!("{ALICE}+20.rig");
    let miner = mine_with(
        &home,
        pool.stratum(),
        &user,
        &["--light", "--exit-after-accepted", "500"],
    );
    wait_until("blocks", Duration::from_secs(80), || node.height() >= BLOCKS);
    drop(miner);
    let last = node.height();
    let mined = owed::mined_on(&node, 1..=last);
    let total = owed::check(&setup.database, &mined, &owed::Counted::default());
    assert!(total[ALICE] > 0 && total.len() == 1, "{total:?}");
    pool.stop();
    let shares = Journal::open(&setup.database).shares();
    for share in &shares {
        assert_eq!((share.worker.as_str(), share.work), ("rig", 20), "{share:?}");
    }
    eprintln!("{last} blocks from {} shares", shares.len());
}

#[test]
fn a_miner_gets_the_difficulty_that_it_asks_for_and_is_called_by_its_rig() {
    if !are_here_with_randomx(&["monerod", "xmrig"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // A block's own difficulty is the highest that any miner is given.
    let node = Monerod::start(&dir.path().join("node"), &Options::with_difficulty(600));
    let home = dir.path().join("pool");
    let mut setup = setup(&home, &[node.config()], 5.0);
    setup.chain.push_str("template_refresh: 1s\n");
    let pool = Pool::start(&home, &setup);
    let start = |name: &str, user: &str, rig| Xmrig::start(&dir.path().join(name), pool.stratum(), user, rig);
    let caches = Arc::new(Caches::default());
    let stream = connect_from([127, 0, 0, 1].into(), pool.stratum()).unwrap();
    let mut watcher = Client::login(stream, &format!("{BOB}+500.watcher"), &caches).unwrap();
    let by_rig = start("by-rig", &format!("{ALICE}+6"), Some("rig-7"));
    let by_name = start("by-name", &format!("{ALICE}+7.named"), Some("not-this"));
    let slow = start("slow", &format!("{ALICE}+500"), None);

    let mut jobs = 0;
    wait_until("shares, and five jobs of each", Duration::from_secs(80), || {
        while watcher.event(Duration::from_millis(1)).unwrap().is_some() {
            jobs += 1;
            let target = watcher.work.target;
            assert_eq!(target.limit(), u64::MAX / 500, "{target}");
        }
        let have_jobs = [&by_rig, &by_name, &slow]
            .iter()
            .all(|miner| miner.jobs().len() >= 5);
        jobs >= 5 && have_jobs && by_rig.accepted() > 0 && by_name.accepted() > 0
    });
    for (miner, difficulty) in [(&by_rig, 6), (&by_name, 7), (&slow, 500)] {
        let jobs = miner.jobs();
        assert!(jobs.iter().all(|job| job.difficulty == difficulty), "{jobs:?}");
        assert!(
            miner.rejected().iter().all(|why| why == STALE),
            "{:?}",
            miner.rejected()
        );
    }
    drop((by_rig, by_name, slow));
    pool.stop();
    let shares = Journal::open(&setup.database).shares();
    for (worker, work) in [("rig-7", 6), ("named", 7)] {
        assert!(shares.iter().any(|share| share.worker == worker), "{shares:?}");
        let theirs = shares.iter().filter(|share| share.worker == worker);
        assert!(
            theirs
                .into_iter()
                .all(|share| share.account == ALICE && share.work == work),
            "{shares:?}"
        );
    }
}

#[test]
fn another_node_takes_over_and_is_asked_where_it_announces_nothing() {
    if !are_here_with_randomx(&["monerod"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let with_zmq = Options::with_difficulty(25);
    let without = Options {
        zmq: false,
        ..with_zmq.clone()
    };
    let [mut first, second] = Monerod::start_pair(dir.path(), [&with_zmq, &without]);
    let home = dir.path().join("pool");
    let setup = setup(&home, &[first.config(), second.config()], 10.0);
    let pool = Pool::start(&home, &setup);
    let caches = Arc::new(Caches::default());
    let mine = || Miner::start(pool.stratum(), &format!("{BOB}.rig"), &caches);
    let miner = mine();
    wait_until("blocks on both nodes", Duration::from_secs(60), || {
        first.height() >= 2 && second.height() >= 2
    });
    first.kill();
    let killed_at = second.height();
    wait_until(
        "blocks while the first node is dead",
        Duration::from_secs(60),
        || second.height() >= killed_at + 2,
    );
    miner.stop();

    // Nobody submits anything now: only by asking can the pool learn of this block.
    let stream = connect_from([127, 0, 0, 1].into(), pool.stratum()).unwrap();
    let mut watcher = Client::login(stream, BOB, &caches).unwrap();
    second.generate(1);
    let (made_at, height) = (Instant::now(), second.height());
    wait_until(
        "a job on the block of the second node",
        Duration::from_secs(15),
        || {
            let event = watcher.event(Duration::from_millis(20)).unwrap();
            event == Some(Event::Job) && watcher.work.height > height
        },
    );
    eprintln!("noticed without ZMQ after {:?}", made_at.elapsed());

    first.restart();
    wait_until("the first node to catch up", Duration::from_secs(60), || {
        first.height() >= height
    });
    let miner = mine();
    wait_until("blocks on both nodes again", Duration::from_secs(60), || {
        first.height() >= height + 2 && second.height() >= height + 2
    });
    let answers = miner.stop();
    assert!(
        answers
            .iter()
            .all(|answer| answer.refused.as_deref().is_none_or(|why| why == STALE)),
        "{answers:?}"
    );
    assert_eq!(first.id_at(height + 1), second.id_at(height + 1));
    // The node made the block between by itself.
    let mut mined = owed::mined_on(&second, 1..=height - 1);
    mined.extend(owed::mined_on(&second, height + 1..=height + 1));
    owed::check(&setup.database, &mined, &owed::Counted::default());
    pool.stop();
}
