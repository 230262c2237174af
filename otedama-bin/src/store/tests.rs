use std::path::Path;
use std::sync::Arc;

use otedama_hash::{Hash256, Monotonic, Now, Work};
use otedama_pool::ShareRow;

use super::*;

const BTC: &str = "BTC mainnet";

fn now(s: u64) -> Now {
    Now {
        mono: Monotonic::from_nanos(s * 1_000_000_000),
        unix_s: 1_700_000_000 + s,
    }
}

fn row(seq: u64, account: &str, worker: &str, work: u128, unix_s: u64) -> ShareRow {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&seq.to_le_bytes());
    ShareRow {
        seq,
        unix_s,
        account: Arc::from(account),
        worker: Arc::from(worker),
        work: Work::new(work),
        hash: Hash256::from_le_bytes(hash),
        height: 800_000,
        extranonce1: 7,
        is_block: false,
    }
}

fn open(path: &Path) -> Journal {
    Journal::open(path, 30 * 86_400).unwrap()
}

fn replayed(path: &Path) -> std::collections::BTreeMap<String, u128> {
    let mut sums = std::collections::BTreeMap::new();
    replay(path, BTC, 0, |account, work, _| {
        *sums.entry(account.to_string()).or_default() += work;
    })
    .unwrap();
    sums
}

fn count(path: &Path, sql: &str) -> i64 {
    rusqlite::Connection::open(path)
        .unwrap()
        .query_row(sql, [], |r| r.get(0))
        .unwrap()
}

/// What a machine that loses power leaves behind: the files as they are, without a clean close.
fn crash_copy(path: &Path, to: &Path) {
    for suffix in ["", "-wal"] {
        let name = |p: &Path| std::path::PathBuf::from(format!("{}{suffix}", p.display()));
        if name(path).exists() {
            std::fs::copy(name(path), name(to)).unwrap();
        }
    }
}

#[test]
fn appended_rows_survive_a_crash_exactly_once() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("a.db"), dir.path().join("b.db"));
    let mut journal = open(&path);
    let run = journal.start_runs(BTC, 1, now(0)).unwrap()[0].run;
    for batch in 0..10 {
        let rows = (0..50)
            .map(|i| row(batch * 50 + i + 1, "alice", "rig", 1000, 1_700_000_000 + i))
            .collect();
        journal.append(&[ShareBatch { run, rows }], now(batch)).unwrap();
    }
    crash_copy(&path, &copy);
    assert_eq!(count(&copy, "SELECT count(*) FROM shares"), 500);
    assert_eq!(count(&copy, "SELECT count(DISTINCT seq) FROM shares"), 500);
    let mut again = open(&copy);
    assert_eq!(replayed(&copy)["alice"], 500_000);
    let next = again.start_runs(BTC, 1, now(20)).unwrap()[0].run;
    assert_ne!(next, run);
    again
        .append(
            &[ShareBatch {
                run: next,
                rows: vec![row(1, "alice", "rig", 5, 1_700_000_100)],
            }],
            now(21),
        )
        .unwrap();
    drop(again);
    assert_eq!(replayed(&copy)["alice"], 500_005);
}

#[test]
fn a_batch_that_is_written_again_is_not_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let mut journal = open(&path);
    let run = journal.start_runs(BTC, 1, now(0)).unwrap()[0].run;
    let rows: Vec<_> = (1..=10)
        .map(|i| row(i, "alice", "rig", 1, 1_700_000_000))
        .collect();
    journal
        .append(
            &[ShareBatch {
                run,
                rows: rows.clone(),
            }],
            now(1),
        )
        .unwrap();
    let more = rows
        .iter()
        .cloned()
        .chain([row(11, "alice", "rig", 1, 1_700_000_000)])
        .collect();
    journal.append(&[ShareBatch { run, rows: more }], now(2)).unwrap();
    journal.flush().unwrap();
    assert_eq!(count(&path, "SELECT count(*) FROM shares"), 11);
    assert_eq!(replayed(&path)["alice"], 11);
}

