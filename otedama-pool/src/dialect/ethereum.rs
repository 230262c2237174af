//! Sessions of Ethash's miners: three protocols, told apart by the first message.

use otedama_chain::spec::FamilyRules;
use otedama_hash::Now;
use otedama_stratum::v1::dialect::ethereum::{
    Call, HelloReply, Job, Protocol, Settings, Submit, SubmitWork, Work, full_nonce, notify, parse_request,
    reply,
};
use otedama_stratum::v1::{ExtranonceBytes, Id};

use super::{Announcement, with_worker};
use crate::io::Claim;
use crate::jobs::number_in;
use crate::pool::Pool;
use crate::prefixes;
use crate::session::{echo, request_id};
use crate::share::submit::{Refused, Submitted};

/// The id that eth-proxy's miners know pushed jobs by.
const PUSH_ID: u64 = 0;
/// Errors after which a miner that speaks 2.0.0 should give up; it is banned for fewer.
const MAX_ERRORS: u32 = 50;

/// Bytes of the nonce that the pool fixes for a session.
pub(super) fn prefix_len(protocol: Option<Protocol>) -> usize {
    protocol
        .map_or(0, Protocol::max_extranonce_len)
        .min(prefixes::MAX_LEN)
}

impl Pool {
    pub(super) fn ethereum_line(&mut self, now: Now, slot: usize, line: &[u8]) {
        let known = self.sessions[slot].protocol;
        let request = match parse_request(line, known) {
            Ok(request) => request,
            Err(e) => return self.malformed(now, slot, &e),
        };
        let id = request.id;
        if known.is_none() {
            self.sessions[slot].protocol = request.call.protocol();
        }
        match request.call {
            Call::Submit(submit) => self.ethereum_submit(now, slot, id, &submit),
            Call::SubmitWork(submit) => self.ethereum_submit_work(now, slot, id, &submit),
            Call::GetWork => self.ethereum_get_work(now, slot, id),
            Call::Hello { agent, .. } => self.ethereum_hello(now, slot, id, agent.as_deref()),
            Call::Subscribe { agent, .. } => self.ethereum_subscribe(now, slot, id, agent.as_deref()),
            Call::Authorize { user, password } => self.ethereum_login(now, slot, id, &user, &password),
            Call::Login {
                user,
                password,
                worker,
            } => {
                if self.subscribe_once(now, slot, id, None, None) {
                    let name = with_worker(&user, worker.as_deref());
                    self.ethereum_login(now, slot, id, &name, &password);
                }
            }
            Call::ExtranonceSubscribe | Call::SubmitHashrate(_) | Call::Hashrate { .. } | Call::Noop => {
                self.ethereum_true(slot, id);
            }
            // It says goodbye and wants no answer.
            Call::Bye | Call::Reply(_) => {}
            Call::Unknown(name) => self.unknown_method(slot, id, &name),
            _ => self.unsupported(slot, id),
        }
    }

    /// What the session speaks; before its first message nothing is sent that would differ.
    pub(super) fn protocol(&self, slot: usize) -> Protocol {
        self.sessions[slot].protocol.unwrap_or(Protocol::V1)
    }

    fn ethereum_hello(&mut self, now: Now, slot: usize, id: Id<'_>, agent: Option<&str>) {
        if !self.subscribe_once(now, slot, id, agent, None) {
            return;
        }
        let answer = HelloReply {
            resume: false,
            timeout_s: u32::try_from(self.config.idle_timeout.as_secs()).unwrap_or(u32::MAX),
            max_errors: MAX_ERRORS,
            node: concat!("otedama/", env!("CARGO_PKG_VERSION")),
        };
        let mut out = Vec::new();
        reply::write_hello(&mut out, id, &answer);
        self.send(slot, out);
    }

    fn ethereum_subscribe(&mut self, now: Now, slot: usize, id: Id<'_>, agent: Option<&str>) {
        if !self.subscribe_once(now, slot, id, agent, None) {
            return;
        }
        let session = &self.sessions[slot];
        let mut out = Vec::new();
        if self.protocol(slot) == Protocol::V2 {
            reply::write_token(&mut out, id, &format!("s-{}", session.session_text()));
        } else {
            reply::write_subscribe(&mut out, id, &session.session_text(), &session.prefix);
        }
        self.send(slot, out);
        self.start_mining(now, slot);
    }

    fn ethereum_login(&mut self, now: Now, slot: usize, id: Id<'_>, user: &str, password: &str) {
        if !self.admit(now, slot, id, user, password) {
            return;
        }
        if self.protocol(slot) == Protocol::V2 {
            let index = self.sessions[slot].workers.iter().position(|w| &*w.user == user);
            let mut out = Vec::new();
            reply::write_token(&mut out, id, &format!("w-{}", index.unwrap_or(0)));
            self.send(slot, out);
        } else {
            self.ethereum_true(slot, id);
        }
        self.start_mining(now, slot);
    }

