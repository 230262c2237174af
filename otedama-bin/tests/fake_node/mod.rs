//! A node whose faults a test chooses: JSON-RPC over HTTP in front of an in-memory chain.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use otedama_chain::coins::btc;
use otedama_chain::dev::{DevChain, DevConfig};
use otedama_chain::{Block, EXTRANONCE_LEN, PayoutOutput, PayoutPlan, Submission};
use otedama_hash::{Hash256, PowHash};
use serde_json::{Value, json};

/// What the node does wrong. Everything may change while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// The `Authorization` header that it wants.
    pub(crate) authorization: Option<String>,
    /// What it answers to `submitblock` instead of judging the block.
    pub(crate) refusal: Option<String>,
    /// It takes the block all the same.
    pub(crate) takes_refused: bool,
    /// It hangs up instead of answering `submitblock`, whatever it made of the block.
    pub(crate) hangs_up: bool,
    /// It has no templates.
    pub(crate) lacks_templates: bool,
    /// How long a template takes.
    pub(crate) template_delay: Duration,
}

/// A running node.
pub(crate) struct FakeNode {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    config: DevConfig,
    chain: Mutex<DevChain>,
    changed: Condvar,
    faults: Mutex<Faults>,
    calls: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

impl FakeNode {
    /// A node of Bitcoin's regression test mode with an empty chain.
    pub(crate) fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The same at an address that was named before.
    pub(crate) fn start_at(address: SocketAddr) -> Self {
        let config = DevConfig {
            spec: &btc::REGTEST,
            genesis_time_s: u32::try_from(unix_s()).unwrap() - 600,
            block_interval_s: 600,
            initial_bits: 0x207f_ffff,
            mempool: true,
        };
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            config,
            chain: Mutex::new(DevChain::new(config).unwrap()),
            changed: Condvar::new(),
            faults: Mutex::default(),
            calls: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let state = Arc::clone(&shared);
                // A client that hangs up ends its thread; nothing else depends on it.
                thread::spawn(move || drop(state.serve(stream)));
            }
        });
        Self { address, state }
    }

    /// An entry of `nodes` in the config.
    pub(crate) fn config(&self, more: &str) -> String {
        format!("{{ url: \"http://{}\", {more} }}", self.address)
    }

    /// Changes what it does wrong.
    pub(crate) fn faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.state.faults.lock().unwrap());
    }

    /// Height of its tip.
    pub(crate) fn height(&self) -> u64 {
        self.state.chain.lock().unwrap().tip().1
    }

    /// Id of its tip.
    pub(crate) fn tip(&self) -> Hash256 {
        self.state.chain.lock().unwrap().tip().0
    }

    /// How often a method was called.
    pub(crate) fn calls(&self, method: &str) -> usize {
        self.state
            .calls
            .lock()
            .unwrap()
            .iter()
            .filter(|m| *m == method)
            .count()
    }

    /// Somebody else finds the next block. Returns its id.
    pub(crate) fn mine_elsewhere(&self) -> Hash256 {
        let mut chain = self.state.chain.lock().unwrap();
        let block = mine(&chain);
        chain.submit(&block.bytes, unix_s()).unwrap();
        block.hash
    }

    /// A branch of `length` blocks that begins at the first block takes over.
    pub(crate) fn reorganise(&self, length: usize) {
        let mut other = DevChain::new(self.state.config).unwrap();
        for _ in 0..length {
            let block = mine(&other);
            other.submit(&block.bytes, unix_s()).unwrap();
            self.state
                .chain
                .lock()
                .unwrap()
                .submit(&block.bytes, unix_s())
                .unwrap();
        }
        self.state.changed.notify_all();
    }
}

