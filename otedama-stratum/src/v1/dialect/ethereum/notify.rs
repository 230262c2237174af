//! What the server says without being asked. Each writer appends one line.
//!
//! A job is [`write_job`] for either version of `EthereumStratum` and [`write_work`] for eth-proxy. Version 1.0.0 sets a
//! difficulty, relative to `Algorithm::ETHASH.diff1()`; version 2.0.0 sets a target with [`write_set`].

use std::borrow::Cow;

use otedama_hash::Target;

use super::{Job, Work};
use crate::v1::hex;
use crate::v1::{ExtranonceBytes, encode};

pub use crate::v1::fields::write_set_extranonce;
pub use crate::v1::notify::{write_reconnect, write_set_difficulty, write_show_message};

/// What `mining.set` (2.0.0) changes for the jobs that follow; `None` where nothing changes. A new session is told
/// all four.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings<'a> {
    /// The epoch's number.
    pub epoch: Option<u32>,
    /// What a share's hash has to meet.
    pub target: Option<Target>,
    /// Name of the algorithm, such as `ethash`, at most 32 bytes.
    pub algorithm: Option<Cow<'a, str>>,
    /// The first bytes of every nonce, at most 6.
    pub extranonce: Option<ExtranonceBytes>,
}

/// Appends `mining.notify`: with the seed if the job has one (1.0.0), otherwise with the height (2.0.0), or 0.
pub fn write_job(out: &mut Vec<u8>, job: &Job<'_>) {
    if let Some(seed) = &job.seed {
        encode::start_notice(out, "mining.notify");
        encode::text(out, &job.id);
        out.push(b',');
        encode::hex_text(out, seed);
        out.push(b',');
        encode::hex_text(out, &job.header);
        out.push(b',');
        encode::boolean(out, job.clean);
    } else {
        out.extend_from_slice(b"{\"method\":\"mining.notify\",\"params\":[");
        encode::text(out, &job.id);
        out.push(b',');
        hex::write_number(out, job.height.unwrap_or(0));
        out.push(b',');
        encode::hex_text(out, &job.header);
        out.push(b',');
        hex::write_number(out, job.clean.into());
    }
    encode::end(out);
}

/// Appends `mining.set` (2.0.0).
pub fn write_set(out: &mut Vec<u8>, settings: &Settings<'_>) {
    out.extend_from_slice(b"{\"method\":\"mining.set\",\"params\":{");
    let mut first = true;
    let mut name = |out: &mut Vec<u8>, name: &str| {
        if !core::mem::take(&mut first) {
            out.push(b',');
        }
        encode::text(out, name);
        out.push(b':');
    };
    if let Some(epoch) = settings.epoch {
        name(out, "epoch");
        hex::write_number(out, epoch.into());
    }
    if let Some(target) = settings.target {
        name(out, "target");
        encode::text(out, &target.to_string());
    }
    if let Some(algorithm) = &settings.algorithm {
        name(out, "algo");
        encode::text(out, algorithm);
    }
    if let Some(extranonce) = &settings.extranonce {
        name(out, "extranonce");
        encode::hex_text(out, extranonce);
    }
    out.extend_from_slice(b"}}\n");
}

/// Appends a pushed job of eth-proxy: a result without a request. `id` is what the miner's pool is known to put
/// there, usually 0 or nothing.
pub fn write_work(out: &mut Vec<u8>, id: Option<u64>, work: &Work) {
    match id {
        Some(id) => encode::start_id(out, id),
        None => out.push(b'{'),
    }
    out.extend_from_slice(b"\"jsonrpc\":\"2.0\",\"result\":");
    write_items(out, work);
    out.extend_from_slice(b"}\n");
}

pub(super) fn write_items(out: &mut Vec<u8>, work: &Work) {
    out.push(b'[');
    hex::write_prefixed(out, &work.header);
    out.push(b',');
    hex::write_prefixed(out, &work.seed);
    out.extend_from_slice(format!(",\"0x{}\"", work.target).as_bytes());
    if let Some(height) = work.height {
        out.extend_from_slice(format!(",\"0x{height:x}\"").as_bytes());
    }
    out.push(b']');
}

/// Appends `mining.bye` (2.0.0), which either side may say and nobody answers: the connection is about to be closed,
/// the session to be forgotten.
pub fn write_bye(out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"method\":\"mining.bye\"}\n");
}

/// Appends `mining.reconnect` (2.0.0); `resume` says whether the session goes on there.
///
/// For servers that share their miners out over several machines; `otedama-pool` never does.
pub fn write_reconnect_to(out: &mut Vec<u8>, host: &str, port: u16, resume: bool) {
    out.extend_from_slice(b"{\"method\":\"mining.reconnect\",\"params\":{\"host\":");
    encode::text(out, host);
    out.extend_from_slice(b",\"port\":");
    hex::write_number(out, port.into());
    out.extend_from_slice(b",\"resume\":");
    hex::write_number(out, resume.into());
    out.extend_from_slice(b"}}\n");
}
