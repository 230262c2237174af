//! `otedama serve` without a config: blocks within seconds, and everything says where it stands.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of real processes in real time"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use support::process::Process;
use support::wait_until;

/// Starts it as a user would, but on free ports.
fn serve(dir: &Path) -> (Process, Value) {
    let ready = dir.join("ready.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_otedama"));
    command
        .current_dir(dir)
        .args(["serve", "--ready-file"])
        .arg(&ready);
    for name in [
        "POOL__ADDRESS",
        "API__ADDRESS",
        "MONITORING__METRICS__ADDRESS",
        "MONITORING__HEALTH__ADDRESS",
    ] {
        command.env(format!("OTEDAMA_{name}"), "127.0.0.1:0");
    }
    let process = Process::start(
        "otedama serve",
        command,
        &dir.join("serve.log"),
        Duration::from_secs(5),
    );
    wait_until("the program to listen", Duration::from_secs(10), || {
        ready.exists()
    });
    let addresses = serde_json::from_slice(&std::fs::read(&ready).unwrap()).unwrap();
    (process, addresses)
}

fn get(address: &Value, path: &str) -> (u16, String) {
    let address: SocketAddr = address.as_str().unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: pool\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn blocks_are_found_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let (mut process, addresses) = serve(dir.path());
    let status = || -> Value { serde_json::from_str(&get(&addresses["api"], "/api/status").1).unwrap() };
    wait_until("two blocks", Duration::from_secs(60), || {
        status()["chains"][0]["height"].as_u64() >= Some(2)
    });
    wait_until("a share to be counted", Duration::from_secs(5), || {
        status()["chains"][0]["shares"]["accepted"].as_u64() > Some(0)
    });
    let status = status();
    let chain = &status["chains"][0];
    assert_eq!(chain["coin"], "DEV");
    assert_eq!(chain["workers"], 1);
    assert_eq!(chain["blocks"][0]["worker"], "cpu");
    assert!(chain["hashrate"].as_f64() > Some(1000.0), "{status}");
    assert_eq!(chain["nodes"][0]["healthy"], true);
    assert_eq!(get(&addresses["health"], "/health").0, 200);
    assert_eq!(get(&addresses["api"], "/health").0, 200);
    assert_eq!(get(&addresses["api"], "/nothing").0, 404);
    let (code, metrics) = get(&addresses["metrics"], "/metrics");
    assert_eq!(code, 200);
    assert!(metrics.contains("otedama_shares_total{coin=\"DEV\",network=\"regtest\",result=\"accepted\"}"));
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let value = line.rsplit(' ').next().unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    let log = std::fs::read_to_string(dir.path().join("serve.log")).unwrap();
    assert!(log.contains("DEVELOPMENT CHAIN - coins are worthless"), "{log}");
    assert!(log.contains("BLOCK FOUND on DEV regtest: height 1 "), "{log}");
    assert!(process.stop().is_some(), "{}", process.log_tail());
    let log = std::fs::read_to_string(dir.path().join("serve.log")).unwrap();
    assert!(log.contains(" stopped ms="), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
}

#[test]
fn a_second_start_on_the_same_database_or_port_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (process, addresses) = serve(dir.path());
    let start = |path: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_otedama"))
            .current_dir(dir.path())
            .arg("serve")
            .env("OTEDAMA_STORAGE__PATH", path)
            .env("OTEDAMA_POOL__ADDRESS", addresses["stratum"][0].as_str().unwrap())
            .env("OTEDAMA_LOGGING__FILE", "null")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let same = start("data/dev.db");
    assert!(
        same.contains("data/dev.db is in use by another otedama process"),
        "{same}"
    );
    let other = start("data/other.db");
    assert!(
        other.contains("pool.address: can't listen on 127.0.0.1:"),
        "{other}"
    );
    assert!(
        other.contains("another program, perhaps another otedama"),
        "{other}"
    );
    drop(process);
}

#[cfg(unix)]
#[test]
fn a_signal_that_is_sent_twice_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let (mut process, _) = serve(dir.path());
    // As `make` does on Ctrl-C: the whole group gets it, and then the child again.
    let command = format!("kill -INT {0}; sleep 0.005; kill -TERM {0}", process.pid());
    Command::new("sh").args(["-c", &command]).status().unwrap();
    wait_until("the process to end", Duration::from_secs(5), || {
        !process.is_running()
    });
    let log = std::fs::read_to_string(dir.path().join("serve.log")).unwrap();
    assert!(log.contains(" stopped ms="), "{log}");
}
