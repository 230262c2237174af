//! Addresses of Monero, made by the `monero` crate.

use core::str::FromStr;

use monero::util::address::PaymentId;
use monero::{Address, KeyPair, Network as TheirNetwork, PrivateKey};
use otedama_chain::{AddressError, ChainSpec, coins, family};
use proptest::prelude::*;

const NETWORKS: [(TheirNetwork, &ChainSpec); 2] = [
    (TheirNetwork::Mainnet, &coins::xmr::MAINNET),
    (TheirNetwork::Stagenet, &coins::xmr::TESTNET),
];

fn keys(seed: u8) -> KeyPair {
    let key = |n: u8| {
        let mut bytes = [0; 32];
        (bytes[0], bytes[9]) = (seed, n);
        PrivateKey::from_slice(&bytes).expect("a scalar")
    };
    KeyPair {
        view: key(1),
        spend: key(2),
    }
}

/// A wallet's address, its address with a payment id, and a subaddress.
fn addresses(network: TheirNetwork, seed: u8) -> [Address; 3] {
    let plain = Address::from_keypair(network, &keys(seed));
    let (spend, view) = (plain.public_spend, plain.public_view);
    let id = PaymentId::from([seed; 8]);
    [
        plain,
        Address::integrated(network, spend, view, id),
        Address::subaddress(network, spend, view),
    ]
}

fn decode(spec: &ChainSpec, address: &str) -> Result<Vec<u8>, AddressError> {
    family(spec).payout_script(spec, address)
}

#[test]
fn every_kind_on_every_network() {
    for (network, spec) in NETWORKS {
        for (seed, address) in (1..20).flat_map(|seed| addresses(network, seed).map(|a| (seed, a))) {
            let text = address.to_string();
            let bytes = address.as_bytes();
            // The last four are the checksum.
            let expected = bytes[..bytes.len() - 4].to_vec();
            assert_eq!(decode(spec, &text), Ok(expected), "{seed}: {text}");
        }
    }
}

#[test]
fn an_address_of_monero_s_own_documentation() {
    // The donation address in the README of the Monero project.
    let donation =
        "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H";
    let theirs = Address::from_str(donation).expect("an address");
    assert_eq!(
        decode(&coins::xmr::MAINNET, donation).expect("an address"),
        theirs.as_bytes()[..65]
    );
    assert!(
        decode(&coins::xmr::REGTEST, donation).is_ok(),
        "regtest has the main network's addresses"
    );
}

#[test]
fn other_networks_and_typing_errors_are_told_apart() {
    let [plain, integrated, sub] = addresses(TheirNetwork::Stagenet, 7).map(|address| address.to_string());
    for address in [&plain, &integrated, &sub] {
        let error = decode(&coins::xmr::MAINNET, address).expect_err("another network's");
        assert_eq!(
            error.to_string(),
            "is a Monero testnet address, this chain is Monero mainnet"
        );
    }
    let testnet = Address::from_keypair(TheirNetwork::Testnet, &keys(3)).to_string();
    assert!(matches!(
        decode(&coins::xmr::MAINNET, &testnet),
        Err(AddressError::UnknownPrefix { .. })
    ));
    let mut typo = plain.into_bytes();
    typo[40] = if typo[40] == b'2' { b'3' } else { b'2' };
    let typo = String::from_utf8(typo).expect("ASCII");
    for bad in ["", "4", &typo, &typo[..94], "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"] {
        assert!(
            matches!(decode(&coins::xmr::TESTNET, bad), Err(AddressError::Malformed(_))),
            "{bad}"
        );
    }
}

proptest! {
    #[test]
    fn outside_text_never_panics(text: String, base58 in "[1-9A-HJ-NP-Za-km-z]{95}|[1-9A-HJ-NP-Za-km-z]{106}") {
        let _ = decode(&coins::xmr::MAINNET, &text);
        prop_assert!(decode(&coins::xmr::MAINNET, &base58).is_err());
    }
}
