//! The simulated world: one thread, one clock, one seed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use otedama_chain::Family;
use otedama_hash::{Hash256, Now};
use otedama_pool::ConnId;

use crate::checker::Checks;
use crate::clock::Schedule;
use crate::coin::Coin;
use crate::config::{NODES, SimConfig};
use crate::event::{Event, Peer};
use crate::ledger::ledgers;
use crate::link::Link;
use crate::miner::{self, Found, Miner};
use crate::mixed::Shared;
use crate::node::{BlockInfo, Node};
use crate::oracle::Oracle;
use crate::process::{Process, window};
use crate::random::Random;
use crate::report::{Counts, Failure, Summary};
use crate::store::Store;
use crate::stranger::{self, Stranger};
use crate::trace::Trace;

/// Everything there is.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) config: SimConfig,
    pub(crate) coin: &'static Coin,
    pub(crate) schedule: Schedule<Event>,
    pub(crate) trace: Trace,
    pub(crate) checks: Checks,
    pub(crate) counts: Counts,
    pub(crate) oracle: Oracle,
    pub(crate) family: FamilyBox,
    pub(crate) random: Streams,
    pub(crate) links: BTreeMap<ConnId, Link>,
    /// Connections that wait to be read from, the first one first.
    pub(crate) held: VecDeque<ConnId>,
    pub(crate) next_conn: u64,
    pub(crate) miners: Vec<Miner>,
    pub(crate) strangers: Vec<Stranger>,
    pub(crate) nodes: Vec<Node>,
    /// Whether the nodes don't hear of each other.
    pub(crate) is_partitioned: bool,
    pub(crate) blocks: BTreeMap<Hash256, BlockInfo>,
    /// The seed of the epoch that the last template was for.
    pub(crate) seed: Option<[u8; 32]>,
    /// Pool objects that serve behind the one port.
    pub(crate) shards: usize,
    /// Shares that the pools sent to be verified in each of the last seconds, the newest last.
    pub(crate) asked: VecDeque<u64>,
    /// A proof that was credited, for whoever would like to be credited for it as well.
    pub(crate) public_proof: Option<Found>,
    pub(crate) store: Store,
    pub(crate) process: Option<Process>,
    pub(crate) incarnation: u64,
    pub(crate) next_plan: u64,
    /// Whether other chains share the process, and whether it is this one's faults that hit it.
    pub(crate) shares_process: Option<bool>,
    /// What has just happened to all of them.
    pub(crate) shared: Option<Shared>,
    /// Outputs are being carried out further up the stack.
    pub(crate) is_draining: bool,
    /// Faults are over.
    pub(crate) is_calm: bool,
    /// Miners have stopped.
    pub(crate) is_resting: bool,
    /// Counts what the sabotaged driver lets through.
    pub(crate) sabotage_count: u64,
    /// Blocks that were taken after the faults.
    pub(crate) blocks_when_calm: u64,
    /// Work that was credited while there were faults.
    pub(crate) credited_before_calm: u128,
    /// Share rates over the wanted one when miners stopped.
    pub(crate) rates: [f64; 3],
}

/// The chain family's code.
pub(crate) struct FamilyBox(pub(crate) Arc<dyn Family>);

impl core::fmt::Debug for FamilyBox {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Family")
    }
}

/// One stream of random numbers per purpose, so that a change in one part leaves the others as they were.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) network: Random,
    pub(crate) miners: Random,
    pub(crate) strangers: Random,
    pub(crate) chain: Random,
    pub(crate) driver: Random,
    pub(crate) faults: Random,
}

impl World {
    pub(crate) fn new(config: SimConfig, coin: &'static Coin) -> Self {
        let seed = config.seed;
        let stream = |purpose| Random::new(seed, &coin.purpose(purpose));
        let mut random = Streams {
            network: stream("network"),
            miners: stream("miners"),
            strangers: stream("strangers"),
            chain: stream("chain"),
            driver: stream("driver"),
            faults: stream("faults"),
        };
        let cheats = match coin.slow {
            _ if !config.faults => 0,
            None => config.miners / 50 + 1,
            // At least one in every dialect.
            Some(_) => (config.miners / 50 + 1).max(coin.agents.len()),
        };
        let miners = miner::population(&mut random.miners, coin, config.miners, cheats);
        let strangers = if config.faults {
            stranger::population()
        } else {
            Vec::new()
        };
        let hashrate = miners.iter().map(|m| m.nominal).sum();
        let oracle = Oracle::new(coin.spec.algorithm);
        let scheme = otedama_rewards::Pplns::new(window(seed), crate::process::fee());
        let mut world = Self {
            schedule: Schedule::new(),
            trace: Trace::new(),
            checks: Checks::new(coin, window(seed)),
            counts: Counts::default(),
            family: FamilyBox(otedama_chain::family(coin.spec)),
            links: BTreeMap::new(),
            held: VecDeque::new(),
            next_conn: 1,
            miners,
            strangers,
            nodes: ledgers(coin, &oracle, hashrate, NODES)
                .into_iter()
                .map(Node::new)
                .collect(),
            is_partitioned: false,
            blocks: BTreeMap::new(),
            seed: None,
            shards: coin.shards(config.sabotage),
            asked: VecDeque::from([0]),
            public_proof: None,
            store: Store::new(scheme.slot_s()),
            process: None,
            incarnation: 0,
            next_plan: 1,
            shares_process: None,
            shared: None,
            is_draining: false,
            is_calm: !config.faults,
            is_resting: false,
            sabotage_count: 0,
            blocks_when_calm: 0,
            credited_before_calm: 0,
            rates: [0.0; 3],
            oracle,
            random,
            coin,
            config,
        };
        world.plan_everything();
        world
    }

