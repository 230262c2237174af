//! How the parts meet. Read this file to know who talks to whom:
//!
//! ```text
//!  miners ─── acceptor ──> shards, one Pool each ──── shares ────> store ── durable ──> shards,
//!                            ▲    │                                  ▲                  rewards,
//!          templates, payouts│    └─ block candidates ─> every node  │                  meter
//!                            │                             │         │
//!  nodes ─── templates ──> chain <── what became of them ──┘── blocks┘
//! ```

use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use otedama_chain::Template;
use otedama_pool::gate::Gate;
use otedama_pool::{Candidate, Input, Pool};
use tokio::runtime::Runtime;
use tracing::{info, warn};

use super::addresses::{Addresses, reachable};
use super::chain::Chain;
use super::clock::Clock;
use super::faults::Faults;
use super::persistence::Persistence;
use super::prepare::{Prepared, followed, judged, prepare, read_back, stands};
use super::shutdown::Signals;
use super::startup::{self, Sockets, StartError};
use super::{limits, miner, settings, shutdown};
use crate::api::{self, Service};
use crate::commands::{Failure, Outcome};
use crate::config::{self, Config};
use crate::node::candidates::Candidates;
use crate::node::confirmations::Confirmations;
use crate::node::templates::Templates;
use crate::shard::acceptor::{AcceptCounts, Acceptor};
use crate::shard::{self, Command, Links, ShardParts, VerifiedBy};
use crate::store::{self, Journal, Lock, Store, WriterParts};

/// Threads for everything that isn't the pool: nodes and the API.
const ASYNC_THREADS: usize = 2;

/// How long blocks may still be under way to a node when everything else has stopped.
const BLOCKS_UNDER_WAY: Duration = Duration::from_secs(1);

/// What someone without an address of their own may use on the development chain.
const EXAMPLE_ADDRESS: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

/// Runs until a signal, or a fault inside, ends it. Once it listens, `ready_file` says where.
///
/// # Errors
/// When something that is needed can't be had at the start, or a part of the program failed.
pub fn run(config: &Config, ready_file: Option<&Path>) -> Outcome {
    let clock = Clock::start();
    let chains = config.require_chains()?;
    limits::raise_open_files(config.pool.max_connections);
    let (faults, reported) = Faults::channel();
    let opened = Opened::new(config, &chains, clock)?;
    let signals = opened.runtime.block_on(async { Signals::new() })?;
    let running = Running::start(config, &chains, opened, &faults)?;
    info!(ms = clock.now().mono.as_nanos() / 1_000_000, "listening");
    if let Some(file) = ready_file {
        running.addresses.write(file)?;
    }
    running.connect_nodes(config, &faults)?;
    running.announce(config, &chains);
    let engine = miner::start(config, &chains, &running.addresses.stratum);
    let reason = running.runtime.block_on(shutdown::wait(signals, reported));
    shutdown::guard();
    running.service.stopping();
    drop(engine);
    running.stop();
    match reason {
        shutdown::Reason::Signal => Ok(()),
        shutdown::Reason::Fault => Err(Failure::new("stopped after a fault; the log says which")),
    }
}

/// What has to be had before anything starts.
struct Opened {
    clock: Clock,
    lock: Lock,
    journal: Journal,
    sockets: Sockets,
    runtime: Runtime,
}

impl Opened {
    fn new(config: &Config, chains: &[config::Chain], clock: Clock) -> Result<Self, Failure> {
        let lock = Lock::take(&config.storage.path)?;
        let journal = Journal::open(&config.storage.path, config.storage.retention.as_secs())?;
        let sockets = startup::open_ports(config, chains)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(ASYNC_THREADS)
            .thread_name("async")
            .enable_all()
            .build()?;
        Ok(Self {
            clock,
            lock,
            journal,
            sockets,
            runtime,
        })
    }
}

/// Everything that runs.
struct Running {
    clock: Clock,
    runtime: Runtime,
    service: Arc<Service>,
    acceptors: Vec<Acceptor>,
    threads: Vec<JoinHandle<()>>,
    served: Vec<Served>,
    store: Store,
    addresses: Addresses,
}

/// A chain that runs.
struct Served {
    chain: Arc<Chain>,
    config: config::Chain,
    candidates: Arc<Candidates>,
    confirmations: Arc<Confirmations>,
}

