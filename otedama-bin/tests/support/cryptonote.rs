//! A miner of Monero that hashes by itself.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use otedama_hash::{Algorithm, EpochKey, Hash256, Hasher, PowHash, PowInput, Prepared, Registry, Setup};
use otedama_stratum::v1::dialect::cryptonote::{
    Job, Login, Reply, ServerMessage, Submit, WireTarget, parse_server_message, request,
};

/// Where the nonce lies in a hashing blob.
const NONCE_OFFSET: usize = 39;

/// Caches of `RandomX`, shared by the miners of a test.
#[derive(Default)]
pub(crate) struct Caches(Mutex<Vec<(Seed, Arc<dyn Prepared>)>>);

type Seed = [u8; 32];

impl Caches {
    /// Makes the cache of a key ready, if it isn't; whoever else wants it waits.
    pub(crate) fn prepare(&self, seed: Seed) -> Arc<dyn Prepared> {
        let mut caches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cache)) = caches.iter().find(|(key, _)| *key == seed) {
            return Arc::clone(cache);
        }
        let registry = Registry::with_builtin();
        let backend = registry.get(Algorithm::RANDOMX).expect("the build has RandomX");
        let cache = backend.prepare(EpochKey(seed), &Setup::default()).unwrap();
        caches.push((seed, Arc::clone(&cache)));
        cache
    }
}

/// A connection to a pool.
pub(crate) struct Client {
    stream: TcpStream,
    buffered: Vec<u8>,
    next_id: u64,
    waiting: HashMap<u64, Sent>,
    session: String,
    pub(crate) work: Work,
    caches: Arc<Caches>,
    hasher: Option<(Seed, Box<dyn Hasher>)>,
    next_nonce: u32,
}

/// What is mined on.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    job_id: String,
    blob: Vec<u8>,
    pub(crate) target: WireTarget,
    pub(crate) height: u64,
    pub(crate) seed: Seed,
}

struct Sent {
    at: Instant,
    seed: Seed,
}

/// Something that the pool said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The answer to a share: the key under which it was hashed, and how long it took.
    Answer {
        /// What the pool said, if it refused the share.
        refused: Option<String>,
        seed: Seed,
        after: Duration,
    },
    /// Another job.
    Job,
}

impl Client {
    /// Logs in and waits for the first job.
    pub(crate) fn login(stream: TcpStream, user: &str, caches: &Arc<Caches>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let login = Login {
            user: user.into(),
            password: "x".into(),
            agent: Some("test/1".into()),
            rig: None,
            algorithms: vec!["rx/0".into()],
        };
        let mut line = Vec::new();
        request::write_login(&mut line, 1, &login);
        let mut client = Self {
            stream,
            buffered: Vec::new(),
            next_id: 2,
            waiting: HashMap::new(),
            session: String::new(),
            work: Work {
                job_id: String::new(),
                blob: Vec::new(),
                target: WireTarget::of_difficulty(1),
                height: 0,
                seed: [0; 32],
            },
            caches: Arc::clone(caches),
            hasher: None,
            next_nonce: 0,
        };
        client.stream.write_all(&line)?;
        let limit = Instant::now() + Duration::from_secs(30);
        while client.session.is_empty() {
            let line = client.line(limit)?.ok_or(ErrorKind::TimedOut)?;
            match parse_server_message(&line).map_err(io::Error::other)? {
                ServerMessage::Reply {
                    reply: Reply::Login { session, job },
                    ..
                } => {
                    client.session = session.into_owned();
                    client.work = work(&job);
                }
                other => return Err(io::Error::other(format!("login refused: {other:?}"))),
            }
        }
        Ok(client)
    }

