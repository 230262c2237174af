//! Ethereum Classic's miners, in three protocols: what they say and how they take what they hear.

use otedama_chain::spec::FamilyRules;
use otedama_hash::ethash::backends_of;
use otedama_hash::{EpochInput, Monotonic};
use otedama_stratum::v1::Reply;
use otedama_stratum::v1::dialect::ethereum::server_message::{hello, is_accepted, subscription, token};
use otedama_stratum::v1::dialect::ethereum::{
    Protocol, ServerMessage, Settings, parse_server_message, request,
};
use otedama_stratum::v1::request::write_authorize;

use super::outline::{leading_id, number_code};
use super::wire::Effects;
use super::{Asked, ClientJob, JobBody, Miner, Phase};
use crate::coin::Coin;

/// Blocks of an epoch.
const EPOCH_BLOCKS: u64 = 60_000;

/// The seed of an epoch.
fn seed_of(coin: &Coin, epoch: u32) -> Option<[u8; 32]> {
    let FamilyRules::Ethereum(rules) = &coin.spec.family else {
        return None;
    };
    let at = EpochInput {
        height: u64::from(epoch) * EPOCH_BLOCKS,
        seed: None,
    };
    let backend = backends_of(coin.spec.algorithm, rules.schedule).pop()?;
    Some(backend.epoch(at).ok()?.0)
}

impl Miner {
    pub(super) fn ethereum_hello(&mut self, protocol: Protocol) -> Vec<u8> {
        let mut out = Vec::new();
        if protocol == Protocol::Proxy {
            let id = self.ask(Asked::Authorize);
            request::write_login(&mut out, id, &self.user, &self.password, None);
            let id = self.ask(Asked::Work);
            request::write_get_work(&mut out, id);
            return out;
        }
        if protocol == Protocol::V2 {
            let id = self.ask(Asked::Login);
            request::write_hello(&mut out, id, self.agent, "pool.example", 3333);
            let id = self.ask(Asked::Subscribe);
            request::write_subscribe_session(&mut out, id, None);
        } else {
            let id = self.ask(Asked::Subscribe);
            request::write_subscribe(&mut out, id, self.agent);
        }
        let id = self.ask(Asked::Authorize);
        write_authorize(&mut out, id, &self.user, &self.password);
        if protocol == Protocol::V2 && self.index.is_multiple_of(2) {
            let id = self.ask(Asked::Other);
            request::write_noop(&mut out, id);
        }
        out
    }

    pub(super) fn ethereum_line(
        &mut self,
        now: Monotonic,
        protocol: Protocol,
        line: &[u8],
        effects: &mut Effects,
    ) {
        match parse_server_message(protocol, line) {
            Ok(ServerMessage::Reply(reply)) => self.ethereum_reply(now, protocol, &reply, effects),
            Ok(ServerMessage::Work(work)) => {
                if let Some(id) = leading_id(line).filter(|id| *id != 0)
                    && !matches!(self.session.requests.remove(&id), Some(Asked::Work))
                {
                    effects.nonsense = Some(format!("work in reply to {id}, which did not ask for it"));
                }
                let job = ClientJob {
                    id: const_hex::encode(work.header),
                    body: JobBody::Header {
                        header: work.header,
                        seed: work.seed,
                    },
                    at: now,
                    target: work.target,
                };
                // It is not told what is void; whoever sends an old share is told then.
                self.take_job(job, false, effects);
            }
            Ok(ServerMessage::SetDifficulty(difficulty)) => {
                self.session.target = Some(difficulty.to_target(self.coin.spec.algorithm.diff1()));
            }
            Ok(ServerMessage::Set(settings)) => self.ethereum_set(&settings, effects),
            Ok(ServerMessage::Job(job)) => {
                let Some(target) = self.session.target else {
                    effects.nonsense = Some("a job came before any target".into());
                    return;
                };
                let client_job = ClientJob {
                    id: job.id.to_string(),
                    body: JobBody::Header {
                        header: job.header,
                        seed: job.seed.unwrap_or(self.session.seed),
                    },
                    at: now,
                    target,
                };
                self.take_job(client_job, job.clean, effects);
            }
            // The pool closes the connection.
            Ok(ServerMessage::Bye) => {}
            Ok(other) => effects.nonsense = Some(format!("{other:?}")),
            Err(e) => effects.nonsense = Some(format!("{e}: {}", String::from_utf8_lossy(line))),
        }
    }

    fn ethereum_set(&mut self, settings: &Settings<'_>, effects: &mut Effects) {
        if let Some(target) = settings.target {
            self.session.target = Some(target);
        }
        if let Some(prefix) = &settings.extranonce {
            self.session.prefix = prefix.to_vec();
        }
        if let Some(epoch) = settings.epoch {
            match seed_of(self.coin, epoch) {
                Some(seed) => self.session.seed = seed,
                None => effects.nonsense = Some(format!("there is no epoch {epoch}")),
            }
        }
    }

    fn ethereum_reply(
        &mut self,
        now: Monotonic,
        protocol: Protocol,
        reply: &Reply<'_>,
        effects: &mut Effects,
    ) {
        let asked = reply.id.as_u64().and_then(|id| self.session.requests.remove(&id));
        match asked {
            None => effects.nonsense = Some(format!("a reply to {}, which nobody asked", reply.id.as_str())),
            Some(Asked::Login) => effects.give_up |= hello(reply).is_err(),
            Some(Asked::Subscribe) if protocol == Protocol::V2 => effects.give_up |= token(reply).is_err(),
            Some(Asked::Subscribe) => match subscription(reply) {
                Ok(answer) => self.session.prefix = answer.extranonce.to_vec(),
                // The pool has no extranonces yet.
                Err(_) => effects.give_up = true,
            },
            Some(Asked::Authorize) if protocol == Protocol::V2 => match token(reply) {
                Ok(worker) => {
                    self.session.token = worker.to_string();
                    self.session.phase = Phase::Mining;
                }
                Err(_) => effects.give_up = true,
            },
            Some(Asked::Authorize) if reply.is_true() => self.session.phase = Phase::Mining,
            Some(Asked::Authorize) => effects.give_up = true,
            Some(Asked::Share(hash, found)) => {
                let code = (!is_accepted(protocol, reply)).then(|| {
                    reply
                        .error
                        .as_ref()
                        .map_or(20, |error| number_code(protocol, error.code))
                });
                self.answered(now, hash, *found, code, effects);
            }
            // Work is pushed as soon as there is some.
            Some(_) => {}
        }
    }
}
