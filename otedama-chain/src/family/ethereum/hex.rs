//! Numbers and bytes as Ethereum's JSON-RPC writes them: hex behind "0x".

use otedama_hash::U256;

/// A number: the highest digit first, at most 64 digits. Nodes write no leading zeros, which are let pass.
pub(super) fn number(text: &str) -> Option<U256> {
    let digits = text.strip_prefix("0x")?;
    let is_hex = (1..=64).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| U256::from_str_radix(digits, 16).ok())?
}

/// A number that fits 64 bits.
pub(crate) fn quantity(text: &str) -> Option<u64> {
    number(text)?.try_into().ok()
}

/// Exactly so many bytes.
pub(super) fn data<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.strip_prefix("0x")?;
    let mut bytes = [0; N];
    // Checked here because a second "0x" would be let pass.
    (digits.len() == 2 * N && const_hex::decode_to_slice(digits, &mut bytes).is_ok()).then_some(bytes)
}

/// So many bytes at the most.
pub(super) fn bytes(text: &str, max: usize) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?;
    let fits = digits.len() <= 2 * max && !digits.starts_with("0x");
    fits.then(|| const_hex::decode(digits).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, value) in [
            ("0x0", 0),
            ("0xb28720", 11_700_000),
            ("0x0F", 15),
            ("0xffffffffffffffff", u64::MAX),
        ] {
            assert_eq!(quantity(text), Some(value), "{text}");
        }
        let long = format!("0x{}", "f".repeat(64));
        assert_eq!(number(&long), Some(U256::MAX));
        assert_eq!(quantity(&long), None);
        assert_eq!(quantity("0x10000000000000000"), None);
        let too_long = format!("{long}f");
        for text in [
            "", "0x", "1", "x1", "0X1", "0x+1", "0x 1", "0x1g", "0x0x1", &too_long,
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn byte_strings() {
        assert_eq!(data("0x01fF"), Some([1, 0xff]));
        for text in ["01ff", "0x01f", "0x01ff00", "0x0x1f", "0xzz00", "0x"] {
            assert_eq!(data::<2>(text), None, "{text}");
        }
        assert_eq!(bytes("0x", 2), Some(vec![]));
        assert_eq!(bytes("0x01ff", 2), Some(vec![1, 0xff]));
        for text in ["", "0x01ff00", "0x1", "0x0x01", "0x+1", "0x\u{e9}"] {
            assert_eq!(bytes(text, 2), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn outside_text_never_panics(text: String) {
            for text in [format!("0x{text}"), text] {
                let _ = (number(&text), quantity(&text), data::<32>(&text), bytes(&text, 32));
            }
        }

        #[test]
        fn what_nodes_write_is_read(value: u64, word: [u8; 32], extra: Vec<u8>) {
            proptest::prop_assert_eq!(quantity(&format!("{value:#x}")), Some(value));
            proptest::prop_assert_eq!(data(&const_hex::encode_prefixed(word)), Some(word));
            let expected = (extra.len() <= 32).then_some(extra.clone());
            proptest::prop_assert_eq!(bytes(&const_hex::encode_prefixed(extra), 32), expected);
        }
    }
}
