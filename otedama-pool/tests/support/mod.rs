//! A pool on Bitcoin's regtest with one hand-made template, and a miner that really mines.
#![allow(unreachable_pub, reason = "shared by test files")]
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(
    clippy::needless_pass_by_value,
    reason = "json! literals read better without &"
)]

use std::sync::Arc;

use otedama_chain::{ChainSpec, Network, PayoutOutput, PayoutPlan, Template, coins, family};
use otedama_hash::sha256d::sha256d;
use otedama_hash::{Algorithm, Difficulty, Hash256, Monotonic, Now, PowHash, Target};
use otedama_pool::{
    ConnId, ExtranonceLease, Input, Output, Payouts, Pool, PoolConfig, ShareRow, VardiffConfig, VerifyRequest,
};
use serde_json::{Value, json};

/// Regtest addresses that are good for paying.
pub const ALICE: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
pub const BOB: &str = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry";
pub const REWARD: u64 = 5_000_000_000;
/// Most hashes meet this difficulty's target.
pub const EASY: f64 = 5e-10;

pub fn spec() -> &'static ChainSpec {
    coins::find("BTC", Network::Regtest).expect("Bitcoin has a regtest")
}

pub fn difficulty(value: f64) -> Difficulty {
    Difficulty::new(value).expect("tests use good difficulties")
}

pub fn config() -> PoolConfig {
    let vardiff = VardiffConfig {
        start: difficulty(EASY),
        min: difficulty(EASY),
        ..VardiffConfig::default()
    };
    PoolConfig {
        vardiff,
        ..PoolConfig::default()
    }
}

pub fn script(address: &str) -> Vec<u8> {
    family(spec())
        .payout_script(spec(), address)
        .expect("a regtest address")
}

/// A template on a made-up block; `bits` is the network's compact target.
pub fn template(parent: u8, height: u64, bits: u32) -> Arc<Template> {
    let target = Target::from_compact(bits).expect("good bits");
    let json = json!({
        "version": 0x2000_0000, "rules": ["csv", "!segwit", "taproot"], "vbavailable": {}, "vbrequired": 0,
        "previousblockhash": format!("{parent:02x}").repeat(32), "transactions": [], "coinbaseaux": {},
        "coinbasevalue": REWARD, "longpollid": "x", "target": target.to_string(), "mintime": 1_700_000_000,
        "mutable": ["time", "transactions", "prevblock"], "noncerange": "00000000ffffffff",
        "sigoplimit": 80000, "sizelimit": 4_000_000, "weightlimit": 4_000_000, "curtime": 1_700_000_100,
        "bits": format!("{bits:08x}"), "height": height,
        "default_witness_commitment":
            "6a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf9"
    });
    let template = family(spec()).parse_template(spec(), json.to_string().as_bytes());
    Arc::new(template.expect("a good template"))
}

/// Nearly no hash meets it, so that shares are no blocks.
pub const HARD_BITS: u32 = 0x1d00_ffff;
/// Every second hash meets it.
pub const REGTEST_BITS: u32 = 0x207f_ffff;

pub fn one_payout() -> Payouts {
    let outputs = vec![PayoutOutput {
        script: script(BOB),
        amount: REWARD,
    }];
    Payouts::Shared(vec![Arc::new(PayoutPlan { id: 7, outputs })])
}

/// The pool and its driver: what it sent to whom, and what waits to be done.
pub struct World {
    pub pool: Pool,
    pub now: Now,
    pub sent: Vec<(ConnId, Value)>,
    pub outputs: Vec<Output>,
    pub rows: Vec<ShareRow>,
    /// Answer `Persist` at once.
    pub durable: bool,
    /// What a request's proof of work comes to.
    pub hash: fn(&VerifyRequest) -> PowHash,
    /// Proofs that were asked for.
    pub verified: usize,
}

/// Bitcoin's proof of work.
fn double_sha256(request: &VerifyRequest) -> PowHash {
    PowHash {
        hash: sha256d(&request.blob),
        mix: None,
    }
}

/// Stands in for the proofs of work with a mix, which take memory.
pub fn with_mix(blob: &[u8], nonce: u64) -> PowHash {
    let hash = sha256d(&[blob, &nonce.to_be_bytes()].concat());
    PowHash {
        hash,
        mix: Some(sha256d(hash.as_le_bytes()).to_le_bytes()),
    }
}

