//! From submission to reply: what is accepted, what is refused and why, and when the miner hears.

mod support;

use otedama_hash::{Algorithm, Work};
use otedama_pool::Input;
use serde_json::json;
use support::{ALICE, BOB, EASY, HARD_BITS, World, difficulty, one_payout, template};

fn code(reply: &serde_json::Value) -> i64 {
    reply["error"][0].as_i64().expect("an error code")
}

#[test]
fn a_good_share_is_credited_once_and_with_its_proof() {
    let mut world = World::ready();
    let mut miner = world.miner(1, &format!("{ALICE}.rig1"));
    assert!(
        (miner.difficulty - EASY).abs() < EASY * 0.05,
        "{}",
        miner.difficulty
    );
    let share = miner.share();
    let reply = miner.submit(&mut world, &share);
    assert_eq!((&reply["result"], &reply["error"]), (&json!(true), &json!(null)));
    let row = &world.rows[0];
    assert_eq!(
        (&*row.account, &*row.worker, row.seq, row.height),
        (ALICE, "rig1", 1, 200)
    );
    assert_eq!(row.hash, share.hash);
    let target = difficulty(miner.difficulty).to_target(Algorithm::SHA256D.diff1());
    assert_eq!(row.work, target.work());
    assert_eq!(world.pool.stats().accepted_work, target.work());

    assert_eq!(code(&miner.submit(&mut world, &share)), 22);
    assert_eq!((world.rows.len(), world.pool.stats().duplicate), (1, 1));
}

#[test]
fn no_reply_before_the_share_is_durable() {
    let mut world = World::ready();
    world.durable = false;
    let mut miner = world.miner(1, ALICE);
    let share = miner.share();
    world.say(
        miner.conn,
        &json!({"id": "a", "method": "mining.submit", "params": share.params}),
    );
    assert!(world.heard(miner.conn).is_empty());
    assert_eq!(world.pool.stats().accepted, 0);
    world.feed(Input::Persisted { seq: 1 });
    assert_eq!(
        world.heard(miner.conn),
        [json!({"id": "a", "result": true, "error": null})]
    );
    assert_eq!(world.pool.stats().accepted, 1);
}

#[test]
fn a_share_that_can_not_be_stored_is_refused() {
    let mut world = World::ready();
    world.durable = false;
    let mut miner = world.miner(1, ALICE);
    let share = miner.share();
    world.say(
        miner.conn,
        &json!({"id": 5, "method": "mining.submit", "params": share.params}),
    );
    world.feed(Input::PersistFailed { seq: 1 });
    let heard = world.heard(miner.conn);
    assert_eq!((heard.len(), code(&heard[0])), (1, 20));
    assert_eq!(
        (world.pool.stats().accepted_work, world.pool.stats().not_stored),
        (Work::ZERO, 1)
    );
}

#[test]
fn a_disconnect_on_the_way_loses_no_share() {
    let mut world = World::ready();
    world.durable = false;
    let mut miner = world.miner(1, ALICE);
    let share = miner.share();
    world.say(
        miner.conn,
        &json!({"id": 5, "method": "mining.submit", "params": share.params}),
    );
    world.feed(Input::Closed { conn: miner.conn });
    world.feed(Input::Persisted { seq: 1 });
    assert_eq!((world.rows.len(), world.pool.stats().accepted), (1, 1));
    assert!(world.heard(miner.conn).is_empty());
}

#[test]
fn bad_shares_get_the_standard_codes() {
    let mut world = World::ready();
    let mut miner = world.miner(1, ALICE);
    let good = miner.share().params;
    let with = |index: usize, value: serde_json::Value| {
        let mut params = good.clone();
        params[index] = value;
        params
    };
    let cases = [
        (with(0, json!(BOB)), 24, "worker that was not authorised"),
        (with(1, json!("7777")), 21, "unknown job"),
        (with(1, json!("zz")), 21, "job that is no number"),
        (with(2, json!("00")), 20, "short extranonce2"),
        (with(3, json!("00000001")), 20, "ntime before the job"),
        (
            with(3, json!(format!("{:08x}", 1_700_000_100 + 7001))),
            20,
            "ntime too far on",
        ),
        (
            json!([good[0], good[1], good[2], good[3], good[4], "00002000"]),
            20,
            "version bits without a mask",
        ),
    ];
    for (params, expected, why) in cases {
        let reply = world.ask(miner.conn, "mining.submit", params);
        assert_eq!(code(&reply), expected, "{why}: {reply}");
    }
    let target = difficulty(miner.difficulty).to_target(Algorithm::SHA256D.diff1());
    let poor = miner.find(|hash| !target.is_met_by(hash));
    assert_eq!(code(&miner.submit(&mut world, &poor)), 23);
    assert!(world.rows.is_empty());

    let stranger = world.open(2);
    assert_eq!(code(&world.ask(stranger, "mining.submit", good)), 25);
}

