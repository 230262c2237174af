//! `otedama mine` against a pool on loopback: every share is checked there.
#![allow(clippy::unwrap_used, reason = "a test gives up loudly")]

mod scripted_pool;

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use otedama_hash::Algorithm;
use scripted_pool::{Script, ScriptedPool, free_port};

fn otedama(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_otedama"))
        .args(args)
        .env_remove("OTEDAMA_LOG")
        .output()
        .unwrap()
}

fn mine(pool: &ScriptedPool, more: &[&str]) -> (String, String) {
    let url = pool.url();
    let mut args = vec![
        "mine",
        "-o",
        &url,
        "-u",
        "address.rig",
        "-p",
        "x",
        "--threads",
        "1",
    ];
    args.extend_from_slice(more);
    let output = otedama(&args);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    (out, err)
}

#[test]
fn shares_are_found_accepted_and_counted() {
    let pool = ScriptedPool::start(Script::default());
    let (out, err) = mine(&pool, &["--exit-after-accepted", "5"]);
    assert_eq!(pool.faults(), Vec::<String>::new());
    assert!(pool.accepted() >= 5);
    assert_eq!(pool.users(), ["address.rig"]);
    assert!(out.contains(&format!("mining on {}", pool.url())), "{out}");
    assert!(out.contains("accepted (5), difficulty "), "{out}");
    assert!(out.contains("0 rejected"), "{out}");
    assert!(
        !out.contains('\x1b'),
        "no escape sequences without a terminal: {out}"
    );
    assert_eq!(err, "");
}

#[test]
fn a_refused_share_is_counted_and_named() {
    let pool = ScriptedPool::start(Script {
        reject_every: Some(2),
        ..Script::default()
    });
    let (out, _) = mine(&pool, &["--exit-after-accepted", "3"]);
    assert_eq!(pool.faults(), Vec::<String>::new());
    assert!(out.contains("rejected (1), 23: low difficulty share"), "{out}");
}

#[test]
fn a_pool_without_version_rolling_is_mined_on_too() {
    let pool = ScriptedPool::start(Script {
        version_rolling: false,
        ..Script::default()
    });
    mine(&pool, &["--exit-after-accepted", "3"]);
    assert_eq!(pool.faults(), Vec::<String>::new());
}

#[test]
fn scrypt_is_mined_with_its_own_difficulty() {
    let script = Script {
        algorithm: Algorithm::SCRYPT,
        difficulty: 1e-4,
        ..Script::default()
    };
    let pool = ScriptedPool::start(script);
    mine(&pool, &["--algorithm", "scrypt", "--exit-after-accepted", "3"]);
    assert_eq!(pool.faults(), Vec::<String>::new());
}

/// A pool of Scrypt, where a block's name is no proof of work.
fn scrypt(bits: u32) -> ScriptedPool {
    ScriptedPool::start(Script {
        algorithm: Algorithm::SCRYPT,
        prev_hash: std::array::from_fn(|index| index as u8),
        bits,
        difficulty: 1e-4,
        ..Script::default()
    })
}

#[test]
fn a_job_tells_scrypt_by_its_previous_block() {
    let pool = scrypt(0x1929_f1f5);
    mine(&pool, &["--exit-after-accepted", "3"]);
    assert_eq!(pool.faults(), Vec::<String>::new());
}

