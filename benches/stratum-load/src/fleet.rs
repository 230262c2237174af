//! All connections: opens them at a set rate, reopens what fails, and routes what they say.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use otedama_hash::{Algorithm, Target};

use crate::blocks::Blocks;
use crate::cli::Options;
use crate::job::RecentJobs;
use crate::link::Link;
use crate::report::{Connects, Latency, Shares};
use crate::session::{Event, Login, Searcher, Session, Timing};

/// Nanoseconds since the tool's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// A clock that reads zero now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time.
    pub(crate) fn ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}

/// Everything that is counted.
pub(crate) struct Tally {
    pub(crate) connects: Connects,
    pub(crate) shares: Shares,
    pub(crate) latency: Latency,
    pub(crate) service: Latency,
    pub(crate) lag: Latency,
    pub(crate) blocks: Blocks,
    /// Measured shares and others, for hashes per share.
    pub(crate) shares_sent_ever: u64,
    pub(crate) accepted_in_time: u64,
    /// When measuring ends.
    pub(crate) measure_end_ns: u64,
}

impl Tally {
    fn new(wanted: usize) -> Self {
        Self {
            connects: Connects {
                wanted,
                ..Connects::default()
            },
            shares: Shares::default(),
            latency: Latency::new(),
            service: Latency::new(),
            lag: Latency::new(),
            blocks: Blocks::default(),
            shares_sent_ever: 0,
            accepted_in_time: 0,
            measure_end_ns: u64::MAX,
        }
    }
}

/// Adds one to a counter; a pool that invents ever new texts ends up in `other`.
fn count(map: &mut BTreeMap<String, u64>, what: String) {
    const MAX_KINDS: usize = 40;
    let what = if map.len() >= MAX_KINDS && !map.contains_key(&what) {
        "other".to_owned()
    } else {
        what
    };
    *map.entry(what).or_default() += 1;
}

struct Slot {
    login: Login,
    generation: u32,
    open: Option<(Link, Session)>,
}

/// The connections.
pub(crate) struct Fleet {
    pool: SocketAddr,
    sources: u32,
    connect_gap_ns: f64,
    login_timeout_ns: u64,
    retry_ns: u64,
    diff1: Target,
    clock: Clock,
    poll: Poll,
    slots: Vec<Slot>,
    /// How many were opened a first time.
    opened: usize,
    /// When to open which slot again, in order of time.
    retries: VecDeque<(u64, usize)>,
    /// By when which slot has to be ready, in order of time.
    deadlines: VecDeque<(u64, usize, u32)>,
    ready: usize,
    waiting_shares: usize,
    cursor: usize,
    jobs: RecentJobs,
    searcher: Searcher,
    buffer: Vec<u8>,
    out: Vec<u8>,
    tally: Tally,
}

impl Fleet {
    /// A fleet without an open connection.
    pub(crate) fn new(
        options: &Options,
        algorithm: Algorithm,
        searcher: Searcher,
        clock: Clock,
    ) -> io::Result<Self> {
        let login = |index| Login {
            user: options.user_of(index),
            password: options.password_with_difficulty(),
            difficulty: options.difficulty,
        };
        let connections = options.connections as usize;
        Ok(Self {
            pool: options.pool,
            sources: options.source_addresses,
            connect_gap_ns: 1e9 / options.connect_rate,
            login_timeout_ns: options.login_timeout.as_nanos() as u64,
            retry_ns: options.retry.as_nanos() as u64,
            diff1: algorithm.diff1(),
            clock,
            poll: Poll::new()?,
            slots: (0..connections)
                .map(|index| Slot {
                    login: login(index),
                    generation: 0,
                    open: None,
                })
                .collect(),
            opened: 0,
            retries: VecDeque::new(),
            deadlines: VecDeque::new(),
            ready: 0,
            waiting_shares: 0,
            cursor: 0,
            jobs: RecentJobs::default(),
            searcher,
            buffer: vec![0; 64 * 1024],
            out: Vec::new(),
            tally: Tally::new(connections),
        })
    }

    /// How many connections are logged in with a job.
    pub(crate) fn ready(&self) -> usize {
        self.ready
    }

    /// Whether every connection is logged in.
    pub(crate) fn all_ready(&self) -> bool {
        self.ready == self.slots.len()
    }

    /// Shares that were sent and not answered.
    pub(crate) fn waiting_shares(&self) -> usize {
        self.waiting_shares
    }

    /// Hashes tried so far.
    pub(crate) fn hashes(&self) -> u64 {
        self.searcher.hashes
    }

    /// The counters.
    pub(crate) fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// Opens and reopens what is due, gives up what takes too long. Returns when to call again.
    pub(crate) fn advance(&mut self, now_ns: u64) -> u64 {
        // Few at a time, so that replies are read in between.
        for _ in 0..64 {
            if self.opened < self.slots.len() && self.next_open_ns() <= now_ns {
                self.opened += 1;
                self.open(self.opened - 1, now_ns);
            } else if self.retries.front().is_some_and(|(at, _)| *at <= now_ns) {
                if let Some((_, index)) = self.retries.pop_front() {
                    self.tally.connects.retries += 1;
                    self.open(index, now_ns);
                }
            } else {
                break;
            }
        }
        while let Some((at, index, generation)) = self.deadlines.front().copied() {
            if at > now_ns {
                break;
            }
            self.deadlines.pop_front();
            let slot = &self.slots[index];
            let late = slot.open.as_ref().is_some_and(|(_, session)| !session.is_ready());
            if slot.generation == generation && late {
                self.fail(index, "login timeout".to_owned(), now_ns);
            }
        }
        let open = if self.opened < self.slots.len() {
            self.next_open_ns()
        } else {
            u64::MAX
        };
        let retry = self.retries.front().map_or(u64::MAX, |(at, _)| *at);
        let deadline = self.deadlines.front().map_or(u64::MAX, |(at, ..)| *at);
        open.min(retry).min(deadline)
    }