impl Running {
    /// Starts the store, the shards and the acceptors; nobody mines before the nodes are connected.
    fn start(
        config: &Config,
        chains: &[config::Chain],
        opened: Opened,
        faults: &Faults,
    ) -> Result<Self, Failure> {
        let Opened {
            clock,
            lock,
            mut journal,
            sockets,
            runtime,
        } = opened;
        let channel = store::channel();
        let requests = channel.0.clone();
        let prepared = chains
            .iter()
            .map(|chain| prepare(config, chain, clock, &mut journal, &requests, faults))
            .collect::<Result<Vec<_>, _>>()?;
        let listener = Box::new(Persistence::new(&prepared));
        let writer = WriterParts {
            journal,
            lock,
            config: settings::writer(config),
            clock,
            listener,
        };
        let store = Store::spawn(writer, channel, faults)?;
        let gate = Arc::new(Mutex::new(Gate::new(
            settings::gate(config),
            startup::random_number()?,
        )));
        let shared = Shared {
            config,
            clock,
            gate,
            requests,
            runtime: &runtime,
            faults,
        };
        let counts = Arc::new(AcceptCounts::default());
        let (mut served, mut threads, mut acceptors) = (Vec::new(), Vec::new(), Vec::new());
        for ((prepared, ports), notify) in prepared.into_iter().zip(sockets.stratum).zip(sockets.notify) {
            if let Some(socket) = notify {
                let routes = prepared.posts.routes();
                faults.task(runtime.handle(), "posted work", api::serve_routes(socket, routes));
            }
            let tls = sockets.tls.as_ref().filter(|_| ports.iter().any(|port| port.tls));
            let this = start_shards(&shared, prepared, tls, &mut threads)?;
            if !ports.is_empty() {
                let (gate, counts) = (Arc::clone(&shared.gate), Arc::clone(&counts));
                acceptors.push(Acceptor::spawn(
                    ports,
                    this.chain.shards.clone(),
                    gate,
                    counts,
                    clock,
                    faults,
                )?);
            }
            served.push(this);
        }
        let service = Arc::new(Service::new(
            config.app.name.clone(),
            clock,
            served.iter().map(|this| Arc::clone(&this.chain)).collect(),
            store.health(),
            counts,
        ));
        api::serve(
            &runtime,
            faults,
            &service,
            sockets.api,
            sockets.metrics,
            sockets.health,
        );
        Ok(Self {
            clock,
            runtime,
            service,
            acceptors,
            threads,
            served,
            store,
            addresses: sockets.addresses,
        })
    }

    /// Reads back what the journal holds, then starts to take templates.
    fn connect_nodes(&self, config: &Config, faults: &Faults) -> Result<(), Failure> {
        for this in &self.served {
            let rewards = this.config.rewards.as_ref().unwrap_or(&config.pool.rewards);
            read_back(rewards, &this.chain, &config.storage.path, self.clock)?;
            start_nodes(&self.runtime, faults, this);
        }
        Ok(())
    }

    /// Says what runs and where to look.
    fn announce(&self, config: &Config, chains: &[config::Chain]) {
        for (chain, bound) in chains.iter().zip(&self.addresses.stratum) {
            let at = reachable(*bound);
            if chain.is_development() {
                info!("DEVELOPMENT CHAIN - coins are worthless. Blocks come every few seconds");
                info!("  miners:   stratum+tcp://{at}");
                info!("  try:      otedama mine -o stratum+tcp://{at} -u {EXAMPLE_ADDRESS}.rig1 -p x");
            } else {
                info!(
                    "{} {}: miners connect to stratum+tcp://{at}",
                    chain.coin, chain.network
                );
            }
        }
        for at in self.addresses.notify.iter().flatten() {
            info!("  work:     --miner.notify http://{}", reachable(*at));
        }
        if let Some(at) = self.addresses.stratum_tls {
            info!("  encrypted: stratum+tls://{}", reachable(at));
        }
        if let Some(at) = self.addresses.api {
            info!("  status:   http://{}/api/status", reachable(at));
        }
        if !config.pool.enable {
            warn!("pool.enable is false: no miner can connect");
        }
    }

    /// Stops in the order in which things depend on each other, so that nothing answered is lost.
    fn stop(self) {
        let start = self.clock.now().mono;
        for acceptor in self.acceptors {
            acceptor.stop();
        }
        for shard in self.served.iter().flat_map(|this| &this.chain.shards) {
            shard.send(Command::Stop);
        }
        for thread in self.threads {
            if thread.join().is_err() {
                warn!("a shard's thread panicked while it stopped");
            }
        }
        for verification in self
            .served
            .iter()
            .filter_map(|this| this.chain.verification.as_ref())
        {
            verification.stop();
        }
        let finish = async {
            for this in &self.served {
                this.candidates.finish().await;
            }
        };
        let finished = self
            .runtime
            .block_on(async { tokio::time::timeout(BLOCKS_UNDER_WAY, finish).await });
        if finished.is_err() {
            warn!("blocks are still on their way to a node");
        }
        self.store.close();
        self.runtime.shutdown_timeout(Duration::from_millis(200));
        info!(
            ms = self.clock.now().mono.since(start).as_millis() as u64,
            "stopped"
        );
    }
}

