//! What to simulate.

use std::time::Duration;

use otedama_pool::PoolConfig;

use crate::coin::Coin;

/// Pool objects that serve behind the one port.
pub(crate) const SHARDS: usize = 2;
/// Nodes of the chain.
pub(crate) const NODES: usize = 2;
/// Seconds from block to block at which the chain aims.
pub(crate) const BLOCK_INTERVAL_S: u32 = 60;
/// How long before the end miners stop finding shares, so that everything under way comes to rest.
pub(crate) const REST: Duration = Duration::from_secs(40);

/// A fault planted into the simulated driver, to show that the checkers can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sabotage {
    /// Rows are called durable when they are handed over.
    AnswerBeforeDurable,
    /// The store loses one row in 200.
    DropRow,
    /// The store writes one row in 200 twice.
    StoreTwice,
    /// Shares are credited with a little more than they are worth.
    InflateWork,
    /// Blocks go to the first node only.
    WithholdCandidate,
    /// A block candidate waits behind what else there is to do.
    LateCandidate,
    /// Extranonces begin again after a restart.
    ReuseExtranonce,
    /// One reply in 500 is lost on an open connection.
    SwallowReply,
    /// What a block leaves owed is forgotten.
    ForgetCarry,
    /// Blocks go to the nodes before anything on the disk tells of them, and the process dies when one has arrived.
    SubmitUnnoted,
    /// The pools never learn that time passed while nothing else happens.
    WithholdTicks,
    /// The pools want five times as many shares as they were told to.
    WrongShareRate,
    /// Honest miners are called banned.
    BanTheHonest,
    /// Workers hash everything under the key of the epoch before.
    VerifyUnderOldKey,
    /// Connections are read from although too many proofs wait.
    ReadOnWhenFull,
    /// One proof in 50 is forgotten by the workers.
    ForgetProof,
    /// Shares are credited to the pool's own account.
    CreditAnother,
    /// Two pool objects serve miners who all hash the same header, and neither knows what the other has seen.
    SplitSameWork,
    /// Jobs are never replaced, so that the shares that were seen pile up.
    WithholdTemplates,
}

/// One simulation. The same configuration gives the same inputs and outputs, byte for byte.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Where all randomness comes from.
    pub seed: u64,
    /// Honest miners.
    pub miners: usize,
    /// Simulated time. Faults happen in the first half of it.
    pub duration: Duration,
    /// Whether network, nodes, store, process and strangers misbehave at all.
    pub faults: bool,
    /// A fault that the checkers have to find.
    pub sabotage: Option<Sabotage>,
    /// Whether to print everything that happens.
    pub trace: bool,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            miners: 1000,
            duration: Duration::from_secs(3600),
            faults: true,
            sabotage: None,
            trace: false,
        }
    }
}

impl SimConfig {
    /// When the last fault begins.
    pub(crate) fn faults_end(&self) -> Duration {
        if self.faults {
            self.duration / 2
        } else {
            Duration::ZERO
        }
    }

    /// When miners stop.
    pub(crate) fn mining_ends(&self) -> Duration {
        self.duration.saturating_sub(REST)
    }

    /// Settings of the pools: the defaults, but for slow miners and few shares under way, so that slow commits make the
    /// pools stop reading.
    pub(crate) fn pool(&self, coin: &Coin) -> PoolConfig {
        PoolConfig {
            tag: b"/otedama-sim/".to_vec(),
            max_connections: 4 * self.miners + 2000,
            max_inflight: 8,
            vardiff: coin.vardiff(),
            ..PoolConfig::default()
        }
    }
}
