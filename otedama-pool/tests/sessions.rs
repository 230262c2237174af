//! Logging in, resuming, difficulty, misbehaviour and its limits.

mod support;

use otedama_pool::{Admin, CloseReason, Input, Output, PoolConfig, VardiffConfig};
use serde_json::json;
use support::{ALICE, BOB, HARD_BITS, World, config, difficulty, one_payout, template};

#[test]
fn miners_that_come_before_the_first_template_wait_for_it() {
    let mut world = World::new(config());
    let conn = world.open(1);
    world.ask(conn, "mining.subscribe", json!([]));
    world.ask(conn, "mining.authorize", json!([ALICE, "x"]));
    assert!(world.heard(conn).is_empty());
    world.feed(Input::Template {
        template: template(0xaa, 200, HARD_BITS),
        payouts: one_payout(),
    });
    let methods: Vec<_> = world.heard(conn).iter().map(|m| m["method"].clone()).collect();
    assert_eq!(methods, [json!("mining.set_difficulty"), json!("mining.notify")]);
}

#[test]
fn extranonces_differ_and_a_named_session_gets_its_own_back() {
    let mut world = World::ready();
    let mut first = world.miner(1, ALICE);
    let second = world.miner(2, ALICE);
    assert_ne!(first.extranonce1, second.extranonce1);
    let share = first.share();
    world.feed(Input::Closed { conn: first.conn });

    let conn = world.open(3);
    let reply = world.ask(conn, "mining.subscribe", json!(["test/1", first.session]));
    assert_eq!(
        support::Miner::new(conn, ALICE, &reply).extranonce1,
        first.extranonce1
    );
    world.ask(conn, "mining.authorize", json!([ALICE, "x"]));
    let reply = world.ask(conn, "mining.submit", share.params.clone());
    assert_eq!(
        reply["result"], true,
        "work from before the disconnect counts: {reply}"
    );
    let reply = world.ask(conn, "mining.submit", share.params);
    assert_eq!(reply["error"][0], 22);

    let thief = world.open(4);
    let reply = world.ask(thief, "mining.subscribe", json!(["test/1", first.session]));
    assert_ne!(
        support::Miner::new(thief, ALICE, &reply).extranonce1,
        first.extranonce1,
        "it is in use"
    );
}

#[test]
fn an_extranonce2_of_four_bytes_keeps_the_coinbase() {
    let mut world = World::ready();
    let conn = world.open(1);
    let agent = otedama_stratum::firmware::all()
        .iter()
        .find(|f| f.extranonce2_len == Some(4));
    let agent = agent.map_or("test/1", |f| f.agents[0]);
    let reply = world.ask(conn, "mining.subscribe", json!([agent]));
    let miner = support::Miner::new(conn, ALICE, &reply);
    assert_eq!(miner.extranonce1.len() + miner.extranonce2_len, 12);
}

#[test]
fn logins_are_checked() {
    let mut world = World::ready();
    let conn = world.open(1);
    for user in [
        ".rig",
        "nonsense",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4.main",
    ] {
        assert_eq!(
            world.ask(conn, "mining.authorize", json!([user, "x"]))["error"][0],
            24,
            "{user}"
        );
    }
    assert_eq!(
        world.ask(conn, "mining.authorize", json!([format!("{BOB}.a"), "x"]))["result"],
        true
    );
    assert_eq!(world.ask(conn, "mining.no_such_thing", json!([]))["error"][0], 20);
    assert_eq!(
        world.ask(conn, "mining.extranonce.subscribe", json!([]))["result"],
        true
    );
}

