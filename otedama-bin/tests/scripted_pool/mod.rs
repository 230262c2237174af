//! A Stratum v1 pool on loopback that does what a test says, and checks every share it is sent.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a pool in a test has threads and gives up loudly"
)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use otedama_bin::mine::{PoolAddress, PoolLogin};
use otedama_hash::{Algorithm, Difficulty, EpochKey, PowHash, PowInput, Registry};
use serde_json::{Value, json};

const EXTRANONCE1: [u8; 4] = [0xde, 0xad, 0xbe, 0xef];
const COINBASE1: [u8; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const COINBASE2: [u8; 5] = [9, 8, 7, 6, 5];
const VERSION: u32 = 0x2000_0000;
const MASK: u32 = 0x1fff_e000;
const NTIME: u32 = 1_700_000_000;

/// What the pool does.
#[derive(Clone, Debug)]
pub struct Script {
    pub algorithm: Algorithm,
    /// The previous block's hash, as its function wrote it.
    pub prev_hash: [u8; 32],
    /// The network's target.
    pub bits: u32,
    /// Share difficulty.
    pub difficulty: f64,
    /// Whether it knows `mining.configure`.
    pub version_rolling: bool,
    /// Refuse every so-many-th share.
    pub reject_every: Option<u64>,
    /// Hang up after so many shares of one connection.
    pub close_after: Option<u64>,
    /// Lines to send once the first share has come.
    pub after_first_share: Vec<String>,
    /// Refuse every user.
    pub refuse_users: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::SHA256D,
            // It begins with zeros where it is shown, as every SHA-256d chain has it.
            prev_hash: std::array::from_fn(|index| if index < 24 { index as u8 } else { 0 }),
            bits: 0x1d00_ffff,
            difficulty: 1e-6,
            version_rolling: true,
            reject_every: None,
            close_after: None,
            after_first_share: Vec::new(),
            refuse_users: false,
        }
    }
}

/// What the pool saw.
#[derive(Debug, Default)]
struct Seen {
    connections: AtomicU64,
    accepted: AtomicU64,
    rejected: AtomicU64,
    users: Mutex<BTreeSet<String>>,
    methods: Mutex<BTreeSet<String>>,
    faults: Mutex<Vec<String>>,
    shares: Mutex<BTreeSet<String>>,
}

/// The running pool. It ends, connections and all, when it is dropped.
pub struct ScriptedPool {
    port: u16,
    seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    thread: Option<JoinHandle<()>>,
}

impl ScriptedPool {
    pub fn start(script: Script) -> Self {
        Self::start_at(0, script)
    }

