//! What a graceful stop leaves behind, and what the next start makes of it.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of real processes in real time"
)]

mod support;

use std::collections::HashSet;
use std::time::Duration;

use rusqlite::Connection;
use support::journal::Journal;
use support::program::{Pool, Setup};
use support::stratum::{Client, Event};

const ALICE: &str = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn";
const BOB: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

/// Submits `count` shares and returns the hashes that were accepted.
fn work(pool: &Pool, user: &str, count: usize) -> Vec<String> {
    let mut client = Client::login(pool.stratum(), user, "x").unwrap();
    let mut accepted = Vec::new();
    for _ in 0..count {
        client.submit().unwrap();
    }
    while client.in_flight() > 0 {
        match client.event(Duration::from_secs(5)).unwrap().expect("an answer") {
            Event::Accepted { hash, .. } => accepted.push(hash),
            Event::Rejected { error, .. } => panic!("{error}"),
            Event::Other => {}
        }
    }
    accepted
}

#[test]
fn a_stop_writes_sums_and_a_start_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    let setup = Setup::development(dir.path().join("pool.db"));
    let mut accepted = HashSet::new();
    for round in 1..=3_i64 {
        let pool = Pool::start(dir.path(), &setup);
        accepted.extend(work(&pool, &format!("{ALICE}.a"), 50));
        accepted.extend(work(&pool, &format!("{BOB}.b"), 30));
        pool.stop();
        let db = Connection::open(&setup.database).unwrap();
        let number = |sql: &str| db.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap();
        assert_eq!(number("SELECT count(*) FROM shares"), 80 * round);
        assert_eq!(number("SELECT sum(shares) FROM rollups"), 80 * round);
        assert_eq!(
            number("SELECT sum(work) FROM rollups"),
            number("SELECT sum(work) FROM shares")
        );
        assert_eq!(
            number("SELECT value FROM meta WHERE key = 'rolled_to_id'"),
            80 * round
        );
        // Everybody's name is known once, and the view for people works.
        assert_eq!(number("SELECT count(*) FROM accounts"), 2);
        assert_eq!(
            number(&format!("SELECT count(*) FROM share_log WHERE account = '{BOB}'")),
            30 * round
        );
    }
    let journal: HashSet<_> = Journal::open(&setup.database)
        .shares()
        .into_iter()
        .map(|s| s.hash)
        .collect();
    assert_eq!(journal, accepted);
    // The third start read one sum per worker and minute, not 160 shares.
    let log = std::fs::read_to_string(dir.path().join("serve.log")).unwrap();
    let read: Vec<u64> = log
        .lines()
        .filter_map(|line| {
            line.split_once("journal read")?
                .1
                .split("records=")
                .nth(1)?
                .split(' ')
                .next()?
                .parse()
                .ok()
        })
        .collect();
    assert_eq!(read[0], 0);
    assert!(read.len() == 3 && (2..=8).contains(&read[2]), "{read:?}");
}

#[test]
fn a_newer_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let setup = Setup::development(dir.path().join("pool.db"));
    Pool::start(dir.path(), &setup).stop();
    Connection::open(&setup.database)
        .unwrap()
        .pragma_update(None, "user_version", 1000)
        .unwrap();
    let mut pool = Pool::spawn(dir.path(), &setup);
    support::wait_until("the refusal", Duration::from_secs(10), || {
        !pool.process.is_running()
    });
    assert!(
        pool.process.log_tail().contains("version 1000"),
        "{}",
        pool.process.log_tail()
    );
}
