//! One chain from the config and the journal, before it runs.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use otedama_chain::ChainSpec;
use otedama_chain::spec::FamilyRules;
use otedama_hash::{EpochKey, Hash256, HashBackend, Registry, Setup};
use otedama_pool::Input;
use tracing::info;

use super::chain::{Chain, ChainParts, store_name};
use super::clock::Clock;
use super::faults::Faults;
use super::rewards::{Rewards, RewardsConfig};
use super::settings;
use super::startup::{self, StartError};
use crate::commands::Failure;
use crate::config::{self, Config};
use crate::node::{Fate, Nodes, Posts};
use crate::shard;
use crate::store::{self, BlockStatus, Journal, RunStart, found};
use crate::verify::{self, Verification};

/// Blocks whose fate may still change after a restart.
const BLOCKS_READ: u32 = 500;

/// A chain with everything that its threads need, none of which runs yet.
pub(super) struct Prepared {
    pub(super) spec: &'static ChainSpec,
    pub(super) config: config::Chain,
    pub(super) runs: Vec<RunStart>,
    pub(super) seats: Vec<shard::Seat>,
    /// What its one pool object has to know of the shares before, where they could be submitted again.
    pub(super) credited: Option<Input<'static>>,
    pub(super) chain: Arc<Chain>,
    /// What the shards verify with themselves, where that takes no time.
    pub(super) verifier: Option<Arc<dyn otedama_hash::Prepared>>,
    /// Where its nodes may post work.
    pub(super) posts: Arc<Posts>,
}

/// Reads what the journal knows about a chain and registers this start with it.
pub(super) fn prepare(
    config: &Config,
    chain: &config::Chain,
    clock: Clock,
    journal: &mut Journal,
    store: &Sender<store::Request>,
    faults: &Faults,
) -> Result<Prepared, Failure> {
    let spec = chain
        .spec()
        .ok_or_else(|| StartError::UnknownCoin(format!("{} {}", chain.coin, chain.network)))?;
    let name = store_name(spec);
    let count = settings::shards(config, spec);
    let runs = journal.start_runs(&name, count, clock.now())?;
    let block_folder = settings::block_folder(config, &name);
    found::record_notes(journal, &name, &block_folder)?;
    let rewards = rewards(config, chain, spec, journal)?;
    let blocks = journal.recent_blocks(&name, BLOCKS_READ)?;
    let mut settled = Vec::new();
    for block in blocks.iter().filter(|block| block.may_change()) {
        let delta = journal.carry_of(&block.hash)?;
        let delta = delta
            .into_iter()
            .map(|(account, delta)| (account.into(), delta))
            .collect();
        settled.push((block.hash.clone(), delta, block.status == BlockStatus::Accepted));
    }
    let credited = if spec.jobs_differ() {
        None
    } else {
        let (height, hashes) = store::newest_proofs(journal, &name)?;
        Some(Input::Credited { height, hashes })
    };
    let seats = std::iter::repeat_with(shard::seat)
        .take(count)
        .collect::<Result<Vec<_>, _>>()?;
    let (mailboxes, seats): (Vec<_>, Vec<_>) = seats.into_iter().unzip();
    let backend = backend(spec)?;
    let threads = settings::verifiers(config);
    let (verifier, verification) = if verify::is_memory_hard(&*backend) {
        let verification = Verification::start(backend, threads, mailboxes.clone(), clock, faults)?;
        (None, Some(Arc::new(verification)))
    } else {
        (Some(verifier(&*backend)?), None)
    };
    let family = otedama_chain::family(spec);
    let posts = Arc::new(Posts::new(spec));
    let nodes = Nodes::new(spec, family, startup::nodes(chain, spec, clock, &posts)?, clock);
    let parts = ChainParts {
        spec,
        nodes: Arc::new(nodes),
        shards: mailboxes,
        rewards,
        store: store.clone(),
        clock,
        blocks,
        settled,
        template_refresh: chain.template_refresh,
        verification,
        block_folder: block_folder.into(),
    };
    Ok(Prepared {
        spec,
        config: chain.clone(),
        runs,
        seats,
        credited,
        chain: Arc::new(Chain::new(parts)),
        verifier,
        posts,
    })
}

