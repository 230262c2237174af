//! Rules that hold at all times, checked while the simulation runs. The first one that is broken ends it.

mod blocks;
mod extranonce;
mod shares;
mod wire;

use std::collections::VecDeque;

use otedama_hash::{Hash256, Monotonic};
use otedama_pool::{Candidate, CloseReason, ConnId, ShareRow};
use otedama_rewards::Window;

use crate::coin::{Coin, Speech};
use crate::miner::{Cheat, Found};
use crate::process::Planned;

use blocks::Blocks;
use extranonce::Extranonces;
use shares::Shares;
use wire::{Question, Told, Wire};

/// Notes that are kept for a failure's report.
const NOTES: usize = 80;

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) check: &'static str,
    pub(crate) what: String,
}

/// All checkers.
#[derive(Debug)]
pub(crate) struct Checks {
    pub(crate) violation: Option<Violation>,
    notes: VecDeque<(Monotonic, &'static str, u64, u64)>,
    pub(crate) shares: Shares,
    pub(crate) wire: Wire,
    pub(crate) blocks: Blocks,
    extranonces: Extranonces,
    /// When faults ended.
    pub(crate) calm_at: Option<Monotonic>,
}

impl Checks {
    pub(crate) fn new(coin: &'static Coin, window: Window) -> Self {
        Self {
            violation: None,
            notes: VecDeque::with_capacity(NOTES),
            shares: Shares::new(),
            wire: Wire::default(),
            blocks: Blocks::new(coin, window),
            extranonces: Extranonces::default(),
            calm_at: None,
        }
    }

    pub(crate) fn fail(&mut self, check: &'static str, what: String) {
        self.violation.get_or_insert(Violation { check, what });
    }

    fn hold(&mut self, check: &'static str, result: Result<(), String>) {
        if let Err(what) = result {
            self.fail(check, what);
        }
    }

    pub(crate) fn note(&mut self, now: Monotonic, what: &'static str, a: u64, b: u64) {
        if self.notes.len() == NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back((now, what, a, b));
    }

    /// What happened last, oldest first.
    pub(crate) fn recent(&self) -> Vec<String> {
        let line = |(at, what, a, b): &(Monotonic, &str, u64, u64)| {
            format!("{:>12.6} {what} {a} {b}", at.as_nanos() as f64 / 1e9)
        };
        self.notes.iter().map(line).collect()
    }

    // Connections and what is said on them.

    pub(crate) fn opened(&mut self, conn: ConnId, now: Monotonic) {
        self.wire.opened(conn, now);
    }

    pub(crate) fn introduce(&mut self, conn: ConnId, miner: usize, speech: Speech, cheats: bool) {
        self.wire.introduce(conn, miner, speech, cheats);
    }

    /// A client sends a request that is no share and no subscription.
    pub(crate) fn asked(&mut self, conn: ConnId, id: u64) {
        self.wire.asked(conn, id, Question::Other);
    }

    /// A client subscribes and may name the session that it had.
    pub(crate) fn subscribes(&mut self, conn: ConnId, id: u64, named: Option<String>) {
        self.wire.asked(conn, id, Question::Subscribe(named));
    }

    pub(crate) fn submitted(
        &mut self,
        conn: ConnId,
        id: u64,
        hash: Hash256,
        job_id: String,
        cheat: Option<Cheat>,
    ) {
        self.wire.asked(conn, id, Question::Share { hash, job_id, cheat });
    }

    pub(crate) fn closed(&mut self, conn: ConnId) {
        self.wire.closed(conn);
        self.extranonces.closed(conn);
    }

    pub(crate) fn pool_closed(&mut self, conn: ConnId, why: CloseReason) {
        let is_fair = match why {
            CloseReason::Banned
            | CloseReason::LineTooLong
            | CloseReason::Full
            | CloseReason::LoginTimeout => !self.wire.is_honest(conn),
            _ => true,
        };
        let late_login = why == CloseReason::LoginTimeout && self.calm_at.is_none();
        if !is_fair && !late_login {
            self.fail(
                "ban",
                format!("an honest miner on {conn:?} was closed: {}", why.as_str()),
            );
        }
    }

    pub(crate) fn blocked(&mut self, conn: ConnId, now: Monotonic) {
        self.wire.blocked(conn, Some(now));
    }

    pub(crate) fn unblocked(&mut self, conn: ConnId) {
        self.wire.blocked(conn, None);
    }

    /// The pool says something.
    pub(crate) fn sent(&mut self, conn: ConnId, bytes: &[u8]) {
        for line in bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            match self.wire.said(conn, line) {
                Ok(Told::Nothing) => {}
                Ok(Told::Accepted(hash)) => {
                    let result = self.shares.accepted(&hash);
                    self.hold("durable before accepted", result);
                }
                Ok(Told::Subscribed {
                    extranonce1,
                    session,
                    named,
                }) => {
                    let result = self
                        .extranonces
                        .given(conn, &extranonce1, session, named.as_deref());
                    self.hold("extranonce", result);
                }
                Err(what) => self.fail("one reply per request", format!("{conn:?}: {what}")),
            }
        }
    }

    // Shares.

    pub(crate) fn found(&mut self, now: Monotonic, hash: Hash256, found: &Found) {
        self.shares.found(now, hash, found);
    }

    pub(crate) fn again(&mut self, hash: Hash256) {
        self.shares.again(&hash);
    }

    /// The pool hands rows over.
    pub(crate) fn persist(&mut self, incarnation: u64, shard: usize, rows: &[ShareRow]) {
        let result = self.shares.persist(incarnation, shard, rows);
        self.hold("journal", result);
    }

    /// A row is on disk.
    pub(crate) fn durable(&mut self, incarnation: u64, shard: usize, row: &ShareRow, unix_s: u64) {
        let result = self.shares.durable(incarnation, shard, row);
        self.hold("credit", result);
        self.blocks.credited(row, unix_s);
    }

    /// A miner reads what became of its share.
    pub(crate) fn answer_read(&mut self, hash: Hash256, found: &Found, code: Option<i32>, is_calm: bool) {
        let is_calm = is_calm && self.calm_at.is_some_and(|at| found.at >= at);
        let result = self.shares.answered(&hash, found, code, is_calm);
        self.hold("verdict", result);
    }

    // Blocks.

    pub(crate) fn planned(&mut self, planned: &Planned, template: &otedama_chain::Template, unix_s: u64) {
        let result = self.blocks.planned(planned, template, unix_s);
        self.hold("distribution", result);
    }

    pub(crate) fn candidate(&mut self, now: Monotonic, candidate: &Candidate) {
        let result = self.blocks.candidate(now, candidate);
        self.hold("coinbase", result);
    }

    pub(crate) fn offered(&mut self, hash: &Hash256, node: usize) {
        self.blocks.offered(hash, node);
    }

    // Bounds.

    /// One round of a pool's outputs.
    pub(crate) fn outputs(&mut self, shard: usize, count: u64, links: usize) {
        let most = 20 * links as u64 + 20_000;
        if count > most {
            self.fail(
                "bounds",
                format!("pool {shard} had {count} outputs at once, with {links} connections"),
            );
        }
    }
}
