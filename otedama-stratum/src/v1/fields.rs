//! Parameters that mean the same in several dialects, and their limits.

use std::borrow::Cow;

use otedama_hash::Difficulty;

use crate::v1::args::{Arg, Args, cut};
use crate::v1::envelope::{CallParts, MAX_TEXT_LEN};
use crate::v1::hex;
use crate::v1::{ExtranonceBytes, ServerMessageError, encode};

pub(super) const MAX_AGENT_LEN: usize = 256;
pub(super) const MAX_SESSION_LEN: usize = 64;
pub(super) const MAX_METHOD_LEN: usize = 64;
pub(super) const MAX_USER_LEN: usize = 256;
pub(super) const MAX_PASSWORD_LEN: usize = 512;
pub(super) const MAX_JOB_ID_LEN: usize = 64;

/// User and password.
pub(super) fn credentials(mut args: Args<'_>) -> Result<(Cow<'_, str>, Cow<'_, str>), &'static str> {
    let user = args.take(0).into_text().ok_or("user name must be a string")?;
    let password = args.take(1).into_text().unwrap_or_default();
    if user.is_empty() || user.len() > MAX_USER_LEN {
        return Err("user name must be 1 to 256 bytes");
    }
    if password.len() > MAX_PASSWORD_LEN {
        return Err("password is longer than 512 bytes");
    }
    Ok((user, password))
}

/// The worker of a share.
pub(super) fn worker(arg: Arg<'_>) -> Result<Cow<'_, str>, &'static str> {
    let worker = arg.into_text().ok_or("worker name must be a string")?;
    if worker.len() > MAX_USER_LEN {
        return Err("worker name is longer than 256 bytes");
    }
    Ok(worker)
}

/// The job of a share.
pub(super) fn share_job_id(arg: Arg<'_>) -> Result<Cow<'_, str>, &'static str> {
    let job_id = arg.into_text().ok_or("job id must be a string")?;
    if job_id.len() > MAX_JOB_ID_LEN {
        return Err("job id is longer than 64 bytes");
    }
    Ok(job_id)
}

/// Nonce, header hash and mix hash of a share, from the parameter at `start` on.
pub(super) fn solution(args: &mut Args<'_>, start: usize) -> Result<(u64, [u8; 32], [u8; 32]), &'static str> {
    let mut text = |index| args.take(start + index).into_text();
    let nonce = text(0).and_then(|digits| hex::nonce(&digits));
    let header = text(1).and_then(|digits| hex::bytes(&digits));
    let mix = text(2).and_then(|digits| hex::bytes(&digits));
    Ok((
        nonce.ok_or("nonce must be 16 hex digits")?,
        header.ok_or("header hash must be 64 hex digits")?,
        mix.ok_or("mix hash must be 64 hex digits")?,
    ))
}

/// Appends what [`solution`] reads, with "0x" as other miners have it.
pub(super) fn write_solution(out: &mut Vec<u8>, nonce: u64, header: &[u8; 32], mix: &[u8; 32]) {
    hex::write_prefixed(out, &nonce.to_be_bytes());
    out.push(b',');
    hex::write_prefixed(out, header);
    out.push(b',');
    hex::write_prefixed(out, mix);
}

/// The rate of `eth_submitHashrate`, in hashes per second; a hint at best.
pub(super) fn hashrate(parts: &CallParts<'_>) -> Option<u64> {
    let rate = parts.args().ok()?.take(0).into_text()?;
    hex::number(&rate)
}

/// Appends the parameters of `eth_submitHashrate`.
pub(super) fn write_hashrate(out: &mut Vec<u8>, rate_hz: u64, machine: &[u8; 32]) {
    out.extend_from_slice(format!("\"0x{rate_hz:064x}\",").as_bytes());
    hex::write_prefixed(out, machine);
}

/// A job's name, from a server.
pub(super) fn job_id(arg: Arg<'_>) -> Result<Cow<'_, str>, ServerMessageError> {
    arg.into_text()
        .filter(|id| id.len() <= MAX_JOB_ID_LEN)
        .ok_or(ServerMessageError("job id must be a string of at most 64 bytes"))
}

/// 32 bytes, from a server.
pub(super) fn hash(arg: Arg<'_>, message: &'static str) -> Result<[u8; 32], ServerMessageError> {
    arg.into_text()
        .and_then(|text| hex::bytes(&text))
        .ok_or(ServerMessageError(message))
}

/// The parameter of `mining.set_difficulty`.
pub(super) fn difficulty(arg: &Arg<'_>) -> Result<Difficulty, ServerMessageError> {
    arg.as_number()
        .and_then(|value| Difficulty::new(value).ok())
        .ok_or(ServerMessageError("difficulty must be a positive number"))
}

/// The server's part of the nonce.
pub(super) fn extranonce(arg: Arg<'_>, max_len: usize) -> Result<ExtranonceBytes, ServerMessageError> {
    arg.into_text()
        .and_then(|text| hex::extranonce(&text, max_len))
        .ok_or(ServerMessageError(
            "extranonce must be an even number of hex digits, and short",
        ))
}

/// A session or another name that the client sends back: not empty, at most 64 bytes.
pub(super) fn token(arg: Arg<'_>) -> Option<Cow<'_, str>> {
    arg.into_text()
        .filter(|token| !token.is_empty() && token.len() <= MAX_SESSION_LEN)
}

/// The parameter of `client.show_message`.
pub(super) fn message(arg: Arg<'_>) -> Result<Cow<'_, str>, ServerMessageError> {
    arg.into_text()
        .map(|text| cut(text, MAX_TEXT_LEN))
        .ok_or(ServerMessageError("message must be a string"))
}

/// Appends `mining.set_extranonce` (`KawPow`, and Ethash's 1.0.0), for the jobs that follow: the first bytes of every
/// nonce. Only for clients that sent `mining.extranonce.subscribe`; kawpowminer does not know it in its own dialect.
///
/// For servers that move connections between parts of the nonces, such as proxies; `otedama-pool` never does.
pub fn write_set_extranonce(out: &mut Vec<u8>, extranonce: &[u8]) {
    encode::start_notice(out, "mining.set_extranonce");
    encode::hex_text(out, extranonce);
    encode::end(out);
}

/// The answer to `mining.subscribe` (`KawPow`, and Ethash's 1.0.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription<'a> {
    /// What to subscribe with after a reconnect, where the server can resume a session; at most 64 bytes.
    pub session: Option<Cow<'a, str>>,
    /// The first bytes of every nonce: at most 4 of `KawPow`'s, 3 of Ethash's.
    pub extranonce: ExtranonceBytes,
}
