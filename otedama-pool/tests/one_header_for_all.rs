//! Where all sessions hash the same header, as with Ethash: what is credited, and what counts as a block.

mod support;

use std::sync::Arc;

use otedama_chain::{ChainSpec, Network, PayoutOutput, PayoutPlan, coins, family};
use otedama_hash::sha256d::sha256d;
use otedama_hash::{PowHash, Target};
use otedama_pool::{ConnId, Input, Output, Payouts};
use serde_json::{Value, json};
use support::World;

const ALICE: &str = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
/// Duplicate share.
const DUPLICATE: i64 = 22;

fn spec() -> &'static ChainSpec {
    coins::find("ETC", Network::Regtest).expect("Ethereum Classic has a regtest")
}

fn world() -> World {
    let mut world = World::on(spec(), support::config());
    // The nonce doesn't matter here, and every mix is the one that miners claim.
    world.hash = |request| PowHash {
        hash: sha256d(&request.blob),
        mix: Some([7; 32]),
    };
    world
}

/// Seal hashes whose shares all meet the difficulty of these tests.
fn seal_hash(number: usize) -> String {
    let easy = Target::from_compact(0x200f_ffff).expect("good bits");
    let all = (0_u32..).map(|n| sha256d(&n.to_le_bytes()).to_le_bytes());
    let mut good = all.filter(|hash| easy.is_met_by(&sha256d(hash)));
    const_hex::encode_prefixed(good.nth(number).expect("one in 16"))
}

/// Work on the block that `parent` names.
fn give(world: &mut World, number: usize, parent: u8, is_block: bool) {
    let target = if is_block { "ff" } else { "00" }.repeat(30);
    let work = json!([
        seal_hash(number),
        format!("0x{}", "00".repeat(32)),
        format!("0x{target}ffff"),
        "0x10"
    ]);
    let mut template = family(spec())
        .parse_template(spec(), work.to_string().as_bytes())
        .expect("work");
    template.prev_hash = sha256d(&[parent]);
    let outputs = vec![PayoutOutput {
        script: vec![7; 20],
        amount: template.reward,
    }];
    world.feed(Input::Template {
        template: Arc::new(template),
        payouts: Payouts::Shared(vec![Arc::new(PayoutPlan { id: 7, outputs })]),
    });
}

fn proxy(world: &mut World, conn: u64) -> ConnId {
    let conn = world.open(conn);
    assert_eq!(world.ask(conn, "eth_submitLogin", json!([ALICE]))["result"], true);
    conn
}

/// Submits a share under the header's name; its error number, or 0.
fn submit(world: &mut World, conn: ConnId, number: usize, nonce: u64) -> i64 {
    let mix = format!("0x{}", "07".repeat(32));
    let params = json!([format!("{nonce:#018x}"), seal_hash(number), mix]);
    let reply = world.ask(conn, "eth_submitWork", params);
    match reply["result"] {
        Value::Bool(true) => 0,
        _ => reply["error"]["code"].as_i64().expect("a number"),
    }
}

#[test]
fn a_nonce_counts_once_for_all_sessions() {
    let mut world = world();
    give(&mut world, 0, 1, false);
    let sessions = [1, 2, 3].map(|conn| proxy(&mut world, conn));
    let codes = sessions.map(|conn| submit(&mut world, conn, 0, 77));
    assert_eq!(codes, [0, DUPLICATE, DUPLICATE]);
    assert_eq!(submit(&mut world, sessions[2], 0, 78), 0);
    assert_eq!(world.rows.len(), 2);
}

#[test]
fn work_that_comes_back_knows_its_shares() {
    // On the same block, and after another block was the tip for a while.
    for other_parent in [1, 2] {
        let mut world = world();
        let conn = {
            give(&mut world, 0, 1, false);
            proxy(&mut world, 1)
        };
        assert_eq!(submit(&mut world, conn, 0, 77), 0);
        give(&mut world, 1, other_parent, false);
        assert_eq!(submit(&mut world, conn, 1, 77), 0, "other work, other shares");
        give(&mut world, 0, 1, false);
        assert_eq!(submit(&mut world, conn, 0, 77), DUPLICATE, "{other_parent}");
        assert_eq!(submit(&mut world, conn, 0, 78), 0);
        assert_eq!(world.rows.len(), 3);
    }
}

#[test]
fn shares_of_a_job_whose_grace_ran_out_are_not_new_when_it_comes_back() {
    let mut world = world();
    give(&mut world, 0, 1, false);
    let conn = proxy(&mut world, 1);
    assert_eq!(submit(&mut world, conn, 0, 77), 0);
    give(&mut world, 1, 1, false);
    world.wait(120.0);
    assert_ne!(submit(&mut world, conn, 0, 78), 0, "it is over");
    give(&mut world, 0, 1, false);
    assert_eq!(submit(&mut world, conn, 0, 77), DUPLICATE);
}

#[test]
fn what_was_credited_before_a_restart_is_not_new() {
    let mut world = world();
    world.hash = |request| support::with_mix(&request.blob, request.nonce);
    let (easy, claim) = (
        support::difficulty(support::EASY).to_target(spec().algorithm.diff1()),
        |nonce| support::with_mix(&const_hex::decode(seal_hash(0)).expect("hex"), nonce),
    );
    let mut good = (0..).filter(|nonce| easy.is_met_by(&claim(*nonce).hash));
    let [before, after] = [(); 2].map(|()| good.next().expect("a nonce"));
    world.feed(Input::Credited {
        height: 16,
        hashes: vec![claim(before).hash],
    });
    give(&mut world, 0, 1, false);
    let conn = proxy(&mut world, 1);
    let submit = |world: &mut World, nonce: u64| {
        let mix = const_hex::encode_prefixed(claim(nonce).mix.expect("a mix"));
        let params = json!([format!("{nonce:#018x}"), seal_hash(0), mix]);
        world.ask(conn, "eth_submitWork", params)
    };
    assert_eq!(submit(&mut world, before)["error"]["code"], DUPLICATE);
    assert_eq!(submit(&mut world, after)["result"], true);
}

#[test]
fn all_solutions_of_one_work_are_one_block() {
    let mut world = world();
    give(&mut world, 0, 1, true);
    let conn = proxy(&mut world, 1);
    for nonce in 0..3 {
        assert_eq!(submit(&mut world, conn, 0, nonce), 0);
    }
    give(&mut world, 1, 2, true);
    assert_eq!(submit(&mut world, conn, 1, 0), 0);
    let candidates = world.outputs.iter().filter_map(|output| match output {
        Output::Candidate(candidate) => Some(format!("0x{}", candidate.hash)),
        _ => None,
    });
    assert_eq!(candidates.collect::<Vec<_>>(), [seal_hash(0), seal_hash(1)]);
    assert_eq!(world.rows.len(), 4, "each is a proof of work all the same");
}