    fn ethereum_get_work(&mut self, now: Now, slot: usize, id: Id<'_>) {
        if !self.sessions[slot].is_mining() {
            return self.refuse(now, slot, id, Refused::NotSubscribed);
        }
        self.sessions[slot].login = Some(request_id(id));
        self.send_job(now, slot, false);
        // Without a job nothing was sent.
        if self.sessions[slot].login.take().is_some() {
            let mut out = Vec::new();
            reply::write_not_ready(&mut out, id);
            self.send(slot, out);
        }
    }

    fn ethereum_submit(&mut self, now: Now, slot: usize, id: Id<'_>, submit: &Submit<'_>) {
        let session = &self.sessions[slot];
        let worker = match self.protocol(slot) {
            Protocol::V2 => submit
                .worker
                .strip_prefix("w-")
                .and_then(|index| index.parse().ok())
                .and_then(|index: usize| session.workers.get(index))
                .map_or("", |worker| &*worker.user)
                .to_owned(),
            _ => submit.worker.to_string(),
        };
        let Some(nonce) = full_nonce(&session.prefix, &submit.nonce) else {
            return self.refuse(now, slot, id, Refused::Nonce);
        };
        let share = Submitted {
            worker: Some(&worker),
            job: number_in(&submit.job_id),
            nonce,
            ..Submitted::default()
        };
        self.submit(now, slot, id, &share);
    }

    fn ethereum_submit_work(&mut self, now: Now, slot: usize, id: Id<'_>, submit: &SubmitWork<'_>) {
        let rig = submit.worker.as_deref().and_then(|rig| self.rig(slot, rig));
        let share = Submitted {
            worker: rig.as_deref(),
            job: self.jobs.number_of(&submit.header),
            header: Some(submit.header),
            nonce: submit.nonce,
            claim: Some(Claim::Mix(submit.mix)),
            ..Submitted::default()
        };
        self.submit(now, slot, id, &share);
    }

    /// A machine behind a proxy, as a worker of the address that logged in; `None` if it can't be told from the others.
    fn rig(&mut self, slot: usize, rig: &str) -> Option<String> {
        let account = self.sessions[slot].workers.first()?.account.clone();
        let name = with_worker(&account, Some(rig));
        // A name that is too long or one too many: its shares count as those of the first.
        self.authorize(slot, &name, "").ok().map(|()| name.into_owned())
    }

    pub(super) fn ethereum_announce(&mut self, slot: usize, job: &Announcement<'_>) {
        let template = job.work.job.template();
        // All of this family's work has a name, and its name is what is hashed.
        let Some(header) = template.work_id() else { return };
        let seed = template.epoch.seed.unwrap_or_default();
        let protocol = self.protocol(slot);
        let mut out = Vec::with_capacity(384);
        let line = |seed, height| Job {
            id: job.work.name().into(),
            header,
            seed,
            height,
            clean: job.clean,
        };
        match protocol {
            Protocol::V1 => {
                if job.is_new_difficulty {
                    notify::write_set_difficulty(&mut out, job.difficulty);
                }
                notify::write_job(&mut out, &line(Some(seed), None));
            }
            Protocol::V2 => {
                let is_new_epoch = self.sessions[slot].seed.replace(seed) != Some(seed);
                if job.is_new_difficulty || is_new_epoch {
                    notify::write_set(&mut out, &self.settings(slot, job));
                }
                notify::write_job(&mut out, &line(None, Some(template.height)));
            }
            Protocol::Proxy => {
                let work = Work {
                    header,
                    seed,
                    target: job.target,
                    height: None,
                };
                match self.sessions[slot].login.take() {
                    Some(id) => reply::write_work(&mut out, echo(&id), &work),
                    None => notify::write_work(&mut out, Some(PUSH_ID), &work),
                }
            }
        }
        self.send(slot, out);
    }

    /// All that a session of 2.0.0 has to know beside the job.
    fn settings(&self, slot: usize, job: &Announcement<'_>) -> Settings<'static> {
        let session = &self.sessions[slot];
        let height = job.work.job.template().height;
        Settings {
            epoch: match &self.spec.family {
                FamilyRules::Ethereum(rules) => rules.schedule.epoch_number(height),
                _ => None,
            },
            target: Some(job.target),
            algorithm: Some(self.spec.algorithm.name().into()),
            extranonce: ExtranonceBytes::from_slice(&session.prefix).ok(),
        }
    }

    pub(super) fn ethereum_true(&mut self, slot: usize, id: Id<'_>) {
        let mut out = Vec::with_capacity(64);
        reply::write_true(&mut out, self.protocol(slot), id);
        self.send(slot, out);
    }
}
