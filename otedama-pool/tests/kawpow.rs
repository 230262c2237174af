//! Sessions of Ravencoin's miners.

mod support;

use otedama_chain::{ChainSpec, Template, coins, family};
use otedama_hash::Target;
use otedama_pool::{ConnId, Output, PoolConfig};
use serde_json::{Value, json};
use support::{World, config, with_mix};

const SPEC: &ChainSpec = &coins::rvn::REGTEST;
const ALICE: &str = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn";

/// A real node's template, whose network target every second hash meets; or one that hardly any does.
fn template(easy: bool) -> Template {
    let json = include_str!("../../otedama-chain/tests/data/raven-4.6.1-gbt-regtest-kawpow.json");
    let mut json: Value = serde_json::from_str(json).expect("JSON");
    if !easy {
        json["bits"] = json!("1d00ffff");
        json["target"] = json!(Target::from_compact(0x1d00_ffff).expect("bits").to_string());
    }
    let json = json.to_string();
    family(SPEC)
        .parse_template(SPEC, json.as_bytes())
        .expect("a template")
}

fn world(config: PoolConfig, easy: bool) -> World {
    let mut world = World::on(SPEC, config);
    world.hash = |request| with_mix(&request.blob, request.nonce);
    world.template(template(easy), ALICE, SPEC);
    world
}

struct Miner {
    conn: ConnId,
    prefix: Vec<u8>,
    job: Value,
}

impl Miner {
    fn new(world: &mut World, number: u64, agent: &str) -> Self {
        let conn = world.open(number);
        let reply = world.ask(conn, "mining.subscribe", json!([agent]));
        assert!(reply["result"][0].is_string(), "{reply}");
        let prefix = const_hex::decode(reply["result"][1].as_str().expect("a prefix")).expect("hex");
        let user = format!("{ALICE}.gpu{number}");
        assert_eq!(
            world.ask(conn, "mining.authorize", json!([user, "x"]))["result"],
            true
        );
        let heard = world.heard(conn);
        assert_eq!(heard[0]["method"], "mining.set_target");
        assert_eq!(heard[1]["method"], "mining.notify");
        let job = heard[1]["params"].clone();
        assert_eq!(heard[0]["params"][0], job[3], "the same target in both places");
        Self { conn, prefix, job }
    }

    fn nonce(&self, count: u64) -> u64 {
        let mut bytes = count.to_be_bytes();
        bytes[..self.prefix.len()].copy_from_slice(&self.prefix);
        u64::from_be_bytes(bytes)
    }

    fn header(&self) -> Vec<u8> {
        const_hex::decode(self.job[1].as_str().expect("a header")).expect("hex")
    }

    /// The first of its nonces whose hash meets the job's target, or does not.
    fn find(&self, meets: bool) -> u64 {
        let target = Target::from_be_hex(self.job[3].as_str().expect("a target")).expect("a target");
        (0..100_000)
            .map(|count| self.nonce(count))
            .find(|nonce| target.is_met_by(&with_mix(&self.header(), *nonce).hash) == meets)
            .expect("a nonce")
    }

    fn submit(&self, world: &mut World, nonce: u64, mix: [u8; 32]) -> Value {
        let user = world
            .pool
            .sessions()
            .find(|s| s.conn == self.conn)
            .expect("a session");
        let user = format!(
            "{}.{}",
            user.account.expect("an account"),
            user.worker.expect("a worker")
        );
        let params = json!([
            user,
            self.job[0],
            format!("{nonce:#018x}"),
            format!("0x{}", const_hex::encode(self.header())),
            format!("0x{}", const_hex::encode(mix))
        ]);
        world.ask(self.conn, "mining.submit", params)
    }

    fn mix(&self, nonce: u64) -> [u8; 32] {
        with_mix(&self.header(), nonce).mix.expect("a mix")
    }
}

#[test]
fn a_share_from_subscription_to_reply() {
    let mut world = world(config(), false);
    let miner = Miner::new(&mut world, 1, "kawpowminer/1.2.4");
    assert_eq!(miner.prefix.len(), 2);
    assert_eq!(
        (&miner.job[4], &miner.job[5], &miner.job[6]),
        (&json!(true), &json!(3), &json!("1d00ffff"))
    );
    let nonce = miner.find(true);
    let reply = miner.submit(&mut world, nonce, miner.mix(nonce));
    assert_eq!(reply["result"], true, "{reply}");
    assert_eq!(&*world.rows[0].worker, "gpu1");
    let reply = miner.submit(&mut world, nonce, miner.mix(nonce));
    assert_eq!(reply["error"][0], 22);
}

