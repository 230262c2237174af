use core::fmt;
use core::ops::Deref;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// Up to 16 bytes of extranonce, kept inline.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ExtranonceBytes {
    len: u8,
    bytes: [u8; Self::MAX_LEN],
}

/// An extranonce that is too long or isn't hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("extranonce must be an even number of hex digits, at most 32")]
pub struct ExtranonceError;

impl ExtranonceBytes {
    /// Most bytes that one may have.
    pub const MAX_LEN: usize = 16;

    /// From at most 16 bytes.
    ///
    /// # Errors
    /// When `bytes` is longer than 16.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ExtranonceError> {
        let mut inline = [0; Self::MAX_LEN];
        inline
            .get_mut(..bytes.len())
            .ok_or(ExtranonceError)?
            .copy_from_slice(bytes);
        Ok(Self {
            len: bytes.len() as u8,
            bytes: inline,
        })
    }

    /// From hex digits without a prefix; the empty text gives no bytes.
    ///
    /// # Errors
    /// When there are more than 32 digits, an odd number of them, or something that is no hex digit.
    pub fn from_hex(hex: &str) -> Result<Self, ExtranonceError> {
        let digits = hex.as_bytes();
        let len = digits.len() / 2;
        // const-hex takes a "0x" prefix off; on the wire a prefix is a fault.
        if !digits.len().is_multiple_of(2) || len > Self::MAX_LEN || digits.get(1) == Some(&b'x') {
            return Err(ExtranonceError);
        }
        let mut bytes = [0; Self::MAX_LEN];
        const_hex::decode_to_slice(digits, &mut bytes[..len]).map_err(|_| ExtranonceError)?;
        Ok(Self {
            len: len as u8,
            bytes,
        })
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl<'de> Deserialize<'de> for ExtranonceBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HexVisitor;
        impl Visitor<'_> for HexVisitor {
            type Value = ExtranonceBytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("hex digits")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                ExtranonceBytes::from_hex(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(HexVisitor)
    }
}

impl Deref for ExtranonceBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for ExtranonceBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&const_hex::encode(self.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_of_either_case_up_to_16_bytes() {
        assert_eq!(
            ExtranonceBytes::from_hex("00aBFf01").unwrap().as_slice(),
            [0, 0xab, 0xff, 1]
        );
        assert_eq!(ExtranonceBytes::from_hex("").unwrap().len(), 0);
        assert_eq!(ExtranonceBytes::from_hex(&"ab".repeat(16)).unwrap().len(), 16);
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["0", "0g", "0x12", "0X12", " 12 ", "+1", "é", &"ab".repeat(17)] {
            assert_eq!(ExtranonceBytes::from_hex(bad), Err(ExtranonceError), "{bad}");
        }
        assert_eq!(ExtranonceBytes::from_slice(&[0; 17]), Err(ExtranonceError));
    }
}