#[test]
fn sums_stay_exact_when_a_crash_hits_between_two_chunks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let mut journal = open(&path);
    let run = journal.start_runs(BTC, 1, now(0)).unwrap()[0].run;
    let work = u128::from(u64::MAX);
    let rows: Vec<_> = (1..=1000)
        .map(|i| row(i, "alice", &format!("w{}", i % 500), work, 1_700_000_000 + i / 10))
        .collect();
    journal.append(&[ShareBatch { run, rows }], now(1)).unwrap();
    let mut seq = 1000;
    // The freeze comes due after a minute; then every transaction carries one chunk of it.
    for step in 0..8 {
        let copy = dir.path().join(format!("crash{step}.db"));
        seq += 1;
        let rows = vec![row(seq, "bob", "x", 3, 1_700_000_200)];
        journal
            .append(&[ShareBatch { run, rows }], now(70 + step))
            .unwrap();
        crash_copy(&path, &copy);
        let expected = [
            ("alice".to_owned(), 1000 * work),
            ("bob".to_owned(), 3 * u128::from(seq - 1000)),
        ];
        assert_eq!(
            replayed(&copy),
            expected.clone().into(),
            "before the restart, step {step}"
        );
        let mut resumed = open(&copy);
        assert_eq!(
            replayed(&copy),
            expected.clone().into(),
            "after the restart, step {step}"
        );
        resumed.flush().unwrap();
        drop(resumed);
        assert_eq!(replayed(&copy), expected.into(), "rolled up, step {step}");
        assert_eq!(count(&copy, "SELECT sum(shares) FROM rollups"), seq as i64);
    }
    assert!(count(&path, "SELECT count(*) FROM rollups") > 900);
}

#[test]
fn hours_replace_old_minutes_without_losing_work() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let mut journal = Journal::open(&path, 3600).unwrap();
    let run = journal.start_runs(BTC, 1, now(0)).unwrap()[0].run;
    let rows: Vec<_> = (1..=300)
        .map(|i| row(i, "alice", "rig", 10, 1_700_000_000 + i * 60))
        .collect();
    journal.append(&[ShareBatch { run, rows }], now(1)).unwrap();
    journal.flush().unwrap();
    for i in 0..100 {
        journal.maintain(now(200_000 + i * 40)).unwrap();
    }
    assert_eq!(
        count(&path, "SELECT count(*) FROM shares"),
        0,
        "raw rows beyond retention are gone"
    );
    assert!(count(&path, "SELECT count(*) FROM rollups") <= 6);
    assert_eq!(replayed(&path)["alice"], 3000);
    // Ids go on where they were, so that new shares are seen as not rolled up yet.
    drop(journal);
    let mut journal = open(&path);
    let run = journal.start_runs(BTC, 1, now(300_000)).unwrap()[0].run;
    journal
        .append(
            &[ShareBatch {
                run,
                rows: vec![row(1, "alice", "rig", 7, 1_700_300_000)],
            }],
            now(300_001),
        )
        .unwrap();
    assert_eq!(replayed(&path)["alice"], 3007);
}

#[test]
fn raw_rows_that_are_not_rolled_up_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let mut journal = Journal::open(&path, 1).unwrap();
    let run = journal.start_runs(BTC, 1, now(0)).unwrap()[0].run;
    journal
        .append(
            &[ShareBatch {
                run,
                rows: vec![row(1, "a", "", 7, 1_600_000_000)],
            }],
            now(1),
        )
        .unwrap();
    journal
        .append(
            &[ShareBatch {
                run,
                rows: vec![row(2, "a", "", 7, 1_600_000_000)],
            }],
            now(32),
        )
        .unwrap();
    assert_eq!(count(&path, "SELECT count(*) FROM shares"), 2);
}

#[test]
fn extranonces_never_repeat_across_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("a.db"), dir.path().join("b.db"));
    let mut journal = open(&path);
    let mut firsts: Vec<u32> = journal
        .start_runs(BTC, 2, now(0))
        .unwrap()
        .iter()
        .map(|s| s.lease.first)
        .collect();
    firsts.push(journal.lease().unwrap().first);
    crash_copy(&path, &copy);
    let mut again = open(&copy);
    firsts.extend(
        again
            .start_runs("LTC mainnet", 2, now(5))
            .unwrap()
            .iter()
            .map(|s| s.lease.first),
    );
    firsts.push(again.lease().unwrap().first);
    let mut unique = firsts.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), firsts.len());
    assert!(unique.windows(2).all(|w| w[1] - w[0] >= 65_536));
}

