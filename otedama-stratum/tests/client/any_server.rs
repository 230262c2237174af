//! Whatever a server says, in every language: nothing panics, little waits, and every solution gets one verdict.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use otedama_hash::{Monotonic, Now};
use otedama_stratum::client::{
    Client, ClientConfig, ClientInput, ClientJob, ClientOutput, ClientWork, Language, MAX_PENDING, Proof,
    Solution,
};
use otedama_stratum::v1::ExtranonceBytes;
use otedama_stratum::v1::dialect::ethereum::Protocol;
use proptest::prelude::*;

const LANGUAGES: [(Language, &[&str]); 6] = [
    (Language::Bitcoin, &BITCOIN),
    (Language::CryptoNote, &CRYPTONOTE),
    (Language::KawPow, &KAWPOW),
    (Language::Ethereum(Protocol::V1), &ETHEREUM_V1),
    (Language::Ethereum(Protocol::V2), &ETHEREUM_V2),
    (Language::Ethereum(Protocol::Proxy), &ETH_PROXY),
];

/// Lines of each language. Those before the first `#` bring a client to work; `#` stands for the id of one of its
/// last requests, and the first line with it accepts a share.
const BITCOIN: [&str; 14] = [
    r#"{"id":1,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"},"error":null}"#,
    r#"{"id":2,"result":[[["mining.notify","5f"]],"01020304",4],"error":null}"#,
    r#"{"id":3,"result":true,"error":null}"#,
    r#"{"id":null,"method":"mining.notify","params":["bf","4d16b6f85af6e2198f44ae2a6de67f78487ae5611b77c6c0440b921e00000000","0100","072f",["c2fee1ee8b8dc2b4bc2a8b8dc2b4bc2ac2fee1ee8b8dc2b4bc2a8b8dc2b4bc2a"],"00000002","1c2ac4af","504e86b9",false]}"#,
    r#"{"id":#,"result":true,"error":null}"#,
    r#"{"id":#,"result":null,"error":[21,"Job not found",null]}"#,
    r#"{"id":#,"result":[["",""],"",0],"error":null}"#,
    r#"{"id":#,"result":{},"error":null}"#,
    r#"{"id":null,"method":"mining.set_difficulty","params":[0.0001]}"#,
    r#"{"id":null,"method":"mining.set_extranonce","params":["0800000200000000000000000000000f",16]}"#,
    r#"{"id":null,"method":"mining.set_version_mask","params":["00000000"]}"#,
    r#"{"id":null,"method":"client.reconnect","params":["b.example",3333,10]}"#,
    r#"{"id":7,"method":"client.get_version","params":[]}"#,
    r#"{"id":8,"method":"mining.dance"}"#,
];
const CRYPTONOTE: [&str; 9] = [
    r#"{"id":1,"jsonrpc":"2.0","error":null,"result":{"id":"S","job":{"blob":"10101010101010010101010101010101010101010101010101010101010101010101010101010100000000ff02","job_id":"J","target":"b88d0600","algo":"rx/0","height":7,"seed_hash":"5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e"},"status":"OK"}}"#,
    r#"{"id":#,"jsonrpc":"2.0","error":null,"result":{"status":"OK"}}"#,
    r#"{"id":#,"jsonrpc":"2.0","error":null,"result":{"id":"T","job":{"blob":"10101010101010010101010101010101010101010101010101010101010101010101010101010100000000ff02","job_id":"J","target":"b88d0600"},"status":"OK"}}"#,
    r#"{"id":#,"jsonrpc":"2.0","error":{"code":-1,"message":"Low difficulty share"}}"#,
    r#"{"id":#,"jsonrpc":"2.0","error":{"code":-1,"message":"Unauthenticated"}}"#,
    r#"{"id":#,"jsonrpc":"2.0","error":{"code":-1,"message":"your IP is banned"}}"#,
    r#"{"jsonrpc":"2.0","method":"job","params":{"blob":"10101010101010020202020202020202020202020202020202020202020202020202020202020201020304ff02","job_id":"K","target":"e295d6bd31040000"}}"#,
    r#"{"jsonrpc":"2.0","method":"job","params":{"blob":"101010101010100202","job_id":"K","target":"b88d0600"}}"#,
    r#"{"jsonrpc":"2.0","method":"job","params":{"blob":"10101010101010010101010101010101010101010101010101010101010101010101010101010100000000ff02","job_id":"L","target":"b88d0600","algo":"cn/r"}}"#,
];
const KAWPOW: [&str; 9] = [
    r#"{"id":1,"result":["5f","64290b"],"error":null}"#,
    r#"{"id":2,"result":true,"error":null}"#,
    r#"{"id":null,"method":"mining.notify","params":["2abc","3333333333333333333333333333333333333333333333333333333333333333","3939393939393939393939393939393939393939393939393939393939393939","000000010346a102ff34b0000000000000000000000000000000000000000000",false,3750905,"1b00d2b9"]}"#,
    r#"{"id":#,"result":true,"error":null}"#,
    r#"{"id":#,"result":null,"error":[22,"duplicate share",null]}"#,
    r#"{"id":#,"result":[null,"ffffffff"],"error":null}"#,
    r#"{"id":null,"method":"mining.set_extranonce","params":["ff"]}"#,
    r#"{"id":null,"method":"mining.set_target","params":["00000009f6000000000000000000000000000000000000000000000000000000"]}"#,
    r#"{"id":9,"method":"mining.dance"}"#,
];
const ETHEREUM_V1: [&str; 9] = [
    r#"{"id":1,"result":[["mining.notify","ae","EthereumStratum/1.0.0"],"080c"],"error":null}"#,
    r#"{"id":2,"result":true,"error":null}"#,
    r#"{"id":null,"method":"mining.notify","params":["bf0488aa","5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e","3333333333333333333333333333333333333333333333333333333333333333",true]}"#,
    r#"{"id":#,"result":true,"error":null}"#,
    r#"{"id":#,"result":false,"error":[-1,"Job not found",null]}"#,
    r#"{"id":#,"result":[["mining.notify","ae","EthereumStratum/1.0.0"],""],"error":null}"#,
    r#"{"id":null,"method":"mining.set_difficulty","params":[1e-300]}"#,
    r#"{"id":null,"method":"mining.set_extranonce","params":["ffffff"]}"#,
    r#"{"id":null,"method":"client.show_message","params":["noon"]}"#,
];
const ETHEREUM_V2: [&str; 14] = [
    r#"{"id":1,"result":{"proto":"EthereumStratum/2.0.0","encoding":"plain","resume":"1","timeout":"b4","maxerrors":"5","node":"Geth"}}"#,
    r#"{"id":2,"result":"s-12345"}"#,
    r#"{"id":3,"result":"w-123"}"#,
    r#"{"method":"mining.set","params":{"epoch":"dc","target":"0112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ba","algo":"ethash","extranonce":"af4c"}}"#,
    r#"{"method":"mining.notify","params":["bf0488aa","6526d5","645cf20198c2f3861e947d4f67e3ab63b7b2e24dcc9095bd9123e7b33371f6cc","0"]}"#,
    r#"{"id":#}"#,
    r#"{"id":#,"error":{"code":202,"message":"Stale"}}"#,
    r#"{"id":#,"error":{"code":404,"message":"Job not found"}}"#,
    r#"{"id":#,"result":"s-12345"}"#,
    r#"{"id":#,"result":{"proto":"EthereumStratum/2.0.0","encoding":"plain","resume":"1","timeout":"ffffffff"}}"#,
    r#"{"method":"mining.set","params":{"extranonce":"ffffffffffff"}}"#,
    r#"{"method":"mining.set","params":{"extranonce":"","target":"0"}}"#,
    r#"{"method":"mining.bye"}"#,
    r#"{"method":"mining.reconnect","params":{"host":"b.example","port":"d80","resume":"1"}}"#,
];
const ETH_PROXY: [&str; 8] = [
    r#"{"id":1,"jsonrpc":"2.0","result":true}"#,
    r#"{"id":2,"jsonrpc":"2.0","result":["0x3333333333333333333333333333333333333333333333333333333333333333","0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e","0x0112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ba"]}"#,
    r#"{"id":#,"jsonrpc":"2.0","result":true}"#,
    r#"{"id":#,"jsonrpc":"2.0","result":false}"#,
    r#"{"id":#,"jsonrpc":"2.0","result":null}"#,
    r#"{"id":#,"jsonrpc":"2.0","error":{"code":23,"message":"Invalid share"}}"#,
    r#"{"jsonrpc":"2.0","result":["0x3434343434343434343434343434343434343434343434343434343434343434","0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e","0x00"]}"#,
    r#"{"id":#,"jsonrpc":"2.0","result":["0x","0x","0x"]}"#,
];

