//! The loop of a shard's thread.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mio::{Events, Poll, Registry};
use otedama_hash::{Monotonic, Now};
use otedama_pool::gate::Gate;
use otedama_pool::{ConnId, Input, Pool};
use tracing::{error, info};

use super::connection::Connection;
use super::reading::BYTES_PER_TURN;
use super::slots::{Slots, WAKER};
use super::verify::Verifier;
use super::{Command, Links, Seat, ShardParts, Snapshot};
use crate::serve::clock::Clock;

/// How often the snapshot is renewed.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(1);

/// Longest sleep.
const IDLE: Duration = Duration::from_secs(1);

/// Everything one shard owns. No lock is held while it works, except the gate's for an instant.
pub(super) struct Shard {
    poll: Poll,
    events: Events,
    pub(super) registry: Registry,
    pub(super) commands: Receiver<Command>,
    woken: Arc<AtomicBool>,
    pub(super) has_mail: bool,
    pub(super) clock: Clock,
    pub(super) pool: Pool,
    pub(super) verifier: Verifier,
    pub(super) hashed_in_turn: bool,
    pub(super) links: Links,
    pub(super) tls: Option<Arc<rustls::ServerConfig>>,
    pub(super) connections: Slots,
    /// One read buffer for all connections.
    pub(super) buffer: Box<[u8]>,
    /// In line to be read.
    pub(super) ready: VecDeque<ConnId>,
    /// In line to be written.
    pub(super) dirty: Vec<ConnId>,
    /// TLS handshakes, the oldest first.
    pub(super) handshaking: VecDeque<(Monotonic, ConnId)>,
    /// Closed, but with something left to write; the oldest first.
    pub(super) lingering: VecDeque<(Monotonic, ConnId)>,
    /// Rows of this turn that the store doesn't have yet.
    pub(super) rows: Vec<otedama_pool::ShareRow>,
    /// The last row that the store has.
    pub(super) handed_to_store: u64,
    /// The last row that the store has answered.
    pub(super) settled: u64,
    pub(super) stop_by: Option<Monotonic>,
    snapshot: Arc<Mutex<Snapshot>>,
    next_snapshot: Monotonic,
}

impl Shard {
    pub(super) fn new(seat: Seat, parts: ShardParts) -> Self {
        Self {
            poll: seat.poll,
            events: Events::with_capacity(1024),
            registry: seat.registry,
            commands: seat.commands,
            woken: seat.woken,
            has_mail: true,
            clock: parts.clock,
            pool: parts.pool,
            verifier: Verifier::new(parts.verified_by),
            hashed_in_turn: false,
            links: parts.links,
            tls: parts.tls,
            connections: Slots::default(),
            buffer: vec![0; BYTES_PER_TURN].into_boxed_slice(),
            ready: VecDeque::new(),
            dirty: Vec::new(),
            handshaking: VecDeque::new(),
            lingering: VecDeque::new(),
            rows: Vec::new(),
            handed_to_store: 0,
            settled: 0,
            stop_by: None,
            snapshot: parts.snapshot,
            next_snapshot: Monotonic::ZERO,
        }
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self) {
        loop {
            let timeout = self.timeout();
            if let Err(error) = self.poll.poll(&mut self.events, Some(timeout))
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                error!(%error, "event queue fails");
                std::thread::sleep(Duration::from_millis(10));
            }
            let now = self.clock.now();
            self.hashed_in_turn = false;
            self.take_events(now);
            if self.has_mail {
                self.take_commands(now);
            }
            self.read_ready(now);
            if self.pool.next_timeout().is_some_and(|at| at <= now.mono) {
                self.pool.handle(now, Input::Tick);
            }
            self.drain(now);
            self.expire(now);
            if now.mono >= self.next_snapshot {
                self.show(now);
            }
            if self.is_done(now) {
                break;
            }
        }
        let now = self.clock.now();
        let (connections, lost) = (self.connections.len(), self.unpersisted());
        self.close_all(now);
        self.show(now);
        info!(connections, unanswered = lost, "shard stopped");
    }

    /// Rows that the store has not answered yet.
    pub(super) fn unpersisted(&self) -> u64 {
        self.handed_to_store.saturating_sub(self.settled) + self.rows.len() as u64
    }

    /// The gate, for an instant.
    pub(super) fn gate(&self) -> MutexGuard<'_, Gate> {
        self.links.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection out and gives its place at the gate back.
    pub(super) fn remove(&mut self, id: ConnId) -> Option<Connection> {
        let mut connection = self.connections.remove(id)?;
        self.gate().release(connection.peer);
        // Dropping the socket unregisters it as well.
        let _ = self.registry.deregister(connection.link.socket());
        Some(connection)
    }

    fn timeout(&self) -> Duration {
        let work_waits =
            self.has_mail || self.verifier.is_busy() || (!self.ready.is_empty() && !self.is_reading_held());
        if work_waits {
            return Duration::ZERO;
        }
        let now = self.clock.now().mono;
        let due = [
            self.pool.next_timeout(),
            self.handshaking.front().map(|(due, _)| *due),
            self.lingering.front().map(|(due, _)| *due),
            self.stop_by,
            Some(self.next_snapshot),
        ];
        let wait = due.into_iter().flatten().min().map_or(IDLE, |at| at.since(now));
        wait.min(IDLE)
    }

    fn take_events(&mut self, now: Now) {
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            if event.token() == WAKER {
                self.woken.store(false, Ordering::Release);
                self.has_mail = true;
                continue;
            }
            let Some(connection) = self.connections.by_token(event.token()) else {
                continue;
            };
            let id = connection.id;
            connection.read_closed |= event.is_read_closed() || event.is_error();
            let has_output = connection.queued() > 0 || connection.link.wants_write();
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.enqueue_read(id);
            }
            if event.is_writable() && has_output {
                self.flush_one(now, id);
            }
        }
        self.events = events;
    }

    fn show(&mut self, now: Now) {
        self.next_snapshot = now.mono + SNAPSHOT_EVERY;
        let snapshot = Snapshot {
            stats: self.pool.stats(),
            sockets: self.connections.len(),
            unpersisted: self.unpersisted(),
        };
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}
