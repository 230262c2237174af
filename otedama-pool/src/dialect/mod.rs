//! The pool's rules in the words of each kind of miner.

mod bitcoin;
mod cryptonote;
mod ethereum;
mod kawpow;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use otedama_chain::spec::Dialect;
use otedama_hash::{Difficulty, Now, Target};
use otedama_stratum::firmware;
use otedama_stratum::v1::{Id, user};
use rand_core::Rng;

use crate::ban::Fault;
use crate::io::{CloseReason, Output};
use crate::jobs::Work;
use crate::pool::Pool;
use crate::session::Session;
use crate::share::submit::Refused;

/// Longest user agent that is kept, in characters.
const MAX_AGENT: usize = 64;

/// What a session is told with a job.
pub(crate) struct Announcement<'a> {
    pub(crate) work: &'a Work,
    pub(crate) difficulty: Difficulty,
    pub(crate) target: Target,
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
            Dialect::KawPow => self.kawpow_line(now, slot, line),
            Dialect::Ethereum => self.ethereum_line(now, slot, line),
            _ => self.bitcoin_line(now, slot, line),
        }
    }

    /// A difficulty as miners can be told it, and what their shares are then checked against.
    pub(crate) fn on_the_wire(&self, slot: usize, wanted: Difficulty) -> (Difficulty, Target) {
        let algorithm = self.spec.algorithm;
        let fitting = self.sessions[slot].firmware.fit_difficulty_for(algorithm, wanted);
        if self.spec.dialect == Dialect::CryptoNote {
            return cryptonote::rounded(fitting);
        }
        (fitting, fitting.to_target(algorithm.diff1()))
    }

    /// Bytes of the nonce that the pool fixes for a session.
    pub(crate) fn prefix_len(&self, session: &Session) -> usize {
        let len = match self.spec.dialect {
            Dialect::KawPow => kawpow::PREFIX_LEN,
            Dialect::Ethereum => ethereum::prefix_len(session.protocol),
            _ => 0,
        };
        len.min(session.firmware.nonce_prefix_max.into())
    }

    /// Sends a job.
    pub(crate) fn announce(&mut self, slot: usize, job: &Announcement<'_>) {
        match self.spec.dialect {
            Dialect::CryptoNote => self.cryptonote_announce(slot, job),
            Dialect::KawPow => self.kawpow_announce(slot, job),
            Dialect::Ethereum => self.ethereum_announce(slot, job),
            _ => self.bitcoin_announce(slot, job),
        }
    }

    /// A share was stored, or a request did what it should.
    pub(crate) fn reply_accepted(&mut self, slot: usize, id: Id<'_>) {
        match self.spec.dialect {
            Dialect::CryptoNote => self.cryptonote_accepted(slot, id),
            Dialect::Ethereum => self.ethereum_true(slot, id),
            _ => self.reply_true(slot, id),
        }
    }

    /// A share was refused.
    pub(crate) fn reply_refused(&mut self, slot: usize, id: Id<'_>, why: Refused) {
        match self.spec.dialect {
            Dialect::CryptoNote => self.cryptonote_refused(slot, id, why),
            Dialect::Ethereum => self.ethereum_error(slot, id, why.code(), why.message()),
            _ => self.reply_error(slot, id, why.code(), why.message()),
        }
    }

    /// A text for whoever owns the miner, in one line; `None` where miners have no such message.
    pub(crate) fn message_line(&self, text: &str) -> Option<Bytes> {
        match self.spec.dialect {
            Dialect::Bitcoin | Dialect::KawPow => Some(bitcoin::message(text)),
            _ => None,
        }
    }

    /// Gives a session its part of the search space, if it has none yet. `false` if that failed, which the miner has
    /// been told then.
    fn subscribe_once(
        &mut self,
        now: Now,
        slot: usize,
        id: Id<'_>,
        agent: Option<&str>,
        resume: Option<&str>,
    ) -> bool {
        let done =
            self.sessions[slot].extranonce1.is_some() || self.give_extranonce(now, slot, agent, resume);
        if !done {
            self.reply_refused(slot, id, Refused::Starting);
        }
        done
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

/// The user with the worker that stands beside it, if it names none itself.
fn with_worker<'a>(user: &'a str, worker: Option<&str>) -> Cow<'a, str> {
    match worker {
        Some(worker) if !worker.is_empty() && user::split(user).1.is_empty() => {
            format!("{}.{worker}", user.trim_end_matches('.')).into()
        }
        _ => user.into(),
    }
}
