//! The pool's rules in the words of each kind of miner.

pub(crate) mod bitcoin;
mod cryptonote;

use bytes::Bytes;
use otedama_chain::spec::Dialect;
use otedama_hash::{Difficulty, Now, Target};
use otedama_stratum::firmware;
use otedama_stratum::v1::Id;
use rand_core::Rng;
use std::sync::Arc;

use crate::ban::Fault;
use crate::io::{CloseReason, Output};
use crate::jobs::Work;
use crate::pool::Pool;
use crate::share::submit::Refused;

/// Longest user agent that is kept, in characters.
const MAX_AGENT: usize = 64;

/// What a session is told with a job.
pub(crate) struct Announcement<'a> {
    pub(crate) work: &'a Work,
    pub(crate) difficulty: Difficulty,
    /// The difficulty is another one than that of the job before.
    pub(crate) is_new_difficulty: bool,
    /// Work on older jobs is void.
    pub(crate) clean: bool,
}

impl Pool {
    /// Handles one line of a session. The session may be gone afterwards.
    pub(crate) fn line(&mut self, now: Now, slot: usize, line: &[u8]) {
        match self.spec.dialect {
            Dialect::CryptoNote => self.cryptonote_line(now, slot, line),
            _ => self.bitcoin_line(now, slot, line),
        }
    }

    /// A difficulty as miners can be told it, and what their shares are then checked against.
    pub(crate) fn on_the_wire(&self, slot: usize, wanted: Difficulty) -> (Difficulty, Target) {
        match self.spec.dialect {
            Dialect::CryptoNote => cryptonote::rounded(wanted),
            _ => {
                let fitting = self.sessions[slot].firmware.fit_difficulty(wanted);
                (fitting, fitting.to_target(self.spec.algorithm.diff1()))
            }
        }
    }

    /// Sends a job.
    pub(crate) fn announce(&mut self, slot: usize, job: &Announcement<'_>) {
        match self.spec.dialect {
            Dialect::CryptoNote => self.cryptonote_announce(slot, job),
            _ => self.bitcoin_announce(slot, job),
        }
    }

    /// A share was stored, or a request did what it should.
    pub(crate) fn reply_accepted(&mut self, slot: usize, id: Id<'_>) {
        match self.spec.dialect {
            Dialect::CryptoNote => self.cryptonote_accepted(slot, id),
            _ => self.reply_true(slot, id),
        }
    }

    /// A share was refused.
    pub(crate) fn reply_refused(&mut self, slot: usize, id: Id<'_>, why: Refused) {
        match self.spec.dialect {
            Dialect::CryptoNote => self.cryptonote_refused(slot, id, why),
            _ => self.bitcoin_refused(slot, id, why),
        }
    }

    /// A text for whoever owns the miner, in one line; `None` where miners have no such message.
    pub(crate) fn message_line(&self, text: &str) -> Option<Bytes> {
        match self.spec.dialect {
            Dialect::CryptoNote => None,
            _ => Some(bitcoin::message(text)),
        }
    }

    /// Gives a session its part of the search space: that of the session to be resumed, or a new one. `false` while
    /// there is none to give.
    fn give_extranonce(&mut self, now: Now, slot: usize, agent: Option<&str>, resume: Option<&str>) -> bool {
        let closed = resume
            .and_then(|s| u64::from_str_radix(s, 16).ok())
            .and_then(|session_id| self.resumable.take(now.mono, session_id));
        let fresh = if closed.is_none() {
            self.extranonces.take()
        } else {
            None
        };
        self.ask_extranonce();
        let session = &mut self.sessions[slot];
        if let Some(agent) = agent {
            session.firmware = firmware::for_agent(agent);
            session.agent = Some(Arc::from(shorten(agent, MAX_AGENT)));
        }
        if let Some(closed) = closed {
            session.extranonce1 = Some(closed.extranonce1);
            session.session_id = closed.session_id;
            session.steps = closed.steps;
            session.difficulty = closed.difficulty;
        } else if fresh.is_some() {
            session.extranonce1 = fresh;
            session.session_id = self.rng.next_u64();
        } else {
            return false;
        }
        let wanted = self.sessions[slot].difficulty.get();
        self.ask_difficulty(slot, wanted);
        true
    }

    pub(crate) fn send(&mut self, slot: usize, line: Vec<u8>) {
        let conn = self.sessions[slot].conn;
        self.out.push_back(Output::Send {
            conn,
            bytes: Bytes::from(line),
        });
    }

    /// Counts a fault and bans the address when it was one too many.
    pub(crate) fn fault(&mut self, now: Now, slot: usize, fault: Fault) {
        let peer = self.sessions[slot].peer;
        if self.scores.fault(now.mono, peer, fault) {
            self.stats.bans += 1;
            self.out.push_back(Output::Ban {
                ip: peer,
                duration: self.config.ban.duration,
                why: "too many invalid requests",
            });
            self.close_address(now, peer, CloseReason::Banned);
        }
    }
}

fn shorten(text: &str, max: usize) -> &str {
    match text.char_indices().nth(max) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}