#[test]
fn each_job_keeps_the_difficulty_it_was_sent_with() {
    let vardiff = VardiffConfig {
        shares_per_minute: 60.0,
        ..config().vardiff
    };
    let mut world = World::new(PoolConfig { vardiff, ..config() });
    world.feed(Input::Template {
        template: template(0xaa, 200, HARD_BITS),
        payouts: one_payout(),
    });
    let mut miner = world.miner(1, ALICE);
    let before = miner.difficulty;
    let late = miner.share();
    for _ in 0..20 {
        let share = miner.share();
        assert_eq!(miner.submit(&mut world, &share)["result"], true);
    }
    world.wait(1.5);
    miner.listen(&mut world);
    assert!(
        miner.difficulty > 4.0 * before,
        "{} after {before}",
        miner.difficulty
    );
    assert_eq!(
        miner.jobs.len(),
        2,
        "a new difficulty comes with a job of its own"
    );
    let easy = world.rows[0].work;
    assert_eq!(
        miner.submit(&mut world, &late)["result"],
        true,
        "the old job counts at the old difficulty"
    );
    assert_eq!(world.rows.last().expect("a row").work, easy);
    let share = miner.share();
    assert_eq!(miner.submit(&mut world, &share)["result"], true);
    assert!(world.rows.last().expect("a row").work.get() > 4 * easy.get() / 2);

    let high = miner.difficulty;
    world.wait(60.0);
    miner.listen(&mut world);
    assert!(
        miner.difficulty < high / 2.0,
        "silence lowers the difficulty: {} after {high}",
        miner.difficulty
    );
}

#[test]
fn a_password_fixes_the_difficulty() {
    let mut world = World::ready();
    let conn = world.open(1);
    let reply = world.ask(conn, "mining.subscribe", json!([]));
    world.ask(conn, "mining.authorize", json!([ALICE, "d=0.25"]));
    let mut miner = support::Miner::new(conn, ALICE, &reply);
    miner.listen(&mut world);
    world.wait(300.0);
    miner.listen(&mut world);
    assert!((miner.difficulty - 0.25).abs() < 1e-9, "{}", miner.difficulty);
}

#[test]
fn a_difficulty_that_was_fixed_far_too_low_is_raised() {
    let mut world = World::ready();
    let conn = world.open(1);
    let reply = world.ask(conn, "mining.subscribe", json!([]));
    world.ask(conn, "mining.authorize", json!([ALICE, "d=0.000000001"]));
    let mut miner = support::Miner::new(conn, ALICE, &reply);
    miner.listen(&mut world);
    let fixed = miner.difficulty;
    for pause in [5.0, 0.01] {
        for _ in 0..30 {
            let share = miner.share();
            assert_eq!(miner.submit(&mut world, &share)["result"], true);
            world.wait(pause);
        }
        world.wait(1.5);
        miner.listen(&mut world);
        assert_eq!(miner.difficulty > fixed, pause < 1.0, "a share every {pause} s");
    }
}

#[test]
fn a_flood_of_shares_stops_the_reading_until_they_are_stored() {
    let mut world = World::new(PoolConfig {
        max_inflight: 4,
        ..config()
    });
    world.durable = false;
    world.feed(Input::Template {
        template: template(0xaa, 200, HARD_BITS),
        payouts: one_payout(),
    });
    let mut miner = world.miner(1, ALICE);
    for id in 0..6 {
        let share = miner.share();
        world.say(
            miner.conn,
            &json!({"id": id, "method": "mining.submit", "params": share.params}),
        );
    }
    let pauses = |world: &World| {
        world
            .outputs
            .iter()
            .filter(|o| matches!(o, Output::PauseRead { .. }))
            .count()
    };
    let resumes = |world: &World| {
        world
            .outputs
            .iter()
            .filter(|o| matches!(o, Output::ResumeRead { .. }))
            .count()
    };
    assert_eq!((pauses(&world), resumes(&world)), (1, 0));
    world.feed(Input::Persisted { seq: 4 });
    assert_eq!((pauses(&world), resumes(&world)), (1, 1));
    world.feed(Input::Persisted { seq: 6 });
    assert_eq!(world.heard(miner.conn).len(), 6, "every share has its reply");
}

