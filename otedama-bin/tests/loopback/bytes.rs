//! Hex, Keccak, RLP and division, written for these nodes alone.

use serde_json::Value;
use tiny_keccak::{Hasher as _, Keccak};

/// Keccak-256 as Ethereum has it.
pub(crate) fn keccak(bytes: &[u8]) -> [u8; 32] {
    let (mut keccak, mut out) = (Keccak::v256(), [0; 32]);
    keccak.update(bytes);
    keccak.finalize(&mut out);
    out
}

/// With "0x".
pub(crate) fn hex(bytes: &[u8]) -> String {
    format!("0x{}", const_hex::encode(bytes))
}

/// What a parameter holds behind "0x", if it has so many bytes.
pub(crate) fn parameter<const N: usize>(params: &Value, index: usize) -> Option<[u8; N]> {
    let digits = params[index].as_str()?.strip_prefix("0x")?;
    (digits.len() == 2 * N).then(|| const_hex::decode_to_array(digits).ok())?
}

/// Appends a string of bytes (Yellow Paper, appendix B).
fn push_string(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes {
        [byte] if *byte < 0x80 => {}
        _ => push_length(out, 0x80, bytes.len()),
    }
    out.extend_from_slice(bytes);
}

fn push_length(out: &mut Vec<u8>, base: u8, len: usize) {
    if len < 56 {
        out.push(base + len as u8);
    } else {
        let digits = without_zeros(&len.to_be_bytes());
        out.push(base + 55 + digits.len() as u8);
        out.extend(digits);
    }
}

fn without_zeros(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().skip_while(|byte| *byte == 0).collect()
}

/// One item of a list.
pub(crate) enum Item<'a> {
    Bytes(&'a [u8]),
    Number(u64),
}

/// A list of strings.
pub(crate) fn rlp(items: &[Item<'_>]) -> Vec<u8> {
    let mut payload = Vec::new();
    for item in items {
        match item {
            Item::Bytes(bytes) => push_string(&mut payload, bytes),
            Item::Number(number) => push_string(&mut payload, &without_zeros(&number.to_be_bytes())),
        }
    }
    let mut list = Vec::new();
    push_length(&mut list, 0xc0, payload.len());
    list.extend(payload);
    list
}

/// 2^256 / `divisor`, which is above 1, by long division.
pub(crate) fn target(divisor: u64) -> [u8; 32] {
    let mut remainder = 1_u128;
    std::array::from_fn(|_| {
        remainder <<= 8;
        let digit = remainder / u128::from(divisor);
        remainder %= u128::from(divisor);
        digit as u8
    })
}
