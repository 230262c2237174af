//! Addresses to output scripts.

use bech32::Hrp;

use crate::spec::AddressRules;
use crate::{ChainSpec, coins};

/// Longest text that is looked at; MWEB addresses, the longest that exist, have about 120.
const ADDRESS_MAX: usize = 150;

/// Why a text is no address to pay to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It looks like no address at all, or is mistyped.
    #[error("not an address: {0}")]
    Malformed(String),
    /// It belongs to another chain.
    #[error("is a {is} address, this chain is {chain}")]
    OtherChain {
        /// Name and network of the chain to which it belongs.
        is: String,
        /// Name and network of this chain.
        chain: String,
    },
    /// It belongs to no chain that this crate knows.
    #[error("has the unknown prefix {prefix}, this chain is {chain}")]
    UnknownPrefix {
        /// Its human-readable part or base58 version.
        prefix: String,
        /// Name and network of this chain.
        chain: String,
    },
    /// A coinbase can't pay to it.
    #[error("is an MWEB address, to which a block can not pay; use one that starts with \"{hrp}1\"")]
    Mweb {
        /// Human-readable part of the chain's segwit addresses.
        hrp: &'static str,
    },
}

/// The script that pays to `address`: P2PKH and P2SH in base58, every witness version in bech32
/// (BIP 173) or bech32m (BIP 350).
pub(crate) fn output_script(spec: &ChainSpec, address: &str) -> Result<Vec<u8>, AddressError> {
    let Some(rules) = spec.bitcoin().map(|rules| &rules.addresses) else {
        return Err(AddressError::Malformed("the chain is of another family".into()));
    };
    if address.is_empty() || address.len() > ADDRESS_MAX || !address.is_ascii() {
        return Err(AddressError::Malformed("wrong length or characters".into()));
    }
    match human_readable_part(address) {
        Some(hrp) => witness_script(spec, rules, &hrp, address),
        None => base58_script(spec, rules, address),
    }
}

/// What stands before the last `1`, in lower case, if any chain has it or if base58 can't be meant.
fn human_readable_part(address: &str) -> Option<String> {
    let has = |is: fn(&u8) -> bool| address.as_bytes().iter().any(is);
    if has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) {
        // Bech32 has one case; a base58 address of Litecoin may well start with "LTC1".
        return None;
    }
    let (hrp, _) = address.rsplit_once('1')?;
    let hrp = hrp.to_ascii_lowercase();
    let known =
        rules_of_all().any(|(_, rules)| rules.bech32_hrp == Some(&hrp) || rules.mweb_hrp == Some(&hrp));
    (known || bech32::segwit::decode(address).is_ok()).then_some(hrp)
}

fn witness_script(
    spec: &ChainSpec,
    rules: &AddressRules,
    hrp: &str,
    address: &str,
) -> Result<Vec<u8>, AddressError> {
    if rules.mweb_hrp == Some(hrp) {
        return Err(AddressError::Mweb {
            hrp: rules.bech32_hrp.unwrap_or_default(),
        });
    }
    if rules.bech32_hrp != Some(hrp) {
        return Err(wrong_chain(spec, &format!("\"{hrp}1\""), |rules| {
            rules.bech32_hrp == Some(hrp) || rules.mweb_hrp == Some(hrp)
        }));
    }
    let (decoded, version, program) =
        bech32::segwit::decode(address).map_err(|e| AddressError::Malformed(e.to_string()))?;
    debug_assert!(Hrp::parse(hrp).is_ok_and(|hrp| hrp == decoded));
    let version = version.to_u8();
    let mut script = Vec::with_capacity(2 + program.len());
    // OP_0, or OP_1 to OP_16.
    script.push(if version == 0 { 0 } else { 0x50 + version });
    script.push(program.len() as u8);
    script.extend_from_slice(&program);
    Ok(script)
}

fn base58_script(spec: &ChainSpec, rules: &AddressRules, address: &str) -> Result<Vec<u8>, AddressError> {
    let bytes = base58ck::decode_check(address).map_err(|e| AddressError::Malformed(e.to_string()))?;
    let Some((&version, hash)) = bytes.split_first().filter(|(_, hash)| hash.len() == 20) else {
        return Err(AddressError::Malformed(format!(
            "{} bytes where 21 are needed",
            bytes.len()
        )));
    };
    if version == rules.p2pkh_version {
        // OP_DUP OP_HASH160 <hash> OP_EQUALVERIFY OP_CHECKSIG
        Ok([&[0x76, 0xa9, 20], hash, &[0x88, 0xac]].concat())
    } else if rules.p2sh_versions.contains(&version) {
        // OP_HASH160 <hash> OP_EQUAL
        Ok([&[0xa9, 20], hash, &[0x87]].concat())
    } else {
        Err(wrong_chain(spec, &version.to_string(), |rules| {
            rules.p2pkh_version == version || rules.p2sh_versions.contains(&version)
        }))
    }
}

/// Every chain of the family, with its rules.
fn rules_of_all() -> impl Iterator<Item = (&'static ChainSpec, &'static AddressRules)> {
    coins::all()
        .iter()
        .filter_map(|spec| Some((*spec, &spec.bitcoin()?.addresses)))
}

/// The error for an address of the first chain whose rules `own` it.
fn wrong_chain(spec: &ChainSpec, prefix: &str, own: impl Fn(&AddressRules) -> bool) -> AddressError {
    let chain = spec.to_string();
    match rules_of_all().find(|(_, rules)| own(rules)) {
        Some((other, _)) => AddressError::OtherChain {
            is: other.to_string(),
            chain,
        },
        None => AddressError::UnknownPrefix {
            prefix: prefix.into(),
            chain,
        },
    }
}
