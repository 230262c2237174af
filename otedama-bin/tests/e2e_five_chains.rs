//! Five chains in one process, each with its own algorithm, nodes and dialects, mined by our own miners all at once.
//!
//! It takes some seconds; `OTEDAMA_MIXED_SECONDS=300` makes it the run of five minutes that releases get.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of real processes in real time"
)]

mod loopback;
mod miners;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use loopback::geth::Geth;
use loopback::listening::Listening;
use loopback::ravend::Ravend;
use otedama_hash::{Hash256, Target, U256};
use support::installed::are_here_with_randomx;
use support::journal::Journal;
use support::monero;
use support::monerod::{Monerod, Options};
use support::node::{Coin, Node};
use support::process::Process;
use support::program::{self, Pool, Setup};
use support::wait_until;

const DEFAULT_SECONDS: u64 = 15;
/// A proof waits for the threads that verify while at most so many do, over all connections of a chain.
const UNVERIFIED_MAX: u64 = 16 * 4;
/// What the process may grow by once all caches are there.
const GROWTH_MAX: u64 = 64 << 20;

const BITCOIN: &str = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn";
const ETHEREUM: &str = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const RAVENCOIN: &str = "mvFaiHPVU5dYAnKcw4knKpZyzoW8UoaheA";

/// The chains, in the order of the config.
const CHAINS: usize = 5;

fn chain(coin: &str, address: &str, node: &str, difficulty: f64) -> String {
    format!(
        "coin: {coin}\nnetwork: regtest\npayout_address: \"{address}\"\naddress: \"127.0.0.1:0\"\ntemplate_refresh: 1s\n\
         nodes: [{node}]\nvardiff: {{ start: {difficulty:?}, min: {difficulty:?}, max: {difficulty:?} }}\n"
    )
}

/// One of our own miners.
struct Mining {
    name: &'static str,
    process: Process,
}

/// What a miner said at the end.
#[derive(Debug)]
struct Summary {
    accepted: usize,
    unanswered: usize,
}

impl Mining {
    fn start(dir: &Path, name: &'static str, url: &str, user: &str, options: &[&str]) -> Self {
        let dir = dir.join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let process = program::mine_at(&dir, url, &format!("{user}.{name}"), options);
        Self { name, process }
    }

    fn stop(mut self) -> Summary {
        assert!(self.process.stop().is_some(), "{} did not stop", self.name);
        let log = self.process.log();
        for line in log.lines().filter(|line| line.contains("rejected (")) {
            let is_late = ["stale", "Stale", "job not found", "no longer known"]
                .iter()
                .any(|word| line.contains(word));
            assert!(is_late, "{}: {line}", self.name);
        }
        let summary = log.lines().rfind(|line| line.starts_with("mined for ")).unwrap();
        let number = |word: &str| -> usize {
            let words: Vec<_> = summary.split([' ', ';', ',']).filter(|w| !w.is_empty()).collect();
            let at = words.iter().position(|w| *w == word).unwrap();
            words[at - 1].parse().unwrap()
        };
        Summary {
            accepted: number("accepted"),
            unanswered: number("unanswered"),
        }
    }
}

