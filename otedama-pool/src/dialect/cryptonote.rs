//! Sessions of Monero's miners.

use otedama_chain::Submission;
use otedama_chain::spec::FamilyRules;
use otedama_hash::{Difficulty, Hash256, Now, Target};
use otedama_stratum::v1::dialect::cryptonote::{
    Call, Job, Login, Refusal, Submit, WireTarget, parse_request, reply,
};
use otedama_stratum::v1::{ErrorCode, Id};

use super::{Announcement, with_worker};
use crate::io::Claim;
use crate::jobs::number_in;
use crate::pool::Pool;
use crate::session::{echo, request_id};
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
            Err(e) => return self.malformed(now, slot, &e),
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
            Call::Unknown(name) => self.unknown_method(slot, id, &name),
            _ => self.unsupported(slot, id),
        }
    }

    /// The answer carries the first job; it waits until there is one.
    fn cryptonote_login(&mut self, now: Now, slot: usize, id: Id<'_>, login: &Login<'_>) {
        let mined = self.wire_algorithm();
        if !login.algorithms.is_empty() && !login.algorithms.iter().any(|name| *name == mined) {
            let why = format!("this pool mines {mined}, which is not among the miner's algorithms");
            return self.reply_failed(slot, id, ErrorCode::Other, &why);
        }
        if !self.subscribe_once(now, slot, id, login.agent.as_deref(), None) {
            return;
        }
        let name = with_worker(&login.user, login.rig.as_deref());
        if !self.admit(now, slot, id, &name, &login.password) {
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
            job: number_in(&submit.job_id),
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
            id: job.work.name().into(),
            blob: (&blob[..]).into(),
            target: wire_target(job.difficulty),
            algorithm: self.wire_algorithm().into(),
            height: template.height,
            seed_hash: template.epoch.seed,
            next_seed_hash: template.next_epoch.and_then(|epoch| epoch.seed),
        };
        let mut out = Vec::with_capacity(512);
        let session_id = session.session_text();
        match self.sessions[slot].login.take() {
            Some(id) => reply::write_login(&mut out, echo(&id), &session_id, &line),
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
}

/// What miners understand as the reason.
pub(super) fn message(why: Refused) -> &'static str {
    let refusal = match why {
        Refused::NotSubscribed | Refused::Unauthorized => Refusal::Unauthenticated,
        Refused::UnknownJob => Refusal::Stale,
        Refused::Nonce => Refusal::InvalidNonce,
        Refused::Duplicate => Refusal::Duplicate,
        Refused::LowDifficulty => Refusal::LowDifficulty,
        Refused::WrongProof => Refusal::InvalidResult,
        _ => return why.message(),
    };
    refusal.message()
}
