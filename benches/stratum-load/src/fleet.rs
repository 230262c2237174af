//! All connections of a target: opens them at a set rate, reopens what fails, and routes what they say.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::mpsc::Receiver;

use mio::event::Event as Readiness;
use mio::{Registry, Token};

use crate::blocks::Blocks;
use crate::cli::Options;
use crate::clock::Clock;
use crate::conversation::{Common, Conversation, Kind, Written};
use crate::link::Link;
use crate::load::Load;
use crate::mint::{Minted, Owner};
use crate::random::Random;
use crate::report::{Connects, Invented, Latency, Minting, Shares};
use crate::session::{Event, Login, Timing};

/// Everything that is counted.
pub(crate) struct Tally {
    pub(crate) connects: Connects,
    pub(crate) shares: Shares,
    pub(crate) latency: Latency,
    pub(crate) service: Latency,
    pub(crate) lag: Latency,
    pub(crate) invented: Invented,
    pub(crate) minting: Minting,
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
            invented: Invented::default(),
            minting: Minting::default(),
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
    open: Option<(Link, Conversation)>,
}

/// The connections of one target.
pub(crate) struct Fleet {
    pool: SocketAddr,
    sources: u32,
    connect_gap_ns: f64,
    login_timeout_ns: u64,
    retry_ns: u64,
    clock: Clock,
    registry: Registry,
    /// The event queue's name of the first connection.
    first_token: usize,
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
    common: Common,
    minted: Receiver<Minted>,
    /// The part of shares that is invented.
    bad: f64,
    random: Random,
    /// Whether the next share is invented, once that is decided; and whether it was missed already.
    next_is_bad: Option<bool>,
    missed: bool,
    buffer: Vec<u8>,
    out: Vec<u8>,
    tally: Tally,
}