/// A block on the tip of `chain` that pays nobody whom we know.
fn mine(chain: &DevChain) -> Block {
    let spec = &btc::REGTEST;
    let family = otedama_chain::family(spec);
    let template = Arc::new(
        family
            .parse_template(spec, chain.template_json(unix_s()).as_bytes())
            .unwrap(),
    );
    let outputs = vec![PayoutOutput {
        script: vec![0x51],
        amount: template.reward,
    }];
    let plan = Arc::new(PayoutPlan { id: 0, outputs });
    let job = family
        .build_job(spec, template.clone(), plan, b"elsewhere")
        .unwrap();
    let block = (0..).find_map(|nonce| {
        let submission = Submission {
            extranonce: &[0; EXTRANONCE_LEN],
            ntime: template.time_s,
            nonce,
            version: job.version(),
        };
        let block = family.assemble(&job, &submission, &PowHash::default()).unwrap();
        template.network_target.is_met_by(&block.hash).then_some(block)
    });
    block.expect("half of all nonces will do")
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream;
        loop {
            let (mut length, mut authorization, mut line) = (0, None, String::new());
            loop {
                line.clear();
                if reader.read_line(&mut line)? == 0 {
                    return Ok(());
                }
                let text = line.trim_end();
                if text.is_empty() {
                    break;
                }
                match text.split_once(": ") {
                    Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                        length = value.parse().unwrap();
                    }
                    Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                        authorization = Some(value.to_owned());
                    }
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            let wanted = self.faults.lock().unwrap().authorization.clone();
            let call: Value = serde_json::from_slice(&body)?;
            let (status, body) = if wanted.is_some() && wanted != authorization {
                ("401 Unauthorized", String::new())
            } else {
                ("200 OK", self.answer(&call).to_string())
            };
            if call["method"] == "submitblock" && self.faults.lock().unwrap().hangs_up {
                return Ok(());
            }
            write!(
                writer,
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )?;
        }
    }

    fn answer(&self, call: &Value) -> Value {
        let method = call["method"].as_str().unwrap();
        self.calls.lock().unwrap().push(method.to_owned());
        let faults = self.faults.lock().unwrap().clone();
        let result = match method {
            "getblocktemplate" => {
                self.long_poll(call["params"][0]["longpollid"].as_str());
                thread::sleep(faults.template_delay);
                // A fault that came while it waited counts as well.
                if self.faults.lock().unwrap().lacks_templates {
                    return json!({"result": null, "error": {"code": -1, "message": "out of ideas"}, "id": 1});
                }
                serde_json::from_str(&self.chain.lock().unwrap().template_json(unix_s())).unwrap()
            }
            "submitblock" => {
                let block = const_hex::decode(call["params"][0].as_str().unwrap()).unwrap();
                match faults.refusal {
                    Some(word) => {
                        if faults.takes_refused {
                            self.judge(&block);
                        }
                        json!(word)
                    }
                    None => self.judge(&block),
                }
            }
            "getblockchaininfo" => {
                let (hash, height) = self.chain.lock().unwrap().tip();
                json!({"chain": "regtest", "blocks": height, "headers": height, "bestblockhash": hash.to_string(),
                       "initialblockdownload": false})
            }
            "getblockhash" => json!(btc::REGTEST.genesis_hashes[0]),
            "getblockheader" => {
                let hash = call["params"][0].as_str().unwrap();
                let hash = Hash256::from_display_hex(hash).unwrap();
                match self.chain.lock().unwrap().header(&hash) {
                    Some(header) => json!({
                        "hash": header.hash.to_string(), "confirmations": header.confirmations,
                        "height": header.height, "bits": format!("{:08x}", header.bits), "time": header.time_s,
                        "mediantime": header.median_time_s,
                        "previousblockhash": header.prev_hash.map(|hash| hash.to_string()),
                    }),
                    None => {
                        return json!({"result": null, "error": {"code": -5, "message": "Block not found"}, "id": 1});
                    }
                }
            }
            other => panic!("the node doesn't know {other}"),
        };
        json!({"result": result, "error": null, "id": 1})
    }

    /// Takes the block, if it is good. Returns the answer to `submitblock`.
    fn judge(&self, block: &[u8]) -> Value {
        match self.chain.lock().unwrap().submit(block, unix_s()) {
            Ok(accepted) if accepted.tip_changed => {
                self.changed.notify_all();
                Value::Null
            }
            Ok(_) => json!("inconclusive"),
            Err(reason) => json!(reason.to_string()),
        }
    }

    /// Waits for another tip than the one that `id` begins with.
    fn long_poll(&self, id: Option<&str>) {
        let Some(id) = id else { return };
        let limit = Instant::now() + Duration::from_secs(30);
        let mut chain = self.chain.lock().unwrap();
        while id.starts_with(&chain.tip().0.to_string()) && Instant::now() < limit {
            chain = self
                .changed
                .wait_timeout(chain, Duration::from_millis(500))
                .unwrap()
                .0;
        }
    }
}

fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
