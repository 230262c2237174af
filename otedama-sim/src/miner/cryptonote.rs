//! Monero's miners: what they say and how they take what they hear.

use otedama_hash::Monotonic;
use otedama_stratum::v1::dialect::cryptonote::{
    Job, Login, Reply, ServerMessage, parse_server_message, request,
};

use super::outline::refusal_code;
use super::wire::Effects;
use super::{Asked, ClientJob, JobBody, Miner, Phase};

/// Where the nonce stands in a blob.
pub(super) const NONCE_AT: core::ops::Range<usize> = 39..43;

impl Miner {
    pub(super) fn cryptonote_hello(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let id = self.ask(Asked::Login);
        let login = Login {
            user: self.user.as_str().into(),
            password: self.password.as_str().into(),
            agent: Some(self.agent.into()),
            rig: None,
            algorithms: vec!["rx/0".into(), "cn/r".into()],
        };
        request::write_login(&mut out, id, &login);
        if self.index.is_multiple_of(3) {
            let id = self.ask(Asked::Other);
            request::write_keepalived(&mut out, id, "");
        }
        out
    }

    pub(super) fn cryptonote_line(&mut self, now: Monotonic, line: &[u8], effects: &mut Effects) {
        match parse_server_message(line) {
            Ok(ServerMessage::Job(job)) => self.cryptonote_job(now, &job, effects),
            Ok(ServerMessage::Reply { id, reply }) => {
                let asked = id.as_u64().and_then(|id| self.session.requests.remove(&id));
                let Some(asked) = asked else {
                    effects.nonsense = Some(format!("a reply to {}, which nobody asked", id.as_str()));
                    return;
                };
                self.cryptonote_reply(now, asked, &reply, effects);
            }
            Ok(other) => effects.nonsense = Some(format!("{other:?}")),
            Err(e) => effects.nonsense = Some(format!("{e}: {}", String::from_utf8_lossy(line))),
        }
    }

    fn cryptonote_reply(&mut self, now: Monotonic, asked: Asked, reply: &Reply<'_>, effects: &mut Effects) {
        match (asked, reply) {
            (Asked::Login, Reply::Login { session, job }) => {
                self.session.token = session.to_string();
                self.session.phase = Phase::Mining;
                self.cryptonote_job(now, job, effects);
            }
            (Asked::Share(hash, found), reply) => {
                let code = match reply {
                    Reply::Error(text) => Some(refusal_code(text)),
                    _ => None,
                };
                self.answered(now, hash, *found, code, effects);
            }
            (_, Reply::Error(_)) => effects.give_up = true,
            _ => {}
        }
    }

    fn cryptonote_job(&mut self, now: Monotonic, job: &Job<'_>, effects: &mut Effects) {
        let Some(seed) = job.seed_hash.filter(|_| job.blob.len() > NONCE_AT.end) else {
            effects.nonsense = Some("a job without a key, or too short".into());
            return;
        };
        let is_new_block = self.session.jobs.back().is_none_or(|last| match &last.body {
            JobBody::Blob { blob, .. } => blob[..NONCE_AT.start][7..] != job.blob[7..NONCE_AT.start],
            _ => true,
        });
        let body = JobBody::Blob {
            blob: job.blob.to_vec(),
            seed,
        };
        let job = ClientJob {
            id: job.id.to_string(),
            body,
            at: now,
            target: job.target.to_target(),
        };
        self.take_job(job, is_new_block, effects);
    }
}
