//! Miners on the client side of the codecs, which hash on light caches.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod ethereum;
pub(crate) mod kawpow;

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use otedama_hash::{Hash256, Hits, ScanWork, Target};

use super::loopback::Light;
use super::support::stratum::connect_from;

/// How long an answer or a job may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Nonces that are tried at once.
const STEP: u64 = 64;

/// What became of a share: taken, or the error's number and words.
pub(crate) type Verdict = Result<(), (i32, String)>;

/// What a server gave to work on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    /// Empty where jobs have no name.
    pub(crate) id: String,
    pub(crate) header: [u8; 32],
    pub(crate) seed: Option<[u8; 32]>,
    /// Of the block; 0 where it isn't told.
    pub(crate) height: u64,
    pub(crate) target: Target,
}

/// A proof of work.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Share {
    pub(crate) job: Job,
    pub(crate) nonce: u64,
    pub(crate) hash: Hash256,
    pub(crate) mix: [u8; 32],
}

impl Share {
    /// The next nonce from `start` on whose hash meets `target`.
    pub(crate) fn find(job: &Job, target: Target, start: u64, light: &mut Light) -> Self {
        let work = ScanWork {
            blob: &job.header,
            height: job.height,
            target,
            stop: None,
        };
        let mut next = start;
        loop {
            let mut hits = Hits::with_capacity(1);
            next += light.hasher().scan(&work, next..next + STEP, &mut hits);
            if let Some(hit) = hits.as_slice().first() {
                return Self {
                    job: job.clone(),
                    nonce: hit.nonce,
                    hash: hit.pow.hash,
                    mix: hit.pow.mix.unwrap(),
                };
            }
        }
    }
}

/// A connection: lines, what was answered, and what there is to work on.
pub(crate) struct Session {
    stream: TcpStream,
    buffered: Vec<u8>,
    /// Requests that wait to be written together.
    held: Option<Vec<u8>>,
    /// Answers by the request's id, as they came.
    replies: HashMap<u64, Vec<u8>>,
    last_id: u64,
    /// Every job, the newest last.
    pub(crate) jobs: Vec<Job>,
    next_nonce: u64,
}

impl Session {
    fn connect(source: IpAddr, pool: SocketAddr) -> io::Result<Self> {
        let stream = connect_from(source, pool)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffered: Vec::new(),
            held: None,
            replies: HashMap::new(),
            last_id: 0,
            jobs: Vec::new(),
            next_nonce: 0,
        })
    }

    /// Sends what `write` appends; the id to wait for.
    fn send(&mut self, write: impl FnOnce(&mut Vec<u8>, u64)) -> io::Result<u64> {
        self.last_id += 1;
        if let Some(held) = &mut self.held {
            write(held, self.last_id);
        } else {
            let mut out = Vec::new();
            write(&mut out, self.last_id);
            self.stream.write_all(&out)?;
        }
        Ok(self.last_id)
    }

    /// The next line, or `None` when `limit` has passed.
    fn line(&mut self, limit: Instant) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.buffered.iter().position(|byte| *byte == b'\n') {
                return Ok(Some(self.buffered.drain(..=end).collect()));
            }
            let left = limit.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.stream.set_read_timeout(Some(left))?;
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.buffered.extend_from_slice(&buffer[..n]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(None),
                Err(e) => return Err(e),
            }
        }
    }
}

/// What both kinds of miners have in common.
pub(crate) trait Miner {
    fn session(&mut self) -> &mut Session;

    /// Takes note of what the server said.
    fn on_line(&mut self, line: Vec<u8>);

    /// The bytes that every nonce begins with.
    fn prefix(&self) -> &[u8];

    /// Sends a share without waiting; the id of the request.
    fn send_share(&mut self, share: &Share) -> io::Result<u64>;

    /// Sends several shares in one piece, so that none comes too late because of another; their verdicts.
    fn submit_together(&mut self, shares: &[Share]) -> io::Result<Vec<Verdict>> {
        self.session().held = Some(Vec::new());
        let ids: Vec<_> = shares.iter().map(|share| self.send_share(share)).collect();
        let session = self.session();
        let all = session.held.take().unwrap_or_default();
        session.stream.write_all(&all)?;
        ids.into_iter()
            .map(|id| {
                let reply = self.reply(id?)?;
                Ok(self.verdict(&reply))
            })
            .collect()
    }

    /// What an answer to a share says.
    fn verdict(&self, line: &[u8]) -> Verdict;

    /// Takes note of what the server says within `patience`.
    fn listen(&mut self, patience: Duration) -> io::Result<()> {
        let limit = Instant::now() + patience;
        while let Some(line) = self.session().line(limit)? {
            self.on_line(line);
        }
        Ok(())
    }

    /// Listens until `is_there` sees what it waits for.
    fn wait(&mut self, is_there: impl Fn(&Session) -> bool) -> io::Result<()> {
        let limit = Instant::now() + PATIENCE;
        while !is_there(self.session()) {
            match self.session().line(limit)? {
                Some(line) => self.on_line(line),
                None => return Err(ErrorKind::TimedOut.into()),
            }
        }
        Ok(())
    }

    /// The answer to a request.
    fn reply(&mut self, id: u64) -> io::Result<Vec<u8>> {
        self.wait(|session| session.replies.contains_key(&id))?;
        Ok(self.session().replies.remove(&id).unwrap())
    }

    /// The newest job.
    fn job(&mut self) -> Job {
        self.wait(|session| !session.jobs.is_empty()).unwrap();
        self.session().jobs.last().unwrap().clone()
    }

    /// The newest share of the newest job that meets `target`.
    fn find(&mut self, target: Target, light: &mut Light) -> Share {
        let job = self.job();
        let prefix = self.prefix();
        let high = prefix.iter().fold(0, |high, byte| high << 8 | u64::from(*byte));
        let start = high.checked_shl(64 - 8 * prefix.len() as u32).unwrap_or(0);
        let session = self.session();
        let share = Share::find(&job, target, start + session.next_nonce, light);
        session.next_nonce = share.nonce - start + 1;
        share
    }

    /// Submits a share and waits for its verdict.
    fn submit(&mut self, share: &Share) -> io::Result<Verdict> {
        let id = self.send_share(share)?;
        let reply = self.reply(id)?;
        Ok(self.verdict(&reply))
    }
}
