//! Addresses of wallets.

use crate::spec::{CryptoNoteRules, FamilyRules};
use crate::{AddressError, ChainSpec, coins};

/// Characters of an address, and of one with a payment id.
const LENGTHS: [usize; 2] = [95, 106];
/// Tag and two keys; the payment id has 8 bytes more.
const PLAIN_LEN: usize = 65;
const INTEGRATED_LEN: usize = 73;

/// Tag, spend key, view key, and the payment id if there is one.
pub(super) fn decode(spec: &ChainSpec, address: &str) -> Result<Vec<u8>, AddressError> {
    let FamilyRules::CryptoNote(rules) = &spec.family else {
        return Err(AddressError::Malformed("the chain is of another family".into()));
    };
    if !LENGTHS.contains(&address.len()) || !address.is_ascii() {
        return Err(AddressError::Malformed(format!(
            "{} characters where 95, or with a payment id 106, are needed",
            address.chars().count()
        )));
    }
    let bytes = base58_monero::decode_check(address).map_err(|e| AddressError::Malformed(e.to_string()))?;
    let tag = bytes.first().copied().unwrap_or(0);
    let expected = |rules: &CryptoNoteRules| match bytes.len() {
        PLAIN_LEN => [rules.standard_tag, rules.subaddress_tag].contains(&tag),
        INTEGRATED_LEN => tag == rules.integrated_tag,
        _ => false,
    };
    if expected(rules) {
        return Ok(bytes);
    }
    let chain = spec.to_string();
    let other = coins::all().iter().find(|other| match &other.family {
        FamilyRules::CryptoNote(rules) => expected(rules),
        _ => false,
    });
    Err(match other {
        Some(other) => AddressError::OtherChain {
            is: other.to_string(),
            chain,
        },
        None => AddressError::UnknownPrefix {
            prefix: tag.to_string(),
            chain,
        },
    })
}
