//! The pool object: takes inputs, routes them, hands out outputs.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use otedama_chain::{ChainSpec, Family, JobError, Template};
use otedama_hash::{Monotonic, Now};
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use slab::Slab;

use crate::ban::Scores;
use crate::config::PoolConfig;
use crate::extranonce::Extranonces;
use crate::io::{Admin, CloseReason, ConnId, Input, Output, Payouts};
use crate::jobs::JobBook;
use crate::journal::Journal;
use crate::prefixes::Prefixes;
use crate::session::Session;
use crate::session::resume::{Closed, Resumable};
use crate::share::pending::PendingShares;
use crate::stats::{SessionInfo, Stats};

/// Least time between two jobs that exist only for changed difficulties.
pub(crate) const RENEW_INTERVAL: Duration = Duration::from_secs(1);

/// A mining pool without sockets, clock or storage, serving the sessions of one core.
///
/// Feed it with [`handle`](Self::handle), then call [`poll_output`](Self::poll_output) until it
/// returns `None`; several inputs may be fed before that. Outputs come in the order in which they
/// must be carried out; a block candidate overtakes everything that is queued. When nothing else
/// happens, feed [`Input::Tick`] at [`next_timeout`](Self::next_timeout).
///
/// The same seed and inputs give the same outputs.
pub struct Pool {
    pub(crate) config: PoolConfig,
    pub(crate) spec: &'static ChainSpec,
    pub(crate) family: Arc<dyn Family>,
    pub(crate) rng: ChaCha12Rng,
    pub(crate) sessions: Slab<Session>,
    pub(crate) index: HashMap<ConnId, usize, FixedState>,
    pub(crate) resumable: Resumable,
    pub(crate) extranonces: Extranonces,
    /// Who has which nonces, where all sessions hash the same.
    pub(crate) prefixes: Prefixes,
    pub(crate) jobs: JobBook,
    /// Whom the newest job pays.
    pub(crate) payouts: Option<Arc<Payouts>>,
    pub(crate) job_full: bool,
    pub(crate) pending: PendingShares,
    pub(crate) journal: Journal,
    pub(crate) scores: Scores,
    pub(crate) stats: Stats,
    pub(crate) out: VecDeque<Output>,
    /// One entry per session, the next time at which it wants to be looked at.
    pub(crate) timers: BinaryHeap<Reverse<(Monotonic, ConnId)>>,
    /// Connections that wait for a job of their own: a new difficulty, or none for too long.
    pub(crate) job_queue: Vec<ConnId>,
    pub(crate) renewed_at: Monotonic,
    pub(crate) stopping: bool,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("sessions", &self.sessions.len())
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool for one chain. All its randomness comes from `seed`.
    pub fn new(
        config: PoolConfig,
        spec: &'static ChainSpec,
        family: Arc<dyn Family>,
        seed: [u8; 32],
    ) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        let map_seed = rng.next_u64();
        let mut pool = Self {
            spec,
            family,
            sessions: Slab::new(),
            index: HashMap::with_hasher(FixedState::with_seed(map_seed)),
            resumable: Resumable::default(),
            extranonces: Extranonces::default(),
            prefixes: Prefixes::default(),
            jobs: JobBook::new(spec, config.tag.clone(), config.job_grace, map_seed),
            payouts: None,
            job_full: false,
            pending: PendingShares::default(),
            journal: Journal::default(),
            scores: Scores::new(config.ban, map_seed),
            stats: Stats::default(),
            out: VecDeque::new(),
            timers: BinaryHeap::new(),
            job_queue: Vec::new(),
            renewed_at: Monotonic::ZERO,
            stopping: false,
            config,
            rng,
        };
        pool.ask_extranonce();
        pool
    }

    /// Takes one input. Never blocks and never fails: a peer's fault becomes an output.
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        match input {
            Input::Bytes { conn, bytes } => self.bytes(now, conn, bytes),
            Input::Verified { ticket, pow } => self.verified(now, ticket, pow),
            Input::Persisted { seq } => self.persisted(now, seq),
            Input::PersistFailed { seq } => self.persist_failed(now, seq),
            Input::Opened { conn, peer } => self.opened(now, conn, peer),
            Input::Closed { conn } => self.closed(now, conn),
            Input::Blocked { conn, queued } => self.blocked(now, conn, queued),
            Input::Writable { conn } => self.writable(now, conn),
            Input::Template { template, payouts } => self.template(now, template, payouts),
            Input::Extranonce(lease) => self.extranonces.add(lease),
            Input::Credited { height, hashes } => self.jobs.remember_credited(height, hashes),
            Input::BlockResult { hash: _, result } => match result {
                Ok(()) => self.stats.blocks_accepted += 1,
                Err(_) => self.stats.blocks_rejected += 1,
            },
            Input::Admin(command) => self.admin(now, &command),
            Input::Tick => {}
        }
        self.run_timers(now);
    }

    /// The next thing to do, `None` when there is nothing.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out
            .pop_front()
            .or_else(|| self.journal.take_batch().map(Output::Persist))
    }

    /// When to feed [`Input::Tick`] if nothing else comes first.
    pub fn next_timeout(&self) -> Option<Monotonic> {
        let session = self.timers.peek().map(|Reverse((at, _))| *at);
        let renew = (!self.job_queue.is_empty() || self.job_full).then(|| self.renewed_at + RENEW_INTERVAL);
        session.into_iter().chain(renew).min()
    }

    /// Counters, and how many connections and shares there are now.
    pub fn stats(&self) -> Stats {
        Stats {
            connections: self.sessions.len() as u64,
            authorized: self.sessions.iter().filter(|(_, s)| s.is_mining()).count() as u64,
            in_flight: self.pending.len() as u64,
            jobs: self.jobs.len() as u64,
            seen: self.jobs.seen() as u64,
            ..self.stats
        }
    }

    /// Every connection.
    pub fn sessions(&self) -> impl Iterator<Item = SessionInfo> + '_ {
        self.sessions.iter().map(|(_, s)| s.info())
    }

    /// After [`Admin::Stop`]: whether every share has had its reply.
    pub fn is_drained(&self) -> bool {
        self.pending.len() == 0 && self.out.is_empty()
    }

    fn opened(&mut self, now: Now, conn: ConnId, peer: IpAddr) {
        if self.stopping || self.sessions.len() >= self.config.max_connections {
            let why = if self.stopping {
                CloseReason::Stopping
            } else {
                CloseReason::Full
            };
            self.stats.closed += 1;
            self.out.push_back(Output::Close { conn, why });
            return;
        }
        let slot = self
            .sessions
            .insert(Session::new(conn, peer, &self.config, now.mono));
        self.index.insert(conn, slot);
        self.timers
            .push(Reverse((now.mono + self.config.login_timeout, conn)));
    }

    fn template(&mut self, now: Now, template: Arc<Template>, payouts: Payouts) {
        if let Err(why) = self.try_payouts(&template, &payouts) {
            self.out.push_back(Output::TemplateRefused {
                height: template.height,
                why,
            });
            return;
        }
        if self
            .jobs
            .current()
            .is_some_and(|set| set.template.is_same_work(&template))
        {
            // Another job on it would have the same hashes, and every share could be submitted twice.
            return;
        }
        let payouts = Arc::new(payouts);
        self.payouts = Some(payouts.clone());
        let clean = self.jobs.replace(now.mono, template, payouts);
        self.prefixes.forget_before(self.jobs.oldest());
        self.job_full = false;
        self.renewed_at = now.mono;
        self.job_queue.clear();
        self.broadcast(now, clean);
    }

    /// A plan that can't make a block must not replace one that can.
    fn try_payouts(&self, template: &Arc<Template>, payouts: &Payouts) -> Result<(), JobError> {
        match payouts {
            Payouts::Shared(plans) if plans.is_empty() => Err(JobError::EmptyPlan),
            Payouts::Shared(plans) => plans.iter().try_for_each(|plan| {
                self.family
                    .build_job(self.spec, template.clone(), plan.clone(), &self.config.tag)
                    .map(drop)
            }),
            Payouts::Finder { .. } => Ok(()),
        }
    }

    fn admin(&mut self, now: Now, command: &Admin) {
        match command {
            Admin::Disconnect(conn) => self.close(now, *conn, CloseReason::Admin),
            Admin::ShowMessage(text) => {
                let Some(bytes) = self.message_line(text) else {
                    return;
                };
                for (_, session) in &self.sessions {
                    if session.is_mining() && session.blocked_since.is_none() {
                        self.out.push_back(Output::Send {
                            conn: session.conn,
                            bytes: bytes.clone(),
                        });
                    }
                }
            }
            Admin::Stop => self.stopping = true,
        }
    }

    pub(crate) fn ask_extranonce(&mut self) {
        if self.extranonces.should_ask() {
            self.out.push_back(Output::NeedExtranonce);
        }
    }

    fn closed(&mut self, now: Now, conn: ConnId) {
        let Some(slot) = self.index.remove(&conn) else {
            return;
        };
        let session = self.sessions.remove(slot);
        if !self.spec.jobs_differ() && !session.prefix.is_empty() {
            self.prefixes.leave(&session.prefix, self.jobs.next_number());
        }
        if let Some(extranonce1) = session.extranonce1.filter(|_| session.is_mining()) {
            self.resumable.add(Closed {
                session_id: session.session_id,
                extranonce1,
                difficulty: session.difficulty,
                steps: session.steps,
                last_job: session.last_job,
                closed_at: now.mono,
            });
        }
    }

    pub(crate) fn close(&mut self, now: Now, conn: ConnId, why: CloseReason) {
        if self.index.contains_key(&conn) {
            self.stats.closed += 1;
            self.say_goodbye(conn);
            self.out.push_back(Output::Close { conn, why });
            self.closed(now, conn);
        }
    }

    pub(crate) fn close_address(&mut self, now: Now, peer: IpAddr, why: CloseReason) {
        let conns: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, s)| s.peer == peer)
            .map(|(_, s)| s.conn)
            .collect();
        for conn in conns {
            self.close(now, conn, why);
        }
    }
}