#[test]
fn one_read_brings_no_more_shares_than_may_be_under_way() {
    let mut world = World::new(PoolConfig {
        max_inflight: 4,
        ..config()
    });
    world.feed(Input::Template {
        template: template(0xaa, 200, HARD_BITS),
        payouts: one_payout(),
    });
    let mut miner = world.miner(1, ALICE);
    let lines: Vec<u8> = (0..20)
        .flat_map(|id| {
            let line = json!({"id": id, "method": "mining.submit", "params": miner.share().params});
            format!("{line}\n").into_bytes()
        })
        .collect();
    // Cut within a line, to see that the second read comes after what is held of the first.
    for bytes in [&lines[..lines.len() - 30], &lines[lines.len() - 30..]] {
        world.pool.handle(
            world.now,
            Input::Bytes {
                conn: miner.conn,
                bytes,
            },
        );
    }
    assert_eq!(world.pool.stats().in_flight, 4);
    world.drain();
    let replies = world.heard(miner.conn);
    let ids: Vec<u64> = replies.iter().filter_map(|reply| reply["id"].as_u64()).collect();
    assert_eq!(ids, (0..20).collect::<Vec<_>>(), "each is answered, in order");
    assert!(replies.iter().all(|reply| reply["result"] == true));
    assert!(matches!(world.outputs.last(), Some(Output::ResumeRead { .. })));

    // A driver that doesn't stop reading loses the connection, not the pool its memory.
    let lines: Vec<u8> = (0..6)
        .flat_map(|id| {
            let line = json!({"id": id, "method": "mining.submit", "params": miner.share().params});
            format!("{line}\n").into_bytes()
        })
        .collect();
    let junk = vec![b' '; 200_000];
    for bytes in [&lines, &junk, &junk] {
        world.pool.handle(
            world.now,
            Input::Bytes {
                conn: miner.conn,
                bytes,
            },
        );
    }
    world.drain();
    assert_eq!(world.closed(miner.conn), Some(CloseReason::Full));
}

