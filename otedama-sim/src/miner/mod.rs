//! An honest miner: hashrate, habits and its side of the stratum connection.

mod cryptonote;
mod ethereum;
mod find;
mod kawpow;
mod outline;
mod profile;
mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use otedama_hash::{Difficulty, Hash256, Monotonic, Target};
use otedama_pool::ConnId;
use otedama_stratum::line::LineReader;

use crate::coin::{Coin, Speech};

pub(crate) use find::{Cheat, Found};
pub(crate) use outline::outline;
pub(crate) use profile::{flood_address, population};
use wire::Effects;

/// Jobs that a miner keeps.
pub(crate) const JOBS_KEPT: usize = 4;

/// One miner with one connection at a time.
#[derive(Debug)]
pub(crate) struct Miner {
    pub(crate) index: usize,
    pub(crate) coin: &'static Coin,
    pub(crate) speech: Speech,
    pub(crate) ip: IpAddr,
    pub(crate) account: Arc<str>,
    pub(crate) worker: String,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) agent: &'static str,
    /// Hashes per second now.
    pub(crate) hashrate: f64,
    /// Hashes per second when nothing is wrong.
    pub(crate) nominal: f64,
    /// Whether its hashrate never changes.
    pub(crate) steady: bool,
    /// Whether the pool may choose its difficulty.
    pub(crate) is_vardiff: bool,
    pub(crate) suggests: Option<Difficulty>,
    pub(crate) rolls_version: bool,
    /// Whether it names its old session when it comes back.
    pub(crate) resumes: bool,
    /// How it breaks the rules; honest miners don't.
    pub(crate) cheats: bool,
    /// Whether it sends nothing but proofs that aren't, and as many as it can.
    pub(crate) floods: bool,

    pub(crate) conn: Option<ConnId>,
    pub(crate) attempt: u64,
    pub(crate) backoff: Duration,
    /// Counts draws of the time of the next share; only the last one counts.
    pub(crate) draw: u64,
    pub(crate) session: Session,
    /// Name of the session to resume.
    pub(crate) resume: Option<String>,
    /// Shares that the last connection left unanswered.
    pub(crate) unanswered: Vec<(Hash256, Found)>,
    /// When its shares stopped, and the difficulty then.
    pub(crate) silent_since: Option<(Monotonic, Difficulty, ConnId)>,
    /// Logarithms of its share rate over the wanted one, added up, and how many.
    pub(crate) rates: (f64, u32),
    pub(crate) last_accepted: Monotonic,
    pub(crate) mining_since: Monotonic,
}

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) lines: LineReader,
    pub(crate) phase: Phase,
    pub(crate) next_id: u64,
    pub(crate) requests: BTreeMap<u64, Asked>,
    pub(crate) extranonce1: Vec<u8>,
    pub(crate) extranonce2_len: usize,
    pub(crate) version_mask: u32,
    pub(crate) difficulty: Option<Difficulty>,
    pub(crate) jobs: VecDeque<ClientJob>,
    pub(crate) counter: u64,
    /// What the server calls the session (Monero), or the worker (EthereumStratum/2.0.0).
    pub(crate) token: String,
    /// The first bytes of every nonce (Ethash, `KawPow`).
    pub(crate) prefix: Vec<u8>,
    /// What shares have to meet, and the epoch's seed, where jobs don't say it.
    pub(crate) target: Option<Target>,
    pub(crate) seed: [u8; 32],
}

impl Session {
    pub(crate) fn new() -> Self {
        Self {
            lines: LineReader::new(256 * 1024),
            phase: Phase::Login,
            next_id: 1,
            requests: BTreeMap::new(),
            extranonce1: Vec::new(),
            extranonce2_len: 0,
            version_mask: 0,
            difficulty: None,
            jobs: VecDeque::new(),
            counter: 0,
            token: String::new(),
            prefix: Vec::new(),
            target: None,
            seed: [0; 32],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Login,
    Mining,
}

/// A request without a reply yet.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Configure,
    Subscribe,
    Authorize,
    /// Something whose answer brings the first job (Monero).
    Login,
    /// Something that is answered with a job (eth-proxy).
    Work,
    Other,
    Share(Hash256, Box<Found>),
}

/// A job as the client has it.
#[derive(Clone, Debug)]
pub(crate) struct ClientJob {
    pub(crate) id: String,
    pub(crate) body: JobBody,
    pub(crate) at: Monotonic,
    /// What a share of it has to meet: the difficulty that was last set when the job came.
    pub(crate) target: Target,
}

/// What is hashed.
#[derive(Clone, Debug)]
pub(crate) enum JobBody {
    /// A header that the miner puts together.
    Parts(Box<Parts>),
    /// A blob with a place for the nonce, and the key.
    Blob { blob: Vec<u8>, seed: [u8; 32] },
    /// A header's hash, and the epoch's seed.
    Header { header: [u8; 32], seed: [u8; 32] },
}

/// The parts of a header of Bitcoin's family.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) prev_hash: Hash256,
    pub(crate) coinbase1: Vec<u8>,
    pub(crate) coinbase2: Vec<u8>,
    pub(crate) merkle_branch: Vec<Hash256>,
    pub(crate) version: u32,
    pub(crate) bits: u32,
    pub(crate) ntime: u32,
}

impl Miner {
    pub(crate) fn is_mining(&self) -> bool {
        self.conn.is_some() && self.session.phase == Phase::Mining && !self.session.jobs.is_empty()
    }

    /// Shares per second at its present job, without the limit of its device.
    pub(crate) fn share_rate(&self) -> Option<f64> {
        let job = self.session.jobs.back().filter(|_| self.is_mining())?;
        (self.hashrate > 0.0).then(|| self.hashrate / job.target.work().get() as f64)
    }

    /// Takes a job; `clean` says that older ones are void.
    fn take_job(&mut self, job: ClientJob, clean: bool, effects: &mut Effects) {
        let (now, target) = (job.at, job.target);
        let before = self.session.jobs.back().map(|j| j.target);
        let jobs = &mut self.session.jobs;
        if clean {
            jobs.clear();
        }
        jobs.retain(|j| j.id != job.id);
        if jobs.len() >= JOBS_KEPT {
            jobs.pop_front();
        }
        jobs.push_back(job);
        if before.is_none() {
            effects.ready = true;
            self.mining_since = now;
        }
        effects.redraw |= before != Some(target);
    }

    /// A share was answered; the code is `None` where it was accepted.
    fn answered(
        &mut self,
        now: Monotonic,
        hash: Hash256,
        found: Found,
        code: Option<i32>,
        effects: &mut Effects,
    ) {
        if code.is_none() {
            self.last_accepted = now;
        }
        effects.answered.push((hash, found, code));
    }

    /// The connection is gone.
    pub(crate) fn disconnected(&mut self) {
        self.conn = None;
        self.attempt += 1;
        self.draw += 1;
        self.silent_since = None;
        let session = std::mem::replace(&mut self.session, Session::new());
        self.unanswered = session
            .requests
            .into_values()
            .filter_map(|asked| match asked {
                Asked::Share(hash, found) => Some((hash, *found)),
                _ => None,
            })
            .collect();
    }
}
