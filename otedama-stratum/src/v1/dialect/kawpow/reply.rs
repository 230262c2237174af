//! What the server sends. Each writer appends one line; `true`, errors and what Bitcoin's dialect has too are its own.

use otedama_hash::Target;

use super::Job;
use crate::v1::{Id, encode};

pub use crate::v1::fields::write_set_extranonce;
pub use crate::v1::notify::{write_reconnect, write_show_message};
pub use crate::v1::response::{write_error, write_true};

/// Appends the answer to `mining.subscribe`: the session to resume, if there is one, and the first bytes of every
/// nonce, at most [`MAX_EXTRANONCE_LEN`](super::MAX_EXTRANONCE_LEN) of them.
pub fn write_subscribe(out: &mut Vec<u8>, id: Id<'_>, session: Option<&str>, extranonce: &[u8]) {
    encode::start_reply(out, id);
    out.extend_from_slice(b"\"result\":[");
    match session {
        Some(session) => encode::text(out, session),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b',');
    encode::hex_text(out, extranonce);
    out.extend_from_slice(b"],\"error\":null}\n");
}

/// Appends `mining.notify`: seven parameters, six without bits, the height a number, because xmrig takes nothing else,
/// and the target without "0x", because xmrig reads its first 16 characters only. xmrig closes the connection when a job equals the
/// last one, so each has an id of its own.
pub fn write_notify(out: &mut Vec<u8>, job: &Job<'_>) {
    encode::start_notice(out, "mining.notify");
    encode::text(out, &job.id);
    out.push(b',');
    encode::hex_text(out, &job.header);
    out.push(b',');
    encode::hex_text(out, &job.seed);
    out.push(b',');
    encode::text(out, &job.target.to_string());
    out.push(b',');
    encode::boolean(out, job.clean);
    out.push(b',');
    encode::integer(out, job.height.into());
    if let Some(bits) = job.bits {
        out.push(b',');
        encode::hex_u32(out, bits);
    }
    encode::end(out);
}

/// Appends `mining.set_target`. kawpowminer applies it at once, xmrig never: the next job has to carry it as well.
pub fn write_set_target(out: &mut Vec<u8>, target: Target) {
    encode::start_notice(out, "mining.set_target");
    encode::text(out, &target.to_string());
    encode::end(out);
}