#[test]
fn a_flood_of_bad_shares_does_not_stop_the_reading_for_good() {
    let mut world = World::new(PoolConfig {
        max_inflight: 4,
        ..config()
    });
    world.feed(Input::Template {
        template: template(0xaa, 200, HARD_BITS),
        payouts: one_payout(),
    });
    let mut miner = world.miner(1, ALICE);
    let lines: Vec<u8> = (0..6)
        .flat_map(|id| {
            let share = miner.find(|hash| hash.to_le_bytes()[31] > 0xf0);
            let line = json!({"id": id, "method": "mining.submit", "params": share.params});
            format!("{line}\n").into_bytes()
        })
        .collect();
    world.feed(Input::Bytes {
        conn: miner.conn,
        bytes: &lines,
    });
    assert!(
        world
            .heard(miner.conn)
            .iter()
            .all(|reply| reply["error"][0] == 23)
    );
    let reading = world.outputs.iter().filter_map(|o| match o {
        Output::PauseRead { .. } => Some(false),
        Output::ResumeRead { .. } => Some(true),
        _ => None,
    });
    assert_eq!(reading.collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_slow_reader_gets_the_newest_job_only_and_is_closed_in_the_end() {
    let mut world = World::ready();
    let mut miner = world.miner(1, ALICE);
    world.feed(Input::Blocked {
        conn: miner.conn,
        queued: 1000,
    });
    for parent in 0..20 {
        world.feed(Input::Template {
            template: template(parent, 201, HARD_BITS),
            payouts: one_payout(),
        });
    }
    assert!(world.heard(miner.conn).is_empty());
    world.feed(Input::Writable { conn: miner.conn });
    miner.listen(&mut world);
    assert_eq!(miner.jobs.len(), 2);
    assert_eq!(miner.jobs[1][8], true, "the block changed meanwhile");
    let share = miner.share();
    assert_eq!(miner.submit(&mut world, &share)["result"], true);

    world.feed(Input::Blocked {
        conn: miner.conn,
        queued: 1000,
    });
    world.wait(60.0);
    assert_eq!(world.closed(miner.conn), Some(CloseReason::SlowReader));
    let greedy = world.miner(2, ALICE);
    world.feed(Input::Blocked {
        conn: greedy.conn,
        queued: 10 << 20,
    });
    assert_eq!(world.closed(greedy.conn), Some(CloseReason::SlowReader));
}

#[test]
fn garbage_is_answered_then_banned() {
    let mut world = World::ready();
    let conn = world.open(1);
    let mut lines = 0;
    while world.closed(conn).is_none() && lines < 100 {
        world.feed(Input::Bytes {
            conn,
            bytes: b"GET / HTTP/1.1\r\n",
        });
        lines += 1;
    }
    assert_eq!((lines, world.closed(conn)), (10, Some(CloseReason::Banned)));
    assert!(world.outputs.iter().any(|o| matches!(o, Output::Ban { .. })));
}

#[test]
fn endless_lines_and_silent_connections_are_closed() {
    let mut world = World::ready();
    let endless = world.open(1);
    for _ in 0..9 {
        world.feed(Input::Bytes {
            conn: endless,
            bytes: &[b'x'; 1000],
        });
    }
    assert_eq!(world.closed(endless), Some(CloseReason::LineTooLong));
    let silent = world.open(2);
    let idle = world.miner(3, ALICE);
    world.wait(31.0);
    assert_eq!(world.closed(silent), Some(CloseReason::LoginTimeout));
    assert_eq!(world.closed(idle.conn), None);
    world.wait(700.0);
    assert_eq!(world.closed(idle.conn), Some(CloseReason::Idle));
    assert_eq!(world.pool.stats().connections, 0);
    assert_eq!(world.pool.next_timeout(), None, "nothing is left to wait for");
}

#[test]
fn a_stopping_pool_takes_no_more_but_answers_what_it_has() {
    let mut world = World::ready();
    world.durable = false;
    let mut miner = world.miner(1, ALICE);
    let (first, second) = (miner.share(), miner.share());
    world.say(
        miner.conn,
        &json!({"id": 1, "method": "mining.submit", "params": first.params}),
    );
    world.feed(Input::Admin(Admin::Stop));
    assert!(!world.pool.is_drained());
    assert_eq!(miner.submit(&mut world, &second)["error"][0], 20);
    world.feed(Input::Persisted { seq: 1 });
    assert!(world.pool.is_drained());
    let late = world.open(9);
    assert_eq!(world.closed(late), Some(CloseReason::Stopping));
}

#[test]
fn a_tick_without_a_reason_changes_nothing() {
    let mut world = World::ready();
    let miner = world.miner(1, ALICE);
    let before = (world.pool.stats(), world.pool.next_timeout());
    for _ in 0..100 {
        world.feed(Input::Tick);
    }
    assert_eq!((world.pool.stats(), world.pool.next_timeout()), before);
    assert!(world.heard(miner.conn).is_empty());
    let _ = difficulty(1.0);
}

#[test]
fn a_quiet_node_does_not_make_miners_leave() {
    let mut world = World::ready();
    let conn = world.open(1);
    let reply = world.ask(conn, "mining.subscribe", json!(["cpuminer/2.5.1"]));
    world.ask(conn, "mining.authorize", json!([format!("{ALICE}+1.rig"), "x"]));
    let mut miner = support::Miner::new(conn, ALICE, &reply);
    miner.listen(&mut world);
    assert!(
        (miner.difficulty - 1.0).abs() < 1e-9,
        "the user name names a difficulty"
    );
    let keepalive = f64::from(otedama_stratum::firmware::for_agent("cpuminer/2.5.1").keepalive_s);
    world.wait(keepalive + 1.0);
    miner.listen(&mut world);
    assert_eq!(miner.jobs.len(), 2, "one more job while no template came");
    assert_eq!(miner.jobs[1][8], false);
}
