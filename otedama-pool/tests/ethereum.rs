//! Sessions of Ethash's miners: three protocols on one port.

mod support;

use otedama_chain::{ChainSpec, Template, coins, family};
use otedama_hash::{Hash256, Target};
use otedama_pool::{Admin, CloseReason, ConnId, Input, Output};
use serde_json::{Value, json};
use support::{World, config, with_mix};

const SPEC: &ChainSpec = &coins::etc::REGTEST;
const ALICE: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const HEIGHT: u64 = 29;

/// Work of the first epoch. `parent` is filled in as the program does it.
fn template(header: u8, height: u64, target: &str) -> Template {
    let json = json!([
        format!("0x{}", format!("{header:02x}").repeat(32)),
        format!("0x{}", "00".repeat(32)),
        format!("0x{target}{}", "ff".repeat(32 - target.len() / 2)),
        format!("{height:#x}")
    ]);
    let mut template = family(SPEC)
        .parse_template(SPEC, json.to_string().as_bytes())
        .expect("work");
    template.prev_hash = Hash256::from_be_bytes([height as u8; 32]);
    template
}

fn world() -> World {
    let mut world = World::on(SPEC, config());
    world.hash = |request| with_mix(&request.blob, request.nonce);
    world.template(template(0xab, HEIGHT, "0000"), ALICE, SPEC);
    world
}

fn header(byte: u8) -> [u8; 32] {
    [byte; 32]
}

/// A nonce behind a prefix whose hash meets the target or not.
fn find(blob: &[u8; 32], prefix: &[u8], target: &Target, meets: bool) -> u64 {
    (1_u64..100_000)
        .map(|count| {
            let mut bytes = count.to_be_bytes();
            bytes[..prefix.len()].copy_from_slice(prefix);
            u64::from_be_bytes(bytes)
        })
        .find(|nonce| target.is_met_by(&with_mix(blob, *nonce).hash) == meets)
        .expect("a nonce")
}

/// What a share has to meet at the world's difficulty.
fn target() -> Target {
    support::difficulty(support::EASY).to_target(SPEC.algorithm.diff1())
}

struct First {
    conn: ConnId,
    prefix: Vec<u8>,
    job: Value,
}

/// A miner of version 1.0.0.
fn first(world: &mut World, number: u64) -> First {
    let conn = world.open(number);
    let reply = world.ask(
        conn,
        "mining.subscribe",
        json!(["T-Rex/0.26.8", "EthereumStratum/1.0.0"]),
    );
    assert_eq!(reply["result"][0][2], "EthereumStratum/1.0.0");
    let prefix = const_hex::decode(reply["result"][1].as_str().expect("hex")).expect("hex");
    assert_eq!(
        world.ask(conn, "mining.authorize", json!([ALICE, "x"]))["result"],
        true
    );
    let heard = world.heard(conn);
    assert_eq!(heard[0]["method"], "mining.set_difficulty");
    let job = heard[1]["params"].clone();
    assert_eq!(job[2], "ab".repeat(32));
    First { conn, prefix, job }
}

fn submit_first(world: &mut World, miner: &First, nonce: u64) -> Value {
    let digits = format!("{nonce:016x}");
    let own = &digits[2 * miner.prefix.len()..];
    world.ask(miner.conn, "mining.submit", json!([ALICE, miner.job[0], own]))
}

#[test]
fn version_1_submits_the_rest_of_the_nonce() {
    let mut world = world();
    let miner = first(&mut world, 1);
    assert_eq!(miner.prefix.len(), 3);
    let nonce = find(&header(0xab), &miner.prefix, &target(), true);
    assert_eq!(submit_first(&mut world, &miner, nonce)["result"], true);
    let again = submit_first(&mut world, &miner, nonce);
    assert_eq!(again["error"][0], 22, "{again}");
    assert_eq!(world.rows.len(), 1);
}

