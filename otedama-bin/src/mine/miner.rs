//! The miner's loop: connections, devices and the clock, one event at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use otedama_devices::cpu::CpuMiner;
use otedama_devices::{Device, Status};
use otedama_hash::Monotonic;
use otedama_stratum::client::{Client, ClientConfig, ClientJob};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::engine::lock;
use super::link::{Link, LinkEvent, LinkId, sleep_until};
use super::pools::Pools;
use super::rate::RateMeter;
use super::redirect::same_domain;
use super::shares::Share;
use super::work::Jobs;
use super::{Event, MineConfig, PoolAddress, Stats};
use super::{detect, language};
use crate::serve::clock::Clock;

const MAX_LINK_EVENTS: usize = 1024;
/// How long a stopping miner waits for answers.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Everything in the miner's thread.
pub(super) struct Miner {
    pub(super) config: MineConfig,
    clock: Clock,
    device: CpuMiner,
    solutions: mpsc::Receiver<otedama_devices::Solution>,
    events: Option<mpsc::Sender<Event>>,
    pub(super) stats: Arc<Mutex<Stats>>,
    meter: RateMeter,
    /// What the device was last seen at.
    status: Status,
    pub(super) pools: Pools,
    pub(super) jobs: Jobs,
    /// What was submitted and is not answered yet, by tag.
    pub(super) submitted: BTreeMap<u64, Share>,
    from_links: mpsc::Receiver<(LinkId, LinkEvent)>,
    link_sender: mpsc::Sender<(LinkId, LinkEvent)>,
    /// The connection that gives work.
    pub(super) active: Option<Connection>,
    /// The connection that is being tried.
    attempt: Option<Connection>,
    /// Connections that were left and still wait for answers.
    pub(super) leaving: Vec<Connection>,
    next_link: u64,
    pub(super) next_tag: u64,
}

pub(super) struct Connection {
    pub(super) link: Link,
    /// Index of its pool.
    pub(super) pool: usize,
    since: Monotonic,
}

impl Miner {
    pub(super) fn new(
        config: MineConfig,
        device: CpuMiner,
        solutions: mpsc::Receiver<otedama_devices::Solution>,
        events: Option<mpsc::Sender<Event>>,
        stats: Arc<Mutex<Stats>>,
    ) -> Self {
        let (link_sender, from_links) = mpsc::channel(MAX_LINK_EVENTS);
        Self {
            clock: Clock::start(),
            pools: Pools::new(config.pools.clone(), config.timing, config.seed),
            config,
            device,
            solutions,
            events,
            stats,
            meter: RateMeter::default(),
            status: Status::Idle,
            jobs: Jobs::default(),
            submitted: BTreeMap::new(),
            from_links,
            link_sender,
            active: None,
            attempt: None,
            leaving: Vec::new(),
            next_link: 0,
            next_tag: 0,
        }
    }

