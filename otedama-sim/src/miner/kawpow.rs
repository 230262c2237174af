//! Ravencoin's miners: what they say and how they take what they hear.

use otedama_hash::Monotonic;
use otedama_stratum::v1::dialect::kawpow::{ServerMessage, parse_server_message, request, subscription};
use otedama_stratum::v1::request::{write_authorize, write_extranonce_subscribe, write_subscribe};

use super::wire::Effects;
use super::{Asked, ClientJob, JobBody, Miner, Phase};

impl Miner {
    pub(super) fn kawpow_hello(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let id = self.ask(Asked::Subscribe);
        write_subscribe(&mut out, id, self.agent, None);
        let id = self.ask(Asked::Authorize);
        write_authorize(&mut out, id, &self.user, &self.password);
        if self.index.is_multiple_of(3) {
            let id = self.ask(Asked::Other);
            write_extranonce_subscribe(&mut out, id);
            let id = self.ask(Asked::Other);
            request::write_submit_hashrate(&mut out, id, self.hashrate as u64, &[7; 32]);
        }
        out
    }

    pub(super) fn kawpow_line(&mut self, now: Monotonic, line: &[u8], effects: &mut Effects) {
        let reply = match parse_server_message(line) {
            Ok(ServerMessage::Reply(reply)) => reply,
            Ok(ServerMessage::SetTarget(target)) => {
                self.session.target = Some(target);
                return;
            }
            Ok(ServerMessage::Job(job)) => {
                if self.session.target != Some(job.target) {
                    effects.nonsense = Some("a job has another target than was set".into());
                }
                let client_job = ClientJob {
                    id: job.id.to_string(),
                    body: JobBody::Header {
                        header: job.header,
                        seed: job.seed,
                    },
                    at: now,
                    target: job.target,
                };
                return self.take_job(client_job, job.clean, effects);
            }
            Ok(other) => {
                effects.nonsense = Some(format!("{other:?}"));
                return;
            }
            Err(e) => {
                effects.nonsense = Some(format!("{e}: {}", String::from_utf8_lossy(line)));
                return;
            }
        };
        let asked = reply.id.as_u64().and_then(|id| self.session.requests.remove(&id));
        match asked {
            None => effects.nonsense = Some(format!("a reply to {}, which nobody asked", reply.id.as_str())),
            Some(Asked::Subscribe) => match subscription(&reply) {
                Ok(answer) => self.session.prefix = answer.extranonce.to_vec(),
                // The pool has no extranonces yet.
                Err(_) => effects.give_up = true,
            },
            Some(Asked::Authorize) if reply.is_true() => self.session.phase = Phase::Mining,
            Some(Asked::Authorize) => effects.give_up = true,
            Some(Asked::Share(hash, found)) => {
                let code = reply.error.as_ref().map(|error| error.code);
                self.answered(now, hash, *found, code, effects);
            }
            Some(_) => {}
        }
    }
}
