use core::fmt;

/// A 256-bit hash in the order in which the hash function wrote it.
///
/// Read as a number it is little-endian, which is how Bitcoin compares it with a target.
/// [`Display`](fmt::Display) shows it reversed, as block explorers do.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash256([u8; 32]);

/// Text that is no 32-byte hex string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hex digits")]
pub struct HexError;

impl Hash256 {
    /// All bytes zero.
    pub const ZERO: Self = Self([0; 32]);

    /// From the bytes as the hash function wrote them.
    pub const fn from_le_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From the bytes of a hash that reads as a big-endian number, as Ethash and KawPow compare it.
    pub const fn from_be_bytes(mut bytes: [u8; 32]) -> Self {
        bytes.reverse();
        Self(bytes)
    }

    /// The bytes as the hash function wrote them.
    pub const fn to_le_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The bytes as the hash function wrote them.
    pub const fn as_le_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From the hex form that block explorers and node RPCs show (reversed bytes).
    ///
    /// # Errors
    /// When `hex` isn't exactly 64 hex digits.
    pub fn from_display_hex(hex: &str) -> Result<Self, HexError> {
        let mut bytes = [0; 32];
        if hex.len() != 64 {
            return Err(HexError);
        }
        const_hex::decode_to_slice(hex, &mut bytes).map_err(|_| HexError)?;
        bytes.reverse();
        Ok(Self(bytes))
    }
}

impl fmt::Display for Hash256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0;
        bytes.reverse();
        f.write_str(&const_hex::encode(bytes))
    }
}

impl fmt::Debug for Hash256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn display_reverses_the_bytes() {
        let mut bytes = [0; 32];
        bytes[0] = 0x6f;
        bytes[31] = 0x01;
        let hash = Hash256::from_le_bytes(bytes);
        assert_eq!(hash.to_string(), format!("01{}6f", "00".repeat(30)));
        assert_eq!(format!("{hash:?}"), hash.to_string());
    }

    #[test]
    fn only_64_hex_digits_are_a_hash() {
        let bad = [
            "",
            &"0".repeat(63),
            &"0".repeat(65),
            &"g".repeat(64),
            &format!("0x{}", "0".repeat(62)),
        ];
        for bad in bad {
            assert_eq!(Hash256::from_display_hex(bad), Err(HexError), "{bad}");
        }
        // 64 bytes of text, but not 64 digits.
        assert_eq!(Hash256::from_display_hex(&"é".repeat(32)), Err(HexError));
    }

    proptest! {
        #[test]
        fn hex_round_trips(bytes in any::<[u8; 32]>()) {
            let hash = Hash256::from_le_bytes(bytes);
            prop_assert_eq!(Hash256::from_display_hex(&hash.to_string()), Ok(hash));
            prop_assert_eq!(Hash256::from_display_hex(&hash.to_string().to_uppercase()), Ok(hash));
            prop_assert_eq!(hash.to_le_bytes(), bytes);
        }

        #[test]
        fn any_text_is_a_hash_only_if_it_is_64_digits(text in ".{0,70}|(0x)?[0-9a-fA-F]{60,66}") {
            let expected = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
            prop_assert_eq!(Hash256::from_display_hex(&text).is_ok(), expected);
        }
    }
}