    pub fn start_at(port: u16, script: Script) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, stop, open) = (
            Arc::<Seen>::default(),
            Arc::<AtomicBool>::default(),
            Arc::<Mutex<Vec<TcpStream>>>::default(),
        );
        let (seen2, stop2, open2) = (Arc::clone(&seen), Arc::clone(&stop), Arc::clone(&open));
        let thread = std::thread::spawn(move || {
            while !stop2.load(Ordering::Relaxed) {
                let Ok((stream, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(2));
                    continue;
                };
                stream.set_nonblocking(false).unwrap();
                open2.lock().unwrap().push(stream.try_clone().unwrap());
                seen2.connections.fetch_add(1, Ordering::Relaxed);
                let (script, seen) = (script.clone(), Arc::clone(&seen2));
                std::thread::spawn(move || {
                    // A miner that leaves in the middle of a line is no fault.
                    let _ = serve(&stream, &script, &seen);
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        Self {
            port,
            seen,
            stop,
            open,
            thread: Some(thread),
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("stratum+tcp://127.0.0.1:{}", self.port)
    }

    pub fn login(&self) -> PoolLogin {
        login(self.port)
    }

    pub fn accepted(&self) -> u64 {
        self.seen.accepted.load(Ordering::Relaxed)
    }

    pub fn rejected(&self) -> u64 {
        self.seen.rejected.load(Ordering::Relaxed)
    }

    pub fn connections(&self) -> u64 {
        self.seen.connections.load(Ordering::Relaxed)
    }

    pub fn users(&self) -> Vec<String> {
        self.seen.users.lock().unwrap().iter().cloned().collect()
    }

    pub fn saw(&self, method: &str) -> bool {
        self.seen.methods.lock().unwrap().contains(method)
    }

    /// Everything about the miner that was wrong.
    pub fn faults(&self) -> Vec<String> {
        self.seen.faults.lock().unwrap().clone()
    }
}

impl Drop for ScriptedPool {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .take()
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

pub fn login(port: u16) -> PoolLogin {
    PoolLogin {
        address: PoolAddress {
            host: "127.0.0.1".to_owned(),
            port,
            protocol: None,
        },
        user: "address.rig".to_owned(),
        password: "x".to_owned(),
    }
}

/// A port on which nobody listens.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Waits until `condition` holds; a minute is for machines that do a hundred other things.
pub fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "never happened: {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn serve(stream: &TcpStream, script: &Script, seen: &Seen) -> std::io::Result<()> {
    let mut out = stream;
    let mut send = |line: &Value| out.write_all(format!("{line}\n").as_bytes());
    let (mut shares, mut mask) = (0, 0);
    for line in BufReader::new(stream).lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let (id, params) = (&request["id"], &request["params"]);
        let method = request["method"].as_str().unwrap_or_default();
        seen.methods.lock().unwrap().insert(method.to_owned());
        let reply = |result: Value| json!({ "id": id, "result": result, "error": null });
        match method {
            "mining.configure" if script.version_rolling => {
                mask = MASK;
                let result =
                    json!({ "version-rolling": true, "version-rolling.mask": format!("{MASK:08x}") });
                send(&reply(result))?;
            }
            "mining.subscribe" => {
                let result = json!([[["mining.notify", "s"]], const_hex::encode(EXTRANONCE1), 4]);
                send(&reply(result))?;
            }
            "mining.authorize" => {
                seen.users
                    .lock()
                    .unwrap()
                    .insert(params[0].as_str().unwrap_or_default().to_owned());
                if script.refuse_users {
                    send(&json!({ "id": id, "result": null, "error": [24, "unknown user", null] }))?;
                    continue;
                }
                send(&reply(json!(true)))?;
                send(
                    &json!({ "id": null, "method": "mining.set_difficulty", "params": [script.difficulty] }),
                )?;
                send(&notify(script))?;
            }
            "mining.submit" => {
                shares += 1;
                check(params, mask, script, seen);
                if script.reject_every.is_some_and(|every| shares % every == 0) {
                    seen.rejected.fetch_add(1, Ordering::Relaxed);
                    send(&json!({ "id": id, "result": null, "error": [23, "low difficulty share", null] }))?;
                } else {
                    seen.accepted.fetch_add(1, Ordering::Relaxed);
                    send(&reply(json!(true)))?;
                }
                if shares == 1 {
                    for line in &script.after_first_share {
                        send(&serde_json::from_str(line)?)?;
                    }
                }
                if script.close_after == Some(shares) {
                    return Ok(());
                }
            }
            _ => send(&json!({ "id": id, "result": null, "error": [20, "unknown method", null] }))?,
        }
    }
    Ok(())
}

/// The previous block's hash travels with the bytes of each 4-byte word turned round.
fn notify(script: &Script) -> Value {
    let words: Vec<u8> = script
        .prev_hash
        .chunks(4)
        .flat_map(|word| word.iter().rev().copied())
        .collect();
    json!({ "id": null, "method": "mining.notify", "params": [
        "job1", const_hex::encode(words), const_hex::encode(COINBASE1), const_hex::encode(COINBASE2), [],
        format!("{VERSION:08x}"), format!("{:08x}", script.bits), format!("{NTIME:08x}"), true,
    ] })
}

/// Builds the header that the share claims to have hashed and hashes it.
fn check(params: &Value, mask: u32, script: &Script, seen: &Seen) {
    if let Err(fault) = try_check(params, mask, script) {
        seen.faults.lock().unwrap().push(fault);
    }
    if !seen.shares.lock().unwrap().insert(params.to_string()) {
        seen.faults.lock().unwrap().push(format!("sent twice: {params}"));
    }
}

fn try_check(params: &Value, mask: u32, script: &Script) -> Result<(), String> {
    let text = |index: usize| {
        params[index]
            .as_str()
            .ok_or(format!("no parameter {index}: {params}"))
    };
    let number = |index: usize| u32::from_str_radix(text(index)?, 16).map_err(|error| error.to_string());
    if text(0)? != "address.rig" || text(1)? != "job1" {
        return Err(format!("wrong user or job: {params}"));
    }
    let extranonce2 = const_hex::decode(text(2)?).map_err(|error| error.to_string())?;
    if extranonce2.len() != 4 {
        return Err(format!("extranonce2 of {} bytes", extranonce2.len()));
    }
    let bits = if mask == 0 { 0 } else { number(5)? };
    if bits & !mask != 0 {
        return Err(format!("version bits {bits:08x} outside the mask"));
    }
    let coinbase = [&COINBASE1[..], &EXTRANONCE1, &extranonce2, &COINBASE2].concat();
    let mut header = Vec::new();
    header.extend(((VERSION & !mask) | bits).to_le_bytes());
    header.extend(script.prev_hash);
    header.extend(otedama_hash::sha256d::sha256d(&coinbase).to_le_bytes());
    header.extend(number(3)?.to_le_bytes());
    header.extend(script.bits.to_le_bytes());
    header.extend(number(4)?.to_le_bytes());
    let registry = Registry::with_builtin();
    let backend = registry.get(script.algorithm).ok_or("no such algorithm")?;
    let mut hasher = backend.verifier(EpochKey::default()).map_err(|e| e.to_string())?;
    let mut pow = [PowHash::default()];
    hasher.hash_batch(&[PowInput::of(&header)], &mut pow);
    let target = Difficulty::new(script.difficulty)
        .unwrap()
        .to_target(script.algorithm.diff1());
    if target.is_met_by(&pow[0].hash) {
        Ok(())
    } else {
        Err(format!("not enough work: {params}"))
    }
}