    /// The next line, or `None` when `limit` has passed.
    fn line(&mut self, limit: Instant) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.buffered.iter().position(|b| *b == b'\n') {
                return Ok(Some(self.buffered.drain(..=end).collect()));
            }
            // Zero would mean for ever.
            let left = limit
                .saturating_duration_since(Instant::now())
                .max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left))?;
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.buffered.extend_from_slice(&buffer[..n]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(None),
                Err(e) => return Err(e),
            }
        }
    }

    /// Waits for something from the pool, `patience` at most.
    pub(crate) fn event(&mut self, patience: Duration) -> io::Result<Option<Event>> {
        let Some(line) = self.line(Instant::now() + patience)? else {
            return Ok(None);
        };
        let (id, refused) = match parse_server_message(&line).map_err(io::Error::other)? {
            ServerMessage::Job(job) => {
                self.work = work(&job);
                return Ok(Some(Event::Job));
            }
            ServerMessage::Reply {
                id,
                reply: Reply::Status(_),
            } => (id, None),
            ServerMessage::Reply {
                id,
                reply: Reply::Error(text),
            } => (id, Some(text.into_owned())),
            other => return Err(io::Error::other(format!("unexpected {other:?}"))),
        };
        let sent = id.as_u64().and_then(|id| self.waiting.remove(&id));
        let sent = sent.ok_or_else(|| io::Error::other("an answer to what was never asked"))?;
        Ok(Some(Event::Answer {
            refused,
            seed: sent.seed,
            after: sent.at.elapsed(),
        }))
    }

    /// Tries one nonce, and sends it if it is a share.
    pub(crate) fn try_nonce(&mut self) -> io::Result<bool> {
        let seed = self.work.seed;
        if self.hasher.as_ref().is_none_or(|(key, _)| *key != seed) {
            self.hasher = Some((seed, self.caches.prepare(seed).hasher().unwrap()));
        }
        let nonce = self.take_nonce();
        let mut blob = self.work.blob.clone();
        blob[NONCE_OFFSET..NONCE_OFFSET + 4].copy_from_slice(&nonce);
        let mut pow = [PowHash::default()];
        let (_, hasher) = self.hasher.as_mut().unwrap();
        hasher.hash_batch(&[PowInput::of(&blob)], &mut pow);
        let is_share = self.work.target.to_target().is_met_by(&pow[0].hash);
        if is_share {
            self.send(nonce, pow[0].hash)?;
        }
        Ok(is_share)
    }

    /// Sends a share whose hash is a lie, but a good one.
    pub(crate) fn send_lie(&mut self) -> io::Result<()> {
        let nonce = self.take_nonce();
        let mut result = [0; 32];
        result[..4].copy_from_slice(&nonce);
        self.send(nonce, Hash256::from_le_bytes(result))
    }

    fn take_nonce(&mut self) -> [u8; 4] {
        self.next_nonce += 1;
        self.next_nonce.to_le_bytes()
    }

    fn send(&mut self, nonce: [u8; 4], result: Hash256) -> io::Result<()> {
        let submit = Submit {
            session: self.session.as_str().into(),
            job_id: self.work.job_id.as_str().into(),
            nonce,
            result: result.to_le_bytes(),
            algorithm: Some("rx/0".into()),
        };
        let mut line = Vec::new();
        request::write_submit(&mut line, self.next_id, &submit);
        let sent = Sent {
            at: Instant::now(),
            seed: self.work.seed,
        };
        self.waiting.insert(self.next_id, sent);
        self.next_id += 1;
        self.stream.write_all(&line)
    }

    /// Shares without an answer.
    pub(crate) fn in_flight(&self) -> usize {
        self.waiting.len()
    }
}

fn work(job: &Job<'_>) -> Work {
    assert_eq!(job.algorithm, "rx/0");
    assert_eq!(
        job.blob[NONCE_OFFSET..NONCE_OFFSET + 4],
        [0; 4],
        "the whole nonce is the miner's"
    );
    Work {
        job_id: job.id.clone().into_owned(),
        blob: job.blob.clone().into_owned(),
        target: job.target,
        height: job.height,
        seed: job.seed_hash.expect("a job names its key"),
    }
}
