//! The program against a small pool in this process, which checks every share by itself.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a pool in a test has threads and may panic"
)]

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use otedama_hash::sha256d::sha256d;
use otedama_hash::{Algorithm, Difficulty, Hash256};
use serde_json::{Value, json};

const DIFFICULTY: f64 = 1e-8;
const COINBASE1: &str = "0102030405";
const COINBASE2: &str = "060708";

#[derive(Default)]
struct Pool {
    height: AtomicU32,
    connections: Mutex<Vec<TcpStream>>,
    seen: Mutex<HashSet<Hash256>>,
    faults: Mutex<Vec<String>>,
    submits: AtomicU32,
    /// Every so many submits are refused as stale; zero: none.
    refuse_every: u32,
    /// Logins refused before one is let in.
    refuse_logins: AtomicU32,
}

fn prev_hash(height: u32) -> [u8; 32] {
    let mut prev = [0; 32];
    prev[..4].copy_from_slice(&height.to_le_bytes());
    prev[28..].copy_from_slice(&(!height).to_be_bytes());
    prev
}

fn branch() -> [u8; 32] {
    [0x5a; 32]
}

fn notify(height: u32) -> String {
    let wire: Vec<u8> = prev_hash(height)
        .chunks(4)
        .flat_map(|c| c.iter().rev().copied())
        .collect();
    let params = json!([
        format!("job-{height}"),
        const_hex::encode(wire),
        COINBASE1,
        COINBASE2,
        [const_hex::encode(branch())],
        "20000000",
        "207fffff",
        "65000000",
        true
    ]);
    format!(
        "{}\n",
        json!({"id": null, "method": "mining.notify", "params": params})
    )
}

impl Pool {
    fn start(self) -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let pool = Arc::new(self);
        let acceptor = Arc::clone(&pool);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let pool = Arc::clone(&acceptor);
                thread::spawn(move || pool.serve(&stream.unwrap(), number as u32));
            }
        });
        (pool, address)
    }

    fn serve(&self, stream: &TcpStream, extranonce1: u32) {
        let mut lines = BufReader::new(stream).lines();
        while let Some(Ok(line)) = lines.next() {
            let request: Value = serde_json::from_str(&line).unwrap();
            let (id, params) = (&request["id"], &request["params"]);
            let reply = match request["method"].as_str().unwrap() {
                "mining.subscribe" => {
                    json!({"id": id, "result": [[], format!("{extranonce1:08x}"), 4], "error": null})
                }
                "mining.authorize" => {
                    if self
                        .refuse_logins
                        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
                        .is_ok()
                    {
                        json!({"id": id, "result": null, "error": [24, "not you", null]})
                    } else {
                        self.greet(stream);
                        json!({"id": id, "result": true, "error": null})
                    }
                }
                "mining.suggest_difficulty" => {
                    json!({"id": null, "method": "mining.set_difficulty", "params": [params[0]]})
                }
                "mining.submit" => match self.judge(extranonce1, params) {
                    Ok(()) => json!({"id": id, "result": true, "error": null}),
                    Err((code, text)) => json!({"id": id, "result": null, "error": [code, text, null]}),
                },
                other => panic!("unexpected {other}"),
            };
            if writeln!(&mut (&*stream), "{reply}").is_err() {
                return;
            }
        }
    }

    fn greet(&self, stream: &TcpStream) {
        let mut connections = self.connections.lock().unwrap();
        (&*stream)
            .write_all(notify(self.height.load(Ordering::SeqCst)).as_bytes())
            .unwrap();
        connections.push(stream.try_clone().unwrap());
    }

    fn new_block(&self) {
        let connections = self.connections.lock().unwrap();
        let height = self.height.fetch_add(1, Ordering::SeqCst) + 1;
        for mut connection in &*connections {
            // A connection that is gone needs no job.
            let _ = connection.write_all(notify(height).as_bytes());
        }
    }

    fn judge(&self, extranonce1: u32, params: &Value) -> Result<(), (u32, &'static str)> {
        let text = |i: usize| params[i].as_str().unwrap();
        let word = |i: usize| u32::from_str_radix(text(i), 16).unwrap();
        if !text(0).starts_with("miner.w") {
            self.faults.lock().unwrap().push(format!("user {}", text(0)));
        }
        let number = self.submits.fetch_add(1, Ordering::SeqCst) + 1;
        let height: u32 = text(1).strip_prefix("job-").unwrap().parse().unwrap();
        if self.refuse_every > 0 && number.is_multiple_of(self.refuse_every) {
            return Err((21, "stale"));
        }
        let coinbase =
            const_hex::decode(format!("{COINBASE1}{extranonce1:08x}{}{COINBASE2}", text(2))).unwrap();
        let root = sha256d(&[sha256d(&coinbase).to_le_bytes(), branch()].concat()).to_le_bytes();
        let header = [
            &0x2000_0000_u32.to_le_bytes()[..],
            &prev_hash(height),
            &root,
            &word(3).to_le_bytes(),
            &0x207f_ffff_u32.to_le_bytes(),
            &word(4).to_le_bytes(),
        ]
        .concat();
        let hash = sha256d(&header);
        let target = Difficulty::new(DIFFICULTY)
            .unwrap()
            .to_target(Algorithm::SHA256D.diff1());
        if !target.is_met_by(&hash) {
            self.faults
                .lock()
                .unwrap()
                .push(format!("{hash} is above the target"));
        }
        if !self.seen.lock().unwrap().insert(hash) {
            self.faults.lock().unwrap().push(format!("{hash} was sent twice"));
        }
        Ok(())
    }

    fn assert_no_faults(&self) {
        assert_eq!(*self.faults.lock().unwrap(), Vec::<String>::new());
    }
}