/// What all shards share.
struct Shared<'a> {
    config: &'a Config,
    clock: Clock,
    gate: Arc<Mutex<Gate>>,
    requests: Sender<store::Request>,
    runtime: &'a Runtime,
    faults: &'a Faults,
}

/// Starts the pool objects of one chain, each with its own extranonces.
fn start_shards(
    shared: &Shared<'_>,
    prepared: Prepared,
    tls: Option<&Arc<rustls::ServerConfig>>,
    threads: &mut Vec<JoinHandle<()>>,
) -> Result<Served, Failure> {
    let Prepared {
        spec,
        config,
        runs,
        seats,
        mut credited,
        chain,
        verifier,
        posts: _,
    } = prepared;
    let (candidates, confirmations) = follow_blocks(shared, &chain);
    for (index, (seat, run)) in seats.into_iter().zip(runs).enumerate() {
        let (seed, family) = (startup::random_seed()?, Arc::clone(&chain.nodes.family));
        let mut pool = Pool::new(settings::pool(shared.config, &config, spec), spec, family, seed);
        pool.handle(shared.clock.now(), Input::Extranonce(run.lease));
        if let Some(credited) = credited.take() {
            pool.handle(shared.clock.now(), credited);
        }
        let nodes = Arc::clone(&candidates);
        let links = Links {
            run: run.run,
            store: shared.requests.clone(),
            candidate: Box::new(move |candidate: Candidate| nodes.submit(index, Arc::new(candidate))),
            gate: Arc::clone(&shared.gate),
            shards: chain.shards.clone(),
        };
        let parts = ShardParts {
            name: format!("{}-{index}", spec.symbol.to_lowercase()),
            pool,
            verified_by: match (&chain.verification, &verifier) {
                (Some(verification), _) => VerifiedBy::Others(verification.desk(index)),
                (None, Some(prepared)) => VerifiedBy::Shard(prepared.hasher()?),
                (None, None) => return Err(StartError::Algorithm(spec.algorithm.to_string()).into()),
            },
            links,
            tls: tls.cloned(),
            clock: shared.clock,
            snapshot: Arc::clone(&chain.snapshots[index]),
        };
        threads.push(shard::spawn(seat, parts, shared.faults)?);
    }
    Ok(Served {
        chain,
        config,
        candidates,
        confirmations,
    })
}

/// The way of a found block: to every node, then watched until it is mature.
fn follow_blocks(shared: &Shared<'_>, chain: &Arc<Chain>) -> (Arc<Candidates>, Arc<Confirmations>) {
    let changed = Arc::clone(chain);
    let confirmations = Arc::new(Confirmations::new(
        Arc::clone(&chain.nodes),
        Box::new(move |hash, change| changed.on_change(hash, change)),
    ));
    let (found, judged, followed) = (Arc::clone(chain), Arc::clone(chain), Arc::clone(&confirmations));
    let candidates = Arc::new(Candidates::new(
        Arc::clone(&chain.nodes),
        shared.runtime.handle().clone(),
        Arc::clone(&chain.block_folder),
        Arc::clone(&chain.height),
        Box::new(move |block| found.on_candidate(block)),
        Box::new(move |shard, block, verdict| {
            let status = judged.on_verdict(shard, block, &verdict);
            followed.follow(&block.hash, block.height, stands(status));
        }),
    ));
    (candidates, confirmations)
}

/// Starts to take templates and to watch blocks.
fn start_nodes(runtime: &Runtime, faults: &Faults, this: &Served) {
    let (chain, confirmations) = (Arc::clone(&this.chain), Arc::clone(&this.confirmations));
    for (hash, height, stands) in followed(&chain) {
        confirmations.follow(&hash, height, stands);
    }
    runtime.spawn(Arc::clone(&this.candidates).submit_again(judged(&chain)));
    faults.task(
        runtime.handle(),
        "confirmations",
        Arc::clone(&confirmations).run(),
    );
    let nodes = Arc::clone(&chain.nodes);
    let sink = Box::new(move |template: Arc<Template>| {
        chain.on_template(&template);
        confirmations.tip_changed(template.height.saturating_sub(1));
    });
    let templates = Templates::new(nodes, this.config.template_refresh, sink);
    faults.task(
        runtime.handle(),
        "templates",
        templates.run(this.config.health_check),
    );
}
