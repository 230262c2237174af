//! A share has one difficulty, whatever its miner does between finding and submitting it.
//!
//! Credit is what a share's difficulty says, so a miner who could submit a share under either of two would keep those
//! that meet both until they are worth more.

mod support;

use otedama_chain::{ChainSpec, Template, coins, family};
use otedama_hash::{Algorithm, Target};
use otedama_pool::{ConnId, Input, PoolConfig, VardiffConfig};
use serde_json::{Value, json};
use support::{ALICE, EASY, HARD_BITS, World, config, difficulty, one_payout, template, with_mix};

const STALE: i64 = 21;
const DUPLICATE: i64 = 22;

/// What a share of Bitcoin has to meet.
fn sha256d(value: f64) -> Target {
    difficulty(value).to_target(Algorithm::SHA256D.diff1())
}

#[test]
fn a_resumed_session_cannot_raise_the_difficulty_of_the_job_that_it_had() {
    let mut world = World::ready();
    let mut miner = world.miner(1, ALICE);
    let kept = miner.find(|hash| sha256d(100.0 * EASY).is_met_by(hash));
    world.feed(Input::Closed { conn: miner.conn });

    let conn = world.open(2);
    world.ask(conn, "mining.subscribe", json!(["test/1", miner.session]));
    world.ask(
        conn,
        "mining.authorize",
        json!([ALICE, format!("d={}", 100.0 * EASY)]),
    );
    miner.conn = conn;
    miner.listen(&mut world);
    assert_eq!(miner.submit(&mut world, &kept)["result"], true);
    assert_eq!(world.rows[0].work, sha256d(EASY).work());

    // What it asked for comes with a job of its own.
    world.wait(2.0);
    miner.listen(&mut world);
    assert!((miner.difficulty / (100.0 * EASY) - 1.0).abs() < 1e-9);
    assert_eq!(miner.submit(&mut world, &kept)["error"][0], DUPLICATE);
    let next = miner.share();
    assert_eq!(miner.submit(&mut world, &next)["result"], true);
    assert!(world.rows[1].work > world.rows[0].work);
}

#[test]
fn a_job_that_the_session_was_not_sent_is_none_of_its_own() {
    let mut world = World::ready();
    let (mut blocked, mut other) = (world.miner(1, ALICE), world.miner(2, ALICE));
    world.feed(Input::Blocked {
        conn: blocked.conn,
        queued: 1000,
    });
    world.feed(Input::Template {
        template: template(0xaa, 200, HARD_BITS),
        payouts: one_payout(),
    });
    other.listen(&mut world);
    let job = other.jobs.last().expect("a job").clone();
    let ahead = blocked.find_on(&job, |hash| sha256d(EASY).is_met_by(hash));
    assert_eq!(blocked.submit(&mut world, &ahead)["error"][0], STALE);
    world.feed(Input::Writable { conn: blocked.conn });
    assert_eq!(blocked.submit(&mut world, &ahead)["result"], true);
}

const ETC: &ChainSpec = &coins::etc::REGTEST;
const ACCOUNT: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

/// Work of the first epoch, whose header is all the same byte.
fn work(header: u8) -> Template {
    let json = json!([
        format!("0x{}", format!("{header:02x}").repeat(32)),
        format!("0x{}", "00".repeat(32)),
        format!("0x0000{}", "ff".repeat(30)),
        "0x1d"
    ]);
    family(ETC)
        .parse_template(ETC, json.to_string().as_bytes())
        .expect("work")
}

/// Up to how many times the difficulty at the start a session may have here.
const HARD: f64 = 1000.0;

fn etc_world() -> World {
    let config = PoolConfig {
        vardiff: VardiffConfig {
            max: difficulty(HARD * EASY),
            ..config().vardiff
        },
        ..config()
    };
    let mut world = World::on(ETC, config);
    world.hash = |request| with_mix(&request.blob, request.nonce);
    world.template(work(0xab), ACCOUNT, ETC);
    world
}

fn proxy(world: &mut World, number: u64, password: &str) -> ConnId {
    let conn = world.open(number);
    world.ask(conn, "eth_submitLogin", json!([ACCOUNT, password]));
    conn
}