impl World {
    pub fn new(config: PoolConfig) -> Self {
        Self::on(spec(), config)
    }

    /// A pool of another chain.
    pub fn on(spec: &'static ChainSpec, config: PoolConfig) -> Self {
        let now = Now {
            mono: Monotonic::from_nanos(1_000_000_000),
            unix_s: 1_700_000_200,
        };
        let pool = Pool::new(config, spec, family(spec), [7; 32]);
        let mut world = Self {
            pool,
            now,
            sent: Vec::new(),
            outputs: Vec::new(),
            rows: Vec::new(),
            durable: true,
            hash: double_sha256,
            verified: 0,
        };
        world.feed(Input::Extranonce(ExtranonceLease {
            first: 100,
            count: 65536,
        }));
        world
    }

    /// With a job whose shares are no blocks.
    pub fn ready() -> Self {
        let mut world = Self::new(config());
        world.feed(Input::Template {
            template: template(0xaa, 200, HARD_BITS),
            payouts: one_payout(),
        });
        world
    }

    pub fn feed(&mut self, input: Input<'_>) {
        self.pool.handle(self.now, input);
        self.drain();
    }

    pub fn drain(&mut self) {
        while let Some(output) = self.pool.poll_output() {
            match output {
                Output::Send { conn, bytes } => {
                    for line in bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
                        self.sent
                            .push((conn, serde_json::from_slice(line).expect("the pool sends JSON")));
                    }
                }
                Output::Verify(request) => {
                    let pow = (self.hash)(&request);
                    self.verified += 1;
                    self.pool.handle(
                        self.now,
                        Input::Verified {
                            ticket: request.ticket,
                            pow: Some(pow),
                        },
                    );
                }
                Output::Persist(rows) => {
                    let seq = rows.last().expect("a batch has rows").seq;
                    self.rows.extend(rows);
                    if self.durable {
                        self.pool.handle(self.now, Input::Persisted { seq });
                    }
                }
                other => self.outputs.push(other),
            }
        }
    }

    /// Lets time pass, with ticks where the pool asks for them.
    pub fn wait(&mut self, seconds: f64) {
        let end = self.now.mono.as_nanos() + (seconds * 1e9) as u64;
        let start = self.now;
        while let Some(at) = self.pool.next_timeout().filter(|at| at.as_nanos() <= end) {
            let at = at.as_nanos().max(self.now.mono.as_nanos());
            self.set_time(start, at);
            self.feed(Input::Tick);
        }
        self.set_time(start, end);
        self.feed(Input::Tick);
    }

    fn set_time(&mut self, start: Now, mono_ns: u64) {
        let passed = (mono_ns - start.mono.as_nanos()) / 1_000_000_000;
        self.now = Now {
            mono: Monotonic::from_nanos(mono_ns),
            unix_s: start.unix_s + passed,
        };
    }

    pub fn open(&mut self, conn: u64) -> ConnId {
        let conn = ConnId(conn);
        self.feed(Input::Opened {
            conn,
            peer: [192, 0, 2, 1].into(),
        });
        conn
    }

    pub fn say(&mut self, conn: ConnId, message: &Value) {
        let line = format!("{message}\n");
        self.feed(Input::Bytes {
            conn,
            bytes: line.as_bytes(),
        });
    }

    /// Messages to a connection since the last call.
    pub fn heard(&mut self, conn: ConnId) -> Vec<Value> {
        let (mine, others) = std::mem::take(&mut self.sent)
            .into_iter()
            .partition(|(c, _)| *c == conn);
        self.sent = others;
        let mine: Vec<(ConnId, Value)> = mine;
        mine.into_iter().map(|(_, v)| v).collect()
    }

    /// Asks and returns the reply; other messages stay to be heard.
    pub fn ask(&mut self, conn: ConnId, method: &str, params: Value) -> Value {
        self.say(conn, &json!({"id": 99, "method": method, "params": params}));
        let at = self
            .sent
            .iter()
            .position(|(c, v)| *c == conn && v["id"] == 99)
            .expect("every request has a reply");
        self.sent.remove(at).1
    }

    /// Hands out a job that pays one address all of it.
    pub fn template(&mut self, template: Template, address: &str, spec: &ChainSpec) {
        let script = family(spec).payout_script(spec, address).expect("an address");
        let outputs = vec![PayoutOutput {
            script,
            amount: template.reward,
        }];
        self.feed(Input::Template {
            template: Arc::new(template),
            payouts: Payouts::Shared(vec![Arc::new(PayoutPlan { id: 7, outputs })]),
        });
    }

    /// Opens, subscribes and authorises; the miner has its first job.
    pub fn miner(&mut self, conn: u64, user: &str) -> Miner {
        let conn = self.open(conn);
        let reply = self.ask(conn, "mining.subscribe", json!(["test/1"]));
        let mut miner = Miner::new(conn, user, &reply);
        assert_eq!(
            self.ask(conn, "mining.authorize", json!([user, "x"]))["result"],
            true
        );
        miner.listen(self);
        miner
    }

    pub fn closed(&self, conn: ConnId) -> Option<otedama_pool::CloseReason> {
        self.outputs.iter().find_map(|o| match o {
            Output::Close { conn: c, why } if *c == conn => Some(*why),
            _ => None,
        })
    }
}

