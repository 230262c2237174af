//! The program under test: `otedama serve` and `otedama mine`.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::process::Process;

/// What a test's pool is told.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Entry of `chains`, as YAML lines indented by nothing.
    pub(crate) chain: String,
    /// Further entries, written the same way.
    pub(crate) more_chains: Vec<String>,
    /// Algorithm of the pool's own miner.
    pub(crate) algorithm: &'static str,
    /// Whether the pool mines by itself.
    pub(crate) own_miner: bool,
    /// Where miners connect.
    pub(crate) address: String,
    /// Difficulty of every share; it stays the same.
    pub(crate) difficulty: f64,
    /// Further lines of the section `pool`, indented by nothing.
    pub(crate) pool: String,
    /// The database.
    pub(crate) database: PathBuf,
}

impl Setup {
    /// A pool on the development chain whose shares cost nothing.
    pub(crate) fn development(database: PathBuf) -> Self {
        Self {
            chain: "coin: DEV\nnetwork: regtest\n".to_owned(),
            more_chains: Vec::new(),
            algorithm: "sha256d",
            own_miner: false,
            address: "127.0.0.1:0".to_owned(),
            difficulty: 1e-9,
            pool: String::new(),
            database,
        }
    }

    fn yaml(&self) -> String {
        let indent = |text: &str, by: usize| {
            text.lines().fold(String::new(), |mut all, line| {
                writeln!(all, "{:by$}{line}", "").unwrap();
                all
            })
        };
        let chains = std::iter::once(&self.chain).chain(&self.more_chains);
        let chains = chains.fold(String::new(), |all, chain| all + "  -\n" + &indent(chain, 4));
        let Self {
            algorithm,
            own_miner,
            address,
            difficulty,
            database,
            ..
        } = self;
        format!(
            "app: {{ name: Test, mode: production }}\n\
             mining: {{ algorithm: {algorithm}, enable_cpu: {own_miner}, cpu: {{ threads: 1, backend: soft }} }}\n\
             pool:\n  \
               address: \"{address}\"\n  \
               fee_percentage: 1.0\n  \
               rewards: {{ system: PPLNS, window: 2h }}\n  \
               vardiff: {{ start: {difficulty:?}, min: {difficulty:?}, max: {difficulty:?} }}\n\
             {}\
             chains:\n{chains}\
             storage: {{ path: \"{}\" }}\n\
             logging: {{ level: info, file: null }}\n\
             api: {{ address: \"127.0.0.1:0\" }}\n\
             monitoring: {{ metrics: {{ address: \"127.0.0.1:0\" }}, health: {{ address: \"127.0.0.1:0\" }} }}\n",
            indent(&self.pool, 2),
            database.display(),
        )
    }
}

/// A running `otedama serve`.
pub(crate) struct Pool {
    pub(crate) process: Process,
    /// Where it says where it listens.
    ready_file: PathBuf,
}

impl Pool {
    /// Starts it in `dir`, without waiting.
    pub(crate) fn spawn(dir: &Path, setup: &Setup) -> Self {
        let config = dir.join("config.yaml");
        fs::write(&config, setup.yaml()).unwrap();
        let ready_file = dir.join("ready.json");
        let mut command = program(dir);
        command
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .arg("--ready-file")
            .arg(&ready_file);
        let process = Process::start(
            "otedama serve",
            command,
            &dir.join("serve.log"),
            Duration::from_secs(5),
        );
        Self { process, ready_file }
    }

    /// Starts it in `dir` and waits until it listens.
    pub(crate) fn start(dir: &Path, setup: &Setup) -> Self {
        let mut pool = Self::spawn(dir, setup);
        pool.wait_until_ready();
        pool
    }

    /// Waits until it listens.
    pub(crate) fn wait_until_ready(&mut self) {
        let start = Instant::now();
        while self.ready().is_none() {
            assert!(
                self.process.is_running(),
                "serve ended: {}",
                self.process.log_tail()
            );
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "serve is not ready after 30 s"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Where this process listens; a file that an earlier one left does not count.
    fn ready(&self) -> Option<Value> {
        let addresses: Value = serde_json::from_str(&fs::read_to_string(&self.ready_file).ok()?).ok()?;
        (addresses["pid"] == self.process.pid()).then_some(addresses)
    }

    /// Where the first chain's miners connect.
    pub(crate) fn stratum(&self) -> SocketAddr {
        let addresses = self.ready().unwrap();
        let stratum = addresses["stratum"][0].as_str();
        stratum
            .and_then(|s| s.parse().ok())
            .unwrap_or_else(|| panic!("no stratum address in {addresses}"))
    }

    /// What its API says about its only chain.
    pub(crate) fn chain_status(&self) -> Value {
        let addresses = self.ready().unwrap();
        let api = addresses["api"].as_str().unwrap();
        let mut stream = TcpStream::connect(api).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
            .write_all(b"GET /api/status HTTP/1.1\r\nHost: pool\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (_, body) = reply.split_once("\r\n\r\n").unwrap();
        serde_json::from_str::<Value>(body).unwrap()["chains"][0].take()
    }

    /// Asks it to stop; it has to do so within five seconds.
    pub(crate) fn stop(mut self) {
        let took = self.process.stop();
        assert!(
            took.is_some(),
            "serve did not stop within 5 s of SIGTERM: {}",
            self.process.log_tail()
        );
    }
}

/// Starts `otedama mine` on one thread.
pub(crate) fn mine(dir: &Path, pool: SocketAddr, user: &str, algorithm: &str) -> Process {
    // A block is easily found on these chains: a fast backend would find more than the nodes can take.
    mine_with(dir, pool, user, &["--backend", "soft", "--algorithm", algorithm])
}

/// Starts `otedama mine` on one thread with such options.
pub(crate) fn mine_with(dir: &Path, pool: SocketAddr, user: &str, options: &[&str]) -> Process {
    mine_at(dir, &format!("stratum+tcp://{pool}"), user, options)
}

/// The same at an address with a scheme.
pub(crate) fn mine_at(dir: &Path, url: &str, user: &str, options: &[&str]) -> Process {
    let mut command = program(dir);
    command.args(["mine", "-o", url, "-u", user, "-p", "x"]);
    command.args(["--threads", "1"]).args(options);
    Process::start(
        "otedama mine",
        command,
        &dir.join("mine.log"),
        Duration::from_secs(5),
    )
}

fn program(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_otedama"));
    command.current_dir(dir);
    // What the tests' own environment holds is no setting of the pool under test.
    for (name, _) in std::env::vars() {
        if name.starts_with("OTEDAMA_") {
            command.env_remove(name);
        }
    }
    command
}
