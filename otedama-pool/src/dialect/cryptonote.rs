//! Sessions of Monero's miners.

use otedama_chain::Submission;
use otedama_chain::spec::FamilyRules;
use otedama_hash::{Difficulty, Hash256, Now, Target};
use otedama_stratum::v1::Id;
use otedama_stratum::v1::dialect::cryptonote::{
    Call, Job, Login, Refusal, Submit, WireTarget, parse_request, reply,
};

use super::{Announcement, with_worker};
use crate::ban::Fault;
use crate::io::Claim;
use crate::pool::Pool;
use crate::session::request_id;
use crate::share::submit::{Refused, Submitted};

/// A whole number of hashes, and the target that miners make of it.
pub(super) fn rounded(wanted: Difficulty) -> (Difficulty, Target) {
    let wire = wire_target(wanted);
    let whole = wanted.get().round().max(1.0);
    (Difficulty::new(whole).unwrap_or(wanted), wire.to_target())
}

fn wire_target(difficulty: Difficulty) -> WireTarget {
    WireTarget::of_difficulty(difficulty.get().round() as u64)
}

impl Pool {
    pub(super) fn cryptonote_line(&mut self, now: Now, slot: usize, line: &[u8]) {
        let request = match parse_request(line) {
            Ok(request) => request,
            Err(e) => {
                self.stats.malformed += 1;
                self.cryptonote_error(slot, e.id, e.message);
                self.fault(now, slot, Fault::Malformed);
                return;
            }
        };
        let id = request.id;
        match request.call {
            Call::Submit(submit) => self.cryptonote_submit(now, slot, id, &submit),
            Call::Login(login) => self.cryptonote_login(now, slot, id, &login),
            Call::KeepAlive => {
                let mut out = Vec::new();
                reply::write_kept_alive(&mut out, id);
                self.send(slot, out);
            }
            Call::Unknown(name) => self.cryptonote_error(slot, id, &format!("unknown method {name}")),
            _ => self.cryptonote_error(slot, id, "method not supported"),
        }
    }

    /// The answer carries the first job; it waits until there is one.
    fn cryptonote_login(&mut self, now: Now, slot: usize, id: Id<'_>, login: &Login<'_>) {
        let mined = self.wire_algorithm();
        if !login.algorithms.is_empty() && !login.algorithms.iter().any(|name| *name == mined) {
            let why = format!("this pool mines {mined}, which is not among the miner's algorithms");
            return self.cryptonote_error(slot, id, &why);
        }
        if !self.subscribe_once(now, slot, id, login.agent.as_deref(), None) {
            return;
        }
        let name = with_worker(&login.user, login.rig.as_deref());
        if let Err(why) = self.authorize(slot, &name, &login.password) {
            self.stats.unauthorized += 1;
            self.cryptonote_error(slot, id, &why);
            self.fault(now, slot, Fault::Unauthorized);
            return;
        }
        self.sessions[slot].login = Some(request_id(id));
        if self.sessions[slot].announced.is_some() {
            self.send_job(now, slot, true);
        } else {
            self.start_mining(now, slot);
        }
    }

    fn cryptonote_submit(&mut self, now: Now, slot: usize, id: Id<'_>, submit: &Submit<'_>) {
        let session = &self.sessions[slot];
        if session.extranonce1.is_none() || *submit.session != session.session_text() {
            return self.refuse(now, slot, id, Refused::NotSubscribed);
        }
        let nonce = u32::from_le_bytes(submit.nonce);
        let share = Submitted {
            job: u32::from_str_radix(&submit.job_id, 16).ok(),
            nonce: nonce.into(),
            claim: Some(Claim::Hash(Hash256::from_le_bytes(submit.result))),
            ..Submitted::default()
        };
        self.submit(now, slot, id, &share);
    }

    pub(super) fn cryptonote_announce(&mut self, slot: usize, job: &Announcement<'_>) {
        let session = &self.sessions[slot];
        let template = job.work.job.template();
        let submission = Submission {
            extranonce: &session.extranonce(),
            ntime: 0,
            // The whole nonce is the session's: a proxy may deal its last byte out to its own miners.
            nonce: 0,
            version: 0,
        };
        // It was built for this family, so it takes any submission of this shape.
        let Ok(blob) = self.family.pow_input(&job.work.job, &submission) else {
            return;
        };
        let line = Job {
            id: format!("{:x}", job.work.number).into(),
            blob: (&blob[..]).into(),
            target: wire_target(job.difficulty),
            algorithm: self.wire_algorithm().into(),
            height: template.height,
            seed_hash: template.epoch.seed,
        };
        let mut out = Vec::with_capacity(512);
        let session_id = session.session_text();
        match self.sessions[slot].login.take() {
            Some(id) => {
                let id = Id::Raw(std::str::from_utf8(&id).unwrap_or("null"));
                reply::write_login(&mut out, id, &session_id, &line);
            }
            None => reply::write_job(&mut out, &line),
        }
        self.send(slot, out);
    }

    /// How miners call what they hash here.
    fn wire_algorithm(&self) -> &'static str {
        match self.spec.family {
            FamilyRules::CryptoNote(rules) => rules.wire_algorithm,
            _ => self.spec.algorithm.name(),
        }
    }

    pub(super) fn cryptonote_accepted(&mut self, slot: usize, id: Id<'_>) {
        let mut out = Vec::with_capacity(80);
        reply::write_accepted(&mut out, id);
        self.send(slot, out);
    }

    pub(super) fn cryptonote_refused(&mut self, slot: usize, id: Id<'_>, why: Refused) {
        let refusal = match why {
            Refused::NotSubscribed | Refused::Unauthorized => Refusal::Unauthenticated,
            Refused::UnknownJob => Refusal::Stale,
            Refused::Nonce => Refusal::InvalidNonce,
            Refused::Duplicate => Refusal::Duplicate,
            Refused::LowDifficulty => Refusal::LowDifficulty,
            Refused::WrongProof => Refusal::InvalidResult,
            _ => return self.cryptonote_error(slot, id, why.message()),
        };
        self.cryptonote_error(slot, id, refusal.message());
    }

    fn cryptonote_error(&mut self, slot: usize, id: Id<'_>, message: &str) {
        let mut out = Vec::with_capacity(64 + message.len());
        reply::write_error(&mut out, id, message);
        self.send(slot, out);
    }
}
