//! Dialects of Stratum version 1 that are lines of JSON too, but share few messages with Bitcoin's.

pub mod cryptonote;
pub mod ethereum;
pub mod kawpow;

/// Reads a JSON object; a list of its members' values, which serde would take as well, is none.
pub(super) fn object<'a, T: serde::Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    let is_object = json.trim_ascii_start().first() == Some(&b'{');
    is_object.then(|| serde_json::from_slice(json).ok()).flatten()
}