/// Requests that the lines of the beginning answer.
const HANDSHAKE: [&str; 7] = [
    "\"mining.configure\"",
    "\"mining.hello\"",
    "\"mining.subscribe\"",
    "\"mining.authorize\"",
    "\"login\"",
    "\"eth_submitLogin\"",
    "\"eth_getWork\"",
];

#[derive(Clone, Debug)]
enum Step {
    /// A line, after ids have been put in, and a byte of it if that is damaged.
    Say(usize, u64, Option<(usize, u8)>),
    /// All lines that bring a client to work.
    Begin,
    Bytes(Vec<u8>),
    Submit(u8),
    Wait(u64),
    Connect,
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let damage = prop::option::weighted(0.3, (any::<usize>(), any::<u8>()));
    prop_oneof![
        10 => (any::<usize>(), 0_u64..12, damage).prop_map(|(line, id, damage)| Step::Say(line, id, damage)),
        2 => Just(Step::Begin),
        1 => prop::collection::vec(any::<u8>(), 0..100).prop_map(Step::Bytes),
        6 => any::<u8>().prop_map(Step::Submit),
        2 => (0_u64..30).prop_map(Step::Wait),
        1 => Just(Step::Connect),
        1 => Just(Step::Close),
    ]
}

struct World {
    client: Client,
    lines: &'static [&'static str],
    now: Now,
    job: Option<Arc<ClientJob>>,
    /// Tags of solutions without a verdict.
    open: BTreeSet<u64>,
    submitted: u64,
    accepted: u64,
    /// The id of the newest request.
    last_id: u64,
    /// The id of the newest request whose answer something waits for.
    asked_id: u64,
}