/// What a miner knows from the wire alone.
pub struct Miner {
    pub conn: ConnId,
    pub user: String,
    pub session: String,
    pub extranonce1: Vec<u8>,
    pub extranonce2_len: usize,
    pub difficulty: f64,
    pub jobs: Vec<Value>,
    pub counter: u64,
}

/// A share that was found but not yet sent.
#[derive(Clone, Debug)]
pub struct Found {
    pub params: Value,
    pub hash: Hash256,
}

impl Miner {
    pub fn new(conn: ConnId, user: &str, subscribed: &Value) -> Self {
        let result = &subscribed["result"];
        Self {
            conn,
            user: user.to_owned(),
            session: result[0][0][1].as_str().expect("a session id").to_owned(),
            extranonce1: const_hex::decode(result[1].as_str().expect("extranonce1")).expect("hex"),
            extranonce2_len: result[2].as_u64().expect("a length") as usize,
            difficulty: 0.0,
            jobs: Vec::new(),
            counter: 0,
        }
    }

    pub fn listen(&mut self, world: &mut World) -> Vec<Value> {
        let heard = world.heard(self.conn);
        for message in &heard {
            match message["method"].as_str() {
                Some("mining.set_difficulty") => {
                    self.difficulty = message["params"][0].as_f64().expect("a number");
                }
                Some("mining.notify") => self.jobs.push(message["params"].clone()),
                _ => {}
            }
        }
        heard
    }

    /// Mines a share on the newest job whose hash the predicate likes.
    pub fn find(&mut self, like: impl Fn(&Hash256) -> bool) -> Found {
        let job = self.jobs.last().expect("a job").clone();
        self.find_on(&job, like)
    }

    pub fn find_on(&mut self, job: &Value, like: impl Fn(&Hash256) -> bool) -> Found {
        let text = |i: usize| job[i].as_str().expect("text");
        let number = |i: usize| u32::from_str_radix(text(i), 16).expect("a number");
        let bytes = |i: usize| const_hex::decode(text(i)).expect("hex");
        loop {
            self.counter += 1;
            let extranonce2 = self.counter.to_be_bytes()[8 - self.extranonce2_len..].to_vec();
            let coinbase = [bytes(2), self.extranonce1.clone(), extranonce2.clone(), bytes(3)].concat();
            let mut root = sha256d(&coinbase);
            for branch in job[4].as_array().expect("a branch") {
                let branch = const_hex::decode(branch.as_str().expect("hex")).expect("hex");
                root = sha256d(&[root.as_le_bytes().as_slice(), &branch].concat());
            }
            let mut header = number(5).to_le_bytes().to_vec();
            for word in bytes(1).chunks(4) {
                header.extend(word.iter().rev());
            }
            header.extend(root.as_le_bytes());
            header.extend(number(7).to_le_bytes());
            header.extend(number(6).to_le_bytes());
            header.extend(0u32.to_le_bytes());
            let hash = sha256d(&header);
            if like(&hash) {
                let extranonce2 = const_hex::encode(&extranonce2);
                let params = json!([self.user, text(0), extranonce2, text(7), "00000000"]);
                return Found { params, hash };
            }
        }
    }

    /// A share at the announced difficulty.
    pub fn share(&mut self) -> Found {
        let target = difficulty(self.difficulty).to_target(Algorithm::SHA256D.diff1());
        self.find(|hash| target.is_met_by(hash))
    }

    pub fn submit(&self, world: &mut World, found: &Found) -> Value {
        world.ask(self.conn, "mining.submit", found.params.clone())
    }
}
