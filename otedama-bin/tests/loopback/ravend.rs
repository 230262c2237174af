//! Ravencoin's node in regression test mode, with `KawPow` switched on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::Hash as _;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};
use otedama_hash::Algorithm;
use serde_json::{Value, json};

use super::Light;
use super::http::{Answer, Server};
use super::raven_block::{RavenBlock, Rules, Waiting, clock_s, commitment_script, sha256d, target};

/// Compact target: one hash in 16 meets it.
pub(crate) const BITS: u32 = 0x200f_ffff;
const VERSION: u32 = 0x2000_0000;
/// Id of the network's first block (`CRegTestParams` in Ravencoin's `chainparams.cpp`).
const GENESIS: &str = "0b2c703dc93bb63a36c4e33b85be4855ddbca2ac951a7a0a29b8de0408200a3c";
const COIN: u64 = 100_000_000;

/// A running node.
pub(crate) struct Ravend {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _server: Server,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    light: Light,
    /// Ids of all blocks, the first one first; those before the first mined one are made up.
    ids: Vec<[u8; 32]>,
    mined: BTreeMap<u32, Mined>,
    /// Heights of blocks beside the best chain, by id. Nothing but their place and their proof is looked at.
    beside: BTreeMap<[u8; 32], usize>,
    /// What the next block may hold.
    waiting: Vec<Waiting>,
    /// Blocks whose header was asked for, in order.
    headers_asked: Vec<String>,
    /// Words for blocks that were refused, and empty ones for those taken.
    words: Vec<&'static str>,
    /// Tells transactions and templates apart.
    count: u64,
    start_time_s: u32,
}

/// A block that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Mined {
    pub(crate) block: RavenBlock,
    /// As explorers show it.
    pub(crate) hash: String,
    pub(crate) subsidy: u64,
    pub(crate) fees: u64,
}

impl Mined {
    /// What the coinbase pays, by script in hex, without the outputs of zero.
    pub(crate) fn paid(&self) -> BTreeMap<String, u64> {
        let mut paid = BTreeMap::new();
        for output in &self.block.transactions[0].output {
            if output.value > Amount::ZERO {
                *paid.entry(output.script_pubkey.to_hex_string()).or_default() += output.value.to_sat();
            }
        }
        paid
    }
}

impl Ravend {
    /// A node whose tip is at `height`.
    pub(crate) fn start(height: u32) -> Self {
        let genesis = const_hex::decode_to_array(GENESIS).unwrap();
        let made_up = (1..=height).map(|height| sha256d(&height.to_le_bytes()));
        let mut state = State {
            light: Light::new(Algorithm::KAWPOW),
            ids: std::iter::once(genesis).chain(made_up).collect(),
            mined: BTreeMap::new(),
            beside: BTreeMap::new(),
            waiting: Vec::new(),
            headers_asked: Vec::new(),
            words: Vec::new(),
            count: 0,
            start_time_s: clock_s() as u32 - 600,
        };
        state.new_transactions();
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let answering = Arc::clone(&shared);
        let server = Server::start(move |method, params| answering.answer(method, params));
        Self {
            address: server.address,
            shared,
            _server: server,
        }
    }

    /// An entry of `nodes` in the config.
    pub(crate) fn config(&self) -> String {
        format!("{{ url: \"http://{}\" }}", self.address)
    }

    /// Height of its tip.
    pub(crate) fn height(&self) -> u64 {
        self.lock().height().into()
    }

    /// The blocks that were submitted and taken, from below.
    pub(crate) fn mined(&self) -> Vec<Mined> {
        self.lock().mined.values().cloned().collect()
    }

    /// What was answered to `submitblock`; an empty word is consent.
    pub(crate) fn words(&self) -> Vec<&'static str> {
        self.lock().words.clone()
    }

    /// Puts a block of somebody else's on top.
    pub(crate) fn grow(&self) {
        let mut state = self.lock();
        let id = sha256d(&state.height().to_le_bytes());
        state.ids.push(id);
        state.new_transactions();
        self.shared.changed.notify_all();
    }

    /// How often the header of a block was asked for.
    pub(crate) fn header_calls(&self, hash: &str) -> usize {
        let state = self.lock();
        state.headers_asked.iter().filter(|asked| *asked == hash).count()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }
}

