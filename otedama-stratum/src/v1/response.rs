//! The server's replies. Each writer appends one line; `error` and `result` are always both there,
//! because rental services and proxies insist on it.

use super::{ErrorCode, Id, encode};

/// The answer to `mining.configure` (BIP 310): one field per extension, `None` where it was not asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConfigureReply<'a> {
    /// Header version bits that the client may roll; an empty mask answers `false`.
    pub version_mask: Option<u32>,
    /// Whether the minimum difficulty is kept to.
    pub minimum_difficulty: Option<bool>,
    /// Whether `mining.set_extranonce` may follow.
    pub subscribe_extranonce: Option<bool>,
    /// Whether the information was taken.
    pub info: Option<bool>,
    /// Extensions that are answered `false`.
    pub unknown: &'a [String],
}

/// Appends `true`.
pub fn write_true(out: &mut Vec<u8>, id: Id<'_>) {
    start(out, id);
    out.extend_from_slice(b"true");
    end(out);
}

/// Appends an error: `[code, message, null]`.
pub fn write_error(out: &mut Vec<u8>, id: Id<'_>, code: ErrorCode, message: &str) {
    start(out, id);
    out.extend_from_slice(b"null,\"error\":[");
    encode::integer(out, code.code().unsigned_abs().into());
    out.push(b',');
    encode::text(out, message);
    out.extend_from_slice(b",null]}\n");
}

/// Appends the answer to `mining.subscribe`: the subscriptions under `session_id`, the connection's
/// extranonce1, and how many bytes of extranonce2 the client appends to it.
pub fn write_subscribe(
    out: &mut Vec<u8>,
    id: Id<'_>,
    session_id: &str,
    extranonce1: &[u8],
    extranonce2_len: usize,
) {
    start(out, id);
    out.extend_from_slice(b"[[[\"mining.set_difficulty\",");
    encode::text(out, session_id);
    out.extend_from_slice(b"],[\"mining.notify\",");
    encode::text(out, session_id);
    out.extend_from_slice(b"]],");
    encode::hex_text(out, extranonce1);
    out.push(b',');
    encode::integer(out, extranonce2_len as u64);
    out.push(b']');
    end(out);
}

/// Appends the answer to `mining.configure`.
pub fn write_configure(out: &mut Vec<u8>, id: Id<'_>, reply: &ConfigureReply<'_>) {
    start(out, id);
    out.push(b'{');
    let mut first = true;
    let mut flag = |out: &mut Vec<u8>, name: &str, value: bool| {
        if !core::mem::take(&mut first) {
            out.push(b',');
        }
        encode::text(out, name);
        out.push(b':');
        encode::boolean(out, value);
    };
    if let Some(mask) = reply.version_mask {
        flag(out, "version-rolling", mask != 0);
        if mask != 0 {
            out.extend_from_slice(b",\"version-rolling.mask\":");
            encode::hex_u32(out, mask);
        }
    }
    for (name, answer) in [
        ("minimum-difficulty", reply.minimum_difficulty),
        ("subscribe-extranonce", reply.subscribe_extranonce),
        ("info", reply.info),
    ] {
        if let Some(answer) = answer {
            flag(out, name, answer);
        }
    }
    for name in reply.unknown {
        flag(out, name, false);
    }
    out.push(b'}');
    end(out);
}

/// Appends `"pong"`, the answer to `mining.ping`.
pub fn write_pong(out: &mut Vec<u8>, id: Id<'_>) {
    start(out, id);
    out.extend_from_slice(b"\"pong\"");
    end(out);
}

fn start(out: &mut Vec<u8>, id: Id<'_>) {
    encode::start_reply(out, id);
    out.extend_from_slice(b"\"result\":");
}

fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"error\":null}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn replies_echo_the_id_and_always_carry_error_and_result() {
        assert_eq!(
            written(|out| write_true(out, Id::Raw("\"a\""))),
            "{\"id\":\"a\",\"result\":true,\"error\":null}\n"
        );
        assert_eq!(
            written(|out| write_pong(out, Id::Null)),
            "{\"id\":null,\"result\":\"pong\",\"error\":null}\n"
        );
        assert_eq!(
            written(|out| write_error(out, Id::Raw("7"), ErrorCode::Stale, "job \"1\" not found")),
            "{\"id\":7,\"result\":null,\"error\":[21,\"job \\\"1\\\" not found\",null]}\n"
        );
        assert_eq!(
            written(|out| write_subscribe(out, Id::Raw("1"), "ab12", &[0, 1, 0xab, 0xff], 8)),
            "{\"id\":1,\"result\":[[[\"mining.set_difficulty\",\"ab12\"],[\"mining.notify\",\"ab12\"]],\"0001abff\",8],\"error\":null}\n"
        );
    }

    #[test]
    fn configure_answers_what_was_asked_and_nothing_else() {
        let unknown = ["x\"y".to_owned()];
        let all = ConfigureReply {
            version_mask: Some(0x1fff_e000),
            minimum_difficulty: Some(true),
            subscribe_extranonce: Some(false),
            info: Some(true),
            unknown: &unknown,
        };
        assert_eq!(
            written(|out| write_configure(out, Id::Raw("1"), &all)),
            "{\"id\":1,\"result\":{\"version-rolling\":true,\"version-rolling.mask\":\"1fffe000\",\
             \"minimum-difficulty\":true,\"subscribe-extranonce\":false,\"info\":true,\"x\\\"y\":false},\"error\":null}\n"
        );
        let refused = ConfigureReply {
            version_mask: Some(0),
            ..ConfigureReply::default()
        };
        assert_eq!(
            written(|out| write_configure(out, Id::Raw("1"), &refused)),
            "{\"id\":1,\"result\":{\"version-rolling\":false},\"error\":null}\n"
        );
        assert_eq!(
            written(|out| write_configure(out, Id::Raw("1"), &ConfigureReply::default())),
            "{\"id\":1,\"result\":{},\"error\":null}\n"
        );
    }
}
