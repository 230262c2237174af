//! Real nodes in regtest, each in its own folder, on loopback only.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::free_port;
use super::installed;
use super::process::Process;
use super::rpc::Rpc;

/// Which node software.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coin {
    /// Bitcoin Knots or Core.
    Bitcoin,
    /// Litecoin Core.
    Litecoin,
}

impl Coin {
    fn daemon(self) -> &'static str {
        match self {
            Self::Bitcoin => "bitcoind",
            Self::Litecoin => "litecoind",
        }
    }

    /// Whether tests with this coin's node can run here. Says loudly if not; panics if they must.
    pub(crate) fn is_installed(self) -> bool {
        installed::are_here(&[self.daemon()])
    }
}

/// Ports of a node.
#[derive(Clone, Copy, Debug)]
struct Ports {
    rpc: u16,
    p2p: u16,
    zmq: u16,
}

/// A running regtest node.
pub(crate) struct Node {
    coin: Coin,
    dir: PathBuf,
    ports: Ports,
    extra: Vec<String>,
    process: Process,
    pub(crate) rpc: Rpc,
}

const USER: &str = "test";
const PASSWORD: &str = "only-for-tests";

impl Node {
    /// Starts a node with its data in `dir`. It connects to nobody unless `extra` arguments say so.
    pub(crate) fn start(coin: Coin, dir: &Path, extra: &[String]) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        // Another program may take a port before the node does.
        for _ in 0..3 {
            let ports = Ports {
                rpc: free_port(),
                p2p: free_port(),
                zmq: free_port(),
            };
            let mut process = Self::spawn(coin, dir, ports, extra);
            let rpc = Rpc {
                address: ([127, 0, 0, 1], ports.rpc).into(),
                user: USER.to_owned(),
                password: PASSWORD.to_owned(),
                path: String::new(),
            };
            if wait_for_rpc(&rpc, &mut process) {
                return Self {
                    coin,
                    dir: dir.to_owned(),
                    ports,
                    extra: extra.to_vec(),
                    process,
                    rpc,
                };
            }
            eprintln!(
                "{} did not start; trying again:\n{}",
                coin.daemon(),
                process.log_tail()
            );
        }
        panic!("{} does not start", coin.daemon());
    }

    fn spawn(coin: Coin, dir: &Path, ports: Ports, extra: &[String]) -> Process {
        let mut command = Command::new(installed::path(coin.daemon()));
        command
            .arg("-regtest")
            .arg(format!("-datadir={}", dir.display()))
            .arg(format!("-rpcport={}", ports.rpc))
            .arg(format!("-rpcuser={USER}"))
            .arg(format!("-rpcpassword={PASSWORD}"))
            .arg(format!("-port={}", ports.p2p))
            .arg(format!("-bind=127.0.0.1:{}", ports.p2p))
            .args([
                "-server",
                "-listen",
                "-listenonion=0",
                "-dnsseed=0",
                "-discover=0",
                "-fallbackfee=0.0001",
            ])
            .args(["-rpcthreads=8", "-dbcache=16", "-printtoconsole"])
            .args(extra);
        if coin == Coin::Bitcoin {
            command
                .arg(format!("-zmqpubhashblock=tcp://127.0.0.1:{}", ports.zmq))
                .arg("-natpmp=0");
        }
        Process::start(
            coin.daemon(),
            command,
            &dir.join("node.log"),
            Duration::from_secs(20),
        )
    }

    /// Address of its JSON-RPC for a config.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.rpc)
    }

    /// Address of its P2P port for `-connect`.
    pub(crate) fn p2p(&self) -> String {
        format!("127.0.0.1:{}", self.ports.p2p)
    }

    /// The node's entry in a config's `nodes`, as YAML in one line.
    pub(crate) fn config(&self) -> String {
        let zmq = match self.coin {
            Coin::Bitcoin => format!(", zmq_block: \"tcp://127.0.0.1:{}\"", self.ports.zmq),
            Coin::Litecoin => String::new(),
        };
        format!(
            "{{ url: \"{}\", user: \"{USER}\", password: \"{PASSWORD}\"{zmq} }}",
            self.url()
        )
    }

    /// The same through a proxy at `url`, without ZMQ.
    pub(crate) fn config_at(url: &str) -> String {
        format!("{{ url: \"{url}\", user: \"{USER}\", password: \"{PASSWORD}\" }}")
    }

    /// Kills the node at once.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same ports and data.
    pub(crate) fn restart(&mut self) {
        self.process = Self::spawn(self.coin, &self.dir, self.ports, &self.extra);
        assert!(
            wait_for_rpc(&self.rpc, &mut self.process),
            "the node does not come back"
        );
    }

    /// Height of its best chain.
    pub(crate) fn height(&self) -> u64 {
        self.rpc.call("getblockcount", &json!([])).as_u64().unwrap()
    }

    /// Transactions that are in no block yet.
    pub(crate) fn waiting_transactions(&self) -> u64 {
        self.rpc.call("getmempoolinfo", &json!([]))["size"]
            .as_u64()
            .unwrap()
    }

    /// Hash of its best block.
    pub(crate) fn tip(&self) -> String {
        self.rpc
            .call("getbestblockhash", &json!([]))
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Hash of the block at `height` of the best chain.
    pub(crate) fn hash_at(&self, height: u64) -> String {
        self.rpc
            .call("getblockhash", &json!([height]))
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The block at `height` of the best chain, with its transactions.
    pub(crate) fn block(&self, height: u64) -> Value {
        self.rpc.call("getblock", &json!([self.hash_at(height), 2]))
    }

    /// Creates the wallet.
    pub(crate) fn create_wallet(&self) {
        self.rpc.call("createwallet", &json!(["test"]));
    }

    /// A new address of the wallet, of the kind that the node calls `kind`.
    pub(crate) fn new_address(&self, kind: &str) -> String {
        self.rpc
            .call("getnewaddress", &json!(["", kind]))
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Script of an address, in hex.
    pub(crate) fn script_of(&self, address: &str) -> String {
        let info = self.rpc.call("validateaddress", &json!([address]));
        info["scriptPubKey"]
            .as_str()
            .unwrap_or_else(|| panic!("no script for {address}: {info}"))
            .to_owned()
    }

    /// Mines `count` blocks with the node itself.
    pub(crate) fn generate(&self, count: u64, address: &str) {
        self.rpc.call("generatetoaddress", &json!([count, address]));
    }

    /// Sends coins; the transaction waits in the node for the next block.
    pub(crate) fn send(&self, address: &str, amount: f64) {
        self.rpc.call("sendtoaddress", &json!([address, amount]));
    }
}

fn wait_for_rpc(rpc: &Rpc, process: &mut Process) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(60) && process.is_running() {
        if rpc.try_call("getblockcount", &json!([])).is_ok() {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    false
}
