//! An Ethereum node in developer mode: it hands out work and judges the seals that come back.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use otedama_hash::Algorithm;
use serde_json::{Value, json};

use super::bytes::{hex, parameter, target};
use super::header::Header;
use super::http::{Answer, Server, post};
use super::{Light, unix_s};

/// Hashes that a block takes on average; it doesn't divide 2^256.
pub(crate) const DIFFICULTY: u64 = 250;
/// How many blocks back work may lie (`staleThreshold` in core-geth's `sealer.go`).
const STALE_AFTER: usize = 7;

/// What the node posts when its work changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Notify {
    /// The four strings (`--miner.notify`).
    Strings,
    /// The header (`--miner.notify.full`).
    Header,
}

/// What became of a seal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Seal {
    /// The block with this hash.
    Accepted([u8; 32]),
    UnknownWork,
    WrongMix,
    HighHash,
}

/// A running node.
pub(crate) struct Geth {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    _server: Server,
}

struct State {
    light: Light,
    chain: Vec<Header>,
    /// What was handed out, the newest last.
    works: VecDeque<Header>,
    posts_to: Option<(SocketAddr, Notify)>,
    seals: Vec<Seal>,
    /// So many seals are refused without a look.
    is_busy_for: usize,
    calls: Vec<Call>,
    /// Tells headers on the same block apart.
    count: u64,
}

/// What it was asked.
struct Call {
    method: String,
    /// The first parameter, where it is a string.
    parameter: String,
    at: Instant,
}

impl Geth {
    /// A node with nothing but its first block.
    pub(crate) fn start() -> Self {
        let first = Header {
            parent: [0; 32],
            coinbase: [0; 20],
            state: [7; 32],
            difficulty: 1024,
            number: 0,
            gas_used: 0,
            time_s: unix_s() - 3600,
            extra: b"a private network".to_vec(),
            mix: [0; 32],
            nonce: 0x42,
        };
        let mut state = State {
            light: Light::new(Algorithm::ETCHASH),
            chain: vec![first],
            works: VecDeque::new(),
            posts_to: None,
            seals: Vec::new(),
            is_busy_for: 0,
            calls: Vec::new(),
            count: 0,
        };
        state.new_work();
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let server = Server::start(move |method, params| answer(&shared, method, params));
        Self {
            address: server.address,
            state,
            _server: server,
        }
    }

    /// An entry of `nodes` in the config.
    pub(crate) fn config(&self) -> String {
        format!("{{ url: \"http://{}\" }}", self.address)
    }

    /// From now on new work is posted there.
    pub(crate) fn notify(&self, to: SocketAddr, form: Notify) {
        self.lock().posts_to = Some((to, form));
    }

    /// Refuses so many seals without a look, as core-geth does while its sealer doesn't listen.
    pub(crate) fn be_busy_for(&self, seals: usize) {
        self.lock().is_busy_for = seals;
    }

    /// Height of its tip.
    pub(crate) fn height(&self) -> u64 {
        self.lock().tip().number
    }

    /// The blocks above the first one.
    pub(crate) fn blocks(&self) -> Vec<Header> {
        self.lock().chain[1..].to_vec()
    }

    /// What became of every seal, in order.
    pub(crate) fn seals(&self) -> Vec<Seal> {
        self.lock().seals.clone()
    }

    /// When a method was called.
    pub(crate) fn calls(&self, method: &str) -> Vec<Instant> {
        let state = self.lock();
        let calls = state.calls.iter().filter(|call| call.method == method);
        calls.map(|call| call.at).collect()
    }

    /// How often the block at a height was asked for.
    pub(crate) fn block_calls(&self, height: u64) -> usize {
        let (state, height) = (self.lock(), format!("{height:#x}"));
        let is_it = |call: &&Call| call.method == "eth_getBlockByNumber" && call.parameter == height;
        state.calls.iter().filter(is_it).count()
    }

    /// What it wants mined.
    pub(crate) fn work(&self) -> Header {
        self.lock().works.back().unwrap().clone()
    }

    /// Posts the same work once more.
    pub(crate) fn post_again(&self) {
        let post = self.lock().post();
        send(post);
    }

    /// Puts a block of somebody else's on top; its hash.
    pub(crate) fn grow(&self) -> [u8; 32] {
        let mut state = self.lock();
        let block = state.works.back().unwrap().clone();
        let hash = block.hash();
        state.add(block);
        let post = state.post();
        drop(state);
        send(post);
        hash
    }

    /// Other work on the same block, as when transactions came in.
    pub(crate) fn refresh(&self) -> Header {
        let mut state = self.lock();
        state.new_work();
        let work = state.works.back().unwrap().clone();
        let post = state.post();
        drop(state);
        send(post);
        work
    }

