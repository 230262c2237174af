//! Stratum v1 requests of one session.

use std::sync::Arc;

use bytes::Bytes;
use otedama_hash::{Difficulty, Now};
use otedama_stratum::firmware;
use otedama_stratum::v1::response;
use otedama_stratum::v1::{Call, Configure, ErrorCode, Id, parse_request};
use rand_core::Rng;

use crate::ban::Fault;
use crate::io::{CloseReason, Output};
use crate::pool::Pool;

/// Longest user agent that is kept, in bytes.
const MAX_AGENT: usize = 64;

impl Pool {
    /// Handles one line of a session. The session may be gone afterwards.
    pub(crate) fn line(&mut self, now: Now, slot: usize, line: &[u8]) {
        let request = match parse_request(line) {
            Ok(request) => request,
            Err(e) => {
                self.stats.malformed += 1;
                self.reply_error(slot, e.id, e.code, e.message);
                self.fault(now, slot, Fault::Malformed);
                return;
            }
        };
        let id = request.id;
        match request.call {
            Call::Submit(submit) => self.submit(now, slot, id, &submit),
            Call::Subscribe { agent, session } => {
                self.subscribe(now, slot, id, agent.as_deref(), session.as_deref());
            }
            Call::Authorize { user, password } => self.login(now, slot, id, &user, &password),
            Call::Configure(wanted) => self.configure(slot, id, &wanted),
            Call::ExtranonceSubscribe => self.reply_true(slot, id),
            Call::SuggestDifficulty(wanted) => self.suggest(slot, id, wanted),
            Call::SuggestTarget(target) => {
                let wanted = target.difficulty(self.spec.algorithm.diff1()).get();
                self.suggest(slot, id, wanted);
            }
            Call::Ping => {
                let mut out = Vec::new();
                response::write_pong(&mut out, id);
                self.send(slot, out);
            }
            Call::Unknown(name) => {
                self.reply_error(slot, id, ErrorCode::Other, &format!("unknown method {name}"));
            }
            // Nothing is asked of miners, so there is nothing to answer.
            Call::Reply(_) => {}
            _ => self.reply_error(slot, id, ErrorCode::Other, "method not supported"),
        }
    }

    fn subscribe(&mut self, now: Now, slot: usize, id: Id<'_>, agent: Option<&str>, resume: Option<&str>) {
        if self.sessions[slot].extranonce1.is_none() && !self.give_extranonce(now, slot, agent, resume) {
            self.reply_error(
                slot,
                id,
                ErrorCode::Other,
                "the pool is starting, try again in a second",
            );
            return;
        }
        let session = &self.sessions[slot];
        let Some(extranonce1) = session.extranonce1_bytes() else {
            return;
        };
        let session_id = format!("{:016x}", session.session_id);
        let mut out = Vec::new();
        response::write_subscribe(&mut out, id, &session_id, &extranonce1, session.extranonce2_len());
        self.send(slot, out);
        self.start_mining(now, slot);
    }

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

    fn login(&mut self, now: Now, slot: usize, id: Id<'_>, user: &str, password: &str) {
        match self.authorize(slot, user, password) {
            Ok(()) => {
                self.reply_true(slot, id);
                self.start_mining(now, slot);
            }
            Err(why) => {
                self.stats.unauthorized += 1;
                self.reply_error(slot, id, ErrorCode::Unauthorized, &why);
                self.fault(now, slot, Fault::Unauthorized);
            }
        }
    }

    fn configure(&mut self, slot: usize, id: Id<'_>, wanted: &Configure) {
        let answer = wanted.answer(self.config.version_mask);
        let session = &mut self.sessions[slot];
        if let Some(mask) = answer.version_mask {
            session.version_mask = mask;
        }
        if let Some(floor) = wanted.minimum_difficulty {
            session.floor = floor.clamp(0.0, self.config.vardiff.max.get());
            let wanted = session.difficulty.get();
            self.ask_difficulty(slot, wanted);
        }
        let mut out = Vec::new();
        response::write_configure(&mut out, id, &answer);
        self.send(slot, out);
    }

    fn suggest(&mut self, slot: usize, id: Id<'_>, wanted: f64) {
        if Difficulty::new(wanted).is_err() {
            self.reply_error(slot, id, ErrorCode::Other, "difficulty must be a positive number");
            return;
        }
        self.reply_true(slot, id);
        if !self.sessions[slot].fixed {
            self.ask_difficulty(slot, wanted);
            self.apply_difficulty(slot);
        }
    }

    pub(crate) fn reply_true(&mut self, slot: usize, id: Id<'_>) {
        let mut out = Vec::with_capacity(48);
        response::write_true(&mut out, id);
        self.send(slot, out);
    }

    pub(crate) fn reply_error(&mut self, slot: usize, id: Id<'_>, code: ErrorCode, message: &str) {
        let mut out = Vec::with_capacity(64 + message.len());
        response::write_error(&mut out, id, code, message);
        self.send(slot, out);
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
