//! The miner moves to the next pool when one fails, and back to the first when that works again.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test gives up loudly, and has clocks and threads"
)]

mod scripted_pool;

use std::time::{Duration, Instant};

use otedama_bin::mine::{Engine, Event, MineConfig, PoolLogin, Timing};
use scripted_pool::{Script, ScriptedPool, free_port, login, wait_for};

fn engine(pools: Vec<PoolLogin>) -> (Engine, tokio::sync::mpsc::Receiver<Event>) {
    let timing = Timing {
        retry_min: Duration::from_millis(20),
        retry_max: Duration::from_millis(100),
        probe: Duration::from_millis(100),
        ..Timing::default()
    };
    let (sender, events) = tokio::sync::mpsc::channel(100_000);
    let config = MineConfig {
        // Slow enough that a pool which hangs up leaves few shares unanswered.
        backend: Some("soft".to_owned()),
        threads: 1,
        timing,
        ..MineConfig::new(pools)
    };
    (Engine::spawn(config, Some(sender)).unwrap(), events)
}

#[test]
fn the_backup_is_used_until_the_first_is_back() {
    let first_port = free_port();
    let second = ScriptedPool::start(Script::default());
    let (engine, _events) = engine(vec![login(first_port), second.login()]);
    wait_for("shares at the backup", || second.accepted() >= 3);
    assert_eq!(engine.stats().pool_index, Some(1));

    let first = ScriptedPool::start_at(first_port, Script::default());
    wait_for("shares at the first pool", || first.accepted() >= 3);
    wait_for("the first pool in the statistics", || {
        engine.stats().pool_index == Some(0)
    });

    drop(first);
    let before = second.accepted();
    wait_for("shares at the backup again", || second.accepted() >= before + 3);

    let first = ScriptedPool::start_at(first_port, Script::default());
    wait_for("shares at the first pool again", || first.accepted() >= 3);
    let stats = engine.stop();
    assert!(stats.connections >= 4, "{stats:?}");
    assert!(stats.accepted >= 12, "{stats:?}");
    assert_eq!(stats.rejected, 0);
    assert_eq!([first.faults(), second.faults()].concat(), Vec::<String>::new());
}

#[test]
fn the_backup_is_left_without_losing_shares() {
    let first_port = free_port();
    let second = ScriptedPool::start(Script::default());
    let (engine, _events) = engine(vec![login(first_port), second.login()]);
    wait_for("shares at the backup", || second.accepted() >= 1);
    let first = ScriptedPool::start_at(first_port, Script::default());
    wait_for("shares at the first pool", || first.accepted() >= 1);
    let stats = engine.stop();
    assert_eq!(stats.unanswered, 0, "{stats:?}");
    assert_eq!(stats.accepted, first.accepted() + second.accepted());
}

#[test]
fn a_pool_that_hangs_up_is_connected_to_again() {
    let pool = ScriptedPool::start(Script {
        close_after: Some(2),
        ..Script::default()
    });
    let (engine, mut events) = engine(vec![pool.login()]);
    wait_for("four connections", || pool.connections() >= 4);
    let stats = engine.stop();
    assert!(stats.accepted >= 4, "{stats:?}");
    assert_eq!(pool.faults(), Vec::<String>::new());
    let mut hung_up = 0;
    while let Ok(event) = events.try_recv() {
        hung_up += u32::from(matches!(event, Event::Disconnected { .. }));
    }
    assert!(hung_up >= 3);
}

#[test]
fn a_pool_that_refuses_the_user_is_no_pool() {
    let first = ScriptedPool::start(Script {
        refuse_users: true,
        ..Script::default()
    });
    let second = ScriptedPool::start(Script::default());
    let (engine, mut events) = engine(vec![first.login(), second.login()]);
    wait_for("shares at the second pool", || second.accepted() >= 1);
    wait_for("another try at the first", || first.connections() >= 2);
    assert_eq!(engine.stop().pool_index, Some(1));
    let why = std::iter::from_fn(|| events.try_recv().ok()).find_map(|event| match event {
        Event::Disconnected { why, .. } => Some(why),
        _ => None,
    });
    assert_eq!(why.as_deref(), Some("user refused: unknown user"));
}

#[test]
fn it_stops_at_once_whether_connected_or_not() {
    let pool = ScriptedPool::start(Script::default());
    for pools in [vec![login(free_port())], vec![pool.login()]] {
        let (engine, _events) = engine(pools);
        let start = Instant::now();
        engine.stop();
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}