    /// Work that it handed out before.
    pub(crate) fn go_back_to(&self, work: &Header) {
        let mut state = self.lock();
        state.works.retain(|known| known != work);
        state.works.push_back(work.clone());
        let post = state.post();
        drop(state);
        send(post);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn tip(&self) -> &Header {
        self.chain.last().unwrap()
    }

    fn new_work(&mut self) {
        self.count += 1;
        let tip = self.tip();
        let work = Header {
            parent: tip.hash(),
            coinbase: [0xab; 20],
            state: [self.count as u8; 32],
            difficulty: DIFFICULTY,
            number: tip.number + 1,
            gas_used: self.count * 21_000 % 8_000_000,
            time_s: unix_s().max(tip.time_s + 1),
            extra: format!("loopback {}", self.count).into_bytes(),
            mix: [0; 32],
            nonce: 0,
        };
        self.works.push_back(work);
    }

    /// Forgets what is too old to be taken.
    fn forget(&mut self) {
        let height = self.tip().number;
        self.works
            .retain(|work| work.number + STALE_AFTER as u64 > height);
    }

    fn strings(&self) -> Value {
        let work = self.works.back().unwrap();
        json!([
            hex(&work.seal_hash()),
            hex(&[0; 32]),
            hex(&target(work.difficulty)),
            format!("{:#x}", work.number),
        ])
    }

    /// What is to be posted, and where to.
    fn post(&self) -> Option<(SocketAddr, String)> {
        let (to, form) = self.posts_to?;
        let body = match form {
            Notify::Strings => self.strings(),
            Notify::Header => self.works.back().unwrap().json(false),
        };
        Some((to, body.to_string()))
    }

    fn judge(&mut self, nonce: [u8; 8], seal_hash: [u8; 32], mix: [u8; 32]) -> Seal {
        let Some(work) = self
            .works
            .iter()
            .find(|work| work.seal_hash() == seal_hash)
            .cloned()
        else {
            return Seal::UnknownWork;
        };
        let nonce = u64::from_be_bytes(nonce);
        let (hash, computed) = self.light.hash(&seal_hash, nonce, work.number);
        if computed != mix {
            return Seal::WrongMix;
        }
        if hash > target(work.difficulty) {
            return Seal::HighHash;
        }
        let block = Header { mix, nonce, ..work };
        let hash = block.hash();
        // Another block at the height of the tip stays beside the chain.
        if block.parent == self.tip().hash() {
            self.add(block);
        }
        Seal::Accepted(hash)
    }

    fn add(&mut self, block: Header) {
        self.chain.push(block);
        self.new_work();
        self.forget();
    }
}

fn send(post_to: Option<(SocketAddr, String)>) {
    if let Some((to, body)) = post_to {
        post(to, &body).unwrap();
    }
}

fn answer(state: &Mutex<State>, method: &str, params: &Value) -> Answer {
    let mut state = state.lock().unwrap();
    state.calls.push(Call {
        method: method.to_owned(),
        parameter: params[0].as_str().unwrap_or_default().to_owned(),
        at: Instant::now(),
    });
    match method {
        "eth_chainId" => Ok(json!("0x539")),
        "eth_syncing" => Ok(json!(false)),
        "eth_getBlockByNumber" => {
            let at = params[0].as_str().unwrap_or_default();
            let height = match at.strip_prefix("0x") {
                Some(digits) => {
                    usize::from_str_radix(digits, 16).map_err(|_| (-32602, "invalid argument 0"))?
                }
                None if at == "latest" => state.chain.len() - 1,
                None => return Err((-32602, "invalid argument 0")),
            };
            Ok(state
                .chain
                .get(height)
                .map_or(Value::Null, |block| block.json(true)))
        }
        "eth_getWork" => Ok(state.strings()),
        "eth_submitWork" => {
            let (Some(nonce), Some(seal_hash), Some(mix)) =
                (parameter(params, 0), parameter(params, 1), parameter(params, 2))
            else {
                return Err((-32602, "invalid argument"));
            };
            if state.is_busy_for > 0 {
                state.is_busy_for -= 1;
                return Ok(json!(false));
            }
            let height = state.tip().number;
            let seal = state.judge(nonce, seal_hash, mix);
            state.seals.push(seal);
            let post = if state.tip().number > height {
                state.post()
            } else {
                None
            };
            drop(state);
            if let Some((to, body)) = post {
                // The pool waits for the answer to its seal and need not take the post first.
                std::thread::spawn(move || drop(super::http::post(to, &body)));
            }
            Ok(json!(matches!(seal, Seal::Accepted(_))))
        }
        _ => Err((-32601, "the method does not exist/is not available")),
    }
}