#[test]
fn version_2_has_ids_for_everything() {
    let mut world = world();
    let conn = world.open(1);
    let hello =
        json!({"agent": "lolMiner 1.97", "host": "pool", "port": "d05", "proto": "EthereumStratum/2.0.0"});
    assert_eq!(
        world.ask(conn, "mining.hello", hello)["result"]["proto"],
        "EthereumStratum/2.0.0"
    );
    assert!(world.ask(conn, "mining.subscribe", json!([]))["result"].is_string());
    let worker = world.ask(conn, "mining.authorize", json!([format!("{ALICE}.rig"), "x"]))["result"].clone();
    let heard = world.heard(conn);
    assert_eq!(heard[0]["method"], "mining.set");
    let set = &heard[0]["params"];
    assert_eq!((&set["epoch"], &set["algo"]), (&json!("0"), &json!("etchash")));
    let prefix = const_hex::decode(set["extranonce"].as_str().expect("hex")).expect("hex");
    let job = &heard[1]["params"];
    assert_eq!(
        (&job[1], &job[2]),
        (&json!(format!("{HEIGHT:x}")), &json!("ab".repeat(32)))
    );
    let nonce = find(&header(0xab), &prefix, &target(), true);
    let own = &format!("{nonce:016x}")[2 * prefix.len()..];
    let reply = world.ask(conn, "mining.submit", json!([job[0], own, worker]));
    assert!(reply["error"].is_null(), "{reply}");
    assert_eq!(&*world.rows[0].worker, "rig");
    let reply = world.ask(conn, "mining.submit", json!([job[0], own, "w-9"]));
    assert_eq!(reply["error"]["code"], 301, "{reply}");
    // Settings are sent when they change, and not again.
    world.template(template(0xac, HEIGHT + 1, "0000"), ALICE, SPEC);
    let heard = world.heard(conn);
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0]["method"], "mining.notify");
}

fn login_proxy(world: &mut World, number: u64) -> ConnId {
    let conn = world.open(number);
    let line = json!({"id": 99, "method": "eth_submitLogin", "params": [ALICE], "worker": "rig-1"});
    world.say(conn, &line);
    let heard = world.heard(conn);
    assert_eq!(heard[0]["result"], true);
    assert_eq!(
        heard[1]["result"][0],
        format!("0x{}", "ab".repeat(32)),
        "work follows at once"
    );
    conn
}

fn submit_proxy(world: &mut World, conn: ConnId, blob: [u8; 32], nonce: u64, mix: [u8; 32]) -> Value {
    let params = json!([
        format!("{nonce:#018x}"),
        format!("0x{}", const_hex::encode(blob)),
        format!("0x{}", const_hex::encode(mix))
    ]);
    world.ask(conn, "eth_submitWork", params)
}

#[test]
fn eth_proxy_names_work_by_its_header() {
    let mut world = world();
    let conn = login_proxy(&mut world, 1);
    let work = world.ask(conn, "eth_getWork", json!([]));
    assert_eq!(work["result"][0], format!("0x{}", "ab".repeat(32)));
    let nonce = find(&header(0xab), &[], &target(), true);
    let mix = with_mix(&header(0xab), nonce).mix.expect("a mix");
    assert_eq!(
        submit_proxy(&mut world, conn, header(0xab), nonce, mix)["result"],
        true
    );
    assert_eq!(&*world.rows[0].worker, "rig-1");
    let reply = submit_proxy(&mut world, conn, header(0xff), nonce, mix);
    assert!(!reply["error"].is_null(), "unknown work: {reply}");
}

#[test]
fn machines_behind_one_login_are_told_apart_and_have_one_address() {
    let mut world = world();
    let conn = login_proxy(&mut world, 1);
    let mut count = 0;
    let mut submit = |world: &mut World, rig: Option<&str>| {
        let good = |nonce: &u64| target().is_met_by(&with_mix(&header(0xab), *nonce).hash);
        let nonce = (count..count + 100_000).find(good).expect("a nonce");
        count = nonce + 1;
        let mix = with_mix(&header(0xab), nonce).mix.expect("a mix");
        let hex = |bytes: &[u8]| format!("0x{}", const_hex::encode(bytes));
        let params = json!([format!("{nonce:#018x}"), hex(&header(0xab)), hex(&mix)]);
        let mut line = json!({"id": 1, "method": "eth_submitWork", "params": params});
        if let Some(rig) = rig {
            line["worker"] = json!(rig);
        }
        world.say(conn, &line);
        assert_eq!(world.heard(conn)[0]["result"], true);
        world.rows.last().expect("a row").worker.to_string()
    };
    assert_eq!(submit(&mut world, Some("rig-2")), "rig-2");
    assert_eq!(submit(&mut world, Some("rig-1")), "rig-1");
    assert_eq!(submit(&mut world, None), "rig-1", "that of the login");
    for number in 3..40 {
        submit(&mut world, Some(&format!("rig-{number}")));
    }
    assert_eq!(submit(&mut world, Some("one too many")), "rig-1");
    let other = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
    let reply = world.ask(conn, "eth_submitLogin", json!([other]));
    assert!(
        reply["error"]["message"]
            .as_str()
            .expect("an error")
            .contains("one address"),
        "{reply}"
    );
}

