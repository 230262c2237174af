//! A Monero pool under load: the change of the key under which everything is hashed, and a flood of lies.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of real processes in real time"
)]

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use support::cryptonote::{Caches, Client, Event};
use support::installed::are_here_with_randomx;
use support::miner::{Answer, Miner};
use support::monero::{ALICE, BOB, STALE, setup};
use support::monerod::{Monerod, Options, Seeds};
use support::owed;
use support::program::Pool;
use support::stratum::connect_from;
use support::wait_until;
use support::xmrig::Xmrig;

/// What no answer may take, however loaded the machine is. On a quiet one they take a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// Every 16th block is a key, used from the block after 8 further ones: two changes within a minute, where the main
/// network has one in three days.
const SEEDS: Seeds = Seeds { every: 16, lag: 8 };
/// First blocks of another key.
const CHANGES: [u64; 2] = [25, 41];

fn seed(hex: &str) -> [u8; 32] {
    const_hex::decode_to_array(hex).unwrap()
}

fn slowest(answers: &[Answer]) -> Duration {
    answers
        .iter()
        .map(|answer| answer.after)
        .max()
        .unwrap_or_default()
}

#[test]
fn the_key_changes_while_miners_work() {
    if !are_here_with_randomx(&["monerod", "xmrig"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        seeds: Some(SEEDS),
        ..Options::with_difficulty(1)
    };
    let mut node = Monerod::start(&dir.path().join("node"), &options);
    node.generate(CHANGES[0] - SEEDS.lag);
    node.restart_with_difficulty(20);
    let home = dir.path().join("pool");
    let setup = setup(&home, &[node.config()], 4.0);
    let pool = Pool::start(&home, &setup);
    let caches = Arc::new(Caches::default());
    let mut seeds = vec![seed(&node.seeds().0)];
    let miners: Vec<Miner> = ["one", "two"]
        .iter()
        .map(|name| Miner::start(pool.stratum(), &format!("{BOB}.{name}"), &caches))
        .collect();
    let xmrig = Xmrig::start(
        &dir.path().join("xmrig"),
        pool.stratum(),
        &format!("{ALICE}+6"),
        None,
    );
    let mut counted = owed::Counted::default();
    let start = Instant::now();
    for change in CHANGES {
        let key = *seeds.last().unwrap();
        // On the main network two hours pass from here to the change.
        wait_until("the next key to be known", Duration::from_secs(60), || {
            node.seeds().1.is_some_and(|next| seed(&next) != key)
        });
        let (now, next) = node.seeds();
        let next = next.map_or_else(|| seed(&now), |next| seed(&next));
        assert_ne!(next, key);
        // A miner that makes its own cache ahead, as these do, is held up by nothing but the pool.
        caches.prepare(next);
        wait_until(
            "every miner's shares under the new key",
            Duration::from_secs(60),
            || {
                counted.look(&setup.database, || node.height());
                let crossed = xmrig.jobs().into_iter().find(|job| job.height >= change);
                let of_key = |answer: &Answer| answer.refused.is_none() && answer.seed == next;
                let crossed_by = |miner: &Miner| miner.answers().into_iter().filter(of_key).count() >= 3;
                miners.iter().all(crossed_by)
                    && crossed.is_some_and(|job| xmrig.accepted() > job.accepted_before)
            },
        );
        seeds.push(next);
    }
    let took = start.elapsed();
    assert!(
        xmrig.rejected().iter().all(|why| why == STALE),
        "{:?}",
        xmrig.rejected()
    );
    let all: Vec<Vec<Answer>> = miners.into_iter().map(Miner::stop).collect();
    for answers in &all {
        for (index, answer) in answers.iter().enumerate() {
            if let Some(why) = &answer.refused {
                assert_eq!(why, STALE, "answer {index} of {}", answers.len());
            }
        }
        let limit = slowest(answers);
        assert!(limit < PATIENCE, "an answer took {limit:?}");
        for pair in seeds.windows(2) {
            let last = answers.iter().rfind(|a| a.seed == pair[0] && a.refused.is_none());
            let first = answers.iter().find(|a| a.seed == pair[1] && a.refused.is_none());
            let (last, first) = (last.unwrap(), first.unwrap());
            let gap = first.at.saturating_duration_since(last.at);
            eprintln!(
                "change of the key: {gap:?} from the last share to the first, whose answer took {:?}; slowest answer \
                 {limit:?} of {}",
                first.after,
                answers.len()
            );
        }
    }
    eprintln!(
        "{} heights, {} shares of xmrig in {:?}",
        node.height(),
        xmrig.accepted(),
        took
    );
    drop(xmrig);
    let shares = pool.chain_status()["shares"].clone();
    assert_eq!(shares["rejected"], shares["stale"], "{shares}");
    // Blocks of three keys, all of which the node took.
    let mined = owed::mined_on(&node, CHANGES[0] - SEEDS.lag + 1..=node.height());
    owed::check(&setup.database, &mined, &counted);
    pool.stop();
}

/// A loopback address of an attacker.
fn attacker(number: u8) -> IpAddr {
    Ipv4Addr::new(127, 1, 0, number + 1).into()
}

/// Sends lies, of which one in a million is true, until the pool has had enough. Returns how many were looked at before.
fn lie(number: u8, pool: SocketAddr, caches: &Arc<Caches>) -> usize {
    let stream = connect_from(attacker(number), pool).unwrap();
    let mut client = Client::login(stream, &format!("{ALICE}+1000000.liar"), caches).unwrap();
    let start = Instant::now();
    let mut found_out = 0;
    loop {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "a liar may go on for ever"
        );
        // More than the pool keeps waiting for one connection.
        while client.in_flight() < 64 {
            if client.send_lie().is_err() {
                return found_out;
            }
        }
        match client.event(Duration::from_secs(30)) {
            Ok(Some(Event::Answer { refused, .. })) => {
                let why = refused.expect("a lie was taken for a share");
                assert!(why == "Invalid result" || why == "your IP is banned", "{why}");
                found_out += usize::from(why == "Invalid result");
            }
            Ok(Some(Event::Job)) => {}
            Ok(None) => panic!("no answer to a lie, and no end either"),
            Err(_) => return found_out,
        }
    }
}

