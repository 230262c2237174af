//! Sessions of Monero's miners.

mod support;

use otedama_chain::{ChainSpec, Template, coins, family};
use otedama_hash::sha256d::sha256d;
use otedama_hash::{Hash256, U256};
use otedama_pool::{CloseReason, ConnId, Output, PoolConfig, VardiffConfig};
use serde_json::{Value, json};
use support::{World, difficulty};

const SPEC: &ChainSpec = &coins::xmr::REGTEST;
const ALICE: &str =
    "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A";
const NONCE_AT: usize = 39;

/// A real node's template whose network difficulty is `network`.
fn template(network: u64) -> Template {
    template_before(network, "")
}

/// The same where the node also names the key that follows.
fn template_before(network: u64, next_key: &str) -> Template {
    let reply = include_str!("../../otedama-chain/tests/data/monero-0.18.0-get_block_template.json");
    let mut reply: Value = serde_json::from_str(reply).expect("JSON");
    reply["result"]["difficulty"] = json!(network);
    reply["result"]["next_seed_hash"] = json!(next_key);
    let json = reply["result"].to_string();
    family(SPEC)
        .parse_template(SPEC, json.as_bytes())
        .expect("a template")
}

fn config(start: f64) -> PoolConfig {
    PoolConfig {
        vardiff: VardiffConfig {
            start: difficulty(start),
            min: difficulty(1.0),
            ..VardiffConfig::default()
        },
        ..PoolConfig::default()
    }
}

fn world(start: f64, network: u64) -> World {
    let mut world = World::on(SPEC, config(start));
    world.template(template(network), ALICE, SPEC);
    world
}

fn login(world: &mut World, conn: ConnId, params: Value) -> Value {
    world.ask(conn, "login", params)
}

/// A session, and its first job.
fn miner(world: &mut World, number: u64, user: &str) -> (ConnId, String, Value) {
    let conn = world.open(number);
    let reply = login(
        world,
        conn,
        json!({"login": user, "pass": "x", "agent": "XMRig/6.26.0"}),
    );
    let result = &reply["result"];
    let session = result["id"].as_str().expect("a session").to_owned();
    (conn, session, result["job"].clone())
}

/// What the world's proof of work makes of a nonce on a job.
fn hash(job: &Value, nonce: u32) -> Hash256 {
    let mut blob = const_hex::decode(job["blob"].as_str().expect("a blob")).expect("hex");
    blob[NONCE_AT..NONCE_AT + 4].copy_from_slice(&nonce.to_le_bytes());
    sha256d(&blob)
}

fn submit(world: &mut World, conn: ConnId, session: &str, job: &Value, nonce: u32, claim: &Hash256) -> Value {
    let params = json!({
        "id": session, "job_id": job["job_id"], "nonce": const_hex::encode(nonce.to_le_bytes()),
        "result": const_hex::encode(claim.as_le_bytes())
    });
    world.ask(conn, "submit", params)
}

/// A nonce whose hash meets a difficulty, or does not.
fn nonce_at(job: &Value, difficulty: u64, meets: bool) -> u32 {
    let limit = U256::MAX / U256::from(difficulty);
    (0..100_000)
        .find(|nonce| (U256::from_le_bytes(hash(job, *nonce).to_le_bytes()) < limit) == meets)
        .expect("a nonce")
}

#[test]
fn a_share_from_login_to_reply() {
    let mut world = world(2.0, 1 << 40);
    let (conn, session, job) = miner(&mut world, 1, &format!("{ALICE}.rig7"));
    assert_eq!(job["algo"], "rx/0");
    assert_eq!(job["height"], template(1).height);
    let nonce = nonce_at(&job, 4, true);
    let reply = submit(&mut world, conn, &session, &job, nonce, &hash(&job, nonce));
    assert_eq!(reply["result"]["status"], "OK", "{reply}");
    let row = &world.rows[0];
    assert_eq!(
        (&*row.account, &*row.worker, row.is_block),
        (ALICE, "rig7", false)
    );
    assert_eq!(row.work.get(), 2, "one hash in two is a share");
    let again = submit(&mut world, conn, &session, &job, nonce, &hash(&job, nonce));
    assert_eq!(again["error"]["message"], "Duplicate share");
    assert_eq!(world.rows.len(), 1);
    assert_eq!(
        world.ask(conn, "keepalived", json!({"id": session}))["result"]["status"],
        "KEEPALIVED"
    );
}

#[test]
fn a_connection_mines_for_one_address() {
    let mut world = world(2.0, 1 << 40);
    let (conn, ..) = miner(&mut world, 1, ALICE);
    let again = login(
        &mut world,
        conn,
        json!({"login": format!("{ALICE}.rig2"), "pass": "x"}),
    );
    assert_eq!(again["result"]["status"], "OK", "{again}");
    let other =
        "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H";
    let reply = login(&mut world, conn, json!({"login": other, "pass": "x"}));
    let message = reply["error"]["message"].as_str().expect("an error");
    assert!(message.contains("one address"), "{reply}");
}

