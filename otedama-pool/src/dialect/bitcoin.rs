//! Sessions of Bitcoin's miners: stratum v1.

use bytes::Bytes;
use otedama_hash::{Difficulty, Now};
use otedama_stratum::v1::notify::{self, NotifyParts};
use otedama_stratum::v1::{Call, Configure, ErrorCode, Id, parse_request, response};

use super::Announcement;
use crate::io::Output;
use crate::jobs::{Work, number_in};
use crate::pool::Pool;
use crate::share::submit::Submitted;

impl Pool {
    pub(super) fn bitcoin_line(&mut self, now: Now, slot: usize, line: &[u8]) {
        let request = match parse_request(line) {
            Ok(request) => request,
            Err(e) => return self.malformed(now, slot, &e),
        };
        let id = request.id;
        match request.call {
            Call::Submit(submit) => {
                let share = Submitted {
                    worker: Some(&submit.worker),
                    job: number_in(&submit.job_id),
                    extranonce2: Some(submit.extranonce2.as_slice()),
                    ntime: Some(submit.ntime),
                    nonce: submit.nonce.into(),
                    version_bits: submit.version_bits,
                    ..Submitted::default()
                };
                self.submit(now, slot, id, &share);
            }
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
            Call::Unknown(name) => self.unknown_method(slot, id, &name),
            // Nothing is asked of miners, so there is nothing to answer.
            Call::Reply(_) => {}
            _ => self.unsupported(slot, id),
        }
    }

    fn subscribe(&mut self, now: Now, slot: usize, id: Id<'_>, agent: Option<&str>, resume: Option<&str>) {
        if !self.subscribe_once(now, slot, id, agent, resume) {
            return;
        }
        let session = &self.sessions[slot];
        let Some(extranonce1) = session.extranonce1_bytes() else {
            return;
        };
        let session_id = session.session_text();
        let mut out = Vec::new();
        response::write_subscribe(&mut out, id, &session_id, &extranonce1, session.extranonce2_len());
        self.send(slot, out);
        self.start_mining(now, slot);
    }

    pub(super) fn login(&mut self, now: Now, slot: usize, id: Id<'_>, user: &str, password: &str) {
        if self.admit(now, slot, id, user, password) {
            self.reply_true(slot, id);
            self.start_mining(now, slot);
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
            self.reply_failed(slot, id, ErrorCode::Other, "difficulty must be a positive number");
            return;
        }
        self.reply_true(slot, id);
        if !self.sessions[slot].fixed {
            self.ask_difficulty(slot, wanted);
            self.apply_difficulty(slot);
        }
    }

    pub(super) fn reply_true(&mut self, slot: usize, id: Id<'_>) {
        let mut out = Vec::with_capacity(48);
        response::write_true(&mut out, id);
        self.send(slot, out);
    }

    pub(super) fn bitcoin_announce(&mut self, slot: usize, job: &Announcement<'_>) {
        let conn = self.sessions[slot].conn;
        if job.is_new_difficulty {
            let mut line = Vec::with_capacity(72);
            notify::write_set_difficulty(&mut line, job.difficulty);
            self.send(slot, line);
        }
        let bytes = job.work.line(job.clean, || notify_line(job.work, job.clean));
        self.out.push_back(Output::Send { conn, bytes });
    }
}

/// `mining.notify`, the same bytes for everybody who gets this work.
fn notify_line(work: &Work, clean: bool) -> Bytes {
    let job = &work.job;
    let mut line = Vec::new();
    if let Some(header) = job.header_parts() {
        let parts = NotifyParts {
            prev_hash: &job.prev_hash(),
            coinbase1: header.coinbase1,
            coinbase2: header.coinbase2,
            merkle_branch: header.merkle_branch,
            version: header.version,
            bits: header.bits,
            ntime: job.time_s(),
        };
        notify::write_notify(&mut line, &work.name(), &parts, clean);
    }
    line.into()
}

/// `client.show_message`.
pub(super) fn message(text: &str) -> Bytes {
    let mut line = Vec::new();
    notify::write_show_message(&mut line, text);
    line.into()
}
