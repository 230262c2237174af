//! One connection's state.

pub(crate) mod auth;
pub(crate) mod resume;

use std::net::IpAddr;
use std::sync::Arc;

use otedama_chain::EXTRANONCE_LEN;
use otedama_hash::{Difficulty, Monotonic, Target, Work as Hashes};
use otedama_stratum::firmware::{self, Firmware};
use otedama_stratum::line::LineReader;
use otedama_stratum::v1::Id;
use otedama_stratum::v1::dialect::ethereum::Protocol;
use smallvec::SmallVec;

use crate::config::PoolConfig;
use crate::io::ConnId;
use crate::jobs::Who;
use crate::prefixes::Prefix;
use crate::share::pending::RequestId;
use crate::stats::SessionInfo;
use crate::vardiff::Vardiff;

/// A name that a connection may submit shares under.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    /// As the miner writes it.
    pub(crate) user: Box<str>,
    pub(crate) account: Arc<str>,
    pub(crate) worker: Arc<str>,
    pub(crate) script: Box<[u8]>,
}

/// From which job on a difficulty holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) from_job: u32,
    pub(crate) difficulty: Difficulty,
    pub(crate) target: Target,
    pub(crate) credit: Hashes,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) conn: ConnId,
    pub(crate) peer: IpAddr,
    pub(crate) lines: LineReader,
    /// What came while there was no room for another share.
    pub(crate) held: Vec<u8>,
    pub(crate) agent: Option<Arc<str>>,
    pub(crate) firmware: &'static Firmware,
    /// Given by its first request for work.
    pub(crate) extranonce1: Option<u32>,
    /// The first bytes of each of its nonces, where the pool fixes some.
    pub(crate) prefix: Prefix,
    pub(crate) session_id: u64,
    /// A request whose answer is a job.
    pub(crate) login: Option<RequestId>,
    /// Which of Ethash's protocols it speaks, once its first message has come.
    pub(crate) protocol: Option<Protocol>,
    /// The epoch's seed that it was last told.
    pub(crate) seed: Option<[u8; 32]>,
    pub(crate) workers: SmallVec<[Worker; 1]>,
    pub(crate) version_mask: u32,
    /// The difficulty wanted from the next job on.
    pub(crate) difficulty: Difficulty,
    /// Set by the password or the user name; vardiff only raises it against a flood then.
    pub(crate) fixed: bool,
    /// What the miner asked not to go below.
    pub(crate) floor: f64,
    /// What it was last told, by a message of its own or with a job.
    pub(crate) announced: Option<Difficulty>,
    /// Difficulties of the jobs that still count, oldest first.
    pub(crate) steps: SmallVec<[Step; 2]>,
    /// The newest job that it was sent. Its shares go by the difficulty that it came with for ever: a share that could be
    /// submitted under either of two would be kept until it is worth more.
    pub(crate) last_job: Option<u32>,
    /// Waits in line for a job of its own.
    pub(crate) job_queued: bool,
    pub(crate) vardiff: Vardiff,
    pub(crate) in_flight: usize,
    pub(crate) paused: bool,
    pub(crate) blocked_since: Option<Monotonic>,
    /// A job was held back while the connection was blocked.
    pub(crate) job_due: bool,
    pub(crate) clean_due: bool,
    /// When it last got a job.
    pub(crate) job_at: Monotonic,
    pub(crate) opened_at: Monotonic,
    pub(crate) heard_at: Monotonic,
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
    pub(crate) last_share_s: u64,
}