#[test]
fn what_no_job_tells_is_asked_for() {
    let pool = scrypt(0x207f_ffff);
    let output = otedama(&["mine", "-o", &pool.url(), "-u", "address.rig"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        format!(
            "otedama: {} mines sha256d or scrypt, and neither its jobs nor the users tell which; name it with \
             --algorithm sha256d or --algorithm scrypt\n",
            pool.url()
        )
    );
}

#[test]
fn a_pool_that_refuses_the_user_is_named_with_its_reason() {
    let pool = ScriptedPool::start(Script {
        refuse_users: true,
        ..Script::default()
    });
    let output = otedama(&["mine", "-o", &pool.url(), "-u", "address.rig"]);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let line = format!("  {}: user refused: unknown user", pool.url());
    assert!(err.lines().any(|l| l.starts_with(&line)), "{err}");
}

#[test]
fn a_pool_that_cannot_be_reached_does_not_keep_the_next_from_being_asked() {
    let pool = ScriptedPool::start(Script::default());
    let nobody = format!("stratum+tcp://127.0.0.1:{}", free_port());
    let (url, retry) = (pool.url(), ["--retry", "0.02", "0.1"]);
    let mut args = vec!["mine", "-o", &nobody, "-o", &url, "-u", "address.rig", "-t", "1"];
    args.extend(retry.iter().chain(&["--exit-after-accepted", "1"]));
    let output = otedama(&args);
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{out}");
    let asked: Vec<_> = out.lines().filter(|line| line.starts_with("asking")).collect();
    let asking = |pool: &str| format!("asking {pool} what it mines");
    assert_eq!(asked, [asking(&nobody), asking(&url)], "{out}");
}

#[test]
fn a_pool_that_cannot_be_reached_yet_is_waited_for() {
    let port = free_port();
    let url = format!("stratum+tcp://127.0.0.1:{port}");
    let mut child = Command::new(env!("CARGO_BIN_EXE_otedama"))
        .args(["mine", "-o", &url, "-u", "address.rig", "-t", "1"])
        .args(["--retry", "0.02", "0.1", "--exit-after-accepted", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = |start: &str, end: &str| {
        lines
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.starts_with(start) && line.contains(end))
            .unwrap_or_else(|| panic!("ended without {start}{end}"))
    };
    for _ in 0..2 {
        next(&url, "; next try in ");
    }
    let pool = ScriptedPool::start_at(port, Script::default());
    next("mining on ", &url);
    assert!(child.wait().unwrap().success());
    assert_eq!(pool.faults(), Vec::<String>::new());
}

#[test]
fn a_difficulty_is_suggested() {
    let pool = ScriptedPool::start(Script::default());
    mine(
        &pool,
        &["--suggest-difficulty", "0.5", "--exit-after-accepted", "1"],
    );
    assert!(pool.saw("mining.suggest_difficulty"));
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_with_a_summary() {
    use std::io::Read;

    let pool = ScriptedPool::start(Script::default());
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_otedama"))
            .args(["mine", "-o", &pool.url(), "-u", "address.rig", "-t", "1"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("accepted") {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "ended before a share");
        }
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, signal).unwrap();
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert!(child.wait().unwrap().success());
        assert!(rest.lines().last().unwrap().starts_with("mined for "), "{rest}");
    }
}

#[test]
fn a_benchmark_needs_no_pool() {
    let output = otedama(&["mine", "--benchmark", "--seconds", "1", "--threads", "1"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    let rate: f64 = text
        .strip_prefix("sha256d: ")
        .and_then(|rest| rest.split_once(" hashes/s"))
        .and_then(|(rate, _)| rate.parse().ok())
        .unwrap_or_else(|| panic!("{text}"));
    assert!(rate > 0.0, "{text}");
    assert!(text.contains("with 1 threads"), "{text}");
}

#[test]
fn an_address_that_cannot_be_used_is_explained() {
    for (url, why) in [
        (
            "stratum+ssl://pool.example.com:3333",
            "encrypted connections are not supported yet",
        ),
        ("http://pool.example.com:3333", "not a Stratum address"),
        ("stratum+tcp://pool.example.com", "no host and port"),
    ] {
        let output = otedama(&["mine", "-o", url, "-u", "a"]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(why), "{text}");
    }
    assert_eq!(otedama(&["mine"]).status.code(), Some(2));
    let twice = otedama(&["mine", "-o", "a:1", "-u", "a", "-u", "b"]);
    assert_eq!(twice.status.code(), Some(2));
    assert!(
        String::from_utf8(twice.stderr)
            .unwrap()
            .contains("--user is given 2 times, --url 1 times")
    );
}
