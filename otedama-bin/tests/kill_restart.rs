//! The pool is killed again and again under load: what it accepted is in its journal exactly once.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of real processes in real time"
)]

mod support;

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use support::journal::Journal;
use support::program::{Pool, Setup};
use support::random::Random;
use support::stratum::{Client, Event, STALE};
use support::{free_port, wait_until};

const KILLS: u64 = 20;
const CLIENTS: u64 = 6;
const SEED: u64 = 0x07ed_a3a0;
const ADDRESS: &str = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn";

/// What all clients saw together.
#[derive(Default)]
struct Witness {
    accepted: Mutex<Vec<String>>,
    sent: Mutex<HashSet<String>>,
    extranonces: Mutex<Vec<String>>,
    rejected: Mutex<Vec<String>>,
    /// Accepted shares by client.
    progress: [AtomicU64; CLIENTS as usize],
    stop: AtomicBool,
}

impl Witness {
    fn mine(&self, number: usize, pool: SocketAddr) {
        while !self.stop.load(Ordering::Relaxed) {
            // The pool is killed now and then; a miner just connects again.
            if self.session(number, pool).is_err() {
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    fn session(&self, number: usize, pool: SocketAddr) -> io::Result<()> {
        let mut client = Client::login(pool, &format!("{ADDRESS}.rig{number}"), "x")?;
        self.extranonces.lock().unwrap().push(client.extranonce1.clone());
        while !self.stop.load(Ordering::Relaxed) {
            while client.in_flight() < 8 {
                let hash = client.submit()?;
                self.sent.lock().unwrap().insert(hash);
            }
            match client.event(Duration::from_millis(100))? {
                Some(Event::Accepted { hash, .. }) => {
                    self.accepted.lock().unwrap().push(hash);
                    self.progress[number].fetch_add(1, Ordering::Relaxed);
                    // Enough to keep the journal busy and leave a processor to everybody else.
                    thread::sleep(Duration::from_millis(2));
                }
                // A share may be late for a new block of the development chain; nothing else is wrong with any.
                Some(Event::Rejected { code, error, .. }) if code != Some(STALE) => {
                    self.rejected.lock().unwrap().push(error);
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    fn wait_until_all_mine(&self) {
        let before: Vec<u64> = self.progress.iter().map(|p| p.load(Ordering::Relaxed)).collect();
        wait_until(
            "every miner to get a share accepted",
            Duration::from_secs(30),
            || {
                self.progress
                    .iter()
                    .zip(&before)
                    .all(|(now, before)| now.load(Ordering::Relaxed) > *before)
            },
        );
    }

    /// `accepted` was taken before the journal is read, so all of it has to be there.
    fn check(&self, database: &Path) {
        let accepted = self.accepted.lock().unwrap().clone();
        let shares = Journal::open(database).shares();
        let mut times: HashMap<&str, u32> = HashMap::new();
        for share in &shares {
            *times.entry(&share.hash).or_default() += 1;
        }
        let twice: Vec<_> = times.iter().filter(|(_, n)| **n > 1).collect();
        assert!(twice.is_empty(), "in the journal more than once: {twice:?}");
        let lost: Vec<_> = accepted
            .iter()
            .filter(|hash| !times.contains_key(hash.as_str()))
            .collect();
        assert!(
            lost.is_empty(),
            "{} of {} accepted shares are lost: {lost:?}",
            lost.len(),
            accepted.len()
        );
        let extranonces = self.extranonces.lock().unwrap();
        let distinct: HashSet<_> = extranonces.iter().collect();
        assert_eq!(
            distinct.len(),
            extranonces.len(),
            "an extranonce1 was given out twice"
        );
    }

    fn check_origin(&self, database: &Path) {
        let sent = self.sent.lock().unwrap();
        let extranonces: HashSet<u32> = self
            .extranonces
            .lock()
            .unwrap()
            .iter()
            .map(|hex| u32::from_str_radix(hex, 16).unwrap())
            .collect();
        for share in Journal::open(database).shares() {
            assert!(sent.contains(&share.hash), "{} was sent by nobody", share.hash);
            assert!(
                extranonces.contains(&share.extranonce1),
                "{} has a foreign extranonce1",
                share.hash
            );
            assert_eq!(share.account, ADDRESS);
        }
    }
}

fn start_clients(witness: &Arc<Witness>, pool: SocketAddr) -> Vec<JoinHandle<()>> {
    (0..CLIENTS as usize)
        .map(|number| {
            let witness = Arc::clone(witness);
            thread::spawn(move || witness.mine(number, pool))
        })
        .collect()
}

#[test]
fn accepted_shares_survive_twenty_kills() {
    let dir = tempfile::tempdir().unwrap();
    let mut setup = Setup::development(dir.path().join("pool.db"));
    // A restarted pool takes the port again that it had.
    setup.address = format!("127.0.0.1:{}", free_port());
    setup.pool = "limits: { connects_per_second_per_address: 1000 }\n".to_owned();
    let witness = Arc::new(Witness::default());
    let mut random = Random::new(SEED);
    let clients = start_clients(&witness, setup.address.parse().unwrap());

    for kill in 0..KILLS {
        let mut pool = Pool::spawn(dir.path(), &setup);
        if kill % 4 == 3 {
            // Somewhere in its start.
            thread::sleep(Duration::from_millis(random.below(300)));
        } else {
            pool.wait_until_ready();
            witness.check(&setup.database);
            witness.wait_until_all_mine();
            thread::sleep(Duration::from_millis(random.below(400)));
        }
        pool.process.kill();
    }

    let mut pool = Pool::start(dir.path(), &setup);
    witness.check(&setup.database);
    witness.wait_until_all_mine();
    assert!(pool.process.is_running());
    witness.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    pool.stop();
    witness.check(&setup.database);
    witness.check_origin(&setup.database);
    assert_eq!(*witness.rejected.lock().unwrap(), Vec::<String>::new());
    let accepted = witness.accepted.lock().unwrap().len();
    let sessions = witness.extranonces.lock().unwrap().len();
    eprintln!("{accepted} shares accepted in {sessions} sessions");
    assert!(
        sessions as u64 >= CLIENTS * (KILLS * 3 / 4 + 1),
        "only {sessions} sessions"
    );
    assert!(accepted > 1000, "only {accepted} shares were accepted");
}
