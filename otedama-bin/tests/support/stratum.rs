//! A stratum client that hashes by itself, written apart from the pool's codec.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use socket2::{Domain, Protocol, Socket, Type};

/// A connection to a pool.
pub(crate) struct Client {
    stream: TcpStream,
    buffered: Vec<u8>,
    next_id: u64,
    waiting: HashMap<u64, Sent>,
    user: String,
    /// As the pool wrote it, in hex.
    pub(crate) extranonce1: String,
    extranonce2_len: usize,
    next_extranonce2: u64,
    difficulty: f64,
    job: Option<Job>,
}

struct Sent {
    hash: String,
    at: Instant,
}

struct Job {
    params: Value,
    /// The header with nonce 0 for `extranonce2`.
    header: [u8; 80],
    extranonce2: String,
    difficulty: f64,
    next_nonce: u32,
}

/// Stratum's error code for a share on an old job.
pub(crate) const STALE: i64 = 21;

/// Something that the pool said.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// The share with this hash was accepted, after so long.
    Accepted { hash: String, after: Duration },
    /// The share with this hash was refused.
    Rejected {
        hash: String,
        code: Option<i64>,
        error: String,
    },
    /// A job, or anything else.
    Other,
}

/// SHA-256 twice.
pub(crate) fn sha256d(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(Sha256::digest(bytes)).into()
}

/// A TCP connection from the given source address.
pub(crate) fn connect_from(source: IpAddr, pool: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(pool), Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    socket.connect_timeout(&pool.into(), Duration::from_secs(5))?;
    Ok(socket.into())
}

impl Client {
    /// Connects, subscribes, authorises and waits for the first job.
    pub(crate) fn login(pool: SocketAddr, user: &str, password: &str) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&pool, Duration::from_secs(5))?;
        stream.set_nodelay(true)?;
        let mut client = Self {
            stream,
            buffered: Vec::new(),
            next_id: 10,
            waiting: HashMap::new(),
            user: user.to_owned(),
            extranonce1: String::new(),
            extranonce2_len: 0,
            next_extranonce2: 0,
            difficulty: 1.0,
            job: None,
        };
        client.send(&json!({"id": 1, "method": "mining.subscribe", "params": ["test/1"]}))?;
        let limit = Instant::now() + Duration::from_secs(10);
        let mut authorized = false;
        while client.job.is_none() || !authorized {
            let Some(message) = client.message(limit)? else {
                return Err(ErrorKind::TimedOut.into());
            };
            match message["id"].as_u64() {
                Some(1) => {
                    client.subscribed(&message["result"]);
                    client
                        .send(&json!({"id": 2, "method": "mining.authorize", "params": [user, password]}))?;
                }
                Some(2) if message["result"] == true => authorized = true,
                Some(2) => return Err(io::Error::other(format!("login refused: {message}"))),
                _ => client.pushed(&message),
            }
        }
        Ok(client)
    }

    fn subscribed(&mut self, result: &Value) {
        result[1].as_str().unwrap().clone_into(&mut self.extranonce1);
        self.extranonce2_len = usize::try_from(result[2].as_u64().unwrap()).unwrap();
    }

    fn send(&mut self, message: &Value) -> io::Result<()> {
        self.stream.write_all(format!("{message}\n").as_bytes())
    }

    /// The next line, or `None` when `limit` has passed.
    fn message(&mut self, limit: Instant) -> io::Result<Option<Value>> {
        loop {
            if let Some(end) = self.buffered.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffered.drain(..=end).collect();
                return serde_json::from_slice(&line).map(Some).map_err(io::Error::other);
            }
            let left = limit.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
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

    fn pushed(&mut self, message: &Value) {
        let params = &message["params"];
        match message["method"].as_str() {
            Some("mining.set_difficulty") => self.difficulty = params[0].as_f64().unwrap(),
            Some("mining.notify") => {
                self.next_extranonce2 += 1;
                self.job = Some(self.start(params));
            }
            _ => {}
        }
    }

    fn start(&self, params: &Value) -> Job {
        let hex = |value: &Value| const_hex::decode(value.as_str().unwrap()).unwrap();
        let extranonce2 = format!(
            "{:0width$x}",
            self.next_extranonce2,
            width = 2 * self.extranonce2_len
        );
        let coinbase = [
            hex(&params[2]),
            const_hex::decode(&self.extranonce1).unwrap(),
            const_hex::decode(&extranonce2).unwrap(),
            hex(&params[3]),
        ]
        .concat();
        let mut root = sha256d(&coinbase);
        for sibling in params[4].as_array().unwrap() {
            root = sha256d(&[&root[..], &hex(sibling)].concat());
        }
        let word = |value: &Value| -> Vec<u8> { hex(value).into_iter().rev().collect() };
        let prev_hash: Vec<u8> = hex(&params[1])
            .chunks(4)
            .flat_map(|c| c.iter().rev().copied())
            .collect();
        let header = [
            word(&params[5]),
            prev_hash,
            root.to_vec(),
            word(&params[7]),
            word(&params[6]),
            vec![0; 4],
        ]
        .concat();
        Job {
            params: params.clone(),
            header: header.try_into().unwrap(),
            extranonce2,
            difficulty: self.difficulty,
            next_nonce: 0,
        }
    }

    /// Sends the next share. Returns its hash as explorers show it.
    pub(crate) fn submit(&mut self) -> io::Result<String> {
        let user = self.user.clone();
        let job = self.job.as_mut().unwrap();
        let hash = loop {
            job.header[76..].copy_from_slice(&job.next_nonce.to_le_bytes());
            job.next_nonce += 1;
            let mut hash = sha256d(&job.header);
            hash.reverse();
            if difficulty_of(&hash) >= job.difficulty * 1.000_001 {
                break const_hex::encode(hash);
            }
        };
        let nonce = format!("{:08x}", job.next_nonce - 1);
        let params = json!([user, job.params[0], job.extranonce2, job.params[7], nonce]);
        let id = self.next_id;
        self.next_id += 1;
        self.waiting.insert(
            id,
            Sent {
                hash: hash.clone(),
                at: Instant::now(),
            },
        );
        self.send(&json!({"id": id, "method": "mining.submit", "params": params}))?;
        Ok(hash)
    }

    /// Shares without an answer.
    pub(crate) fn in_flight(&self) -> usize {
        self.waiting.len()
    }

    /// Waits for something from the pool, `patience` at most.
    pub(crate) fn event(&mut self, patience: Duration) -> io::Result<Option<Event>> {
        let Some(message) = self.message(Instant::now() + patience)? else {
            return Ok(None);
        };
        let Some(sent) = message["id"].as_u64().and_then(|id| self.waiting.remove(&id)) else {
            self.pushed(&message);
            return Ok(Some(Event::Other));
        };
        Ok(Some(if message["result"] == true {
            Event::Accepted {
                hash: sent.hash,
                after: sent.at.elapsed(),
            }
        } else {
            let error = &message["error"];
            Event::Rejected {
                hash: sent.hash,
                code: error[0].as_i64(),
                error: error.to_string(),
            }
        }))
    }
}

/// Difficulty of a hash whose first byte is the most significant one.
fn difficulty_of(hash: &[u8; 32]) -> f64 {
    let top = u128::from_be_bytes(hash[..16].try_into().unwrap());
    let diff1 = 0xffff_u128 << 80;
    diff1 as f64 / (top as f64).max(1.0)
}