impl Session {
    pub(crate) fn new(conn: ConnId, peer: IpAddr, config: &PoolConfig, now: Monotonic) -> Self {
        Self {
            conn,
            peer,
            lines: LineReader::new(config.max_line),
            held: Vec::new(),
            agent: None,
            firmware: firmware::for_agent(""),
            extranonce1: None,
            prefix: Prefix::new(),
            session_id: 0,
            login: None,
            protocol: None,
            seed: None,
            workers: SmallVec::new(),
            version_mask: 0,
            difficulty: config.vardiff.start,
            fixed: false,
            floor: 0.0,
            announced: None,
            steps: SmallVec::new(),
            last_job: None,
            job_queued: false,
            vardiff: Vardiff::new(now),
            in_flight: 0,
            paused: false,
            blocked_since: None,
            job_due: false,
            clean_due: false,
            job_at: now,
            opened_at: now,
            heard_at: now,
            accepted: 0,
            rejected: 0,
            last_share_s: 0,
        }
    }

    /// Whether jobs go to it.
    pub(crate) fn is_mining(&self) -> bool {
        self.extranonce1.is_some() && !self.workers.is_empty()
    }

    /// Length of the extranonce2 that this miner fills in.
    pub(crate) fn extranonce2_len(&self) -> usize {
        usize::from(self.firmware.extranonce2_len.unwrap_or(8)).clamp(4, 8)
    }

    /// The session's part of the extranonce space; zeros fill up what a short extranonce2 leaves.
    pub(crate) fn extranonce1_bytes(&self) -> Option<SmallVec<[u8; 8]>> {
        let mut bytes: SmallVec<[u8; 8]> = SmallVec::from_slice(&self.extranonce1?.to_be_bytes());
        bytes.resize(EXTRANONCE_LEN - self.extranonce2_len(), 0);
        Some(bytes)
    }

    /// The same where miners fill nothing in: all of it, or zeros before there is one.
    pub(crate) fn extranonce(&self) -> [u8; EXTRANONCE_LEN] {
        let mut bytes = [0; EXTRANONCE_LEN];
        bytes[..4].copy_from_slice(&self.extranonce1.unwrap_or(0).to_be_bytes());
        bytes
    }

    /// The session's name for the miner.
    pub(crate) fn session_text(&self) -> String {
        format!("{:016x}", self.session_id)
    }

    /// What decides on its coinbase, once a worker is authorised.
    pub(crate) fn who(&self) -> Option<Who<'_>> {
        let first = self.workers.first()?;
        Some(Who {
            account: &first.account,
            script: &first.script,
            coinbase_max: self.firmware.coinbase_max_bytes,
        })
    }

    /// The difficulty that holds for a job that it was sent. Job numbers compare as distances, so that they may wrap.
    pub(crate) fn step_for(&self, job: u32) -> Option<&Step> {
        let last = self.last_job?;
        if (last.wrapping_sub(job) as i32) < 0 {
            return None;
        }
        self.steps
            .iter()
            .rev()
            .find(|s| (job.wrapping_sub(s.from_job) as i32) >= 0)
    }

    /// Starts a difficulty at a job and forgets those that no live job needs.
    pub(crate) fn begin_step(&mut self, step: Step, oldest_job: u32) {
        match self.steps.last_mut() {
            Some(last) if last.target == step.target => {}
            _ => self.steps.push(step),
        }
        while self.steps.len() > 1 && (oldest_job.wrapping_sub(self.steps[1].from_job) as i32) >= 0 {
            self.steps.remove(0);
        }
    }

    pub(crate) fn info(&self) -> SessionInfo {
        let first = self.workers.first();
        SessionInfo {
            conn: self.conn,
            peer: self.peer,
            agent: self.agent.clone(),
            account: first.map(|w| w.account.clone()),
            worker: first.map(|w| w.worker.clone()),
            difficulty: self.announced.unwrap_or(self.difficulty).get(),
            accepted: self.accepted,
            rejected: self.rejected,
            last_share_s: self.last_share_s,
        }
    }
}

/// A request's id, to be kept until its answer.
pub(crate) fn request_id(id: Id<'_>) -> RequestId {
    RequestId::from_slice(id.as_str().as_bytes())
}

/// A kept id, to be echoed.
pub(crate) fn echo(id: &RequestId) -> Id<'_> {
    Id::Raw(std::str::from_utf8(id).unwrap_or("null"))
}
