//! A pool of one of the dialects whose shares are slow, which checks every share by itself.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use otedama_hash::{Algorithm, EpochInput, Hasher, PowHash, PowInput, Registry, Target, U256};
use serde_json::{Value, json};

/// One hash in four.
fn target() -> Target {
    Target::from_u256(U256::MAX >> 2)
}

/// What the pool speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    Cryptonote,
    Kawpow,
    Ethereum1,
    Ethereum2,
    Ethproxy,
}

/// What became of the shares.
#[derive(Default)]
pub(crate) struct Book {
    pub accepted: u32,
    pub refused: BTreeMap<&'static str, u32>,
    /// Logins, in the order in which they came.
    pub logins: Vec<String>,
    /// What no pool should see.
    pub faults: Vec<String>,
    seen: HashSet<(Vec<u8>, u64)>,
}

pub(crate) struct Pool {
    speech: Speech,
    /// Refused shares of a connection until it is closed; zero: never.
    ban_after: u32,
    hasher: Option<Mutex<Box<dyn Hasher>>>,
    height: AtomicU32,
    connections: Mutex<Vec<(TcpStream, u32)>>,
    pub book: Mutex<Book>,
}

/// What a submission says.
struct Share {
    job_height: u32,
    nonce: u64,
    /// The hash of cryptonote, the mix of others; `None` where only a nonce is sent.
    proof: Option<[u8; 32]>,
}

fn bytes(value: &Value, prefix: &str) -> [u8; 32] {
    let text = value.as_str().unwrap();
    const_hex::decode_to_array(text.strip_prefix(prefix).unwrap()).unwrap()
}

fn header(height: u32) -> [u8; 32] {
    [height as u8; 32]
}

/// Every connection's nonces begin with its own two bytes.
fn extranonce(number: u32) -> [u8; 2] {
    (number as u16).to_be_bytes()
}

fn blob(height: u32, number: u32, nonce: [u8; 4]) -> Vec<u8> {
    let head = [16, 16, 0x80, 0x80, 0x80, 0xe0, 6];
    [&head[..], &header(height), &nonce, &[number as u8; 32], &[1]].concat()
}

/// The last byte of a nonce is fixed.
const FIXED: u8 = 0x80;

