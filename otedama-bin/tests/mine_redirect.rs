//! `client.reconnect` is followed within the pool's own domain only.
#![allow(clippy::unwrap_used, reason = "a test gives up loudly")]

mod scripted_pool;

use std::time::Duration;

use otedama_bin::mine::{Engine, Event, MineConfig, Timing};
use scripted_pool::{Script, ScriptedPool, wait_for};

fn engine(pool: &ScriptedPool) -> (Engine, tokio::sync::mpsc::Receiver<Event>) {
    let (sender, events) = tokio::sync::mpsc::channel(100_000);
    let timing = Timing {
        retry_min: Duration::from_millis(20),
        ..Timing::default()
    };
    let config = MineConfig {
        // Slow enough that a pool which hangs up leaves few shares unanswered.
        backend: Some("soft".to_owned()),
        threads: 1,
        timing,
        ..MineConfig::new(vec![pool.login()])
    };
    (Engine::spawn(config, Some(sender)).unwrap(), events)
}

fn redirect(host: &str, port: u16) -> Script {
    let line = format!(r#"{{"id":null,"method":"client.reconnect","params":["{host}",{port},0]}}"#);
    Script {
        after_first_share: vec![line],
        ..Script::default()
    }
}

#[test]
fn another_port_of_the_same_host_is_gone_to() {
    let new = ScriptedPool::start(Script::default());
    let old = ScriptedPool::start(redirect("127.0.0.1", new.port()));
    let (engine, _events) = engine(&old);
    wait_for("shares at the new port", || new.accepted() >= 3);
    let stats = engine.stop();
    assert_eq!(old.connections(), 1);
    assert!(stats.accepted >= 4, "{stats:?}");
}

#[test]
fn another_host_is_not() {
    let stranger = ScriptedPool::start(Script::default());
    let pool = ScriptedPool::start(redirect("localhost", stranger.port()));
    let (engine, mut events) = engine(&pool);
    wait_for("shares after the redirect", || pool.accepted() >= 5);
    engine.stop();
    assert_eq!((pool.connections(), stranger.connections()), (1, 0));
    let refused = std::iter::from_fn(|| events.try_recv().ok())
        .any(|event| matches!(event, Event::Redirected { followed: false, .. }));
    assert!(refused);
}