#[test]
fn no_share_is_credited_wrongly_and_nothing_grows() {
    if !are_here_with_randomx(&["monerod"]) || !Coin::Litecoin.is_installed() {
        return;
    }
    let seconds = std::env::var("OTEDAMA_MIXED_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(DEFAULT_SECONDS);
    let dir = tempfile::tempdir().unwrap();
    let (geth, ravend) = (Geth::start(), Ravend::start(20));
    let monerod = Monerod::start(&dir.path().join("monerod"), &Options::with_difficulty(200));
    let litecoin = Node::start(Coin::Litecoin, &dir.path().join("litecoin"), &[]);
    let second = Node::start(
        Coin::Litecoin,
        &dir.path().join("litecoin-2"),
        &[format!("-connect={}", litecoin.p2p())],
    );
    litecoin.create_wallet();
    let wallet = litecoin.new_address("bech32");
    litecoin.generate(10, &wallet);
    wait_until("the nodes to agree", Duration::from_secs(20), || {
        second.tip() == litecoin.tip()
    });

    // Difficulty 1 of these two is 2^32 hashes.
    let share = |hashes: f64| hashes / 4_294_967_296.0;
    let setup = Setup {
        more_chains: vec![
            chain("LTC", &wallet, &litecoin.config(), 0.002),
            chain("XMR", monero::POOL, &monerod.config(), 20.0),
            chain("ETC", ETHEREUM, &geth.config(), share(128.0)),
            chain("RVN", RAVENCOIN, &ravend.config(), share(4.0)),
        ],
        difficulty: 0.0001,
        ..Setup::development(dir.path().join("pool.db"))
    };
    let pool = Pool::start(dir.path(), &setup);
    let listening = Listening::of(dir.path());
    let url = |scheme: &str, chain: usize| format!("{scheme}+tcp://{}", listening.stratum(chain));
    let light = ["--light"];
    let start =
        |name, url: &str, user: &str, options: &[&str]| Mining::start(dir.path(), name, url, user, options);
    let mining = vec![
        start(
            "sha256d",
            &url("stratum", 0),
            BITCOIN,
            &["-a", "sha256d", "--backend", "soft"],
        ),
        start(
            "scrypt",
            &url("stratum", 1),
            &wallet,
            &["-a", "scrypt", "--backend", "soft"],
        ),
        // These three find out by themselves what is mined.
        start("cryptonote", &url("stratum", 2), monero::ALICE, &light),
        start("ethproxy", &url("stratum1", 3), ETHEREUM, &light),
        start("ethereum1", &url("stratum2", 3), ETHEREUM, &light),
        start("ethereum2", &url("stratum3", 3), ETHEREUM, &light),
        start(
            "kawpow",
            &url("stratum", 4),
            RAVENCOIN,
            &["-a", "kawpow", "--light"],
        ),
    ];
    wait_until("shares on every chain", Duration::from_secs(90), || {
        (0..CHAINS).all(|index| listening.chain(index)["shares"]["accepted"].as_u64() > Some(0))
    });

    // Caches are built and every buffer has been used by then.
    let begin = Instant::now();
    let (mut settled, mut most_waiting) = (None, 0);
    while begin.elapsed() < Duration::from_secs(seconds) {
        for index in 0..CHAINS {
            let waiting = listening.chain(index)["unverified"].as_u64().unwrap();
            assert!(waiting <= UNVERIFIED_MAX, "chain {index}: {waiting} shares wait");
            most_waiting = most_waiting.max(waiting);
        }
        if begin.elapsed() > Duration::from_secs(seconds / 3) {
            settled = settled.or_else(|| pool.process.resident_bytes());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    wait_until("blocks", Duration::from_secs(120), || {
        geth.height() > 0 && ravend.height() > 20 && monerod.height() > 0
    });
    eprintln!("at most {most_waiting} proofs of one chain waiting");
    if let (Some(before), Some(after)) = (settled, pool.process.resident_bytes()) {
        eprintln!("resident: {} MiB, then {} MiB", before >> 20, after >> 20);
        assert!(after < before + GROWTH_MAX, "{before} bytes grew to {after}");
    }
    let summaries: BTreeMap<_, _> = mining
        .into_iter()
        .map(|miner| (miner.name, miner.stop()))
        .collect();
    pool.stop();

    check_credits(&setup.database, &summaries);
}

/// Every share is worth what its hash proves, counts once, and is one that its miner was told of.
fn check_credits(database: &Path, summaries: &BTreeMap<&str, Summary>) {
    let shares = Journal::open(database).shares();
    let mut by_worker = BTreeMap::<&str, usize>::new();
    let mut seen = BTreeSet::new();
    for row in &shares {
        assert!(seen.insert(&row.hash), "credited twice: {row:?}");
        let hash = Hash256::from_display_hex(&row.hash).unwrap();
        let proven = Target::from_u256(U256::from_le_bytes(hash.to_le_bytes()))
            .work()
            .get();
        assert!(
            proven >= u128::from(row.work),
            "credited with more than it proves: {row:?}"
        );
        *by_worker.entry(&row.worker).or_default() += 1;
    }
    for (name, summary) in summaries {
        let credited = by_worker.get(name).copied().unwrap_or(0);
        eprintln!("{name}: {credited} credited, {summary:?}");
        assert!(credited >= summary.accepted && credited <= summary.accepted + summary.unanswered);
        assert!(summary.accepted > 0, "{name} mined nothing");
    }
    assert_eq!(by_worker.len(), summaries.len());
}