/// Whether the pool has nothing to do with this address.
fn is_banned(number: u8, pool: SocketAddr, caches: &Arc<Caches>) -> bool {
    connect_from(attacker(number), pool)
        .and_then(|stream| Client::login(stream, &format!("{ALICE}+1000000.liar"), caches))
        .is_err()
}

#[cfg(target_os = "linux")]
#[test]
fn liars_are_banned_while_an_honest_miner_goes_on() {
    const LIARS: u8 = 12;
    if !are_here_with_randomx(&["monerod"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // No block is found: every share counts or was a lie.
    let node = Monerod::start(&dir.path().join("node"), &Options::with_difficulty(1_000_000));
    let home = dir.path().join("pool");
    let setup = setup(&home, &[node.config()], 5.0);
    let mut pool = Pool::start(&home, &setup);
    let address = pool.stratum();
    let caches = Arc::new(Caches::default());
    let honest = Miner::start(address, &format!("{BOB}.honest"), &caches);
    wait_until("the honest miner", Duration::from_secs(30), || {
        honest.accepted() >= 5
    });
    let quiet = slowest(&honest.answers());
    let start = Instant::now();
    let liars: Vec<_> = (0..LIARS)
        .map(|number| {
            let caches = Arc::clone(&caches);
            thread::spawn(move || lie(number, address, &caches))
        })
        .collect();
    for (number, liar) in liars.into_iter().enumerate() {
        let found_out = liar.join().unwrap();
        assert!(
            found_out <= 20,
            "liar {number} made the pool look {found_out} times"
        );
    }
    let took = start.elapsed();
    for number in 0..LIARS {
        assert!(
            is_banned(number, address, &caches),
            "liar {number} is let in again"
        );
    }
    let after = honest.accepted();
    wait_until("the honest miner to go on", Duration::from_secs(30), || {
        honest.accepted() >= after + 5
    });
    let answers = honest.stop();
    assert!(
        answers.iter().all(|answer| answer.refused.is_none()),
        "{answers:?}"
    );
    let slowest = slowest(&answers);
    eprintln!(
        "{LIARS} liars were banned in {took:?}; slowest answer to the honest miner {quiet:?}, then {slowest:?}"
    );
    assert!(slowest < PATIENCE, "an answer took {slowest:?}");
    assert!(pool.process.is_running(), "{}", pool.process.log_tail());
    wait_until("the counters to follow", Duration::from_secs(10), || {
        pool.chain_status()["shares"]["accepted"].as_u64() == Some(answers.len() as u64)
    });
    pool.stop();
}
