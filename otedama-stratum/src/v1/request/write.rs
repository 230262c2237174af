use otedama_hash::{Difficulty, Target};

use super::{Configure, Submit};
use crate::v1::{Id, encode};

/// Appends `mining.configure` (BIP 310).
pub fn write_configure(out: &mut Vec<u8>, id: u64, configure: &Configure) {
    encode::start_call(out, id, "mining.configure");
    let mut list = List::open(out, b'[');
    if configure.version_rolling.is_some() {
        encode::text(list.next(), "version-rolling");
    }
    if configure.minimum_difficulty.is_some() {
        encode::text(list.next(), "minimum-difficulty");
    }
    if configure.subscribe_extranonce {
        encode::text(list.next(), "subscribe-extranonce");
    }
    if configure.info {
        encode::text(list.next(), "info");
    }
    for name in &configure.unknown {
        encode::text(list.next(), name);
    }
    list.close(b']');
    out.push(b',');
    let mut values = List::open(out, b'{');
    if let Some(rolling) = configure.version_rolling {
        let out = values.next();
        out.extend_from_slice(b"\"version-rolling.mask\":");
        encode::hex_u32(out, rolling.mask);
        if let Some(count) = rolling.min_bit_count {
            let out = values.next();
            out.extend_from_slice(b"\"version-rolling.min-bit-count\":");
            encode::integer(out, count.into());
        }
    }
    if let Some(difficulty) = configure.minimum_difficulty {
        let out = values.next();
        out.extend_from_slice(b"\"minimum-difficulty.value\":");
        encode::number(out, difficulty);
    }
    values.close(b'}');
    encode::end(out);
}

/// Appends `mining.subscribe`, with the session to resume if there is one.
pub fn write_subscribe(out: &mut Vec<u8>, id: u64, agent: &str, session: Option<&str>) {
    encode::start_call(out, id, "mining.subscribe");
    encode::text(out, agent);
    if let Some(session) = session {
        out.push(b',');
        encode::text(out, session);
    }
    encode::end(out);
}

/// Appends `mining.authorize`.
pub fn write_authorize(out: &mut Vec<u8>, id: u64, user: &str, password: &str) {
    encode::start_call(out, id, "mining.authorize");
    encode::text(out, user);
    out.push(b',');
    encode::text(out, password);
    encode::end(out);
}

/// Appends `mining.submit`: five parameters, six with version bits.
pub fn write_submit(out: &mut Vec<u8>, id: u64, submit: &Submit<'_>) {
    encode::start_call(out, id, "mining.submit");
    encode::text(out, &submit.worker);
    out.push(b',');
    encode::text(out, &submit.job_id);
    out.push(b',');
    encode::hex_text(out, &submit.extranonce2);
    out.push(b',');
    encode::hex_u32(out, submit.ntime);
    out.push(b',');
    encode::hex_u32(out, submit.nonce);
    if let Some(bits) = submit.version_bits {
        out.push(b',');
        encode::hex_u32(out, bits);
    }
    encode::end(out);
}

/// Appends `mining.suggest_difficulty`.
pub fn write_suggest_difficulty(out: &mut Vec<u8>, id: u64, difficulty: Difficulty) {
    encode::start_call(out, id, "mining.suggest_difficulty");
    encode::number(out, difficulty.get());
    encode::end(out);
}

/// Appends `mining.suggest_target`: 64 hex digits, most significant first.
pub fn write_suggest_target(out: &mut Vec<u8>, id: u64, target: Target) {
    encode::start_call(out, id, "mining.suggest_target");
    encode::text(out, &target.to_string());
    encode::end(out);
}

/// Appends `mining.extranonce.subscribe`.
pub fn write_extranonce_subscribe(out: &mut Vec<u8>, id: u64) {
    encode::start_call(out, id, "mining.extranonce.subscribe");
    encode::end(out);
}

/// Appends `mining.ping`.
pub fn write_ping(out: &mut Vec<u8>, id: u64) {
    encode::start_call(out, id, "mining.ping");
    encode::end(out);
}

/// Appends a client's answer to a server's call, such as its version or "pong".
pub fn write_text_reply(out: &mut Vec<u8>, id: Id<'_>, text: &str) {
    encode::start_reply(out, id);
    out.extend_from_slice(b"\"result\":");
    encode::text(out, text);
    out.extend_from_slice(b",\"error\":null}\n");
}

/// Appends a client's answer to a server's call that it does not know.
pub fn write_unknown_method(out: &mut Vec<u8>, id: Id<'_>) {
    crate::v1::response::write_error(out, id, crate::v1::ErrorCode::Other, "Unknown method");
}

/// A JSON array or object under way: puts the commas.
struct List<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> List<'o> {
    fn open(out: &'o mut Vec<u8>, bracket: u8) -> Self {
        out.push(bracket);
        Self { out, empty: true }
    }

    fn next(&mut self) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out
    }

    fn close(self, bracket: u8) {
        self.out.push(bracket);
    }
}