    #[allow(clippy::cast_sign_loss, reason = "moments are never negative")]
    fn next_open_ns(&self) -> u64 {
        (self.opened as f64 * self.connect_gap_ns) as u64
    }

    fn open(&mut self, index: usize, now_ns: u64) {
        self.tally.connects.attempts += 1;
        // The first address is the usual one; with a single source no address is bound at all.
        let source = index as u32 % self.sources;
        let slot = &mut self.slots[index];
        slot.generation += 1;
        match Link::open(self.pool, source, self.poll.registry(), Token(index)) {
            Ok(mut link) => {
                self.out.clear();
                let session = Session::open(&slot.login, self.diff1, &mut self.out);
                let sent = link.send(&self.out);
                slot.open = Some((link, session));
                self.deadlines
                    .push_back((now_ns + self.login_timeout_ns, index, slot.generation));
                if let Err(e) = sent {
                    self.fail(index, e.to_string(), now_ns);
                }
            }
            Err(e) => self.fail(index, e.to_string(), now_ns),
        }
    }

    fn fail(&mut self, index: usize, why: String, now_ns: u64) {
        count(&mut self.tally.connects.errors, why);
        if let Some((link, session)) = self.slots[index].open.take() {
            link.close(self.poll.registry());
            self.ready -= usize::from(session.is_ready());
            self.waiting_shares -= session.pending();
        }
        self.retries.push_back((now_ns + self.retry_ns, index));
    }

    /// Sends a share that was due at `due_ns` on the next ready connection. `false`: the search has
    /// not come to an end; call again with the same moment.
    pub(crate) fn submit(&mut self, due_ns: u64, measured: bool) -> bool {
        let Some(index) = self.next_ready() else {
            self.tally.shares.unsent += u64::from(measured);
            self.tally.shares.scheduled += u64::from(measured);
            return true;
        };
        let Some((link, session)) = &mut self.slots[index].open else {
            return true;
        };
        self.out.clear();
        if !session.search(&mut self.searcher) {
            return false;
        }
        let sent_ns = self.clock.ns();
        session.submit(
            Timing {
                due_ns,
                sent_ns,
                measured,
            },
            &mut self.out,
        );
        let sent = link.send(&self.out);
        self.cursor = index + 1;
        self.waiting_shares += 1;
        self.tally.shares_sent_ever += 1;
        if measured {
            self.tally.shares.scheduled += 1;
            self.tally.shares.sent += 1;
            self.tally.lag.record(due_ns, sent_ns);
        }
        if let Err(e) = sent {
            self.fail(index, e.to_string(), sent_ns);
        }
        true
    }

    fn next_ready(&self) -> Option<usize> {
        if self.ready == 0 {
            return None;
        }
        let all = self.slots.len();
        (0..all).map(|i| (self.cursor + i) % all).find(|i| {
            self.slots[*i]
                .open
                .as_ref()
                .is_some_and(|(_, session)| session.is_ready())
        })
    }

    /// Waits for the pool until `until_ns` at most and takes what it says.
    pub(crate) fn wait(&mut self, events: &mut Events, until_ns: u64) -> io::Result<()> {
        let wait_ns = until_ns.saturating_sub(self.clock.ns());
        // The system waits whole milliseconds; what is shorter is slept, so that nothing spins.
        let timeout = Duration::from_millis(wait_ns / 1_000_000);
        match self.poll.poll(events, Some(timeout)) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        if events.is_empty() && timeout.is_zero() {
            const LONGEST_NAP: Duration = Duration::from_micros(200);
            std::thread::sleep(LONGEST_NAP.min(Duration::from_nanos(wait_ns)));
            return Ok(());
        }
        for event in events.iter() {
            let index = event.token().0;
            if (event.is_writable() || event.is_error())
                && let Some((link, _)) = &mut self.slots[index].open
                && let Err(e) = link.writable()
            {
                self.fail(index, e.to_string(), self.clock.ns());
            }
            if event.is_readable() || event.is_read_closed() {
                self.read(index);
            }
        }
        Ok(())
    }

    fn read(&mut self, index: usize) {
        let Self {
            slots,
            jobs,
            buffer,
            out,
            clock,
            tally,
            ready,
            waiting_shares,
            ..
        } = self;
        let Slot {
            login,
            open: Some((link, session)),
            ..
        } = &mut slots[index]
        else {
            return;
        };
        out.clear();
        let mut failed = None;
        let result = link.read(buffer, |line| match session.line(line, login, jobs, out) {
            Event::Nothing => {}
            Event::Ready => *ready += 1,
            Event::NewBlock(prev_hash) => tally.blocks.notified(prev_hash, clock.ns(), *ready),
            Event::Failed(why) => failed = Some(why),
            Event::Answered { share, error } => {
                *waiting_shares -= 1;
                tally.answered(share, error, clock.ns());
            }
        });
        let result = result.and_then(|()| if out.is_empty() { Ok(()) } else { link.send(out) });
        if let Some(why) = failed.or(result.err().map(|e| e.to_string())) {
            self.fail(index, why, self.clock.ns());
        }
    }
}

impl Tally {
    fn answered(&mut self, share: Timing, error: Option<String>, now_ns: u64) {
        if !share.measured {
            return;
        }
        self.latency.record(share.due_ns, now_ns);
        self.service.record(share.sent_ns, now_ns);
        match error {
            None => {
                self.shares.accepted += 1;
                self.accepted_in_time += u64::from(now_ns <= self.measure_end_ns);
            }
            Some(code) => count(&mut self.shares.rejected, code),
        }
    }
}