#[test]
fn no_two_sessions_and_no_two_jobs_hash_the_same() {
    let mut world = world(2.0, 1 << 40);
    let (conn, _, first) = miner(&mut world, 1, ALICE);
    let (_, _, second) = miner(&mut world, 2, ALICE);
    assert_ne!(first["blob"], second["blob"]);
    world.template(template(1 << 40), ALICE, SPEC);
    let third = world.heard(conn).pop().expect("a job");
    assert_eq!(third["method"], "job");
    assert_ne!(third["params"]["blob"], first["blob"]);
    assert_ne!(third["params"]["job_id"], first["job_id"]);
}

#[test]
fn miners_hear_of_the_next_key_ahead() {
    let mut world = world(2.0, 1 << 40);
    let (conn, _, job) = miner(&mut world, 1, ALICE);
    assert!(job.get("next_seed_hash").is_none(), "{job}");
    let next_key = "5f".repeat(32);
    world.template(template_before(1 << 40, &next_key), ALICE, SPEC);
    let pushed = world.heard(conn).pop().expect("a job");
    assert_eq!(pushed["params"]["next_seed_hash"], next_key, "{pushed}");
    assert_eq!(pushed["params"]["seed_hash"], job["seed_hash"]);
}

#[test]
fn a_block_leaves_first_and_is_the_node_s_own_bytes() {
    let mut world = world(2.0, 2);
    let (conn, session, job) = miner(&mut world, 1, ALICE);
    let nonce = nonce_at(&job, 2, true);
    submit(&mut world, conn, &session, &job, nonce, &hash(&job, nonce));
    let Some(Output::Candidate(candidate)) = world.outputs.pop() else {
        panic!("no candidate")
    };
    assert_eq!(candidate.bytes[NONCE_AT..NONCE_AT + 4], nonce.to_le_bytes());
    assert_eq!(candidate.height, template(1).height);
    assert!(world.rows[0].is_block);
}

#[test]
fn what_is_said_about_a_share_is_checked() {
    let mut world = world(4.0, 1 << 40);
    let (conn, session, job) = miner(&mut world, 1, ALICE);
    let high = nonce_at(&job, 4, false);
    let reply = submit(&mut world, conn, &session, &job, high, &hash(&job, high));
    assert_eq!(reply["error"]["message"], "Low difficulty share");
    assert_eq!(world.verified, 0, "its own words are enough to refuse it");
    let reply = submit(&mut world, conn, "0123", &job, high, &Hash256::ZERO);
    assert_eq!(reply["error"]["message"], "Unauthenticated");
    let mut other = job.clone();
    other["job_id"] = json!("ffffff");
    let reply = submit(&mut world, conn, &session, &other, high, &Hash256::ZERO);
    assert_eq!(reply["error"]["message"], "Stale share");
    // A hash that was made up costs a verification, so few of them are borne.
    for nonce in (0..100_000).filter(|n| *n != high) {
        if world.closed(conn).is_some() {
            break;
        }
        if U256::from_le_bytes(hash(&job, nonce).to_le_bytes()) < U256::MAX / U256::from(4) {
            continue;
        }
        assert!(world.verified < 6, "a flood is not stopped");
        let reply = submit(&mut world, conn, &session, &job, nonce, &Hash256::ZERO);
        assert_eq!(reply["error"]["message"], "Invalid result");
    }
    assert_eq!(world.closed(conn), Some(CloseReason::Banned));
    assert!(world.rows.is_empty());
}

#[test]
fn fixed_difficulty_and_rig_names() {
    let mut world = world(2.0, 1 << 40);
    let conn = world.open(1);
    let params =
        json!({"login": format!("{ALICE}+20000"), "pass": "x", "rigid": "shed", "algo": ["rx/0", "rx/2"]});
    let reply = login(&mut world, conn, params);
    // 2^32 - 1 by 20,000, four bytes, the lowest first.
    assert_eq!(
        reply["result"]["job"]["target"],
        const_hex::encode((u32::MAX / 20_000).to_le_bytes())
    );
    let session = world.pool.sessions().next().expect("a session");
    assert_eq!(session.worker.as_deref(), Some("shed"));
    assert!((session.difficulty - 20_000.0).abs() < 1e-9);
}

#[test]
fn a_login_waits_for_the_first_job_and_other_miners_are_told_what_is_mined() {
    let mut world = World::on(SPEC, config(2.0));
    let conn = world.open(1);
    let line = json!({"id": 5, "method": "login", "params": {"login": ALICE, "pass": "x"}});
    world.say(conn, &line);
    assert_eq!(world.heard(conn), Vec::<Value>::new());
    world.template(template(1 << 40), ALICE, SPEC);
    let heard = world.heard(conn);
    assert_eq!(heard.len(), 1);
    assert_eq!(
        (&heard[0]["id"], &heard[0]["result"]["status"]),
        (&json!(5), &json!("OK"))
    );

    let other = world.open(2);
    let reply = login(
        &mut world,
        other,
        json!({"login": ALICE, "algo": ["cn/r", "ghostrider"]}),
    );
    let text = reply["error"]["message"].as_str().expect("an error");
    assert!(text.contains("rx/0"), "{text}");
    let reply = login(&mut world, other, json!({"login": "4nonsense", "pass": "x"}));
    assert!(reply["error"]["message"].is_string());
}
