//! Pieces of JSON appended to a line.

use super::Id;

/// A message's id, and the comma behind it.
pub(super) fn start_reply(out: &mut Vec<u8>, id: Id<'_>) {
    out.extend_from_slice(b"{\"id\":");
    out.extend_from_slice(id.as_str().as_bytes());
    out.push(b',');
}

/// A call's id and method. What follows is `,"params":` or the end.
pub(super) fn call(out: &mut Vec<u8>, id: u64, method: &str) {
    start_id(out, id);
    name_method(out, method);
}

/// The same with JSON-RPC's version.
pub(super) fn rpc_call(out: &mut Vec<u8>, id: u64, method: &str) {
    start_id(out, id);
    out.extend_from_slice(b"\"jsonrpc\":\"2.0\",");
    name_method(out, method);
}

/// A call as far as its list of parameters.
pub(super) fn start_call(out: &mut Vec<u8>, id: u64, method: &str) {
    call(out, id, method);
    out.extend_from_slice(b",\"params\":[");
}

/// What the server says without being asked, as far as its list of parameters.
pub(super) fn start_notice(out: &mut Vec<u8>, method: &str) {
    start_reply(out, Id::Null);
    name_method(out, method);
    out.extend_from_slice(b",\"params\":[");
}

/// The end of a list of parameters and of the line.
pub(super) fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"]}\n");
}

/// The id of a message of one's own, and the comma behind it.
pub(super) fn start_id(out: &mut Vec<u8>, id: u64) {
    out.extend_from_slice(b"{\"id\":");
    integer(out, id);
    out.push(b',');
}

fn name_method(out: &mut Vec<u8>, method: &str) {
    out.extend_from_slice(b"\"method\":\"");
    out.extend_from_slice(method.as_bytes());
    out.push(b'"');
}

/// A string with its quotes and the escapes that JSON asks for.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                hex(out, &[byte]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Lower-case hex digits without quotes.
pub(super) fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    const_hex::encode_to_slice(bytes, &mut out[start..]).expect("two digits of room for each byte");
}

/// Lower-case hex digits with quotes.
pub(super) fn hex_text(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    hex(out, bytes);
    out.push(b'"');
}

/// Eight hex digits with quotes, most significant first.
pub(super) fn hex_u32(out: &mut Vec<u8>, value: u32) {
    hex_text(out, &value.to_be_bytes());
}

/// An integer.
pub(super) fn integer(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// A positive, finite number, as old C clients can read it: no exponent, no fraction where there is
/// none, and exactly the same number when read back.
pub(super) fn number(out: &mut Vec<u8>, value: f64) {
    let shown = value.to_string();
    out.extend_from_slice(shown.as_bytes());
    // An integer above 63 bits makes jansson refuse the line; as a real it is taken.
    if value >= 9_223_372_036_854_775_808.0 {
        out.extend_from_slice(b".0");
    }
}

/// `true` or `false`.
pub(super) fn boolean(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_have_neither_exponent_nor_needless_fraction() {
        for (value, shown) in [
            (1024.0, "1024"),
            (1.0, "1"),
            (0.0001, "0.0001"),
            (0.000_000_1, "0.0000001"),
            (2.3e-6, "0.0000023"),
            (65536.5, "65536.5"),
            (1e18, "1000000000000000000"),
            (1e19, "10000000000000000000.0"),
        ] {
            assert_eq!(written(|out| number(out, value)), shown);
        }
    }

    #[test]
    fn integers_at_the_edges() {
        for value in [0, 9, 10, 1234, u64::MAX] {
            assert_eq!(written(|out| integer(out, value)), value.to_string());
        }
    }

    proptest! {
        #[test]
        fn numbers_round_trip(value in prop::num::f64::POSITIVE | prop::num::f64::NORMAL) {
            let value = value.abs();
            let shown = written(|out| number(out, value));
            prop_assert!(!shown.contains(['e', 'E']));
            prop_assert_eq!(shown.parse::<f64>().unwrap().to_bits(), value.to_bits());
            prop_assert_eq!(serde_json::from_str::<f64>(&shown).unwrap().to_bits(), value.to_bits());
        }

        #[test]
        fn texts_round_trip(value in any::<String>()) {
            let shown = written(|out| text(out, &value));
            prop_assert!(!shown.bytes().any(|b| b < 0x20));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), value);
        }
    }
}
