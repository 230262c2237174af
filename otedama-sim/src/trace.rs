//! A running hash over everything that goes into and comes out of the pools.

use core::hash::{BuildHasher, Hasher};

use foldhash::quality::{FixedState, FoldHasher};
use otedama_pool::{Input, Output};

/// Two simulations with the same trace saw the same inputs and outputs in the same order.
pub(crate) struct Trace {
    hasher: FoldHasher<'static>,
    events: u64,
}

impl core::fmt::Debug for Trace {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Trace({:016x})", self.value())
    }
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self {
            hasher: FixedState::with_seed(0).build_hasher(),
            events: 0,
        }
    }

    /// One thing that happened: its kind, a number, and its bytes.
    pub(crate) fn add(&mut self, kind: &str, number: u64, bytes: &[u8]) {
        self.events += 1;
        self.hasher.write(kind.as_bytes());
        self.hasher.write_u64(number);
        self.hasher.write_u64(bytes.len() as u64);
        self.hasher.write(bytes);
    }

    pub(crate) fn input(&mut self, shard: usize, input: &Input<'_>) {
        let shard = shard as u64;
        match input {
            Input::Bytes { conn, bytes } => self.add("bytes", conn.0 << 8 | shard, bytes),
            Input::Opened { conn, peer } => {
                self.add("opened", conn.0 << 8 | shard, peer.to_string().as_bytes());
            }
            Input::Closed { conn } => self.add("closed", conn.0 << 8 | shard, &[]),
            Input::Blocked { conn, queued } => {
                self.add("blocked", conn.0 << 8 | shard, &queued.to_le_bytes());
            }
            Input::Writable { conn } => self.add("writable", conn.0 << 8 | shard, &[]),
            Input::Verified { pow, .. } => {
                let hash = pow.map(|p| p.hash.to_le_bytes()).unwrap_or_default();
                self.add("verified", shard, &hash);
            }
            Input::Persisted { seq } => self.add("persisted", shard, &seq.to_le_bytes()),
            Input::PersistFailed { seq } => self.add("failed", shard, &seq.to_le_bytes()),
            Input::Template { template, .. } => self.add(
                "template",
                template.height << 8 | shard,
                template.prev_hash.as_le_bytes(),
            ),
            Input::Extranonce(lease) => self.add("lease", u64::from(lease.first) << 8 | shard, &[]),
            Input::BlockResult { hash, .. } => self.add("result", shard, hash.as_le_bytes()),
            _ => self.add("other", shard, &[]),
        }
    }

    pub(crate) fn output(&mut self, shard: usize, output: &Output) {
        let shard = shard as u64;
        match output {
            Output::Send { conn, bytes } => self.add("send", conn.0 << 8 | shard, bytes),
            Output::Close { conn, why } => self.add("close", conn.0 << 8 | shard, why.as_str().as_bytes()),
            Output::PauseRead { conn } => self.add("pause", conn.0 << 8 | shard, &[]),
            Output::ResumeRead { conn } => self.add("resume", conn.0 << 8 | shard, &[]),
            Output::Ban { ip, .. } => self.add("ban", shard, ip.to_string().as_bytes()),
            Output::Verify(request) => self.add("verify", shard, &request.blob),
            Output::Candidate(candidate) => self.add("candidate", shard, &candidate.bytes),
            Output::Persist(rows) => {
                for row in rows {
                    self.add("row", row.seq << 8 | shard, row.hash.as_le_bytes());
                    self.add("work", shard, &row.work.get().to_le_bytes());
                }
            }
            _ => self.add("output", shard, &[]),
        }
    }

    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    pub(crate) fn value(&self) -> u64 {
        self.hasher.finish()
    }
}
