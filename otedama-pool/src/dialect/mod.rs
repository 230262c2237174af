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
use otedama_stratum::v1::dialect::cryptonote::reply;
use otedama_stratum::v1::dialect::ethereum::{Protocol, notify, reply as ethereum_reply};
use otedama_stratum::v1::{ErrorCode, Id, RequestError, response, user};
use rand_core::Rng;

use crate::ban::Fault;
use crate::io::{CloseReason, ConnId, Output};
use crate::jobs::Work;
use crate::pool::Pool;
use crate::prefixes::Prefix;
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

    /// The first bytes of all nonces of a session that has just got its extranonce; `None` while there are none to give.
    fn give_prefix(&mut self, slot: usize) -> Option<Prefix> {
        let session = &self.sessions[slot];
        let fits = |len: usize| len.min(session.firmware.nonce_prefix_max.into());
        match self.spec.dialect {
            Dialect::KawPow => {
                let number = session.extranonce1.unwrap_or(0).to_be_bytes();
                Some(Prefix::from_slice(&number[4 - fits(kawpow::PREFIX_LEN)..]))
            }
            Dialect::Ethereum => match fits(ethereum::prefix_len(session.protocol)) {
                0 => Some(Prefix::new()),
                len => self.prefixes.take(len, &mut self.rng),
            },
            _ => Some(Prefix::new()),
        }
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
        let message = match self.spec.dialect {
            Dialect::CryptoNote => cryptonote::message(why),
            _ => why.message(),
        };
        self.reply_failed(slot, id, why.code(), message);
    }

    /// A request was not done.
    fn reply_failed(&mut self, slot: usize, id: Id<'_>, code: ErrorCode, message: &str) {
        let mut out = Vec::with_capacity(96 + message.len());
        match self.spec.dialect {
            Dialect::CryptoNote => reply::write_error(&mut out, id, message),
            Dialect::Ethereum => {
                ethereum_reply::write_error(&mut out, self.protocol(slot), id, code, message);
            }
            _ => response::write_error(&mut out, id, code, message),
        }
        self.send(slot, out);
    }

    /// A line that is no request.
    fn malformed(&mut self, now: Now, slot: usize, error: &RequestError<'_>) {
        self.stats.malformed += 1;
        self.reply_failed(slot, error.id, error.code, error.message);
        self.fault(now, slot, Fault::Malformed);
    }

    /// A request that the dialect doesn't know. Some miners try others first.
    fn unknown_method(&mut self, slot: usize, id: Id<'_>, name: &str) {
        self.reply_failed(slot, id, ErrorCode::Other, &format!("unknown method {name}"));
    }

    /// A request that the dialect knows and this pool doesn't serve.
    fn unsupported(&mut self, slot: usize, id: Id<'_>) {
        self.reply_failed(slot, id, ErrorCode::Other, "method not supported");
    }

    /// Lets a worker in. `false` if it is refused, which it has been told then.
    fn admit(&mut self, now: Now, slot: usize, id: Id<'_>, user: &str, password: &str) -> bool {
        let Err(why) = self.authorize(slot, user, password) else {
            return true;
        };
        self.stats.unauthorized += 1;
        self.reply_failed(slot, id, ErrorCode::Unauthorized, &why);
        self.fault(now, slot, Fault::Unauthorized);
        false
    }

    /// Says that a connection is about to be closed, where miners have a word for it.
    pub(crate) fn say_goodbye(&mut self, conn: ConnId) {
        if let Some(&slot) = self.index.get(&conn)
            && self.sessions[slot].protocol == Some(Protocol::V2)
        {
            let mut out = Vec::new();
            notify::write_bye(&mut out);
            self.send(slot, out);
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
            session.last_job = closed.last_job;
            session.difficulty = closed.difficulty;
        } else if fresh.is_some() {
            session.extranonce1 = fresh;
            session.session_id = self.rng.next_u64();
        } else {
            return false;
        }
        let Some(prefix) = self.give_prefix(slot) else {
            self.sessions[slot].extranonce1 = None;
            return false;
        };
        let session = &mut self.sessions[slot];
        session.prefix = prefix;
        let wanted = session.difficulty.get();
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