impl Shared {
    fn answer(&self, method: &str, params: &Value) -> Answer {
        if method == "getblocktemplate" {
            if params[0]["rules"]
                .as_array()
                .is_none_or(|rules| !rules.contains(&json!("segwit")))
            {
                return Err((-8, "getblocktemplate must be called with the segwit rule set"));
            }
            self.long_poll(params[0]["longpollid"].as_str());
        }
        let mut state = self.state.lock().unwrap();
        match method {
            "getblockchaininfo" => Ok(json!({
                "chain": "regtest", "blocks": state.height(), "headers": state.height(),
                "bestblockhash": const_hex::encode(state.tip()), "initialblockdownload": false,
            })),
            "getblockhash" => {
                let height = params[0].as_u64().unwrap_or(u64::MAX);
                let id = usize::try_from(height).ok().and_then(|at| state.ids.get(at));
                id.map(|id| json!(const_hex::encode(id)))
                    .ok_or((-8, "Block height out of range"))
            }
            "getblockheader" => {
                let hash = params[0].as_str().unwrap_or_default();
                state.headers_asked.push(hash.to_owned());
                state.header(hash)
            }
            "getblocktemplate" => Ok(state.template()),
            "submitblock" => {
                let bytes = params[0].as_str().and_then(|hex| const_hex::decode(hex).ok());
                let Some(block) = bytes.and_then(|bytes| RavenBlock::decode(&bytes)) else {
                    return Err((-22, "Block decode failed"));
                };
                let word = state.judge(block);
                state.words.push(word);
                self.changed.notify_all();
                Ok(if word.is_empty() { Value::Null } else { json!(word) })
            }
            _ => Err((-32601, "Method not found")),
        }
    }

    /// Waits until there is something else than what `id` names.
    fn long_poll(&self, id: Option<&str>) {
        let Some(id) = id else { return };
        let limit = Instant::now() + Duration::from_secs(30);
        let mut state = self.state.lock().unwrap();
        while state.long_poll_id() == id && Instant::now() < limit {
            state = self
                .changed
                .wait_timeout(state, Duration::from_millis(500))
                .unwrap()
                .0;
        }
    }
}

impl State {
    fn height(&self) -> u32 {
        self.ids.len() as u32 - 1
    }

    fn tip(&self) -> [u8; 32] {
        *self.ids.last().unwrap()
    }

    fn long_poll_id(&self) -> String {
        format!("{}{}", const_hex::encode(self.tip()), self.count)
    }

    fn rules(&self) -> Rules {
        let height = self.height() + 1;
        let times = self.mined.values().rev().take(11);
        let mut times: Vec<_> = times.map(|mined| mined.block.time_s).collect();
        times.resize(11, self.start_time_s);
        times.sort_unstable();
        Rules {
            version: VERSION,
            prev: self.tip(),
            height,
            bits: BITS,
            median_time_s: times[5],
            subsidy: (5000 * COIN) >> (height / 150),
        }
    }

