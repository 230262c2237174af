//! Addresses of accounts.

use otedama_hash::keccak256;

use crate::AddressError;

/// The 20 bytes of an address: 40 hex digits, with or without "0x". Where they are in mixed case, the case has to be
/// that of EIP-55, which catches typing errors.
pub(super) fn decode(address: &str) -> Result<Vec<u8>, AddressError> {
    let digits = address.strip_prefix("0x").unwrap_or(address);
    let malformed = |why: &str| AddressError::Malformed(why.into());
    let bytes: [u8; 20] = const_hex::decode_to_array(digits)
        .ok()
        .filter(|_| digits.len() == 40)
        .ok_or_else(|| malformed("an address is 40 hex digits, after 0x"))?;
    let lower = digits.to_ascii_lowercase();
    let is_mixed = digits != lower && digits != digits.to_ascii_uppercase();
    if is_mixed && digits != checksummed(&lower) {
        return Err(malformed("its mixed case is not that of EIP-55; is it mistyped?"));
    }
    Ok(bytes.to_vec())
}

/// Letters are upper case where the digit of the text's hash at their place is 8 or more (EIP-55).
fn checksummed(lower: &str) -> String {
    let hash = const_hex::encode(keccak256(lower.as_bytes()));
    lower
        .chars()
        .zip(hash.bytes())
        .map(|(digit, nibble)| {
            if nibble >= b'8' {
                digit.to_ascii_uppercase()
            } else {
                digit
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_eip_55() {
        for address in [
            "0x52908400098527886E0F7030069857D2E4169EE7",
            "0xde709f2102306220921060314715629080e2fb77",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
            "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        ] {
            let bytes = decode(address).expect("an address");
            assert_eq!(const_hex::encode(&bytes), address[2..].to_lowercase());
            assert_eq!(decode(&address[2..]), Ok(bytes));
        }
    }

    #[test]
    fn mistyped_addresses_are_refused() {
        for address in [
            "",
            "0x",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAedd",
            "0x0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae",
            "zz5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        ] {
            assert!(
                matches!(decode(address), Err(AddressError::Malformed(_))),
                "{address}"
            );
        }
    }
}