fn rewards(
    config: &Config,
    chain: &config::Chain,
    spec: &'static ChainSpec,
    journal: &Journal,
) -> Result<Rewards, Failure> {
    let name = store_name(spec);
    let carry = journal.carry_balances(&name)?;
    let rewards = Rewards::new(RewardsConfig {
        spec,
        family: otedama_chain::family(spec),
        rewards: chain.rewards.as_ref().unwrap_or(&config.pool.rewards),
        fee_ppm: config.pool.fee_ppm(),
        pool_address: startup::payout_address(chain),
        max_outputs: chain.max_coinbase_outputs,
        dust: chain.dust,
        carry: carry
            .into_iter()
            .map(|(account, owed)| (account.into(), owed))
            .collect(),
    });
    Ok(rewards.map_err(|error| StartError::PayoutAddress { chain: name, error })?)
}

/// The fastest implementation of a chain's proof of work on this machine.
fn backend(spec: &ChainSpec) -> Result<Arc<dyn HashBackend>, StartError> {
    let algorithm = spec.algorithm;
    let mut registry = Registry::with_builtin();
    if let FamilyRules::Ethereum(rules) = &spec.family {
        registry = Registry::empty();
        for backend in otedama_hash::ethash::backends_of(algorithm, rules.schedule) {
            registry.register(backend);
        }
    }
    registry
        .fastest(algorithm, &mut crate::mine::race_clock())
        .cloned()
        .ok_or_else(|| StartError::Algorithm(algorithm.name().to_owned()))
}

/// What verifies shares where no cache is needed.
fn verifier(backend: &dyn HashBackend) -> Result<Arc<dyn otedama_hash::Prepared>, StartError> {
    let algorithm = backend.algorithm();
    backend
        .prepare(EpochKey::default(), &Setup::default())
        .map_err(|error| StartError::Algorithm(format!("{}: {error}", algorithm.name())))
}

/// Tells the reward scheme what the journal holds, before the first template is planned.
pub(super) fn read_back(
    rewards: &config::Rewards,
    chain: &Chain,
    database: &Path,
    clock: Clock,
) -> Result<(), Failure> {
    let mut scheme = chain.rewards();
    if !scheme.counts_work() {
        return Ok(());
    }
    let now = clock.now();
    let since = match rewards.window {
        config::Window::Time(time) => now.unix_s.saturating_sub(time.as_secs()),
        config::Window::Work(_) => 0,
    };
    let mut records = 0_u64;
    store::replay(database, &chain.name, since, |account, work, unix_s| {
        records += 1;
        scheme.credit(account, work, unix_s);
    })?;
    let ms = clock.now().mono.since(now.mono).as_millis() as u64;
    info!(chain = %chain.name, records, ms, owed = %scheme.owed(), "journal read");
    Ok(())
}

/// Blocks that are still followed: hash, height and where they stand as far as the journal knows.
pub(super) fn followed(chain: &Chain) -> Vec<(Hash256, u64, Option<Fate>)> {
    chain
        .blocks()
        .iter()
        .filter(|block| block.may_change())
        .filter_map(|block| {
            let hash = Hash256::from_display_hex(&block.hash).ok()?;
            Some((hash, block.height, stands(block.status)))
        })
        .collect()
}

/// Where a block stands by its status; `None` if nobody has said.
pub(super) fn stands(status: BlockStatus) -> Option<Fate> {
    match status {
        BlockStatus::Submitted => None,
        BlockStatus::Accepted | BlockStatus::Mature => Some(Fate::InBestChain),
        BlockStatus::Rejected | BlockStatus::Orphaned => Some(Fate::Orphaned),
    }
}

/// Blocks of which the journal knows whether a node has them.
pub(super) fn judged(chain: &Chain) -> HashMap<String, bool> {
    let blocks = chain.blocks().into_iter();
    blocks
        .filter_map(|block| match block.status {
            BlockStatus::Accepted | BlockStatus::Mature => Some((block.hash, true)),
            BlockStatus::Rejected => Some((block.hash, false)),
            BlockStatus::Submitted | BlockStatus::Orphaned => None,
        })
        .collect()
}
