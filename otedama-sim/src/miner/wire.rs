//! What a miner says and how it takes what it hears.

use otedama_hash::{Difficulty, Hash256, Monotonic, Target};
use otedama_stratum::line::LineReader;
use otedama_stratum::v1::request::{
    write_authorize, write_configure, write_extranonce_subscribe, write_subscribe, write_suggest_difficulty,
    write_text_reply,
};
use otedama_stratum::v1::{Configure, Notify, Reply, ServerMessage, VersionRolling, parse_server_message};

use super::{Asked, ClientJob, Found, JobBody, Miner, Parts, Phase};
use crate::coin::Speech;

/// What follows from what a miner heard.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) send: Vec<u8>,
    /// The rate of shares changed: draw the next one anew.
    pub(crate) redraw: bool,
    /// Shares with their replies; the code is `None` where the share was accepted.
    pub(crate) answered: Vec<(Hash256, Found, Option<i32>)>,
    /// It has just got its first job.
    pub(crate) ready: bool,
    /// It gives up on this connection.
    pub(crate) give_up: bool,
    /// A line that makes no sense.
    pub(crate) nonsense: Option<String>,
}

impl Miner {
    /// Everything that opens a connection, in one write.
    pub(crate) fn hello(&mut self) -> Vec<u8> {
        match self.speech {
            Speech::Bitcoin => self.bitcoin_hello(),
            Speech::CryptoNote => self.cryptonote_hello(),
            Speech::KawPow => self.kawpow_hello(),
            Speech::Ethereum(protocol) => self.ethereum_hello(protocol),
        }
    }

    fn bitcoin_hello(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.rolls_version {
            let rolling = VersionRolling {
                mask: 0x1fff_e000,
                min_bit_count: Some(2),
            };
            let configure = Configure {
                version_rolling: Some(rolling),
                ..Configure::default()
            };
            let id = self.ask(Asked::Configure);
            write_configure(&mut out, id, &configure);
        }
        let id = self.ask(Asked::Subscribe);
        write_subscribe(
            &mut out,
            id,
            self.agent,
            self.resume.as_deref().filter(|_| self.resumes),
        );
        if let Some(difficulty) = self.suggests {
            let id = self.ask(Asked::Other);
            write_suggest_difficulty(&mut out, id, difficulty);
        }
        let id = self.ask(Asked::Authorize);
        write_authorize(&mut out, id, &self.user, &self.password);
        if self.index.is_multiple_of(3) {
            let id = self.ask(Asked::Other);
            write_extranonce_subscribe(&mut out, id);
        }
        out
    }

    pub(super) fn ask(&mut self, what: Asked) -> u64 {
        let id = self.session.next_id;
        self.session.next_id += 1;
        self.session.requests.insert(id, what);
        id
    }

    /// Takes bytes from the server, in any cut.
    pub(crate) fn hear(&mut self, now: Monotonic, mut bytes: &[u8]) -> Effects {
        let mut effects = Effects::default();
        let mut lines = std::mem::replace(&mut self.session.lines, LineReader::new(0));
        loop {
            match lines.push(&mut bytes) {
                Ok(Some(line)) => match self.speech {
                    Speech::Bitcoin => self.line(now, line, &mut effects),
                    Speech::CryptoNote => self.cryptonote_line(now, line, &mut effects),
                    Speech::KawPow => self.kawpow_line(now, line, &mut effects),
                    Speech::Ethereum(protocol) => self.ethereum_line(now, protocol, line, &mut effects),
                },
                Ok(None) => break,
                Err(e) => {
                    effects.nonsense = Some(e.to_string());
                    break;
                }
            }
        }
        self.session.lines = lines;
        effects
    }

    fn line(&mut self, now: Monotonic, line: &[u8], effects: &mut Effects) {
        let message = match parse_server_message(line) {
            Ok(message) => message,
            Err(e) => {
                effects.nonsense = Some(format!("{e}: {}", String::from_utf8_lossy(line)));
                return;
            }
        };
        match message {
            ServerMessage::Reply(reply) => self.reply(now, &reply, effects),
            ServerMessage::SetDifficulty(difficulty) => self.session.difficulty = Some(difficulty),
            ServerMessage::Notify(job) => self.job(now, &job, effects),
            ServerMessage::SetVersionMask(mask) => self.session.version_mask = mask,
            ServerMessage::SetExtranonce {
                extranonce1,
                extranonce2_len,
            } => {
                self.session.extranonce1 = extranonce1.to_vec();
                self.session.extranonce2_len = extranonce2_len;
                self.session.jobs.clear();
            }
            ServerMessage::GetVersion(id) => write_text_reply(&mut effects.send, id, self.agent),
            ServerMessage::Ping(id) => write_text_reply(&mut effects.send, id, "pong"),
            ServerMessage::Unknown { method, .. } => {
                effects.nonsense = Some(format!("unknown method {method}"));
            }
            _ => {}
        }
    }

    fn job(&mut self, now: Monotonic, notify: &Notify<'_>, effects: &mut Effects) {
        let Some(difficulty) = self.session.difficulty else {
            effects.nonsense = Some("a job came before any difficulty".into());
            return;
        };
        let parts = Parts {
            prev_hash: notify.prev_hash,
            coinbase1: notify.coinbase1.clone(),
            coinbase2: notify.coinbase2.clone(),
            merkle_branch: notify.merkle_branch.clone(),
            version: notify.version,
            bits: notify.bits,
            ntime: notify.ntime,
        };
        let job = ClientJob {
            id: notify.job_id.to_string(),
            body: JobBody::Parts(Box::new(parts)),
            at: now,
            target: difficulty.to_target(self.coin.spec.algorithm.diff1()),
        };
        self.take_job(job, notify.clean, effects);
    }

    fn reply(&mut self, now: Monotonic, reply: &Reply<'_>, effects: &mut Effects) {
        let id = reply.id.as_str().parse::<u64>().ok();
        let Some(asked) = id.and_then(|id| self.session.requests.remove(&id)) else {
            effects.nonsense = Some(format!("a reply to {}, which nobody asked", reply.id.as_str()));
            return;
        };
        match asked {
            Asked::Configure => {
                let mask = reply.configure().map_or(0, |answer| answer.version_mask);
                self.session.version_mask = mask;
            }
            Asked::Subscribe => match reply.subscribe() {
                Ok(answer) => {
                    self.session.extranonce1 = answer.extranonce1.to_vec();
                    self.session.extranonce2_len = answer.extranonce2_len;
                    self.resume = answer.session.map(|s| s.to_string());
                }
                // The pool has no extranonces yet.
                Err(_) => effects.give_up = true,
            },
            Asked::Authorize if reply.is_true() => self.session.phase = Phase::Mining,
            Asked::Authorize => effects.give_up = true,
            Asked::Share(hash, found) => {
                let code = reply.error.as_ref().map(|error| error.code);
                self.answered(now, hash, *found, code, effects);
            }
            Asked::Login | Asked::Work | Asked::Other => {}
        }
    }

    /// What the newest job of this connection demands.
    pub(crate) fn announced(&self) -> Option<(Difficulty, Target)> {
        let target = self.session.jobs.back()?.target;
        let difficulty = match self.speech {
            Speech::Bitcoin => self.session.difficulty?,
            _ => target.difficulty(self.coin.spec.algorithm.diff1()),
        };
        Some((difficulty, target))
    }
}