impl World {
    fn new(language: Language, lines: &'static [&'static str]) -> Self {
        let mut world = Self {
            client: Client::new(ClientConfig {
                language,
                user: "u".to_owned(),
                algorithms: vec!["rx/0".to_owned(), "ethash".to_owned()],
                ..ClientConfig::default()
            }),
            lines,
            now: Now {
                mono: Monotonic::ZERO,
                unix_s: 0,
            },
            job: None,
            open: BTreeSet::new(),
            submitted: 0,
            accepted: 0,
            last_id: 0,
            asked_id: 0,
        };
        world.feed(ClientInput::Connected);
        world
    }

    fn feed(&mut self, input: ClientInput<'_>) {
        self.client.handle(self.now, input);
        let mut outputs = 0;
        while let Some(output) = self.client.poll_output() {
            outputs += 1;
            match output {
                ClientOutput::Job(job) => self.job = Some(job),
                ClientOutput::Accepted { tag, .. } => {
                    self.accepted += 1;
                    assert!(self.open.remove(&tag), "a second verdict on {tag}");
                }
                ClientOutput::Rejected { tag, .. } | ClientOutput::Unanswered { tag } => {
                    assert!(self.open.remove(&tag), "a second verdict on {tag}");
                }
                ClientOutput::Send(bytes) => {
                    assert_eq!(bytes.last(), Some(&b'\n'));
                    String::from_utf8_lossy(&bytes)
                        .lines()
                        .for_each(|line| self.sent(line));
                }
                _ => {}
            }
        }
        assert!(outputs <= MAX_PENDING + 4, "{outputs} outputs");
        assert_eq!(self.client.pending(), self.open.len());
    }

    fn sent(&mut self, line: &str) {
        if !line.contains("\"method\"") {
            return;
        }
        let id = line
            .strip_prefix("{\"id\":")
            .and_then(|rest| rest.split_once(','));
        self.last_id = id
            .and_then(|(id, _)| id.parse().ok())
            .expect("every request has an id");
        if HANDSHAKE.iter().any(|method| line.contains(method)) {
            self.asked_id = self.last_id;
        }
    }

    fn say(&mut self, line: &str) {
        self.feed(ClientInput::Bytes(format!("{line}\n").as_bytes()));
    }

    fn submit(&mut self, twist: u8) {
        let Some(job) = self.job.clone() else { return };
        let tag = self.submitted;
        self.submitted += 1;
        self.open.insert(tag);
        let proof = match &job.work {
            ClientWork::Headers(work) if twist != 1 => Proof::Header {
                extranonce2: ExtranonceBytes::from_slice(&[0; 16][..work.extranonce2_len])
                    .expect("few bytes"),
                ntime: work.ntime,
                nonce: 0,
                version_bits: None,
            },
            ClientWork::Blob(work) => Proof::Nonce {
                nonce: match twist {
                    1 => work.nonces.end,
                    2 => work.nonces.end - 1,
                    _ => work.nonces.start,
                },
                hash: [0; 32],
                mix: (twist != 3).then_some([0; 32]),
            },
            _ => Proof::Nonce {
                nonce: 0,
                hash: [0; 32],
                mix: None,
            },
        };
        let job_id = job.job_id.clone();
        self.feed(ClientInput::Submit(Solution { job_id, tag, proof }));
    }

    /// Says what brings a client that has just connected to work.
    fn begin(&mut self) {
        for line in self.lines.iter().take_while(|line| !line.contains('#')) {
            let (id, rest) = line.split_once(',').expect("several members");
            if id.strip_prefix("{\"id\":").is_some_and(|id| id != "null") {
                self.say(&format!("{{\"id\":{},{rest}", self.asked_id));
            } else {
                self.say(line);
            }
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Say(line, id, damage) => {
                let line = self.lines[line % self.lines.len()];
                let id = self.last_id.saturating_sub(id).to_string();
                let mut bytes = line.replace('#', &id).into_bytes();
                if let Some((at, byte)) = damage {
                    let at = at % bytes.len();
                    bytes[at] = byte;
                }
                bytes.push(b'\n');
                self.feed(ClientInput::Bytes(&bytes));
            }
            Step::Begin => {
                self.feed(ClientInput::Connected);
                self.begin();
            }
            Step::Bytes(bytes) => self.feed(ClientInput::Bytes(&bytes)),
            Step::Submit(twist) => self.submit(twist % 8),
            Step::Wait(seconds) => {
                self.now.mono = self.now.mono + Duration::from_secs(seconds);
                self.feed(ClientInput::Tick);
                // A tick leaves nothing undone.
                let due = self.client.next_timeout();
                assert!(due.is_none_or(|at| at > self.now.mono), "{due:?}");
            }
            Step::Connect => self.feed(ClientInput::Connected),
            Step::Close => self.feed(ClientInput::Closed),
        }
    }
}

#[test]
fn the_lines_bring_a_client_of_every_language_to_work() {
    for (language, lines) in LANGUAGES {
        let mut world = World::new(language, lines);
        world.begin();
        assert!(world.client.is_running(), "{language:?}");
        assert!(world.job.is_some(), "{language:?}");
        world.submit(0);
        assert_eq!(world.client.pending(), 1, "{language:?}");
        let accept = lines.iter().find(|line| line.contains('#')).expect("such a line");
        world.say(&accept.replace('#', &world.last_id.to_string()));
        assert_eq!((world.accepted, world.client.pending()), (1, 0), "{language:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_solution_gets_one_verdict(
        language in prop::sample::select(&LANGUAGES[..]),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let (language, lines) = language;
        let mut world = World::new(language, lines);
        world.begin();
        for step in steps {
            world.step(step);
        }
        world.feed(ClientInput::Closed);
        prop_assert!(world.open.is_empty());
        prop_assert_eq!(world.client.next_timeout(), None);
    }
}