#[test]
fn extranonces_wrap() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(&dir.path().join("a.db"));
    schema::set_meta(&journal.db, "next_extranonce", 0xffff_0000).unwrap();
    assert_eq!(journal.lease().unwrap().first, 0xffff_0000);
    assert_eq!(journal.lease().unwrap().first, 0);
}

#[test]
fn a_full_disk_loses_nothing_that_was_committed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let mut journal = open(&path);
    let run = journal.start_runs(BTC, 1, now(0)).unwrap()[0].run;
    let pages: i64 = journal
        .db
        .query_row("PRAGMA page_count", [], |r| r.get(0))
        .unwrap();
    journal
        .db
        .pragma_update(None, "max_page_count", pages + 20)
        .unwrap();
    let (mut seq, mut committed) = (0, 0);
    let failed = loop {
        let rows: Vec<_> = (1..=100)
            .map(|i| row(seq + i, "alice", &format!("w{seq}"), 1, 1_700_000_000))
            .collect();
        seq += 100;
        match journal.append(
            &[ShareBatch {
                run,
                rows: rows.clone(),
            }],
            now(1),
        ) {
            Ok(()) => committed = seq,
            Err(StoreError::Sqlite(error)) => {
                assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DiskFull));
                break rows;
            }
            Err(other) => panic!("{other}"),
        }
        assert!(seq < 100_000, "the disk never filled up");
    };
    assert!(committed > 0);
    assert_eq!(count(&path, "SELECT count(*) FROM shares"), committed as i64);
    // Space comes back: the same batch goes in once.
    journal
        .db
        .pragma_update(None, "max_page_count", 1_000_000)
        .unwrap();
    journal
        .append(&[ShareBatch { run, rows: failed }], now(2))
        .unwrap();
    assert_eq!(
        count(&path, "SELECT count(*) FROM shares"),
        committed as i64 + 100
    );
    assert_eq!(
        count(&path, "SELECT max(seq) FROM shares"),
        committed as i64 + 100
    );
}

#[test]
fn a_newer_database_and_a_foreign_one_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (newer, foreign) = (dir.path().join("newer.db"), dir.path().join("foreign.db"));
    drop(open(&newer));
    rusqlite::Connection::open(&newer)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let message = Journal::open(&newer, 1).unwrap_err().to_string();
    assert!(message.contains("version 99"), "{message}");
    rusqlite::Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE x (y)")
        .unwrap();
    assert!(matches!(Journal::open(&foreign, 1), Err(StoreError::Foreign)));
}

#[test]
fn a_database_has_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sub/a.db");
    let lock = Lock::take(&path).unwrap();
    assert!(matches!(Lock::take(&path), Err(StoreError::InUse(_))));
    drop(lock);
    Lock::take(&path).unwrap();
}

#[test]
fn the_proofs_of_the_greatest_height_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(&dir.path().join("pool.db"));
    assert_eq!(newest_proofs(&journal, BTC).unwrap(), (0, vec![]));
    let run = journal.start_runs(BTC, 1, now(0)).unwrap()[0].run;
    let other = journal.start_runs("LTC mainnet", 1, now(0)).unwrap()[0].run;
    let at = |seq, height| ShareRow {
        height,
        ..row(seq, "alice", "rig", 1, 1_700_000_000)
    };
    let rows = vec![at(1, 8), at(2, 9), at(3, 10), at(4, 9), at(5, 10), at(6, 9)];
    let (third, fifth) = (rows[2].hash, rows[4].hash);
    journal.append(&[ShareBatch { run, rows }], now(1)).unwrap();
    let rows = vec![at(1, 11)];
    journal
        .append(&[ShareBatch { run: other, rows }], now(2))
        .unwrap();
    assert_eq!(newest_proofs(&journal, BTC).unwrap(), (10, vec![fifth, third]));
}

