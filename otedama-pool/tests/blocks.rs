//! Shares that solve a block.

mod support;

use std::sync::Arc;

use otedama_chain::{PayoutOutput, PayoutPlan};
use otedama_hash::sha256d::sha256d;
use otedama_pool::{Input, Output, Payouts};
use serde_json::json;
use support::{ALICE, BOB, REGTEST_BITS, REWARD, World, config, one_payout, script, template};

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|w| w == needle)
}

#[test]
fn a_block_leaves_before_everything_else() {
    let mut world = World::new(config());
    let template = template(0xaa, 200, REGTEST_BITS);
    world.feed(Input::Template {
        template: template.clone(),
        payouts: one_payout(),
    });
    let mut miner = world.miner(1, ALICE);
    let share = miner.find(|hash| template.network_target.is_met_by(hash));
    let line = format!(
        "{}\n",
        json!({"id": 1, "method": "mining.submit", "params": share.params})
    );
    world.pool.handle(
        world.now,
        Input::Bytes {
            conn: miner.conn,
            bytes: line.as_bytes(),
        },
    );
    let Some(Output::Verify(request)) = world.pool.poll_output() else {
        panic!("a share is verified first")
    };
    let pow = otedama_hash::PowHash {
        hash: sha256d(&request.blob),
        mix: None,
    };
    // Something else is queued already when the verdict comes.
    world.pool.handle(
        world.now,
        Input::Template {
            template: template.clone(),
            payouts: one_payout(),
        },
    );
    world.pool.handle(
        world.now,
        Input::Verified {
            ticket: request.ticket,
            pow: Some(pow),
        },
    );
    let Some(Output::Candidate(block)) = world.pool.poll_output() else {
        panic!("the block goes first")
    };
    assert_eq!(
        (block.hash, block.height, block.reward),
        (share.hash, 200, REWARD)
    );
    assert_eq!(sha256d(&block.bytes[..80]), share.hash);
    assert!(contains(&block.bytes, &script(BOB)));
    assert_eq!(block.plan.id, 7);
    world.drain();
    assert!(world.rows[0].is_block);
    assert_eq!(
        world.heard(miner.conn).last().map(|m| m["result"].clone()),
        Some(json!(true))
    );
    world.feed(Input::BlockResult {
        hash: block.hash,
        result: Ok(()),
    });
    assert_eq!(world.pool.stats().blocks_accepted, 1);
}

#[test]
fn a_share_need_not_be_harder_than_a_block() {
    let mut world = World::new(config());
    let template = template(0xaa, 200, REGTEST_BITS);
    world.feed(Input::Template {
        template: template.clone(),
        payouts: one_payout(),
    });
    let conn = world.open(1);
    let subscribed = world.ask(conn, "mining.subscribe", json!([]));
    world.ask(conn, "mining.authorize", json!([ALICE, "d=1000000"]));
    let mut miner = support::Miner::new(conn, ALICE, &subscribed);
    miner.listen(&mut world);
    assert!(miner.difficulty < 1e-8, "{}", miner.difficulty);
    let share = miner.find(|hash| template.network_target.is_met_by(hash));
    assert_eq!(miner.submit(&mut world, &share)["result"], true);
    assert!(world.rows[0].work <= template.network_target.work());
}

#[test]
fn solo_miners_each_mine_for_themselves() {
    let mut world = World::new(config());
    let template = template(0xaa, 200, REGTEST_BITS);
    let fee = vec![PayoutOutput {
        script: script(BOB),
        amount: REWARD / 100,
    }];
    let payouts = Payouts::Finder {
        finder_amount: REWARD - REWARD / 100,
        others: fee,
    };
    world.feed(Input::Template {
        template: template.clone(),
        payouts,
    });
    let other = "bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202";
    let mut alice = world.miner(1, ALICE);
    let mut carol = world.miner(2, other);
    for (miner, address) in [(&mut alice, ALICE), (&mut carol, other)] {
        let share = miner.find(|hash| template.network_target.is_met_by(hash));
        assert_eq!(miner.submit(&mut world, &share)["result"], true);
        let Some(Output::Candidate(block)) = world.outputs.pop() else {
            panic!("a block")
        };
        assert_eq!(
            block.plan.outputs[0],
            PayoutOutput {
                script: script(address),
                amount: 4_950_000_000
            }
        );
        assert!(contains(&block.bytes, &script(address)));
    }
    let reply = world.ask(alice.conn, "mining.authorize", json!([other, "x"]));
    assert_eq!(reply["error"][0], 24, "{reply}");
}

#[test]
fn small_firmware_gets_a_small_coinbase() {
    let mut world = World::new(config());
    let template = template(0xaa, 200, REGTEST_BITS);
    let plan = |count: u64| {
        let outputs = (0..count)
            .map(|_| PayoutOutput {
                script: script(BOB),
                amount: REWARD / count,
            })
            .collect();
        Arc::new(PayoutPlan { id: count, outputs })
    };
    world.feed(Input::Template {
        template: template.clone(),
        payouts: Payouts::Shared(vec![plan(50), plan(1)]),
    });
    for (agent, expected) in [("cpuminer/2.5", 50), ("NerdMinerV2", 1)] {
        let conn = world.open(expected);
        let subscribed = world.ask(conn, "mining.subscribe", json!([agent]));
        world.ask(conn, "mining.authorize", json!([ALICE, "x"]));
        let mut miner = support::Miner::new(conn, ALICE, &subscribed);
        miner.listen(&mut world);
        let share = miner.find(|hash| template.network_target.is_met_by(hash));
        assert_eq!(miner.submit(&mut world, &share)["result"], true, "{agent}");
        let Some(Output::Candidate(block)) = world.outputs.pop() else {
            panic!("a block")
        };
        assert_eq!(block.plan.id, expected, "{agent}");
    }
}

#[test]
fn payouts_that_make_no_block_do_not_replace_a_good_job() {
    let mut world = World::ready();
    let outputs = vec![PayoutOutput {
        script: script(BOB),
        amount: 1,
    }];
    let payouts = Payouts::Shared(vec![Arc::new(PayoutPlan { id: 1, outputs })]);
    world.feed(Input::Template {
        template: template(0xbb, 201, REGTEST_BITS),
        payouts,
    });
    assert!(matches!(
        world.outputs.last(),
        Some(Output::TemplateRefused { height: 201, .. })
    ));
    let mut miner = world.miner(1, ALICE);
    let share = miner.share();
    assert_eq!(miner.submit(&mut world, &share)["result"], true);
    assert_eq!(world.rows[0].height, 200);
}
