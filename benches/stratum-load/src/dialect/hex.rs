//! Hex as each dialect has it. What miners would misread is refused here, so that the pool is caught at it.

use otedama_hash::Target;

use crate::wire::LineError;

/// Longest name of a job or a session that is kept.
const MAX_NAME_LEN: usize = 256;

/// Exactly so many bytes, without "0x".
pub(super) fn bytes<const N: usize>(text: &str, what: &'static str) -> Result<[u8; N], LineError> {
    // const-hex would take a prefix off.
    if text.len() != 2 * N || text.as_bytes().get(1) == Some(&b'x') {
        return Err(LineError::Params(what));
    }
    const_hex::decode_to_array(text).map_err(|_| LineError::Params(what))
}

/// Exactly so many bytes, behind "0x".
pub(super) fn prefixed<const N: usize>(text: &str, what: &'static str) -> Result<[u8; N], LineError> {
    bytes(text.strip_prefix("0x").ok_or(LineError::Params(what))?, what)
}

/// A number of at most 16 digits, without "0x".
pub(super) fn number(text: &str, what: &'static str) -> Result<u64, LineError> {
    if text.is_empty() || text.len() > 16 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(LineError::Params(what));
    }
    u64::from_str_radix(text, 16).map_err(|_| LineError::Params(what))
}

/// A target: at most 64 digits without "0x", most significant first.
pub(super) fn target(text: &str) -> Result<Target, LineError> {
    const WHAT: LineError = LineError::Params("target");
    if text.is_empty() || text.len() > 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(WHAT);
    }
    Target::from_be_hex(&format!("{text:0>64}")).map_err(|_| WHAT)
}

/// The first bytes of every nonce, at most `max_len` of them, without "0x".
pub(super) fn prefix(text: &str, max_len: usize) -> Result<Vec<u8>, LineError> {
    const WHAT: LineError = LineError::Params("extranonce");
    if text.len() > 2 * max_len || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(WHAT);
    }
    const_hex::decode(text).map_err(|_| WHAT)
}

/// A name that is sent back to the pool.
pub(super) fn name(text: String, what: &'static str) -> Result<String, LineError> {
    if text.len() > MAX_NAME_LEN {
        return Err(LineError::Params(what));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_there_where_the_dialect_has_one_and_nowhere_else() {
        let is_plain = |text: &str| bytes::<2>(text, "x").is_ok();
        assert_eq!(bytes("00ff", "x").unwrap(), [0, 255]);
        assert!(!is_plain("0x00ff") && !is_plain("0xff") && !is_plain("00f") && !is_plain("00fg"));
        assert_eq!(prefixed("0x00ff", "x").unwrap(), [0, 255]);
        assert!(prefixed::<2>("00ff", "x").is_err() && prefixed::<2>("0x0x00ff", "x").is_err());
        assert_eq!(number("4d2", "x").unwrap(), 1234);
        assert!(number("0x4d2", "x").is_err() && number("", "x").is_err() && number("+1", "x").is_err());
        assert_eq!(prefix("080c", 3).unwrap(), [8, 12]);
        assert!(prefix("080", 3).is_err() && prefix("080c0a0b", 3).is_err() && prefix("0x08", 3).is_err());
    }

    #[test]
    fn targets_may_lack_leading_zeros() {
        let full = "00000009f6000000000000000000000000000000000000000000000000000000";
        assert_eq!(target(full).unwrap().to_string(), full);
        assert_eq!(target(full.trim_start_matches('0')).unwrap().to_string(), full);
        assert!(target("").is_err() && target("0x1").is_err() && target(&"0".repeat(65)).is_err());
    }
}