#[test]
fn notes_of_found_blocks_are_recorded_once_and_strange_files_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pool.db");
    let folder = dir.path().join("blocks");
    let block = FoundBlock {
        hash: "00ab".to_owned(),
        height: 7,
        prev_hash: "00aa".to_owned(),
        reward: u64::MAX >> 1,
        account: "alice".to_owned(),
        worker: "rig".to_owned(),
        unix_s: 1_700_000_000,
        outputs: vec![("51".to_owned(), u64::MAX >> 1)],
        carry: vec![("alice".to_owned(), i128::from(i64::MAX)), ("bob".to_owned(), -5)],
    };
    let mut journal = open(&path);
    found::record_notes(&mut journal, BTC, &folder).unwrap();
    for _ in 0..2 {
        block.write_note(&folder).unwrap();
        std::fs::write(folder.join("00ab.hex"), "00").unwrap();
        std::fs::write(folder.join("00ac.json"), "{\"hash\":").unwrap();
        found::record_notes(&mut journal, BTC, &folder).unwrap();
        assert_eq!(journal.recent_blocks(BTC, 10).unwrap(), [block.row()]);
        assert_eq!(journal.carry_of("00ab").unwrap(), block.carry);
        let mut left: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["00ab.hex", "00ac.json"]);
    }
}

mod threaded {
    use std::sync::mpsc;
    use std::time::Duration;

    use otedama_pool::ExtranonceLease;

    use super::*;
    use crate::serve::clock::Clock;
    use crate::serve::faults::Faults;

    #[derive(Debug, PartialEq)]
    enum Told {
        Persisted(u64),
        GivenUp(u64),
        Leased(ExtranonceLease),
    }

    struct Tell(mpsc::Sender<Told>);

    impl Listener for Tell {
        fn persisted(&mut self, _: i64, rows: &[ShareRow]) {
            self.0.send(Told::Persisted(rows.last().unwrap().seq)).unwrap();
        }
        fn given_up(&mut self, _: i64, seq: u64) {
            self.0.send(Told::GivenUp(seq)).unwrap();
        }
        fn leased(&mut self, _: i64, lease: ExtranonceLease) {
            self.0.send(Told::Leased(lease)).unwrap();
        }
    }

    fn start(journal: Journal, path: &Path) -> (Store, mpsc::Sender<Request>, mpsc::Receiver<Told>) {
        let (tell, told) = mpsc::channel();
        let config = WriterConfig {
            batch: 1000,
            commit_interval: Duration::from_millis(2),
            give_up_after: Duration::from_millis(100),
        };
        let lock = Lock::take(path).unwrap();
        let channel = channel();
        let requests = channel.0.clone();
        let parts = WriterParts {
            journal,
            lock,
            config,
            clock: Clock::start(),
            listener: Box::new(Tell(tell)),
        };
        let store = Store::spawn(parts, channel, &Faults::channel().0).unwrap();
        (store, requests, told)
    }

    const SOON: Duration = Duration::from_secs(20);

    #[test]
    fn shares_and_leases_are_answered_and_closing_keeps_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let mut journal = open(&path);
        let run = journal.start_runs(BTC, 1, now(0)).unwrap()[0].run;
        let (store, requests, told) = start(journal, &path);
        requests.send(Request::Lease { run }).unwrap();
        assert!(matches!(told.recv_timeout(SOON).unwrap(), Told::Leased(_)));
        for seq in 1..=500 {
            let rows = vec![row(seq, "alice", "rig", 1, 1_700_000_000)];
            requests.send(Request::Shares(ShareBatch { run, rows })).unwrap();
        }
        store.close();
        let seen: Vec<_> = told.try_iter().collect();
        assert_eq!(seen.last(), Some(&Told::Persisted(500)));
        assert!(seen.len() < 500, "rows were committed one by one");
        assert_eq!(count(&path, "SELECT count(*) FROM shares"), 500);
        assert_eq!(count(&path, "SELECT sum(shares) FROM rollups"), 500);
    }

    #[test]
    fn rows_are_given_up_on_a_full_disk_and_storage_recovers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let mut journal = open(&path);
        let run = journal.start_runs(BTC, 1, now(0)).unwrap()[0].run;
        journal.db.pragma_update(None, "max_page_count", 1).unwrap();
        let (store, requests, told) = start(journal, &path);
        let rows: Vec<_> = (1..=5000)
            .map(|i| row(i, &format!("account{i}"), "rig", 1, 1_700_000_000))
            .collect();
        requests.send(Request::Shares(ShareBatch { run, rows })).unwrap();
        assert_eq!(told.recv_timeout(SOON).unwrap(), Told::GivenUp(5000));
        assert!(store.health().problem().unwrap().contains("full"));
        requests
            .send(Request::Shares(ShareBatch { run, rows: vec![] }))
            .unwrap();
        store.close();
        assert_eq!(count(&path, "SELECT count(*) FROM shares"), 0);
    }
}
