//! What the server says without being asked. Each writer appends one line, which holds nothing of
//! the connection it goes to, so that one encoding serves every connection.

use otedama_hash::{Difficulty, Hash256};

use super::encode;

/// A job's parts as `mining.notify` carries them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotifyParts<'a> {
    /// The previous block's hash.
    pub prev_hash: &'a Hash256,
    /// The coinbase transaction's bytes before the extranonce.
    pub coinbase1: &'a [u8],
    /// The coinbase transaction's bytes after the extranonce.
    pub coinbase2: &'a [u8],
    /// Hashes to combine with the coinbase's hash, leaf first.
    pub merkle_branch: &'a [Hash256],
    /// Header version.
    pub version: u32,
    /// Header bits: the network target's compact form.
    pub bits: u32,
    /// Header time, Unix seconds.
    pub ntime: u32,
}

/// Appends `mining.notify`; `clean` tells the client to drop every older job.
pub fn write_notify(out: &mut Vec<u8>, job_id: &str, parts: &NotifyParts<'_>, clean: bool) {
    out.reserve(
        224 + job_id.len()
            + 2 * (parts.coinbase1.len() + parts.coinbase2.len())
            + 67 * parts.merkle_branch.len(),
    );
    encode::start_notice(out, "mining.notify");
    encode::text(out, job_id);
    out.push(b',');
    encode::hex_text(out, &swap_words(parts.prev_hash.to_le_bytes()));
    out.push(b',');
    encode::hex_text(out, parts.coinbase1);
    out.push(b',');
    encode::hex_text(out, parts.coinbase2);
    out.extend_from_slice(b",[");
    for (i, hash) in parts.merkle_branch.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        encode::hex_text(out, hash.as_le_bytes());
    }
    out.extend_from_slice(b"],");
    for field in [parts.version, parts.bits, parts.ntime] {
        encode::hex_u32(out, field);
        out.push(b',');
    }
    encode::boolean(out, clean);
    encode::end(out);
}

/// Appends `mining.set_difficulty`: an integer where the difficulty is one, never an exponent, and
/// exactly the same number when read back.
pub fn write_set_difficulty(out: &mut Vec<u8>, difficulty: Difficulty) {
    encode::start_notice(out, "mining.set_difficulty");
    encode::number(out, difficulty.get());
    encode::end(out);
}

/// Appends `mining.set_extranonce`, which takes effect with the next job.
///
/// For servers that move connections between upstreams, such as proxies; `otedama-pool` never does.
pub fn write_set_extranonce(out: &mut Vec<u8>, extranonce1: &[u8], extranonce2_len: usize) {
    encode::start_notice(out, "mining.set_extranonce");
    encode::hex_text(out, extranonce1);
    out.push(b',');
    encode::integer(out, extranonce2_len as u64);
    encode::end(out);
}

/// Appends `mining.set_version_mask` (BIP 310).
pub fn write_set_version_mask(out: &mut Vec<u8>, mask: u32) {
    encode::start_notice(out, "mining.set_version_mask");
    encode::hex_u32(out, mask);
    encode::end(out);
}

/// Appends `client.reconnect`: to `address`, or to the same one if there is none, after `wait_s`.
pub fn write_reconnect(out: &mut Vec<u8>, address: Option<(&str, u16)>, wait_s: u32) {
    encode::start_notice(out, "client.reconnect");
    if let Some((host, port)) = address {
        encode::text(out, host);
        out.push(b',');
        encode::integer(out, port.into());
        out.push(b',');
        encode::integer(out, wait_s.into());
    }
    encode::end(out);
}

/// Appends `client.show_message`.
pub fn write_show_message(out: &mut Vec<u8>, message: &str) {
    encode::start_notice(out, "client.show_message");
    encode::text(out, message);
    encode::end(out);
}

/// Appends `client.get_version`, which the client answers with its user agent.
pub fn write_get_version(out: &mut Vec<u8>, id: u64) {
    encode::start_call(out, id, "client.get_version");
    encode::end(out);
}

/// Appends `mining.ping`, which the client answers with "pong".
pub fn write_ping(out: &mut Vec<u8>, id: u64) {
    encode::start_call(out, id, "mining.ping");
    encode::end(out);
}

/// A hash between its own byte order and that of `mining.notify`, in which each of the eight 4-byte
/// words is reversed. Doing it twice gives the hash back.
pub(super) fn swap_words(mut hash: [u8; 32]) -> [u8; 32] {
    for word in hash.chunks_exact_mut(4) {
        word.reverse();
    }
    hash
}