impl Pool {
    /// `hasher`: whether shares are hashed; otherwise each is refused as invalid.
    pub(crate) fn start(speech: Speech, is_hashing: bool, ban_after: u32) -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let algorithm = match speech {
            Speech::Cryptonote => Algorithm::RANDOMX,
            Speech::Kawpow => Algorithm::KAWPOW,
            _ => Algorithm::ETCHASH,
        };
        let hasher = is_hashing.then(|| {
            let registry = Registry::with_builtin();
            let backend = registry.get(algorithm).unwrap();
            let at = EpochInput {
                height: 100,
                seed: Some([0; 32]),
            };
            Mutex::new(backend.verifier(backend.epoch(at).unwrap()).unwrap())
        });
        let pool = Arc::new(Self {
            speech,
            ban_after,
            hasher,
            height: AtomicU32::new(100),
            connections: Mutex::default(),
            book: Mutex::default(),
        });
        let acceptor = Arc::clone(&pool);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let pool = Arc::clone(&acceptor);
                thread::spawn(move || pool.serve(&stream.unwrap(), number as u32 + 1));
            }
        });
        (pool, address)
    }

    fn serve(&self, stream: &TcpStream, number: u32) {
        let mut lines = BufReader::new(stream).lines();
        let mut bad = 0;
        while let Some(Ok(line)) = lines.next() {
            let request: Value = serde_json::from_str(&line).unwrap();
            let reply = if is_submit(&request) {
                let verdict = self.judge(number, &request);
                bad += u32::from(verdict.is_err());
                self.verdict(&request["id"], verdict)
            } else {
                self.greet(stream, number, &request)
            };
            let written = writeln!(&mut (&*stream), "{reply}");
            if written.is_err() || (self.ban_after > 0 && bad >= self.ban_after) {
                let _ = stream.shutdown(std::net::Shutdown::Both);
                return;
            }
        }
    }

    fn greet(&self, stream: &TcpStream, number: u32, request: &Value) -> String {
        let (id, params) = (&request["id"], &request["params"]);
        let method = request["method"].as_str().unwrap();
        let prefix = const_hex::encode(extranonce(number));
        let logged_in = |user: &Value| {
            let user = user.as_str().unwrap().to_owned();
            self.book.lock().unwrap().logins.push(user);
            let connection = stream.try_clone().unwrap();
            self.connections.lock().unwrap().push((connection, number));
        };
        match (self.speech, method) {
            (Speech::Cryptonote, "login") => {
                logged_in(&params["login"]);
                let job = self.cryptonote_job(number);
                let result = json!({"id": format!("s{number}"), "job": job, "status": "OK"});
                json!({"id": id, "jsonrpc": "2.0", "error": null, "result": result}).to_string()
            }
            (Speech::Kawpow, "mining.subscribe") => {
                json!({"id": id, "result": [null, prefix], "error": null}).to_string()
            }
            (Speech::Ethereum1, "mining.subscribe") => {
                assert_eq!(params[1], "EthereumStratum/1.0.0");
                let names = ["mining.notify", "ae68", "EthereumStratum/1.0.0"];
                json!({"id": id, "result": [names, prefix], "error": null}).to_string()
            }
            (Speech::Ethereum2, "mining.hello") => {
                assert_eq!(params["proto"], "EthereumStratum/2.0.0");
                let result = json!({"proto": "EthereumStratum/2.0.0", "encoding": "plain", "timeout": "b4"});
                json!({"id": id, "result": result}).to_string()
            }
            (Speech::Ethereum2, "mining.subscribe") => json!({"id": id, "result": "s-1"}).to_string(),
            (Speech::Ethereum2, "mining.authorize") => {
                logged_in(&params[0]);
                let set = json!({"epoch": "0", "target": target().to_string(), "algo": "ethash", "extranonce": prefix});
                let reply = json!({"id": id, "result": format!("w-{number}")});
                let set = json!({"method": "mining.set", "params": set});
                format!("{reply}\n{set}\n{}", self.job(number))
            }
            (Speech::Kawpow, "mining.authorize") => {
                logged_in(&params[0]);
                let reply = json!({"id": id, "result": true, "error": null});
                format!("{reply}\n{}", self.job(number))
            }
            (Speech::Ethereum1, "mining.authorize") => {
                logged_in(&params[0]);
                let reply = json!({"id": id, "result": true, "error": null});
                let difficulty = target().difficulty(Algorithm::ETHASH.diff1()).get();
                let set = json!({"id": null, "method": "mining.set_difficulty", "params": [difficulty]});
                format!("{reply}\n{set}\n{}", self.job(number))
            }
            (Speech::Ethproxy, "eth_submitLogin") => {
                logged_in(&params[0]);
                json!({"id": id, "jsonrpc": "2.0", "result": true}).to_string()
            }
            (Speech::Ethproxy, "eth_getWork") => self.job(number),
            _ => panic!("unexpected {method}"),
        }
    }

    fn cryptonote_job(&self, number: u32) -> Value {
        let height = self.height.load(Ordering::SeqCst);
        json!({
            "blob": const_hex::encode(blob(height, number, [0, 0, 0, FIXED])),
            "job_id": format!("job-{height}"), "target": "ffffffff", "algo": "rx/0", "height": height,
            "seed_hash": "00".repeat(32)
        })
    }

    fn job(&self, number: u32) -> String {
        let height = self.height.load(Ordering::SeqCst);
        let (id, seed) = (format!("job-{height}"), "00".repeat(32));
        let header = const_hex::encode(header(height));
        let target = target().to_string();
        match self.speech {
            Speech::Cryptonote => {
                json!({"jsonrpc": "2.0", "method": "job", "params": self.cryptonote_job(number)})
            }
            Speech::Kawpow => {
                let params = json!([id, header, seed, target, true, height, "1b00d2b9"]);
                json!({"id": null, "method": "mining.notify", "params": params})
            }
            Speech::Ethereum1 => {
                json!({"id": null, "method": "mining.notify", "params": [id, seed, header, true]})
            }
            Speech::Ethereum2 => {
                json!({"method": "mining.notify", "params": [id, format!("{height:x}"), header, "1"]})
            }
            Speech::Ethproxy => {
                let result = [header, seed, target].map(|hex| format!("0x{hex}"));
                json!({"jsonrpc": "2.0", "result": result})
            }
        }
        .to_string()
    }

    /// Sends everybody a job on the next block.
    pub(crate) fn new_block(&self) {
        let connections = self.connections.lock().unwrap();
        self.height.fetch_add(1, Ordering::SeqCst);
        for (mut connection, number) in connections.iter().map(|(c, n)| (c, *n)) {
            // A connection that is gone needs no job.
            let _ = writeln!(connection, "{}", self.job(number));
        }
    }

    fn share(&self, number: u32, request: &Value) -> Share {
        let params = &request["params"];
        let height = |id: &Value| {
            id.as_str()
                .unwrap()
                .strip_prefix("job-")
                .unwrap()
                .parse()
                .unwrap()
        };
        let behind = |own: &Value| {
            let digits = format!(
                "{}{}",
                const_hex::encode(extranonce(number)),
                own.as_str().unwrap()
            );
            assert_eq!(digits.len(), 16);
            u64::from_str_radix(&digits, 16).unwrap()
        };
        let full = |text: &Value| {
            let digits = text.as_str().unwrap().strip_prefix("0x").unwrap();
            assert_eq!(digits.len(), 16);
            u64::from_str_radix(digits, 16).unwrap()
        };
        match self.speech {
            Speech::Cryptonote => {
                assert_eq!(params["id"], format!("s{number}"));
                let nonce: [u8; 4] = const_hex::decode_to_array(params["nonce"].as_str().unwrap()).unwrap();
                Share {
                    job_height: height(&params["job_id"]),
                    nonce: u32::from_le_bytes(nonce).into(),
                    proof: Some(bytes(&params["result"], "")),
                }
            }
            Speech::Kawpow => {
                let job_height = height(&params[1]);
                assert_eq!(bytes(&params[3], "0x"), header(job_height));
                Share {
                    job_height,
                    nonce: full(&params[2]),
                    proof: Some(bytes(&params[4], "0x")),
                }
            }
            Speech::Ethereum1 => Share {
                job_height: height(&params[1]),
                nonce: behind(&params[2]),
                proof: None,
            },
            Speech::Ethereum2 => {
                assert_eq!(params[2], format!("w-{number}"));
                Share {
                    job_height: height(&params[0]),
                    nonce: behind(&params[1]),
                    proof: None,
                }
            }
            Speech::Ethproxy => Share {
                job_height: bytes(&params[1], "0x")[0].into(),
                nonce: full(&params[0]),
                proof: Some(bytes(&params[2], "0x")),
            },
        }
    }

    fn judge(&self, number: u32, request: &Value) -> Result<(), &'static str> {
        let share = self.share(number, request);
        let verdict = self.judged(number, &share);
        let mut book = self.book.lock().unwrap();
        match verdict {
            Ok(()) => book.accepted += 1,
            Err(why) => *book.refused.entry(why).or_default() += 1,
        }
        verdict
    }

    fn judged(&self, number: u32, share: &Share) -> Result<(), &'static str> {
        let is_own = match self.speech {
            Speech::Cryptonote => share.nonce.to_le_bytes()[3] == FIXED,
            Speech::Ethproxy => true,
            _ => share.nonce.to_be_bytes()[..2] == extranonce(number),
        };
        let blob = match self.speech {
            Speech::Cryptonote => blob(share.job_height, number, (share.nonce as u32).to_le_bytes()),
            _ => header(share.job_height).to_vec(),
        };
        {
            let mut book = self.book.lock().unwrap();
            if !is_own {
                book.faults
                    .push(format!("{:x} is not connection {number}'s", share.nonce));
            }
            if !book.seen.insert((blob.clone(), share.nonce)) {
                book.faults.push(format!("{:x} was sent twice", share.nonce));
            }
        }
        if self.ban_after == 0 && share.job_height != self.height.load(Ordering::SeqCst) {
            return Err("stale");
        }
        let Some(hasher) = &self.hasher else {
            let claims = share.proof.is_some_and(|proof| proof[24..] == [0; 8]);
            return Err(if claims { "invalid" } else { "low difficulty" });
        };
        let mut pow = [PowHash::default()];
        let input = PowInput {
            blob: &blob,
            nonce: share.nonce,
            height: share.job_height.into(),
        };
        hasher.lock().unwrap().hash_batch(&[input], &mut pow);
        let proof = match self.speech {
            Speech::Cryptonote => Some(pow[0].hash.to_le_bytes()),
            _ => pow[0].mix,
        };
        if share.proof.is_some() && share.proof != proof {
            return Err("invalid");
        }
        let is_met = self.speech == Speech::Cryptonote || target().is_met_by(&pow[0].hash);
        if is_met { Ok(()) } else { Err("low difficulty") }
    }

    fn verdict(&self, id: &Value, verdict: Result<(), &'static str>) -> String {
        match (self.speech, verdict) {
            (Speech::Cryptonote, Ok(())) => {
                json!({"id": id, "jsonrpc": "2.0", "error": null, "result": {"status": "OK"}})
            }
            (Speech::Cryptonote, Err(why)) => {
                json!({"id": id, "jsonrpc": "2.0", "error": {"code": -1, "message": why}})
            }
            (Speech::Kawpow | Speech::Ethereum1, Ok(())) => json!({"id": id, "result": true, "error": null}),
            (Speech::Kawpow | Speech::Ethereum1, Err(why)) => {
                json!({"id": id, "result": false, "error": [20, why, null]})
            }
            (Speech::Ethereum2, Ok(())) => json!({"id": id}),
            (Speech::Ethereum2, Err(why)) => json!({"id": id, "error": {"code": 406, "message": why}}),
            (Speech::Ethproxy, Ok(())) => json!({"id": id, "jsonrpc": "2.0", "result": true}),
            (Speech::Ethproxy, Err(why)) => {
                json!({"id": id, "jsonrpc": "2.0", "result": null, "error": {"code": 23, "message": why}})
            }
        }
        .to_string()
    }

    pub(crate) fn assert_no_faults(&self) {
        assert_eq!(self.book.lock().unwrap().faults, Vec::<String>::new());
    }
}

fn is_submit(request: &Value) -> bool {
    matches!(
        request["method"].as_str().unwrap(),
        "submit" | "mining.submit" | "eth_submitWork"
    )
}
