//! What `/api/status` answers. Field names are part of the interface.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use otedama_pool::Stats;
use serde::Serialize;

use super::Service;
use crate::serve::chain::Chain;
use crate::shard::Snapshot;

/// Blocks shown per chain.
const BLOCKS: usize = 20;

#[derive(Clone, Debug, Serialize)]
pub(super) struct Status {
    pub(super) name: String,
    pub(super) version: &'static str,
    pub(super) uptime_s: u64,
    pub(super) healthy: bool,
    pub(super) problems: Vec<String>,
    pub(super) connections_admitted: u64,
    pub(super) connections_refused: u64,
    pub(super) store: StoreStatus,
    pub(super) chains: Vec<ChainStatus>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct StoreStatus {
    pub(super) rows: u64,
    pub(super) commits: u64,
    pub(super) given_up: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ChainStatus {
    pub(super) coin: &'static str,
    pub(super) network: &'static str,
    pub(super) algorithm: &'static str,
    pub(super) height: Option<u64>,
    pub(super) tip: Option<String>,
    pub(super) network_difficulty: Option<f64>,
    pub(super) reward: Option<String>,
    pub(super) template_age_s: Option<u64>,
    /// Estimated from accepted shares of the last ten minutes.
    pub(super) hashrate: f64,
    pub(super) connections: u64,
    pub(super) workers: u64,
    /// Shares that wait for the threads that verify them; none where shards do it themselves.
    pub(super) unverified: usize,
    /// What is owed to miners from blocks so far, in coins.
    pub(super) owed: String,
    pub(super) shares: ShareStatus,
    pub(super) nodes: Vec<NodeStatus>,
    pub(super) blocks: Vec<BlockStatus>,
    pub(super) shards: Vec<ShardStatus>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct ShareStatus {
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    pub(super) stale: u64,
    pub(super) duplicate: u64,
    pub(super) low_difficulty: u64,
    pub(super) invalid: u64,
    pub(super) unauthorized: u64,
    pub(super) not_stored: u64,
    pub(super) malformed: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct NodeStatus {
    pub(super) node: String,
    pub(super) healthy: bool,
    pub(super) height: Option<u64>,
    pub(super) latency_ms: u64,
    pub(super) problem: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct BlockStatus {
    pub(super) height: u64,
    pub(super) hash: String,
    pub(super) status: &'static str,
    pub(super) reward: String,
    pub(super) account: String,
    pub(super) worker: String,
    pub(super) unix_s: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ShardStatus {
    pub(super) sockets: usize,
    pub(super) connections: u64,
    pub(super) accepted: u64,
    pub(super) in_flight: u64,
    pub(super) unpersisted: u64,
    pub(super) bans: u64,
    pub(super) blocks_accepted: u64,
    pub(super) blocks_rejected: u64,
}

pub(super) fn status(service: &Service) -> Status {
    let health = super::health::health(service);
    let (rows, commits, given_up) = service.store.counts();
    Status {
        name: service.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: service.clock.now().mono.as_nanos() / 1_000_000_000,
        healthy: health.healthy,
        problems: health.problems,
        connections_admitted: service.accepted.admitted.load(Ordering::Relaxed),
        connections_refused: service.accepted.refused.load(Ordering::Relaxed),
        store: StoreStatus {
            rows,
            commits,
            given_up,
        },
        chains: service
            .chains
            .iter()
            .map(|chain| chain_status(chain, service.clock.now().unix_s))
            .collect(),
    }
}

fn chain_status(chain: &Chain, now_s: u64) -> ChainStatus {
    let snapshots: Vec<Snapshot> = chain
        .snapshots
        .iter()
        .map(|snapshot| snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone())
        .collect();
    let sum = |field: fn(&Stats) -> u64| snapshots.iter().map(|s| field(&s.stats)).sum::<u64>();
    let work = chain.work();
    let diff1 = chain.spec.algorithm.diff1();
    ChainStatus {
        coin: chain.spec.symbol,
        network: chain.spec.network.as_str(),
        algorithm: chain.spec.algorithm.name(),
        height: work.map(|w| w.height.saturating_sub(1)),
        tip: work.map(|w| w.prev_hash.to_string()),
        network_difficulty: work.map(|w| w.target.difficulty(diff1).get()),
        reward: work.map(|w| chain.amount(w.reward)),
        template_age_s: work.map(|w| now_s.saturating_sub(w.unix_s)),
        hashrate: chain.hashrate(),
        connections: sum(|s| s.connections),
        workers: sum(|s| s.authorized),
        unverified: chain.verification.as_ref().map_or(0, |v| v.waiting()),
        owed: chain.amount(u64::try_from(chain.rewards().owed().max(0)).unwrap_or(u64::MAX)),
        shares: shares(sum),
        nodes: nodes(chain),
        blocks: blocks(chain),
        shards: snapshots.iter().map(shard).collect(),
    }
}

fn shares(sum: impl Fn(fn(&Stats) -> u64) -> u64) -> ShareStatus {
    let mut shares = ShareStatus {
        accepted: sum(|s| s.accepted),
        rejected: 0,
        stale: sum(|s| s.stale),
        duplicate: sum(|s| s.duplicate),
        low_difficulty: sum(|s| s.low_difficulty),
        invalid: sum(|s| s.invalid),
        unauthorized: sum(|s| s.unauthorized),
        not_stored: sum(|s| s.not_stored),
        malformed: sum(|s| s.malformed),
    };
    shares.rejected = shares.stale
        + shares.duplicate
        + shares.low_difficulty
        + shares.invalid
        + shares.unauthorized
        + shares.not_stored;
    shares
}

fn nodes(chain: &Chain) -> Vec<NodeStatus> {
    let states = chain.nodes.states();
    let pairs = chain.nodes.handles.iter().zip(states);
    pairs
        .map(|(handle, state)| NodeStatus {
            node: handle.name().to_owned(),
            healthy: state.is_healthy(),
            height: state.tip.map(|tip| tip.height),
            latency_ms: state.latency.as_millis() as u64,
            problem: state.problem,
        })
        .collect()
}

fn blocks(chain: &Chain) -> Vec<BlockStatus> {
    let blocks = chain.blocks().into_iter().take(BLOCKS);
    blocks
        .map(|block| BlockStatus {
            height: block.height,
            hash: block.hash,
            status: block.status.as_str(),
            reward: chain.amount(block.reward),
            account: block.account,
            worker: block.worker,
            unix_s: block.unix_s,
        })
        .collect()
}

fn shard(snapshot: &Snapshot) -> ShardStatus {
    ShardStatus {
        sockets: snapshot.sockets,
        connections: snapshot.stats.connections,
        accepted: snapshot.stats.accepted,
        in_flight: snapshot.stats.in_flight,
        unpersisted: snapshot.unpersisted,
        bans: snapshot.stats.bans,
        blocks_accepted: snapshot.stats.blocks_accepted,
        blocks_rejected: snapshot.stats.blocks_rejected,
    }
}