    fn judge(&mut self, block: RavenBlock) -> &'static str {
        let rules = self.rules();
        let parent = self.ids.iter().position(|id| *id == block.prev);
        match block.check(&rules, &self.waiting, &mut self.light) {
            Ok(id) => {
                self.ids.push(id);
                let mined = Mined {
                    block,
                    hash: const_hex::encode(id),
                    subsidy: rules.subsidy,
                    fees: self.waiting.iter().map(|(_, fee)| fee).sum(),
                };
                self.mined.insert(rules.height, mined);
                self.new_transactions();
                ""
            }
            Err("bad-prevblk") if parent.is_some_and(|parent| parent + 1 == block.height as usize) => {
                let height = block.height.into();
                let (id, mix) = self.light.hash(&block.header_hash(), block.nonce, height);
                if mix != block.mix || id > target(BITS) {
                    return "high-hash";
                }
                self.beside.insert(id, block.height as usize);
                "inconclusive"
            }
            Err(word) => word,
        }
    }

    /// A payment, one with witness data, and one that moves an asset.
    fn new_transactions(&mut self) {
        self.waiting.clear();
        for kind in 0..3 {
            self.count += 1;
            let script = |tail: &[u8]| {
                let head = [&[0x76, 0xa9, 0x14][..], &[self.count as u8; 20], &[0x88, 0xac]];
                ScriptBuf::from_bytes([&head.concat(), tail].concat())
            };
            let (script_sig, witness) = match kind {
                1 => (
                    ScriptBuf::new(),
                    Witness::from_slice(&[vec![0x30; 71], vec![2; 33]]),
                ),
                _ => (ScriptBuf::from_bytes(vec![0x51; 106]), Witness::new()),
            };
            // OP_RVN_ASSET, what it carries, and OP_DROP.
            let tail: &[u8] = if kind == 2 {
                b"\xc0\x12rvnt\x05ASSET\x00\xe1\xf5\x05\x00\x00\x00\x00\x75"
            } else {
                b""
            };
            let transaction = Transaction {
                version: Version::TWO,
                lock_time: LockTime::ZERO,
                input: vec![TxIn {
                    previous_output: OutPoint {
                        txid: Txid::from_byte_array(sha256d(&self.count.to_le_bytes())),
                        vout: kind,
                    },
                    script_sig,
                    sequence: Sequence::MAX,
                    witness,
                }],
                output: vec![TxOut {
                    value: Amount::from_sat(self.count * COIN),
                    script_pubkey: script(tail),
                }],
            };
            self.waiting.push((transaction, 100_000 + 7 * self.count));
        }
    }

    fn template(&self) -> Value {
        let rules = self.rules();
        let transaction = |(transaction, fee): &Waiting| {
            json!({
                "data": const_hex::encode(serialize(transaction)),
                "txid": transaction.compute_txid().to_string(),
                "hash": transaction.compute_wtxid().to_string(),
                "depends": [],
                "fee": fee,
                "sigops": 4,
                "weight": transaction.weight().to_wu(),
            })
        };
        let fees: u64 = self.waiting.iter().map(|(_, fee)| fee).sum();
        let now = (clock_s() as u32).max(rules.median_time_s + 1);
        json!({
            "capabilities": ["proposal"],
            "version": VERSION,
            "rules": ["assets", "messaging_restricted", "transfer_script", "enforce", "coinbase"],
            "vbavailable": {},
            "vbrequired": 0,
            "previousblockhash": const_hex::encode(rules.prev),
            "transactions": self.waiting.iter().map(transaction).collect::<Vec<_>>(),
            "coinbaseaux": {"flags": ""},
            "coinbasevalue": rules.subsidy + fees,
            "longpollid": self.long_poll_id(),
            "target": const_hex::encode(target(BITS)),
            "mintime": rules.median_time_s + 1,
            "mutable": ["time", "transactions", "prevblock"],
            "noncerange": "00000000ffffffff",
            "sigoplimit": 80000,
            "sizelimit": 8_000_000,
            "weightlimit": 8_000_000,
            "curtime": now,
            "bits": format!("{BITS:08x}"),
            "height": rules.height,
            "default_witness_commitment":
                const_hex::encode(commitment_script(self.waiting.iter().map(|(t, _)| t))),
            // Of a coinbase of the node's own; nobody mines it.
            "pprpcheader": "80ecb0010248dd1756dc8b1dbd20cfc27b28d8d67b8ef13859f9692b9438e0b4",
            "pprpcepoch": 0,
        })
    }

    fn header(&self, hash: &str) -> Answer {
        let id = const_hex::decode_to_array(hash).map_err(|_| (-8, "blockhash must be of length 64"))?;
        let in_chain = self.ids.iter().position(|known| *known == id);
        let (height, confirmations) = match (in_chain, self.beside.get(&id)) {
            (Some(height), _) => (height, (self.ids.len() - height) as i64),
            (None, Some(height)) => (*height, -1),
            (None, None) => return Err((-5, "Block not found")),
        };
        let time = self
            .mined
            .get(&(height as u32))
            .map_or(self.start_time_s, |mined| mined.block.time_s);
        Ok(json!({
            "hash": hash, "confirmations": confirmations, "height": height,
            "bits": format!("{BITS:08x}"), "time": time, "mediantime": self.start_time_s,
            "previousblockhash": height.checked_sub(1).map(|prev| const_hex::encode(self.ids[prev])),
        }))
    }
}
