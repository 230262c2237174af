//! The server's replies. Each writer appends one line.
//!
//! Replies of version 1.0.0 always carry `error`, which `NiceHash` insists on; those of 2.0.0 never carry a null.

use super::notify::write_items;
use super::{Protocol, V1_NAME, V2_NAME, Work};
use crate::v1::hex;
use crate::v1::{ErrorCode, Id, encode};

/// The answer to `mining.hello` (2.0.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelloReply<T> {
    /// Whether a session can be resumed.
    pub resume: bool,
    /// Silence after which the server may close the connection, in seconds.
    pub timeout_s: u32,
    /// How many errors the server bears.
    pub max_errors: u32,
    /// The software of the node behind it.
    pub node: T,
}

/// Appends the answer to `mining.hello` (2.0.0). Lines are never compressed.
pub fn write_hello(out: &mut Vec<u8>, id: Id<'_>, reply: &HelloReply<&str>) {
    start(out, Protocol::V2, id);
    out.extend_from_slice(b"\"result\":{\"proto\":");
    encode::text(out, V2_NAME);
    out.extend_from_slice(b",\"encoding\":\"plain\",\"resume\":");
    hex::write_number(out, reply.resume.into());
    out.extend_from_slice(b",\"timeout\":");
    hex::write_number(out, reply.timeout_s.into());
    out.extend_from_slice(b",\"maxerrors\":");
    hex::write_number(out, reply.max_errors.into());
    out.extend_from_slice(b",\"node\":");
    encode::text(out, reply.node);
    out.extend_from_slice(b"}}\n");
}

/// Appends the answer to `mining.subscribe` (1.0.0): the session, and the first bytes of every nonce, at most 3.
pub fn write_subscribe(out: &mut Vec<u8>, id: Id<'_>, session: &str, extranonce: &[u8]) {
    start(out, Protocol::V1, id);
    out.extend_from_slice(b"\"result\":[[\"mining.notify\",");
    encode::text(out, session);
    out.push(b',');
    encode::text(out, V1_NAME);
    out.extend_from_slice(b"],");
    encode::hex_text(out, extranonce);
    out.extend_from_slice(b"],\"error\":null}\n");
}

/// Appends the session, the answer to `mining.subscribe`, or the worker's id, the answer to `mining.authorize` (both
/// 2.0.0).
pub fn write_token(out: &mut Vec<u8>, id: Id<'_>, token: &str) {
    start(out, Protocol::V2, id);
    out.extend_from_slice(b"\"result\":");
    encode::text(out, token);
    out.extend_from_slice(b"}\n");
}

/// Appends the answer to `eth_getWork`.
pub fn write_work(out: &mut Vec<u8>, id: Id<'_>, work: &Work) {
    start(out, Protocol::Proxy, id);
    out.extend_from_slice(b"\"result\":");
    write_items(out, work);
    out.extend_from_slice(b"}\n");
}

/// Appends that all is well: `true`, which 2.0.0 says by saying nothing.
pub fn write_true(out: &mut Vec<u8>, protocol: Protocol, id: Id<'_>) {
    start(out, protocol, id);
    match protocol {
        Protocol::V1 => out.extend_from_slice(b"\"result\":true,\"error\":null}\n"),
        Protocol::V2 => {
            // Nothing follows the id.
            if out.last() == Some(&b',') {
                out.pop();
            }
            out.extend_from_slice(b"}\n");
        }
        Protocol::Proxy => out.extend_from_slice(b"\"result\":true}\n"),
    }
}

/// Appends an error, with the protocol's own number for `code`.
pub fn write_error(out: &mut Vec<u8>, protocol: Protocol, id: Id<'_>, code: ErrorCode, message: &str) {
    let number = protocol.error_number(code);
    start(out, protocol, id);
    match protocol {
        Protocol::V1 => {
            out.extend_from_slice(format!("\"result\":false,\"error\":[{number},").as_bytes());
            encode::text(out, message);
            out.extend_from_slice(b",null]}\n");
        }
        Protocol::V2 => write_error_object(out, number, message),
        Protocol::Proxy => {
            out.extend_from_slice(b"\"result\":null,");
            write_error_object(out, number, message);
        }
    }
}

/// Appends the answer to `eth_getWork` while there is no job.
pub fn write_not_ready(out: &mut Vec<u8>, id: Id<'_>) {
    start(out, Protocol::Proxy, id);
    out.extend_from_slice(b"\"result\":null,");
    write_error_object(out, 0, "Work not ready");
}

fn write_error_object(out: &mut Vec<u8>, number: i32, message: &str) {
    out.extend_from_slice(format!("\"error\":{{\"code\":{number},\"message\":").as_bytes());
    encode::text(out, message);
    out.extend_from_slice(b"}}\n");
}

/// The id and what else comes before the result. 2.0.0 forbids an id that is null.
fn start(out: &mut Vec<u8>, protocol: Protocol, id: Id<'_>) {
    match (protocol, id) {
        (Protocol::V2, Id::Null) => out.push(b'{'),
        _ => encode::start_reply(out, id),
    }
    if protocol == Protocol::Proxy {
        out.extend_from_slice(b"\"jsonrpc\":\"2.0\",");
    }
}