#[test]
fn version_2_is_told_that_the_connection_ends() {
    let mut world = world();
    let conn = world.open(1);
    let hello = json!({"agent": "lolMiner", "host": "p", "port": "1", "proto": "EthereumStratum/2.0.0"});
    world.ask(conn, "mining.hello", hello);
    world.feed(Input::Admin(Admin::Disconnect(conn)));
    assert_eq!(world.heard(conn).last().expect("a word")["method"], "mining.bye");
    assert_eq!(world.closed(conn), Some(CloseReason::Admin));
}

#[test]
fn one_nonce_counts_once_whatever_is_spoken() {
    let mut world = world();
    let one = first(&mut world, 1);
    let conn = login_proxy(&mut world, 2);
    let nonce = find(&header(0xab), &one.prefix, &target(), true);
    let mix = with_mix(&header(0xab), nonce).mix.expect("a mix");
    assert_eq!(submit_first(&mut world, &one, nonce)["result"], true);
    let reply = submit_proxy(&mut world, conn, header(0xab), nonce, mix);
    assert!(!reply["error"].is_null(), "{reply}");
    assert_eq!(world.rows.len(), 1);
}

#[test]
fn the_same_work_again_is_no_new_job() {
    let mut world = world();
    let miner = first(&mut world, 1);
    world.template(template(0xab, HEIGHT, "0000"), ALICE, SPEC);
    assert_eq!(world.heard(miner.conn), Vec::<Value>::new());
    let nonce = find(&header(0xab), &miner.prefix, &target(), true);
    assert_eq!(submit_first(&mut world, &miner, nonce)["result"], true);
    world.template(template(0xcd, HEIGHT, "0000"), ALICE, SPEC);
    assert_eq!(world.heard(miner.conn)[0]["params"][2], "cd".repeat(32));
    // Work on the same parent still counts for a while.
    let nonce = find(&header(0xab), &miner.prefix, &target(), false);
    assert_ne!(submit_first(&mut world, &miner, nonce)["error"][0], 21);
}

#[test]
fn a_difficulty_holds_as_long_as_the_work() {
    let mut world = world();
    let miner = first(&mut world, 1);
    let before = world.pool.sessions().next().expect("a session").difficulty;
    for count in 1_u64..400 {
        let mut bytes = count.to_be_bytes();
        bytes[..miner.prefix.len()].copy_from_slice(&miner.prefix);
        let nonce = u64::from_be_bytes(bytes);
        if target().is_met_by(&with_mix(&header(0xab), nonce).hash) {
            submit_first(&mut world, &miner, nonce);
        }
        world.wait(0.01);
    }
    let heard = world.heard(miner.conn);
    assert!(
        heard.iter().all(|m| m["method"].is_null()),
        "no job came: {heard:?}"
    );
    world.template(template(0xcd, HEIGHT + 1, "0000"), ALICE, SPEC);
    let heard = world.heard(miner.conn);
    assert_eq!(heard[0]["method"], "mining.set_difficulty");
    assert!(heard[0]["params"][0].as_f64().expect("a number") > before);
    let works: Vec<u128> = world.rows.iter().map(|row| row.work.get()).collect();
    assert!(
        works.iter().all(|work| *work == works[0]),
        "one difficulty for one work"
    );
}

#[test]
fn a_block_is_nonce_header_and_mix() {
    let mut world = World::on(SPEC, config());
    world.hash = |request| with_mix(&request.blob, request.nonce);
    world.template(template(0xab, HEIGHT, "7f"), ALICE, SPEC);
    let conn = login_proxy(&mut world, 1);
    let nonce = find(
        &header(0xab),
        &[],
        &template(0xab, HEIGHT, "7f").network_target,
        true,
    );
    let mix = with_mix(&header(0xab), nonce).mix.expect("a mix");
    submit_proxy(&mut world, conn, header(0xab), nonce, mix);
    let Some(Output::Candidate(candidate)) = world.outputs.pop() else {
        panic!("no candidate")
    };
    assert_eq!(
        candidate.bytes,
        [&nonce.to_be_bytes()[..], &header(0xab), &mix].concat()
    );
    assert_eq!(candidate.hash.to_string(), "ab".repeat(32));
}
