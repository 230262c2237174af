//! Counters of a pool object.

use std::net::IpAddr;
use std::sync::Arc;

use otedama_hash::Work;

use crate::io::ConnId;

/// What happened since the pool object was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Shares answered "accepted": durable and credited.
    pub accepted: u64,
    /// Credited work of those.
    pub accepted_work: Work,
    /// Shares whose job was gone.
    pub stale: u64,
    /// Shares sent before.
    pub duplicate: u64,
    /// Shares whose hash was above their target.
    pub low_difficulty: u64,
    /// Shares that can't have come from the job they name.
    pub invalid: u64,
    /// Shares or logins without a valid name.
    pub unauthorized: u64,
    /// Accepted by proof but not stored; answered with an error.
    pub not_stored: u64,
    /// Lines that were no request.
    pub malformed: u64,
    /// Block candidates handed out.
    pub candidates: u64,
    /// Candidates that a node took.
    pub blocks_accepted: u64,
    /// Candidates that no node took.
    pub blocks_rejected: u64,
    /// Connections closed by the pool.
    pub closed: u64,
    /// Addresses banned.
    pub bans: u64,
    /// Connections now.
    pub connections: u64,
    /// Connections with an authorised worker now.
    pub authorized: u64,
    /// Shares between submission and reply now.
    pub in_flight: u64,
    /// Jobs now, the newest and those whose shares still count.
    pub jobs: u64,
    /// Shares of those jobs that are remembered now, to find duplicates.
    pub seen: u64,
}

/// One connection, for display.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionInfo {
    /// Its name.
    pub conn: ConnId,
    /// Where it comes from.
    pub peer: IpAddr,
    /// What the miner calls itself.
    pub agent: Option<Arc<str>>,
    /// Address of its first worker.
    pub account: Option<Arc<str>>,
    /// Name of its first worker.
    pub worker: Option<Arc<str>>,
    /// Announced difficulty.
    pub difficulty: f64,
    /// Shares accepted.
    pub accepted: u64,
    /// Shares refused.
    pub rejected: u64,
    /// Unix time of the last accepted share, zero if there was none.
    pub last_share_s: u64,
}