fn load(address: &str, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stratum-load"))
        .args([
            address,
            "-u",
            "miner",
            "--warmup",
            "0.2",
            "--settle",
            "0.1",
            "--difficulty",
            "1e-8",
        ])
        .args(args)
        .output()
        .unwrap()
}

fn report(output: &Output) -> Value {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_share_is_valid_and_every_answer_is_counted() {
    let (pool, address) = Pool {
        refuse_every: 10,
        ..Pool::default()
    }
    .start();
    let pid = std::process::id().to_string();
    let output = load(
        &address,
        &["-c", "20", "-r", "500", "-t", "1", "--json", "--pid", &pid],
    );
    let report = report(&output);
    pool.assert_no_faults();
    let shares = &report["shares"];
    let count = |name: &str| shares[name].as_u64().unwrap();
    let rejected = shares["rejected"]["21 stale"].as_u64().unwrap();
    assert_eq!(report["connects"]["ready"], 20);
    assert!(count("accepted") > 0 && rejected > 0, "{report:#}");
    assert_eq!(count("sent"), count("accepted") + rejected + count("unanswered"));
    assert_eq!(count("scheduled"), count("sent") + count("unsent"));
    assert_eq!(count("unanswered"), 0);
    assert_eq!(
        report["latency"]["count"].as_u64().unwrap(),
        count("accepted") + rejected
    );
    assert!(report["latency"]["p99_ms"].as_f64().unwrap() >= report["service"]["p50_ms"].as_f64().unwrap());
    #[cfg(target_os = "linux")]
    assert!(report["pool_process"]["idle_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn a_new_block_is_timed_to_the_last_connection() {
    let (pool, address) = Pool::default().start();
    let trigger = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("block-{}", std::process::id()));
    let watcher = Arc::clone(&pool);
    let awaited = trigger.clone();
    thread::spawn(move || {
        loop {
            if std::fs::remove_file(&awaited).is_ok() {
                watcher.new_block();
            }
            thread::sleep(Duration::from_millis(2));
        }
    });
    let command = format!("touch '{}'", trigger.display());
    let output = load(
        &address,
        &[
            "-c",
            "10",
            "-r",
            "100",
            "-t",
            "1",
            "--json",
            "--block-command",
            &command,
            "--block-interval",
            "1",
        ],
    );
    let report = report(&output);
    pool.assert_no_faults();
    let blocks = report["blocks"].as_array().unwrap();
    assert_eq!(blocks.len(), 1, "{report:#}");
    assert_eq!(
        (&blocks[0]["expected"], &blocks[0]["received"]),
        (&json!(10), &json!(10))
    );
    let from_command = blocks[0]["command_start_to_last_ms"].as_f64().unwrap();
    assert!(from_command >= blocks[0]["first_to_last_ms"].as_f64().unwrap());
    let mut tip = prev_hash(1);
    tip.reverse();
    assert_eq!(blocks[0]["tip"], const_hex::encode(tip));
}

#[test]
fn a_refused_login_is_counted_and_tried_again() {
    let (pool, address) = Pool {
        refuse_logins: AtomicU32::new(3),
        ..Pool::default()
    }
    .start();
    let output = load(
        &address,
        &["-c", "5", "-r", "50", "-t", "0.5", "--retry", "0.1", "--json"],
    );
    let report = report(&output);
    pool.assert_no_faults();
    assert_eq!(report["connects"]["ready"], 5);
    assert_eq!(report["connects"]["retries"], 3);
    assert_eq!(report["connects"]["errors"]["authorisation refused: not you"], 3);
}

#[test]
fn without_a_pool_it_fails_and_says_why() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = load(
        &free.to_string(),
        &["-c", "2", "--login-timeout", "0.3", "--retry", "0.1"],
    );
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("no connection could log in") && error.contains("refused"),
        "{error}"
    );
}

#[test]
fn the_text_report_names_what_counts() {
    let (_pool, address) = Pool::default().start();
    let output = load(&address, &["-c", "3", "-r", "50", "-t", "0.3"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for word in ["accepted/s", "p99.9", "rejected: none", "3 of 3 ready"] {
        assert!(text.contains(word), "{word} is missing in\n{text}");
    }
}
