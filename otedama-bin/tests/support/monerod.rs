//! Monero's node in regtest, on loopback only.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::monero::POOL;
use super::process::Process;
use super::rpc::Rpc;
use super::{free_port, installed, wait_until};

/// When the key under which blocks are hashed changes: the main network's rule with other numbers, which the node
/// takes from its environment for tests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeds {
    /// Every block at a multiple of this number is a key.
    pub(crate) every: u64,
    /// It is used from the block after so many further ones.
    pub(crate) lag: u64,
}

/// How a node is started.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Hashes that a block takes on average.
    pub(crate) difficulty: u64,
    /// Whether it announces blocks by ZMQ.
    pub(crate) zmq: bool,
    /// Where other keys than the main network's are wanted.
    pub(crate) seeds: Option<Seeds>,
}

impl Options {
    /// Everything as usual but the difficulty, which stays the same for ever.
    pub(crate) fn with_difficulty(difficulty: u64) -> Self {
        Self {
            difficulty,
            zmq: true,
            seeds: None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    rpc: u16,
    p2p: u16,
    /// Where it announces blocks.
    zmq: u16,
    /// Where it answers by ZMQ, which nobody uses here; its default port may be taken.
    zmq_rpc: u16,
}

impl Ports {
    fn pick() -> Self {
        Self {
            rpc: free_port(),
            p2p: free_port(),
            zmq: free_port(),
            zmq_rpc: free_port(),
        }
    }
}

/// A running node.
pub(crate) struct Monerod {
    dir: PathBuf,
    options: Options,
    ports: Ports,
    /// P2P port of the only other node that it knows.
    peer: Option<u16>,
    process: Process,
    pub(crate) rpc: Rpc,
}

impl Monerod {
    /// Starts a node that knows no other one, with its data in `dir`.
    pub(crate) fn start(dir: &Path, options: &Options) -> Self {
        // Another program may take a port before the node does.
        for _ in 0..3 {
            let mut node = Self::spawn(dir, options, Ports::pick(), None);
            if node.wait_for_rpc() {
                return node;
            }
            eprintln!(
                "monerod did not start; trying again:\n{}",
                node.process.log_tail()
            );
        }
        panic!("monerod does not start");
    }

    /// Starts two nodes that know each other.
    pub(crate) fn start_pair(dir: &Path, options: [&Options; 2]) -> [Self; 2] {
        let ports = [Ports::pick(), Ports::pick()];
        let mut pair = [0, 1].map(|index: usize| {
            let dir = dir.join(format!("node-{index}"));
            Self::spawn(&dir, options[index], ports[index], Some(ports[1 - index].p2p))
        });
        for node in &mut pair {
            assert!(
                node.wait_for_rpc(),
                "monerod does not start: {}",
                node.process.log_tail()
            );
        }
        wait_until("the nodes to meet", Duration::from_secs(30), || {
            pair.iter().all(Self::is_synchronized)
        });
        pair
    }

    fn spawn(dir: &Path, options: &Options, ports: Ports, peer: Option<u16>) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let rpc = Rpc {
            address: ([127, 0, 0, 1], ports.rpc).into(),
            user: String::new(),
            password: String::new(),
            path: "/json_rpc".to_owned(),
        };
        Self {
            dir: dir.to_owned(),
            options: options.clone(),
            ports,
            peer,
            process: process(dir, options, ports, peer),
            rpc,
        }
    }

    fn wait_for_rpc(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) && self.process.is_running() {
            if self.rpc.try_call("get_info", &json!({})).is_ok() {
                return true;
            }
            thread::sleep(Duration::from_millis(50));
        }
        false
    }

    /// The node's entry in a config's `nodes`, as YAML in one line.
    pub(crate) fn config(&self) -> String {
        let zmq = if self.options.zmq {
            format!(", zmq_block: \"tcp://127.0.0.1:{}\"", self.ports.zmq)
        } else {
            String::new()
        };
        format!("{{ url: \"http://{}\"{zmq} }}", self.rpc.address)
    }

    /// Kills the node at once.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same ports and data.
    pub(crate) fn restart(&mut self) {
        self.process = process(&self.dir, &self.options, self.ports, self.peer);
        assert!(self.wait_for_rpc(), "monerod does not come back");
    }

    /// Starts it again with another difficulty: making many blocks is quick where each takes one hash.
    pub(crate) fn restart_with_difficulty(&mut self, difficulty: u64) {
        assert!(self.process.stop().is_some(), "monerod does not stop");
        self.options.difficulty = difficulty;
        self.restart();
    }

    fn info(&self) -> Value {
        self.rpc.call("get_info", &json!({}))
    }

    fn is_synchronized(&self) -> bool {
        self.info()["synchronized"] == true
    }

    /// Height of its newest block.
    pub(crate) fn height(&self) -> u64 {
        self.info()["height"].as_u64().unwrap() - 1
    }

    /// What it says about the block at `height` of its best chain.
    pub(crate) fn header_at(&self, height: u64) -> Value {
        self.rpc
            .call("get_block_header_by_height", &json!({ "height": height }))["block_header"]
            .take()
    }

    /// Id of the block at `height` of its best chain.
    pub(crate) fn id_at(&self, height: u64) -> String {
        self.header_at(height)["hash"].as_str().unwrap().to_owned()
    }

    /// Makes `count` blocks by itself.
    pub(crate) fn generate(&self, count: u64) {
        let params = json!({ "amount_of_blocks": count, "wallet_address": POOL });
        self.rpc.call("generateblocks", &params);
    }

    /// The key of the next block, and the one after it where that is known.
    pub(crate) fn seeds(&self) -> (String, Option<String>) {
        let params = json!({ "wallet_address": POOL, "reserve_size": 8 });
        let template = self.rpc.call("get_block_template", &params);
        let text = |name: &str| template[name].as_str().unwrap().to_owned();
        (
            text("seed_hash"),
            Some(text("next_seed_hash")).filter(|seed| !seed.is_empty()),
        )
    }
}

fn process(dir: &Path, options: &Options, ports: Ports, peer: Option<u16>) -> Process {
    let mut command = Command::new(installed::path("monerod"));
    command
        .args(["--regtest", "--non-interactive", "--no-igd", "--hide-my-port"])
        .args(["--check-updates=disabled", "--disable-dns-checkpoints"])
        // Or a restart would begin with an empty chain.
        .arg("--keep-fakechain")
        .arg(format!("--fixed-difficulty={}", options.difficulty))
        .arg(format!("--data-dir={}", dir.display()))
        .arg("--rpc-bind-ip=127.0.0.1")
        .arg(format!("--rpc-bind-port={}", ports.rpc))
        .arg("--p2p-bind-ip=127.0.0.1")
        .arg(format!("--p2p-bind-port={}", ports.p2p));
    match peer {
        Some(port) => command
            .arg("--allow-local-ip")
            .arg(format!("--add-exclusive-node=127.0.0.1:{port}")),
        None => command.arg("--offline"),
    };
    if options.zmq {
        command
            .arg(format!("--zmq-pub=tcp://127.0.0.1:{}", ports.zmq))
            .arg(format!("--zmq-rpc-bind-port={}", ports.zmq_rpc));
    } else {
        command.arg("--no-zmq");
    }
    if let Some(seeds) = options.seeds {
        command
            .env("SEEDHASH_EPOCH_BLOCKS", seeds.every.to_string())
            .env("SEEDHASH_EPOCH_LAG", seeds.lag.to_string());
    }
    Process::start("monerod", command, &dir.join("node.log"), Duration::from_secs(20))
}
