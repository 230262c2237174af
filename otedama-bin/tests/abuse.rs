//! Bad input over TCP: the pool stays up, its memory bounded, and an honest miner is not affected.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of real processes in real time"
)]

mod support;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use support::program::{Pool, Setup};
use support::random::Random;
use support::stratum::{Client, Event, STALE, connect_from};
use support::wait_until;
use tempfile::TempDir;

const ADDRESS: &str = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn";
const MIB: u64 = 1 << 20;
/// What the pool may grow by under any of these attacks.
const GROWTH: u64 = 96 * MIB;
/// Slower than ever without an attack, and still no miner would notice.
const PATIENCE: Duration = Duration::from_secs(3);

/// A pool with an honest miner on it.
struct Scene {
    pool: Pool,
    honest: Arc<Honest>,
    miner: JoinHandle<()>,
    resident_before: Option<u64>,
    _dir: TempDir,
}

#[derive(Default)]
struct Honest {
    accepted: AtomicU64,
    slowest_ms: AtomicU64,
    stop: AtomicBool,
}

impl Honest {
    /// Mines at an even pace; anything but a quick "accepted" is a failure of the test.
    fn mine(&self, pool: SocketAddr) {
        let mut client =
            Client::login(pool, &format!("{ADDRESS}.honest"), "x").expect("an honest miner logs in");
        while !self.stop.load(Ordering::Relaxed) {
            client.submit().expect("the honest miner's connection stays open");
            while client.in_flight() > 0 {
                match client
                    .event(PATIENCE)
                    .expect("the honest miner's connection stays open")
                {
                    Some(Event::Accepted { after, .. }) => {
                        self.accepted.fetch_add(1, Ordering::Relaxed);
                        self.slowest_ms
                            .fetch_max(after.as_millis() as u64, Ordering::Relaxed);
                    }
                    // The development chain's own blocks make shares stale.
                    Some(Event::Rejected { code, error, .. }) => assert_eq!(code, Some(STALE), "{error}"),
                    Some(Event::Other) => {}
                    None => panic!("no answer for {PATIENCE:?}"),
                }
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Scene {
    /// Starts a pool; `limits` are entries of the section `pool.limits`.
    fn start(limits: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut setup = Setup::development(dir.path().join("pool.db"));
        setup.pool = format!("max_connections: 4000\nlimits: {{ {limits} }}\n");
        let pool = Pool::start(dir.path(), &setup);
        let honest = Arc::new(Honest::default());
        let address = pool.stratum();
        let mining = Arc::clone(&honest);
        let miner = thread::spawn(move || mining.mine(address));
        wait_until("the honest miner", Duration::from_secs(10), || {
            honest.accepted.load(Ordering::Relaxed) > 5
        });
        let resident_before = pool.process.resident_bytes();
        Self {
            pool,
            honest,
            miner,
            resident_before,
            _dir: dir,
        }
    }

    /// After the attack: everything goes on, and memory is bounded.
    fn end(mut self, most_resident: Option<u64>) {
        let before = self.honest.accepted.load(Ordering::Relaxed);
        wait_until("the honest miner to go on", Duration::from_secs(10), || {
            self.miner.is_finished() || self.honest.accepted.load(Ordering::Relaxed) > before + 10
        });
        self.honest.stop.store(true, Ordering::Relaxed);
        self.miner.join().expect("the honest miner was affected");
        assert!(
            self.pool.process.is_running(),
            "the pool died: {}",
            self.pool.process.log_tail()
        );
        if let (Some(before), Some(most)) = (self.resident_before, most_resident) {
            assert!(
                most < before + GROWTH,
                "memory grew from {} to {} MiB",
                before / MIB,
                most / MIB
            );
        }
        let slowest = self.honest.slowest_ms.load(Ordering::Relaxed);
        eprintln!(
            "slowest answer to the honest miner: {slowest} ms; memory {:?} -> {most_resident:?}",
            self.resident_before
        );
        self.pool.stop();
    }

    fn resident(&self) -> Option<u64> {
        self.pool.process.resident_bytes()
    }
}

/// A loopback address that no other attacker has.
fn attacker(number: u64) -> IpAddr {
    let [a, b] = [(number / 250) as u8, (number % 250) as u8];
    Ipv4Addr::new(127, 1, a, b + 1).into()
}

/// Whether the peer closes the connection within `limit`, whatever it says before.
fn is_closed(stream: &mut TcpStream, limit: Duration) -> bool {
    let start = Instant::now();
    let mut buffer = [0; 4096];
    while start.elapsed() < limit {
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return true,
        }
    }
    false
}

#[cfg(target_os = "linux")]
#[test]
fn garbage_and_endless_lines() {
    let scene = Scene::start("connections_per_address: 100");
    let address = scene.pool.stratum();
    let mut most = scene.resident();
    let mut random = Random::new(6);
    for number in 0..60 {
        let mut stream = connect_from(attacker(number), address).unwrap();
        stream
            .set_write_timeout(Some(Duration::from_millis(500)))
            .unwrap();
        let junk: Vec<u8> = match number % 4 {
            // Anything.
            0 => (0..8192).map(|_| random.next() as u8).collect(),
            // Nearly JSON.
            1 => b"{\"id\":1,\"method\":\"mining.submit\",\"params\":[[[[\n".repeat(100),
            // A line of one MiB, of nothing.
            2 => vec![b'a'; MIB as usize],
            // A line of one MiB that begins well.
            _ => [
                &b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\""[..],
                &vec![b'x'; MIB as usize],
            ]
            .concat(),
        };
        // The pool may close before everything is written; that is what it should do.
        let _ = stream.write_all(&junk);
        if number % 4 >= 2 {
            assert!(
                is_closed(&mut stream, Duration::from_secs(5)),
                "an endless line is read on (attacker {number})"
            );
        }
        most = most.max(scene.resident());
    }
    scene.end(most);
}

#[cfg(target_os = "linux")]
#[test]
fn connections_that_say_nothing_are_closed() {
    let scene = Scene::start("login_timeout: 2s, connections_per_address: 100");
    let address = scene.pool.stratum();
    let mut silent: Vec<TcpStream> = (0..1000)
        .map(|number| {
            let mut stream = connect_from(attacker(number % 100), address).unwrap();
            match number % 3 {
                0 => {}
                1 => stream.write_all(b"{\"id\":1,\"method\":\"mini").unwrap(),
                _ => stream
                    .write_all(b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n")
                    .unwrap(),
            }
            stream
        })
        .collect();
    let most = scene.resident();
    for (number, stream) in silent.iter_mut().enumerate() {
        assert!(
            is_closed(stream, Duration::from_secs(15)),
            "silent connection {number} stays open"
        );
    }
    let most = most.max(scene.resident());
    scene.end(most);
}

#[cfg(target_os = "linux")]
#[test]
fn ten_thousand_connects() {
    const ATTACKERS: u64 = 4;
    const CONNECTS: u64 = 2500;
    let scene = Scene::start("connections_per_address: 50, connects_per_second_per_address: 20");
    let address = scene.pool.stratum();
    let start = Instant::now();
    let flood: Vec<_> = (0..ATTACKERS)
        .map(|attack| {
            thread::spawn(move || {
                let mut open = std::collections::VecDeque::new();
                let mut connected = 0_u64;
                for number in 0..CONNECTS {
                    // The pool may refuse; the attack goes on.
                    if let Ok(stream) = connect_from(attacker(attack * 50 + number % 50), address) {
                        connected += 1;
                        open.push_back(stream);
                    }
                    if open.len() > 100 {
                        open.pop_front();
                    }
                }
                connected
            })
        })
        .collect();
    let mut most = scene.resident();
    while flood.iter().any(|attack| !attack.is_finished()) {
        most = most.max(scene.resident());
        thread::sleep(Duration::from_millis(20));
    }
    let connected: u64 = flood.into_iter().map(|attack| attack.join().unwrap()).sum();
    eprintln!("{connected} connects in {:?}", start.elapsed());
    assert!(
        connected > ATTACKERS * CONNECTS / 2,
        "the attack did not take place"
    );
    scene.end(most);
}

#[cfg(target_os = "linux")]
#[test]
fn readers_that_do_not_read() {
    const READERS: u64 = 20;
    const MOST_BYTES: usize = 64 << 20;
    let scene = Scene::start("connections_per_address: 100");
    let address = scene.pool.stratum();
    let mut most = scene.resident();
    let login = format!(
        "{{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}}\n\
         {{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"{ADDRESS}.slow\",\"x\"]}}\n"
    );
    // Every request has an answer that is longer than itself.
    let question =
        b"{\"id\":3,\"method\":\"client.get_version\",\"params\":[]}\n{\"id\":4,\"method\":\"x\"}\n"
            .repeat(200);
    let mut written = 0;
    let mut readers = Vec::new();
    for number in 0..READERS {
        let mut stream = connect_from(attacker(number), address).unwrap();
        stream.write_all(login.as_bytes()).unwrap();
        stream
            .set_write_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let mut bytes = 0;
        // Until the pool reads no more or closes.
        while bytes < MOST_BYTES {
            match stream.write(&question) {
                Ok(n) => bytes += n,
                Err(_) => break,
            }
        }
        assert!(
            bytes < MOST_BYTES,
            "the pool takes requests for ever from one who reads no answers"
        );
        written += bytes;
        readers.push(stream);
        most = most.max(scene.resident());
    }
    eprintln!(
        "{} KiB written by each reader that does not read",
        written / 1024 / READERS as usize
    );
    scene.end(most);
}