#[test]
fn old_jobs_count_for_a_while_but_not_across_blocks() {
    let mut world = World::ready();
    let mut miner = world.miner(1, ALICE);
    let shares: Vec<_> = (0..3).map(|_| miner.share()).collect();
    world.feed(Input::Template {
        template: template(0xaa, 200, HARD_BITS),
        payouts: one_payout(),
    });
    assert_eq!(miner.submit(&mut world, &shares[0])["result"], true);
    world.wait(61.0);
    assert_eq!(code(&miner.submit(&mut world, &shares[1])), 21);

    let heard = miner.listen(&mut world);
    let notify = heard
        .iter()
        .find(|m| m["method"] == "mining.notify")
        .expect("a refreshed job");
    assert_eq!(notify["params"][8], false);
    let fresh = miner.share();
    world.feed(Input::Template {
        template: template(0xbb, 201, HARD_BITS),
        payouts: one_payout(),
    });
    assert_eq!(code(&miner.submit(&mut world, &fresh)), 21);
    miner.listen(&mut world);
    assert_eq!(miner.jobs.last().expect("a job")[8], true);
    let newest = miner.share();
    assert_eq!(miner.submit(&mut world, &newest)["result"], true);
}

#[test]
fn the_same_template_twice_makes_different_work() {
    let mut world = World::ready();
    let mut miner = world.miner(1, ALICE);
    let share = miner.share();
    world.feed(Input::Template {
        template: template(0xaa, 200, HARD_BITS),
        payouts: one_payout(),
    });
    miner.listen(&mut world);
    assert_eq!(miner.submit(&mut world, &share)["result"], true);
    let mut again = share.params.clone();
    again[1] = miner.jobs.last().expect("a job")[0].clone();
    world.ask(miner.conn, "mining.submit", again);
    // Nearly every hash passes here, so it may be accepted, but only as the other hash that it is.
    assert!(
        world.rows.get(1).is_none_or(|row| row.hash != share.hash),
        "one hash was credited twice"
    );
}

#[test]
fn version_rolling_is_checked_against_the_negotiated_mask() {
    let mut world = World::ready();
    let conn = world.open(1);
    let asked = json!([["version-rolling", "minimum-difficulty", "made-up"],
        {"version-rolling.mask": "00ffe000", "version-rolling.min-bit-count": 2, "minimum-difficulty.value": 1e-9}]);
    let reply = world.ask(conn, "mining.configure", asked);
    assert_eq!(reply["result"]["version-rolling"], true);
    assert_eq!(reply["result"]["version-rolling.mask"], "00ffe000");
    assert_eq!(reply["result"]["minimum-difficulty"], true);
    assert_eq!(reply["result"]["made-up"], false);
    let subscribed = world.ask(conn, "mining.subscribe", json!([]));
    let mut miner = support::Miner::new(conn, ALICE, &subscribed);
    world.ask(conn, "mining.authorize", json!([ALICE, ""]));
    miner.listen(&mut world);
    assert!(miner.difficulty >= 0.95e-9, "{}", miner.difficulty);

    let mut job = miner.jobs[0].clone();
    job[5] = json!("20006000");
    let target = difficulty(miner.difficulty).to_target(Algorithm::SHA256D.diff1());
    let mut rolled = miner.find_on(&job, |hash| target.is_met_by(hash)).params;
    rolled.as_array_mut().expect("params").push(json!("00006000"));
    assert_eq!(world.ask(conn, "mining.submit", rolled.clone())["result"], true);
    rolled[5] = json!("01006000");
    assert_eq!(code(&world.ask(conn, "mining.submit", rolled)), 20);
}

#[test]
fn another_miners_new_difficulty_does_not_end_a_job() {
    let mut world = World::ready();
    let mut steady = world.miner(1, ALICE);
    let mut fast = world.miner(2, ALICE);
    for _ in 0..20 {
        let share = fast.share();
        assert_eq!(fast.submit(&mut world, &share)["result"], true);
    }
    world.wait(1.5);
    fast.listen(&mut world);
    assert_eq!(fast.jobs.len(), 2);
    let share = steady.share();
    world.wait(90.0);
    assert_eq!(
        steady.submit(&mut world, &share)["result"],
        true,
        "nothing replaced its job"
    );
}

#[test]
fn a_second_verdict_on_a_share_changes_nothing() {
    let mut world = World::ready();
    world.durable = false;
    let mut miner = world.miner(1, ALICE);
    let share = miner.share();
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
    let Some(otedama_pool::Output::Verify(request)) = world.pool.poll_output() else {
        panic!("a share")
    };
    let pow = otedama_hash::PowHash {
        hash: share.hash,
        mix: None,
    };
    for _ in 0..2 {
        world.feed(Input::Verified {
            ticket: request.ticket,
            pow: Some(pow),
        });
    }
    assert_eq!(world.rows.len(), 1);
    world.feed(Input::Persisted { seq: 1 });
    assert_eq!(
        (world.heard(miner.conn).len(), world.pool.stats().accepted),
        (1, 1)
    );
}

#[test]
fn a_job_takes_so_many_shares_and_no_more() {
    let mut world = World::new(otedama_pool::PoolConfig {
        max_shares_per_job: 8,
        ..support::config()
    });
    world.feed(Input::Template {
        template: template(0xaa, 200, HARD_BITS),
        payouts: one_payout(),
    });
    let mut miner = world.miner(1, ALICE);
    let shares: Vec<_> = (0..9).map(|_| miner.share()).collect();
    let replies: Vec<bool> = shares
        .iter()
        .map(|s| miner.submit(&mut world, s)["result"] == true)
        .collect();
    assert_eq!(replies, [true, true, true, true, true, true, true, true, false]);
    world.wait(1.5);
    miner.listen(&mut world);
    assert_eq!(miner.jobs.len(), 2, "three quarters made it ask for the next job");
    let share = miner.share();
    assert_eq!(miner.submit(&mut world, &share)["result"], true);
}