impl Fleet {
    /// A fleet without an open connection. Its events are those from `first_token` on.
    pub(crate) fn new(
        options: &Options,
        load: &Load,
        common: Common,
        minted: Receiver<Minted>,
        clock: Clock,
        registry: Registry,
        first_token: usize,
    ) -> Self {
        let connections = load.connections as usize;
        Self {
            pool: load.pool,
            sources: options.source_addresses,
            connect_gap_ns: 1e9 / options.connect_rate,
            login_timeout_ns: options.login_timeout.as_nanos() as u64,
            retry_ns: options.retry.as_nanos() as u64,
            clock,
            registry,
            first_token,
            slots: (0..connections)
                .map(|index| Slot {
                    login: load.login(index),
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
            common,
            minted,
            bad: load.bad,
            random: Random::new(options.seed ^ first_token as u64),
            next_is_bad: None,
            missed: false,
            buffer: vec![0; 64 * 1024],
            out: Vec::new(),
            tally: Tally::new(connections),
        }
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
        match &self.common.kind {
            Kind::Searched { searcher, .. } => searcher.hashes,
            Kind::Minted(_) => self.tally.minting.hashes,
        }
    }

    /// Whether the stock of every connection is full.
    pub(crate) fn is_stocked(&mut self) -> bool {
        self.slots
            .iter_mut()
            .filter_map(|slot| slot.open.as_mut())
            .all(|(_, conversation)| conversation.is_stocked())
    }

    /// Takes the shares that were minted meanwhile.
    pub(crate) fn collect(&mut self) {
        while let Ok(minted) = self.minted.try_recv() {
            let minting = &mut self.tally.minting;
            minting.shares += minted.hits.len() as u64;
            minting.hashes += minted.hashes;
            minting.busy_ns += minted.busy_ns;
            let Owner { slot, generation } = minted.order.owner;
            let now_ns = self.clock.ns();
            let Some(place) = self.slots.get_mut(slot).filter(|s| s.generation == generation) else {
                continue;
            };
            let error = minted.error.clone();
            if let Some((_, conversation)) = &mut place.open {
                conversation.deliver(minted, now_ns);
                if let Some(why) = error {
                    self.fail(slot, why, now_ns);
                }
            }
        }
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
        let owner = Owner {
            slot: index,
            generation: slot.generation,
        };
        match Link::open(self.pool, source, &self.registry, Token(self.first_token + index)) {
            Ok(mut link) => {
                self.out.clear();
                let session = Conversation::open(&self.common, &slot.login, owner, &mut self.out);
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
        if let Some((link, mut session)) = self.slots[index].open.take() {
            link.close(&self.registry);
            session.close();
            self.ready -= usize::from(session.is_ready());
            self.waiting_shares -= session.pending();
        }
        self.retries.push_back((now_ns + self.retry_ns, index));
    }

    /// Sends a share that was due at `due_ns` on the next connection that has one. Unless it was written, call
    /// again with the same moment.
    pub(crate) fn submit(&mut self, due_ns: u64, measured: bool) -> Written {
        if self.ready == 0 {
            self.tally.shares.unsent += u64::from(measured);
            self.tally.shares.scheduled += u64::from(measured);
            self.next_is_bad = None;
            return Written::Yes;
        }
        let (bad, random) = (self.bad, &mut self.random);
        // Which shares are invented does not depend on the pool.
        let invented = *self
            .next_is_bad
            .get_or_insert_with(|| bad > 0.0 && random.unit() <= bad);
        let Some(index) = self.next_with_share(invented) else {
            self.tally.minting.starved += u64::from(measured && !self.missed);
            self.missed = true;
            return Written::Starved;
        };
        let Some((link, conversation)) = &mut self.slots[index].open else {
            return Written::Starved;
        };
        self.out.clear();
        if !conversation.find(invented.then_some(&mut self.random), &mut self.common) {
            return Written::Searching;
        }
        let sent_ns = self.clock.ns();
        let share = Timing {
            due_ns,
            sent_ns,
            measured,
            invented,
        };
        if !conversation.submit(share, &mut self.random, &self.common, &mut self.out) {
            return Written::Starved;
        }
        let sent = link.send(&self.out);
        self.cursor = index + 1;
        self.waiting_shares += 1;
        self.tally.shares_sent_ever += 1;
        (self.next_is_bad, self.missed) = (None, false);
        if measured && invented {
            self.tally.invented.sent += 1;
        } else if measured {
            self.tally.shares.scheduled += 1;
            self.tally.shares.sent += 1;
            self.tally.lag.record(due_ns, sent_ns);
        }
        if let Err(e) = sent {
            self.fail(index, e.to_string(), sent_ns);
        }
        Written::Yes
    }

    fn next_with_share(&mut self, invented: bool) -> Option<usize> {
        let (all, now_ns) = (self.slots.len(), self.clock.ns());
        let (cursor, common) = (self.cursor, &self.common);
        (0..all).map(|i| (cursor + i) % all).find(|i| {
            self.slots[*i].open.as_mut().is_some_and(|(_, conversation)| {
                conversation.is_ready() && (invented || conversation.has_share(now_ns, common))
            })
        })
    }

    /// Takes an event of the queue, if it is one of this fleet's.
    pub(crate) fn event(&mut self, event: &Readiness) {
        let index = event.token().0.wrapping_sub(self.first_token);
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        if (event.is_writable() || event.is_error())
            && let Some((link, _)) = &mut slot.open
            && let Err(e) = link.writable()
        {
            self.fail(index, e.to_string(), self.clock.ns());
        }
        if event.is_readable() || event.is_read_closed() {
            self.read(index);
        }
    }

    fn read(&mut self, index: usize) {
        let Self {
            slots,
            common,
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
        let result = link.read(buffer, |line| {
            match session.line(line, login, clock.ns(), common, out) {
                Event::Nothing => {}
                Event::Ready => *ready += 1,
                Event::NewBlock(tip) => tally.blocks.notified(tip, clock.ns(), *ready),
                Event::Failed(why) => failed = Some(why),
                Event::Answered { share, error } => {
                    *waiting_shares -= 1;
                    tally.answered(share, error, clock.ns());
                }
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
        if share.invented {
            self.invented.latency.record(share.due_ns, now_ns);
            match error {
                None => self.invented.accepted += 1,
                Some(code) => count(&mut self.invented.rejected, code),
            }
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
