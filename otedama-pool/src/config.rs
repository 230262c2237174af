//! What an operator can choose about a pool.

use std::time::Duration;

use otedama_hash::Difficulty;

/// Settings of a [`Pool`](crate::Pool). Every field has a default.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Text in the coinbase that names the pool.
    pub tag: Vec<u8>,
    /// Longest line that a client may send, in bytes.
    pub max_line: usize,
    /// Connections that this pool object serves at once.
    pub max_connections: usize,
    /// Shares of one connection under verification or on their way to storage before it is no
    /// longer read from.
    pub max_inflight: usize,
    /// Bytes that may wait for a slow reader before it is closed.
    pub max_send_queue: usize,
    /// How long a slow reader may stay blocked.
    pub blocked_timeout: Duration,
    /// How long shares of a replaced job on the same previous block are accepted.
    pub job_grace: Duration,
    /// Shares one job takes, which bounds the memory for finding duplicates. It is replaced for
    /// everybody when three quarters of them are in.
    pub max_shares_per_job: usize,
    /// How far past its job's own time a share's ntime may lie, in seconds.
    pub max_ntime_roll_s: u32,
    /// Time from connecting to the first authorised worker.
    pub login_timeout: Duration,
    /// Time without a byte after which a connection is closed.
    pub idle_timeout: Duration,
    /// Workers that one connection may authorise.
    pub max_workers: usize,
    /// Version bits that miners may roll (BIP 320).
    pub version_mask: u32,
    /// How share difficulty follows hashrate.
    pub vardiff: VardiffConfig,
    /// When a misbehaving address is banned.
    pub ban: BanConfig,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            tag: b"/Otedama/".to_vec(),
            max_line: 8192,
            max_connections: 10_000,
            max_inflight: 64,
            max_send_queue: 256 * 1024,
            blocked_timeout: Duration::from_secs(30),
            job_grace: Duration::from_secs(60),
            max_shares_per_job: 1 << 20,
            max_ntime_roll_s: 7000,
            login_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(600),
            max_workers: 16,
            version_mask: 0x1fff_e000,
            vardiff: VardiffConfig::default(),
            ban: BanConfig::default(),
        }
    }
}

/// How share difficulty follows a miner's hashrate.
#[derive(Clone, Copy, Debug)]
pub struct VardiffConfig {
    /// Difficulty of a new connection that asks for none.
    pub start: Difficulty,
    /// Never below this, whatever the miner asks for.
    pub min: Difficulty,
    /// Never above this.
    pub max: Difficulty,
    /// Shares that one connection should send, on average.
    pub shares_per_minute: f64,
}

impl Default for VardiffConfig {
    fn default() -> Self {
        let difficulty = |v| Difficulty::new(v).expect("a positive literal is a difficulty");
        Self {
            start: difficulty(1024.0),
            min: difficulty(0.001),
            max: difficulty(1e15),
            shares_per_minute: 12.0,
        }
    }
}

/// When a misbehaving address is banned. Faults add points, good shares and time take them away.
#[derive(Clone, Copy, Debug)]
pub struct BanConfig {
    /// Whether to ban at all.
    pub enable: bool,
    /// Points at which an address is banned.
    pub threshold: u32,
    /// For how long.
    pub duration: Duration,
}

impl Default for BanConfig {
    fn default() -> Self {
        Self {
            enable: true,
            threshold: 100,
            duration: Duration::from_secs(600),
        }
    }
}
