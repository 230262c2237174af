//! What the server sends. Each writer appends one line.

use super::Job;
use crate::v1::{Id, encode};

/// The code of every error; miners look at the text alone.
const ERROR_CODE: &str = "-1";

/// Why a request was refused, in words that miners know.
///
/// xmrig leaves the pool when an error begins with "Invalid job id", "Unauthenticated" or "your IP is banned": only
/// those say so that mean it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The job was not found or belongs to an older block.
    Stale,
    /// The same share was submitted before.
    Duplicate,
    /// The share's hash is above its job's target.
    LowDifficulty,
    /// The hash is not that of the job and the nonce.
    InvalidResult,
    /// The nonce is not one of the miner's own.
    InvalidNonce,
    /// The session is unknown: the miner has to log in again.
    Unauthenticated,
    /// The address is banned.
    Banned,
}

impl Refusal {
    /// The text on the wire.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Stale => "Stale share",
            Self::Duplicate => "Duplicate share",
            Self::LowDifficulty => "Low difficulty share",
            Self::InvalidResult => "Invalid result",
            Self::InvalidNonce => "Invalid nonce",
            Self::Unauthenticated => "Unauthenticated",
            Self::Banned => "your IP is banned",
        }
    }
}

/// Appends the answer to `login`: the session, and the first job.
pub fn write_login(out: &mut Vec<u8>, id: Id<'_>, session: &str, job: &Job<'_>) {
    start(out, id);
    out.extend_from_slice(b"null,\"result\":{\"id\":");
    encode::text(out, session);
    out.extend_from_slice(b",\"job\":");
    write_members(out, job);
    out.extend_from_slice(b",\"extensions\":[\"algo\",\"keepalive\"],\"status\":\"OK\"}}\n");
}

/// Appends a job for a miner that has logged in.
pub fn write_job(out: &mut Vec<u8>, job: &Job<'_>) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":\"job\",\"params\":");
    write_members(out, job);
    out.extend_from_slice(b"}\n");
}

/// Appends the answer to a share that counts.
pub fn write_accepted(out: &mut Vec<u8>, id: Id<'_>) {
    start(out, id);
    out.extend_from_slice(b"null,\"result\":{\"status\":\"OK\"}}\n");
}

/// Appends the answer to `keepalived`.
pub fn write_kept_alive(out: &mut Vec<u8>, id: Id<'_>) {
    start(out, id);
    out.extend_from_slice(b"null,\"result\":{\"status\":\"KEEPALIVED\"}}\n");
}

/// Appends an error. For shares and sessions the text is a [`Refusal`]'s.
pub fn write_error(out: &mut Vec<u8>, id: Id<'_>, message: &str) {
    start(out, id);
    out.extend_from_slice(b"{\"code\":");
    out.extend_from_slice(ERROR_CODE.as_bytes());
    out.extend_from_slice(b",\"message\":");
    encode::text(out, message);
    out.extend_from_slice(b"}}\n");
}

fn start(out: &mut Vec<u8>, id: Id<'_>) {
    encode::start_reply(out, id);
    out.extend_from_slice(b"\"jsonrpc\":\"2.0\",\"error\":");
}

fn write_members(out: &mut Vec<u8>, job: &Job<'_>) {
    out.extend_from_slice(b"{\"blob\":");
    encode::hex_text(out, &job.blob);
    out.extend_from_slice(b",\"job_id\":");
    encode::text(out, &job.id);
    out.extend_from_slice(format!(",\"target\":\"{}\",\"algo\":", job.target).as_bytes());
    encode::text(out, &job.algorithm);
    out.extend_from_slice(b",\"height\":");
    encode::integer(out, job.height);
    // xmrig reads the members that it knows, and `next_seed_hash` is none of them.
    for (name, seed) in [
        ("seed_hash", &job.seed_hash),
        ("next_seed_hash", &job.next_seed_hash),
    ] {
        if let Some(seed) = seed {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            encode::hex_text(out, seed);
        }
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_means_it_makes_a_miner_leave() {
        let leaves = |refusal: Refusal| {
            ["Invalid job id", "Unauthenticated", "your IP is banned"]
                .iter()
                .any(|text| refusal.message().starts_with(text))
        };
        for refusal in [
            Refusal::Stale,
            Refusal::Duplicate,
            Refusal::LowDifficulty,
            Refusal::InvalidResult,
            Refusal::InvalidNonce,
        ] {
            assert!(!leaves(refusal), "{refusal:?}");
        }
        assert!(leaves(Refusal::Unauthenticated) && leaves(Refusal::Banned));
    }
}
