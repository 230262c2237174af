//! Numbers and hashes in hex as miners of Ethash and KawPow write them: with or without "0x".

use otedama_hash::Target;

use crate::v1::args::hex_bytes;
use crate::v1::{ExtranonceBytes, encode};

/// The digits behind "0x", if that is there.
pub(super) fn digits(text: &str) -> &str {
    text.strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .unwrap_or(text)
}

/// Exactly so many bytes, in the order in which they are written.
pub(super) fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    hex_bytes(digits(text))
}

/// A nonce: 16 digits, most significant first.
pub(super) fn nonce(text: &str) -> Option<u64> {
    bytes(text).map(u64::from_be_bytes)
}

/// A number of 1 to 64 digits that fits into 64 bits.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = digits(text);
    if digits.is_empty() || digits.len() > 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    match digits.trim_start_matches('0') {
        "" => Some(0),
        significant => u64::from_str_radix(significant, 16).ok(),
    }
}

/// A target: 1 to 64 digits, most significant first.
pub(super) fn target(text: &str) -> Option<Target> {
    let digits = digits(text);
    if digits.is_empty() || digits.len() > 64 {
        return None;
    }
    Target::from_be_hex(&format!("{digits:0>64}")).ok()
}

/// The server's part of the nonce, at most `max_len` bytes.
pub(super) fn extranonce(text: &str, max_len: usize) -> Option<ExtranonceBytes> {
    let bytes = ExtranonceBytes::from_hex(digits(text)).ok()?;
    (bytes.len() <= max_len).then_some(bytes)
}

/// Appends bytes with quotes and "0x".
pub(super) fn write_prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b"\"0x");
    encode::hex(out, bytes);
    out.push(b'"');
}

/// Appends a number with quotes, without needless zeros.
pub(super) fn write_number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(format!("\"{value:x}\"").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_prefix_is_optional_and_widths_are_exact() {
        for text in ["00aBFf01", "0x00abff01", "0X00ABFF01"] {
            assert_eq!(bytes(text), Some([0, 0xab, 0xff, 1]), "{text}");
        }
        for text in [
            "",
            "0x",
            "00abff",
            "00abff0102",
            "0x0x00abff",
            "0x0xabff",
            "+0abff01",
            "00abffg1",
            "é0abff0",
        ] {
            assert_eq!(bytes::<4>(text), None, "{text}");
        }
        assert_eq!(nonce("0x00000000000000ff"), Some(255));
        assert_eq!(nonce("ff"), None);
    }

    #[test]
    fn numbers_of_any_width_that_fit() {
        for (text, value) in [
            ("0", Some(0)),
            ("dc", Some(0xdc)),
            ("0x0500000", Some(0x50_0000)),
            (&format!("0x{:064x}", u64::MAX), Some(u64::MAX)),
            ("10000000000000000", None),
            (&"0".repeat(65), None),
            ("", None),
            ("0x", None),
            ("-1", None),
            ("+1", None),
        ] {
            assert_eq!(number(text), value, "{text}");
        }
    }

    #[test]
    fn targets_may_lack_their_zeros() {
        let full = "00000009f6000000000000000000000000000000000000000000000000000000";
        let short = full.trim_start_matches('0');
        for text in [full, short, &format!("0x{full}")] {
            assert_eq!(target(text).expect("a target").to_string(), full, "{text}");
        }
        for text in ["", "0x", "0x0x1", "xyz", &"0".repeat(65)] {
            assert_eq!(target(text), None, "{text}");
        }
    }
}