#[test]
fn sessions_have_headers_and_nonces_of_their_own() {
    let mut world = world(config(), false);
    let (one, two) = (
        Miner::new(&mut world, 1, "T-Rex/0.26.8"),
        Miner::new(&mut world, 2, "xmrig/6"),
    );
    assert_ne!(one.header(), two.header());
    let nonce = one.find(true);
    let mix = one.mix(nonce);
    let other = Miner {
        job: one.job.clone(),
        ..two
    };
    let reply = other.submit(&mut world, nonce, mix);
    assert!(
        reply["error"][1].as_str().expect("an error").contains("nonce"),
        "{reply}"
    );
    let own = other.nonce(7);
    let reply = other.submit(&mut world, own, mix);
    assert_eq!(reply["error"][0], 21, "another session's header: {reply}");
    assert!(world.rows.is_empty());
}

#[test]
fn work_of_another_uses_up_nothing_of_the_job() {
    let mut world = world(config(), false);
    let miner = Miner::new(&mut world, 1, "T-Rex/0.26.8");
    for count in 0..50_u8 {
        let junk = json!([
            format!("{ALICE}.gpu1"),
            miner.job[0],
            format!("{:#018x}", miner.nonce(count.into())),
            format!("0x{}", const_hex::encode([count; 32])),
            format!("0x{}", const_hex::encode([count; 32]))
        ]);
        assert_eq!(world.ask(miner.conn, "mining.submit", junk)["error"][0], 21);
    }
    assert_eq!((world.pool.stats().seen, world.verified), (0, 0));
}

#[test]
fn a_rented_rig_starts_where_everybody_does() {
    let mut world = world(config(), false);
    let miner = Miner::new(&mut world, 1, "NiceHash/1.0.0");
    let start = support::difficulty(support::EASY).to_target(SPEC.algorithm.diff1());
    assert_eq!(miner.job[3], start.to_string());
}

#[test]
fn a_wrong_mix_is_no_share() {
    let mut world = world(config(), false);
    let miner = Miner::new(&mut world, 1, "kawpowminer/1.2.4");
    // Not even where the hash would do: who doesn't know the mix has not hashed.
    let nonce = miner.find(true);
    let reply = miner.submit(&mut world, nonce, [1; 32]);
    assert!(
        reply["error"][1]
            .as_str()
            .expect("an error")
            .contains("proof of work"),
        "{reply}"
    );
}

#[test]
fn a_block_carries_nonce_and_mix_and_is_named_by_its_proof() {
    let mut world = world(config(), true);
    let miner = Miner::new(&mut world, 1, "kawpowminer/1.2.4");
    let nonce = miner.find(true);
    miner.submit(&mut world, nonce, miner.mix(nonce));
    let Some(Output::Candidate(candidate)) = world.outputs.pop() else {
        panic!("no candidate")
    };
    let mut mix = miner.mix(nonce);
    mix.reverse();
    assert_eq!(
        candidate.bytes[76..80],
        3_u32.to_le_bytes(),
        "the height stands in the nonce's place"
    );
    assert_eq!(candidate.bytes[80..88], nonce.to_le_bytes());
    assert_eq!(candidate.bytes[88..120], mix);
    assert_eq!(candidate.hash, with_mix(&miner.header(), nonce).hash);
}

#[test]
fn other_dialects_are_refused_so_that_miners_go_on_trying() {
    let mut world = world(config(), false);
    let conn = world.open(1);
    for method in ["mining.hello", "eth_submitLogin"] {
        assert!(!world.ask(conn, method, json!([]))["error"].is_null());
    }
    assert_eq!(world.closed(conn), None);
    assert!(
        world.ask(
            conn,
            "mining.subscribe",
            json!(["kawpowminer/1.2.4", "EthereumStratum/1.0.0"])
        )["result"][1]
            .is_string()
    );
}