/// The target of the work that a session was sent last.
fn target_of(heard: &[Value]) -> Target {
    let work = heard.iter().rev().find_map(|m| m["result"][2].as_str());
    Target::from_be_hex(work.expect("work").trim_start_matches("0x")).expect("a target")
}

fn submit(world: &mut World, conn: ConnId, nonce: u64) -> Value {
    let mix = with_mix(&[0xab; 32], nonce).mix.expect("a mix");
    let params = json!([
        format!("{nonce:#018x}"),
        format!("0x{}", "ab".repeat(32)),
        format!("0x{}", const_hex::encode(mix))
    ]);
    world.ask(conn, "eth_submitWork", params)
}

fn target(difficulty_times: f64) -> Target {
    difficulty(difficulty_times * EASY).to_target(ETC.algorithm.diff1())
}

/// A nonce of this prefix that meets a multiple of the difficulty at the start.
fn nonce(prefix: &[u8], times: f64) -> u64 {
    (0_u64..1_000_000)
        .map(|count| {
            let mut bytes = count.to_be_bytes();
            bytes[..prefix.len()].copy_from_slice(prefix);
            u64::from_be_bytes(bytes)
        })
        .find(|nonce| target(times).is_met_by(&with_mix(&[0xab; 32], *nonce).hash))
        .expect("a nonce")
}

#[test]
fn sessions_that_may_submit_any_nonce_have_one_difficulty() {
    let mut world = etc_world();
    let conns = [(1, "x"), (2, "d=0.000001"), (3, "d=0.0000005")];
    let targets = conns.map(|(number, password)| {
        let conn = proxy(&mut world, number, password);
        target_of(&world.heard(conn))
    });
    assert_eq!(targets, [target(1.0); 3]);
    // Many shares don't move it either.
    let conn = ConnId(1);
    let good = (0_u64..).filter(|nonce| target(1.0).is_met_by(&with_mix(&[0xab; 32], *nonce).hash));
    for nonce in good.take(50) {
        assert_eq!(submit(&mut world, conn, nonce)["result"], true);
    }
    world.wait(30.0);
    world.template(work(0xac), ACCOUNT, ETC);
    assert_eq!(target_of(&world.heard(conn)), target(1.0));
}

/// A session of version 1.0.0: its prefix, once it has a difficulty of its own.
fn first(world: &mut World, number: u64, agent: &str, password: &str) -> (ConnId, Vec<u8>) {
    let conn = world.open(number);
    let reply = world.ask(conn, "mining.subscribe", json!([agent, "EthereumStratum/1.0.0"]));
    world.ask(conn, "mining.authorize", json!([ACCOUNT, password]));
    let prefix = reply["result"][1].as_str().expect("a prefix");
    (conn, const_hex::decode(prefix).expect("hex"))
}

#[test]
fn a_nonce_belongs_to_the_session_of_its_prefix_alone() {
    let mut world = etc_world();
    let free = proxy(&mut world, 1, "x");
    let (conn, prefix) = first(&mut world, 2, "T-Rex/0.26.8", &format!("d={}", HARD * EASY));
    assert_eq!(prefix.len(), 3);
    let easy = nonce(&prefix, 1.0);
    assert_ne!(submit(&mut world, free, easy)["result"], true);
    // Not even once its session has gone.
    world.feed(Input::Closed { conn });
    assert_ne!(submit(&mut world, free, easy)["result"], true);
    assert!(world.rows.is_empty());
    let elsewhere = nonce(&[!prefix[0]], 1.0);
    assert_eq!(submit(&mut world, free, elsewhere)["result"], true);
}

#[test]
fn prefixes_are_as_long_as_miners_take_them_and_lie_apart() {
    let mut world = etc_world();
    let mut prefixes = Vec::new();
    for number in 1..100 {
        let agent = if number % 3 == 0 {
            "NiceHash/1.0.0"
        } else {
            "T-Rex/0.26.8"
        };
        let (_, prefix) = first(&mut world, number, agent, "x");
        assert_eq!(prefix.len(), if number % 3 == 0 { 2 } else { 3 });
        prefixes.push(prefix);
    }
    for (index, one) in prefixes.iter().enumerate() {
        for other in &prefixes[..index] {
            assert!(!one.starts_with(other) && !other.starts_with(one));
        }
    }
}