    fn plan_everything(&mut self) {
        let faults_end = self.config.faults_end();
        self.schedule.after(Duration::ZERO, Event::Start);
        self.schedule.after(Duration::from_secs(1), Event::Second);
        self.schedule.after(faults_end, Event::Calm);
        self.schedule.after(self.config.mining_ends(), Event::Rest);
        self.schedule.after(self.config.duration, Event::End);
        let outside = self.random.chain.exponential(crate::mining::OUTSIDE_INTERVAL);
        self.schedule
            .after(outside, Event::OutsideBlock { node: 0, again: true });
        for miner in 0..self.miners.len() {
            let delay = self.random.miners.millis(100, 10_000);
            self.schedule.after(
                delay,
                Event::Connect {
                    peer: Peer::Miner(miner),
                    attempt: 0,
                },
            );
            if !self.miners[miner].steady {
                let delay = self.random.miners.exponential(crate::mining::STEP_INTERVAL);
                self.schedule.after(delay, Event::Step { miner });
            }
        }
        if self.config.faults {
            for stranger in 0..self.strangers.len() {
                let delay = self.random.strangers.millis(1_000, 30_000);
                self.schedule.after(delay, Event::Act { stranger });
            }
            let delay = self.random.faults.exponential(crate::faults::INTERVAL);
            self.schedule.after(delay, Event::Fault);
        }
    }

    /// Runs to the end, or to the first broken rule.
    pub(crate) fn run(mut self) -> Result<Summary, Box<Failure>> {
        while self.next_event() {}
        match self.failure() {
            Some(failure) => Err(Box::new(failure)),
            None => Ok(self.summary()),
        }
    }

    /// One event. False at the end, and when a rule is broken.
    pub(crate) fn next_event(&mut self) -> bool {
        let Some(event) = self.schedule.pop() else {
            return false;
        };
        if self.config.trace {
            self.print(&event);
        }
        if matches!(event, Event::End) {
            self.end();
            return false;
        }
        self.happen(event);
        self.checks.violation.is_none()
    }

    /// The broken rule, if one is.
    pub(crate) fn failure(&mut self) -> Option<Failure> {
        let violation = self.checks.violation.take()?;
        Some(Failure {
            seed: self.config.seed,
            chain: self.coin.spec.name,
            at: self.schedule.now().mono,
            check: violation.check,
            what: violation.what,
            last: self.checks.recent(),
        })
    }

    pub(crate) fn now(&self) -> Now {
        self.schedule.now()
    }

    /// Writes something down for the case that a rule is broken soon.
    pub(crate) fn note(&mut self, what: &'static str, a: u64, b: u64) {
        let now = self.now().mono;
        self.checks.note(now, what, a, b);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Connect { peer, attempt } => self.connect(peer, attempt),
            Event::Up(conn) => self.segment_up(conn),
            Event::Down(conn) => self.segment_down(conn),
            Event::CloseUp(conn) => self.close_up(conn),
            Event::CloseDown(conn) => self.close_down(conn),
            Event::Share { miner, draw } => self.share(miner, draw),
            Event::Step { miner } => self.step(miner),
            Event::Act { stranger } => self.act_strange(stranger),
            Event::Verified {
                incarnation,
                shard,
                request,
            } if self.lives(incarnation) => {
                self.verified(shard, &request);
            }
            Event::Batch {
                incarnation,
                batch,
                is_verified,
            } if self.lives(incarnation) => self.batch_done(batch, is_verified),
            Event::WorkOff { incarnation } if self.lives(incarnation) => self.work_off(),
            Event::Tick {
                incarnation,
                shard,
                at,
            } if self.lives(incarnation) => self.tick(shard, at),
            Event::Drain { incarnation, shard } if self.lives(incarnation) => self.drain(shard),
            Event::Commit { incarnation } if self.lives(incarnation) => self.committed(),
            Event::AskTemplate { incarnation } if self.lives(incarnation) => self.ask_template(),
            Event::TemplateReply {
                incarnation,
                node,
                request,
            } if self.lives(incarnation) => {
                self.template_reply(node, request);
            }
            Event::TemplateTimeout { incarnation, request } if self.lives(incarnation) => {
                self.template_timeout(request);
            }
            Event::Submit {
                incarnation,
                node,
                hash,
            } => self.submit(incarnation, node, hash),
            Event::SubmitReply {
                incarnation,
                node,
                hash,
                verdict,
            } if self.lives(incarnation) => {
                self.submit_reply(node, hash, verdict);
            }
            Event::Relay { to, hash } => self.relay(to, hash),
            Event::OutsideBlock { node, again } => self.outside_block(node, again),
            Event::Fault => self.fault(),
            Event::NodeUp { node } => self.node_up(node),
            Event::Heal => self.heal(),
            Event::Start => self.start(),
            Event::Calm => self.calm(),
            Event::Rest => self.rest(),
            Event::Second => self.second(),
            _ => {}
        }
    }

    fn lives(&self, incarnation: u64) -> bool {
        self.process
            .as_ref()
            .is_some_and(|p| p.incarnation == incarnation)
    }

    fn print(&self, event: &Event) {
        let quiet = matches!(
            event,
            Event::Up(_) | Event::Down(_) | Event::Second | Event::Verified { .. } | Event::Batch { .. }
        );
        if !quiet {
            println!("{:>12.6} {event:?}", self.now().mono.as_nanos() as f64 / 1e9);
        }
    }
}
