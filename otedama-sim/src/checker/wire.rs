//! Every request gets exactly one reply, and a miner's newest job is never called stale.

use std::collections::BTreeMap;

use otedama_hash::{Hash256, Monotonic};
use otedama_pool::ConnId;
use otedama_stratum::v1::{ServerMessage, parse_server_message};

use crate::coin::Speech;
use crate::miner::{Cheat, outline};

/// What a request asks.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    Subscribe(Option<String>),
    Share {
        hash: Hash256,
        job_id: String,
        cheat: Option<Cheat>,
    },
    Other,
}

/// What a line from the pool says.
#[derive(Debug)]
pub(super) enum Told {
    Nothing,
    Accepted(Hash256),
    Subscribed {
        extranonce1: Vec<u8>,
        session: Option<String>,
        named: Option<String>,
    },
}

/// Every connection that the pool has.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    conns: BTreeMap<ConnId, Conn>,
}

#[derive(Debug)]
struct Conn {
    opened_at: Monotonic,
    /// The miner behind it, where it is one; nothing is known about strangers.
    miner: Option<usize>,
    is_honest: bool,
    speech: Speech,
    open: BTreeMap<u64, Question>,
    newest_job: Option<String>,
    has_logged_in: bool,
    blocked_since: Option<Monotonic>,
}

impl Wire {
    pub(super) fn opened(&mut self, conn: ConnId, now: Monotonic) {
        let new = Conn {
            opened_at: now,
            miner: None,
            is_honest: false,
            speech: Speech::Bitcoin,
            open: BTreeMap::new(),
            newest_job: None,
            has_logged_in: false,
            blocked_since: None,
        };
        self.conns.insert(conn, new);
    }

    pub(super) fn introduce(&mut self, conn: ConnId, miner: usize, speech: Speech, cheats: bool) {
        if let Some(it) = self.conns.get_mut(&conn) {
            it.miner = Some(miner);
            it.speech = speech;
            it.is_honest = !cheats;
        }
    }

    pub(crate) fn is_honest(&self, conn: ConnId) -> bool {
        self.conns.get(&conn).is_some_and(|c| c.is_honest)
    }

    pub(super) fn asked(&mut self, conn: ConnId, id: u64, question: Question) {
        if let Some(it) = self.conns.get_mut(&conn) {
            it.open.insert(id, question);
        }
    }

    pub(super) fn closed(&mut self, conn: ConnId) {
        self.conns.remove(&conn);
    }

    pub(super) fn blocked(&mut self, conn: ConnId, since: Option<Monotonic>) {
        if let Some(it) = self.conns.get_mut(&conn) {
            it.blocked_since = since.map(|now| it.blocked_since.unwrap_or(now));
        }
    }

    pub(super) fn said(&mut self, conn: ConnId, line: &[u8]) -> Result<Told, String> {
        let Some(it) = self.conns.get_mut(&conn) else {
            return Ok(Told::Nothing);
        };
        if it.miner.is_some() && it.speech != Speech::Bitcoin {
            return it.said(line);
        }
        if let Some(job) = job_id(line) {
            it.newest_job = Some(job.to_owned());
            return Ok(Told::Nothing);
        }
        let Some(miner) = it.miner else {
            it.has_logged_in |= line.windows(13).any(|w| w == b"\"result\":true");
            return Ok(Told::Nothing);
        };
        let message = parse_server_message(line)
            .map_err(|e| format!("the pool wrote nonsense to miner {miner}: {e}"))?;
        let ServerMessage::Reply(reply) = message else {
            return Ok(Told::Nothing);
        };
        let id = reply.id.as_str();
        let question = id.parse().ok().and_then(|id: u64| it.open.remove(&id));
        match question {
            None => Err(format!(
                "miner {miner} got a reply to {id}, which is not open on {conn:?}"
            )),
            Some(Question::Other) => Ok(Told::Nothing),
            Some(Question::Subscribe(named)) => {
                Ok(reply
                    .subscribe()
                    .map_or(Told::Nothing, |answer| Told::Subscribed {
                        extranonce1: answer.extranonce1.to_vec(),
                        session: answer.session.map(|s| s.to_string()),
                        named,
                    }))
            }
            Some(Question::Share { hash, job_id, cheat }) => {
                let is_newest = it.newest_job.as_deref() == Some(&*job_id) && it.blocked_since.is_none();
                match reply.error {
                    None => Ok(Told::Accepted(hash)),
                    Some(error) if error.code == 21 && is_newest && cheat.is_none() => {
                        Err(format!("miner {miner}'s newest job {job_id} was called stale"))
                    }
                    Some(_) => Ok(Told::Nothing),
                }
            }
        }
    }

    /// Requests of honest miners that have no reply.
    pub(crate) fn open_requests(&self) -> impl Iterator<Item = (ConnId, usize)> {
        self.conns
            .iter()
            .filter(|(_, c)| c.is_honest && !c.open.is_empty())
            .map(|(conn, c)| (*conn, c.open.len()))
    }

    /// Every connection with the time at which it was opened, if nobody has logged in on it, and since when it is
    /// blocked.
    pub(crate) fn ages(&self) -> impl Iterator<Item = (ConnId, Option<Monotonic>, Option<Monotonic>)> {
        self.conns.iter().map(|(conn, c)| {
            let is_silent = c.miner.is_none() && !c.has_logged_in;
            (*conn, is_silent.then_some(c.opened_at), c.blocked_since)
        })
    }
}

impl Conn {
    /// A line to a miner that speaks another dialect than Bitcoin's.
    fn said(&mut self, line: &[u8]) -> Result<Told, String> {
        let miner = self.miner.unwrap_or_default();
        let said = outline(self.speech, line)
            .map_err(|e| format!("the pool wrote nonsense to miner {miner}: {e}"))?;
        let is_newest = |name: &str, newest: &Option<String>| newest.as_deref() == Some(name);
        let told = match said.reply {
            None => Ok(Told::Nothing),
            Some((id, code)) => match (self.open.remove(&id), code) {
                (None, _) => Err(format!("miner {miner} got a reply to {id}, which is not open")),
                (Some(Question::Share { hash, .. }), None) => Ok(Told::Accepted(hash)),
                (Some(Question::Share { job_id, cheat, .. }), Some(21))
                    if cheat.is_none()
                        && self.blocked_since.is_none()
                        && is_newest(&job_id, &self.newest_job) =>
                {
                    Err(format!("miner {miner}'s newest job {job_id} was called stale"))
                }
                _ => Ok(Told::Nothing),
            },
        };
        if said.job.is_some() {
            self.newest_job = said.job;
        }
        told
    }
}

/// The job's name if the line is a job.
fn job_id(line: &[u8]) -> Option<&str> {
    let head = std::str::from_utf8(line.get(..96.min(line.len()))?).ok()?;
    let (_, params) = head.split_once("\"mining.notify\",\"params\":[\"")?;
    params.split_once('"').map(|(id, _)| id)
}