    /// Mines until told to stop.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut second = interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.try_pool();
            let due = self.next_attempt();
            tokio::select! {
                // An engine that was dropped without being stopped counts as stopped, too.
                _ = stop.wait_for(|stop| *stop) => break,
                Some((id, event)) = self.from_links.recv() => self.on_link(id, event),
                Some(solution) = self.solutions.recv() => self.on_solution(&solution),
                _ = second.tick() => self.measure(),
                () = sleep_until(due) => {}
            }
        }
        self.finish().await;
    }

    async fn finish(mut self) {
        self.device.clear();
        self.attempt = None;
        if let Some(active) = self.active.take() {
            self.leave(active);
        }
        let last_answers = async {
            while !self.leaving.is_empty() {
                let Some((id, event)) = self.from_links.recv().await else {
                    break;
                };
                self.on_link(id, event);
            }
        };
        // Whatever has no answer by then is unanswered.
        let _ = timeout(LAST_ANSWERS, last_answers).await;
        lock(&self.stats).unanswered += self.submitted.len() as u64;
        self.measure();
        self.device.stop();
    }

    fn active_pool(&self) -> Option<usize> {
        self.active.as_ref().map(|active| active.pool)
    }

    fn now(&self) -> Monotonic {
        self.clock.now().mono
    }

    /// Begins to connect to the best pool that is due and better than the one in use.
    fn try_pool(&mut self) {
        let now = self.now();
        if self.attempt.is_some() {
            return;
        }
        let Some(index) = self.pools.due(self.active_pool(), now) else {
            return;
        };
        let config = &self.config;
        let pool = self.pools.get_mut(index);
        let client = pool.client.take().unwrap_or_else(|| {
            Client::new(ClientConfig {
                language: pool.language(config.algorithm),
                algorithms: language::wire_names(config.algorithm),
                suggest_difficulty: config.suggest_difficulty,
                ..detect::config(&pool.login, config.algorithm)
            })
        });
        self.next_link += 1;
        let id = LinkId(self.next_link);
        let address = pool.address().clone();
        tracing::debug!("connecting to {address}");
        let link = Link::open(
            id,
            address,
            client,
            config.timing,
            self.clock,
            self.link_sender.clone(),
        );
        self.attempt = Some(Connection {
            link,
            pool: index,
            since: now,
        });
    }

    fn next_attempt(&self) -> Option<Instant> {
        if self.attempt.is_some() {
            return None;
        }
        let due = self.pools.next_due(self.active_pool())?;
        Some(Instant::now() + due.since(self.now()))
    }

    fn on_link(&mut self, id: LinkId, event: LinkEvent) {
        match event {
            LinkEvent::Job(job) => self.on_job(id, job),
            LinkEvent::Difficulty(difficulty) => {
                tracing::debug!("difficulty {difficulty} from the next job on");
            }
            LinkEvent::Accepted { tag, latency } => self.on_accepted(id, tag, latency),
            LinkEvent::Rejected { tag, code, message } => self.on_rejected(tag, code, message),
            LinkEvent::Unanswered { tag } => self.on_unanswered(tag),
            LinkEvent::Reconnect { host, port, wait } => self.on_reconnect(id, host, port, wait),
            LinkEvent::Message(text) => self.report(Event::Message(text)),
            LinkEvent::Closed {
                client,
                connected,
                why,
            } => self.on_closed(id, *client, connected, why),
        }
    }

    fn on_job(&mut self, id: LinkId, job: Arc<ClientJob>) {
        if self.attempt.as_ref().is_some_and(|attempt| attempt.link.id == id) {
            self.promote();
        }
        if self.active.as_ref().is_none_or(|active| active.link.id != id) {
            return;
        }
        let (clean, difficulty) = (job.clean, job.difficulty.get());
        let Some(description) = self.jobs.describe(id, job) else {
            return self.report(Event::Trouble("a job that cannot be worked on".to_owned()));
        };
        if let Err(error) = self.device.set_job(Arc::new(description)) {
            return self.report(Event::Trouble(format!("a job that cannot be worked on: {error}")));
        }
        lock(&self.stats).difficulty = Some(difficulty);
        self.report(Event::Job { clean, difficulty });
    }

    /// The connection that was tried gives work: it is the one in use from now on.
    fn promote(&mut self) {
        let Some(mut connection) = self.attempt.take() else {
            return;
        };
        if let Some(old) = self.active.take() {
            self.leave(old);
        }
        let now = self.now();
        connection.since = now;
        let index = connection.pool;
        self.pools.chosen(index, now);
        let pool = self.pools.get(index).address().to_string();
        {
            let mut stats = lock(&self.stats);
            stats.pool = Some(pool.clone());
            stats.pool_index = Some(index);
            stats.connections += 1;
        }
        self.active = Some(connection);
        self.report(Event::Connected { pool });
    }

    fn leave(&mut self, connection: Connection) {
        connection.link.leave();
        self.leaving.push(connection);
    }

    /// A pool that wants its miners elsewhere is obeyed within its own domain.
    fn on_reconnect(&mut self, id: LinkId, host: Option<String>, port: Option<u16>, wait: Duration) {
        let Some(index) = self.connection(id).map(|connection| connection.pool) else {
            return;
        };
        let pool = self.pools.get(index);
        let to = PoolAddress {
            protocol: pool.address().protocol,
            host: host.unwrap_or_else(|| pool.address().host.clone()),
            port: port.unwrap_or(pool.address().port),
        };
        let followed = same_domain(&pool.login.address.host, &to.host);
        self.report(Event::Redirected {
            to: to.to_string(),
            followed,
        });
        if !followed {
            return;
        }
        let now = self.now();
        self.pools.redirected(index, to, wait, now);
        if self.active.as_ref().is_some_and(|active| active.link.id == id) {
            self.idle();
            self.active
                .take()
                .into_iter()
                .for_each(|connection| self.leave(connection));
        } else {
            self.attempt
                .take()
                .into_iter()
                .for_each(|connection| self.leave(connection));
        }
    }

    /// The active or attempted connection of that name.
    fn connection(&self, id: LinkId) -> Option<&Connection> {
        self.active
            .iter()
            .chain(&self.attempt)
            .find(|connection| connection.link.id == id)
    }

    fn on_closed(&mut self, id: LinkId, client: Client, connected: bool, why: String) {
        let now = self.now();
        let mine = |connection: &Connection| connection.link.id == id;
        if self.active.as_ref().is_some_and(mine) {
            let Some(Connection { pool, since, .. }) = self.active.take() else {
                return;
            };
            self.idle();
            self.pools.get_mut(pool).client = Some(client);
            let retry = self.pools.lost(pool, now.since(since), now);
            self.disconnected(pool, why, retry);
        } else if self.attempt.as_ref().is_some_and(mine) {
            let Some(Connection { pool, .. }) = self.attempt.take() else {
                return;
            };
            let tried = self.pools.get_mut(pool);
            let address = tried.address().to_string();
            tried.gave_no_job(client, connected, self.config.algorithm);
            let retry = self.pools.failed(pool, self.active_pool(), now);
            if self.active.is_none() {
                self.report(Event::Disconnected {
                    pool: address,
                    why,
                    retry,
                });
            } else {
                tracing::debug!("{address} still cannot be used: {why}");
            }
        } else if let Some(at) = self.leaving.iter().position(mine) {
            let connection = self.leaving.swap_remove(at);
            self.pools.get_mut(connection.pool).client = Some(client);
        }
    }

    fn disconnected(&self, pool: usize, why: String, retry: Duration) {
        let pool = self.pools.get(pool).address().to_string();
        self.report(Event::Disconnected { pool, why, retry });
    }

    /// Without a pool there is nothing to work on.
    fn idle(&mut self) {
        self.device.clear();
        self.jobs.clear();
        let mut stats = lock(&self.stats);
        stats.pool = None;
        stats.pool_index = None;
        stats.difficulty = None;
    }

    fn measure(&mut self) {
        self.look_at_device();
        let now = self.now();
        let counters = self.device.counters();
        self.meter.sample(now, counters.hashes());
        let mut stats = lock(&self.stats);
        stats.hashes = counters.hashes();
        stats.invalid = counters.invalid;
        stats.threads = self.device.running_threads();
        stats.rates = self.meter.rates();
        stats.uptime = now.since(Monotonic::ZERO);
    }

    /// Says what the device is about, when that has changed and the algorithm needs memory first.
    fn look_at_device(&mut self) {
        let status = self.device.status();
        if status == self.status {
            return;
        }
        let event = match &status {
            Status::Preparing => Some(Event::Preparing),
            Status::Mining(plan) if language::needs_memory(self.config.algorithm) => {
                Some(Event::Mining(*plan))
            }
            Status::Failed(why) => Some(Event::Trouble(why.to_string())),
            _ => None,
        };
        self.status = status;
        if let Some(event) = event {
            self.report(event);
        }
    }

    pub(super) fn report(&self, event: Event) {
        event.report(self.events.as_ref());
    }
}
