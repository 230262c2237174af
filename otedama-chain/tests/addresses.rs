//! Addresses of every kind and chain, judged by the `bitcoin` crate and by the tables of the BIPs.

use bitcoin::hashes::Hash;
use bitcoin::{
    Address, PubkeyHash, ScriptBuf, ScriptHash, WPubkeyHash, WScriptHash, WitnessProgram, WitnessVersion,
};
use otedama_chain::{AddressError, ChainSpec, coins, family};
use proptest::prelude::*;

fn script(spec: &ChainSpec, address: &str) -> Result<Vec<u8>, AddressError> {
    family(spec).payout_script(spec, address)
}

fn script_hex(spec: &ChainSpec, address: &str) -> String {
    const_hex::encode(script(spec, address).expect("valid"))
}

#[test]
fn vectors_of_bip_173_and_bip_350() {
    for (address, spec, expected) in [
        (
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            &coins::btc::MAINNET,
            "0014751e76e8199196d454941c45d1b3a323f1433bd6",
        ),
        (
            "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
            &coins::btc::TESTNET,
            "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
        ),
        (
            "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
            &coins::btc::MAINNET,
            "5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6",
        ),
        ("BC1SW50QGDZ25J", &coins::btc::MAINNET, "6002751e"),
        (
            "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",
            &coins::btc::MAINNET,
            "5210751e76e8199196d454941c45d1b3a323",
        ),
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            &coins::btc::MAINNET,
            "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        ),
    ] {
        assert_eq!(script_hex(spec, address), expected, "{address}");
    }
    for invalid in [
        // Bech32 where bech32m is needed, and the other way round.
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
        "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",
        // Program lengths, mixed case, empty data.
        "bc1pw5dgrnzv",
        "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",
        "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3T4",
        "bc1gmk9yu",
    ] {
        assert!(
            matches!(
                script(&coins::btc::MAINNET, invalid),
                Err(AddressError::Malformed(_))
            ),
            "{invalid}"
        );
    }
}

#[test]
fn first_address_of_bitcoin() {
    assert_eq!(
        script_hex(&coins::btc::MAINNET, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac"
    );
}

fn base58(version: u8) -> String {
    bitcoin::base58::encode_check(&[&[version][..], &[0x42; 20]].concat())
}

#[test]
fn base58_of_litecoin_has_its_letters() {
    let hash = "42".repeat(20);
    let p2pkh = format!("76a914{hash}88ac");
    let p2sh = format!("a914{hash}87");
    for (spec, version, letters, expected) in [
        (&coins::ltc::MAINNET, 48, "L", &p2pkh),
        (&coins::ltc::MAINNET, 50, "M", &p2sh),
        (&coins::ltc::MAINNET, 5, "3", &p2sh),
        (&coins::ltc::TESTNET, 111, "mn", &p2pkh),
        (&coins::ltc::TESTNET, 58, "Q", &p2sh),
        (&coins::ltc::TESTNET, 196, "2", &p2sh),
        (&coins::ltc::REGTEST, 58, "Q", &p2sh),
        (&coins::dev::REGTEST, 111, "mn", &p2pkh),
        (&coins::dev::REGTEST, 196, "2", &p2sh),
    ] {
        let address = base58(version);
        assert!(address.starts_with(|c| letters.contains(c)), "{address}");
        assert_eq!(script_hex(spec, &address), *expected, "{address} on {spec}");
    }
}

fn segwit(hrp: &str) -> String {
    bech32::segwit::encode_v0(bech32::Hrp::parse(hrp).expect("valid"), &[0x42; 20]).expect("valid")
}

#[test]
fn segwit_of_every_chain() {
    for spec in coins::all() {
        let Some(hrp) = spec.bitcoin().and_then(|rules| rules.addresses.bech32_hrp) else {
            continue;
        };
        let address = segwit(hrp);
        assert_eq!(
            script_hex(spec, &address),
            format!("0014{}", "42".repeat(20)),
            "{spec}"
        );
        assert_eq!(
            script_hex(spec, &address.to_uppercase()),
            format!("0014{}", "42".repeat(20))
        );
    }
}

#[test]
fn errors_say_whose_address_it_is() {
    let message = |spec: &ChainSpec, address: &str| script(spec, address).expect_err("refused").to_string();
    let bitcoin = &coins::btc::MAINNET;
    assert_eq!(
        message(bitcoin, &segwit("tb")),
        "is a Bitcoin testnet address, this chain is Bitcoin mainnet"
    );
    assert_eq!(
        message(bitcoin, &base58(111)),
        "is a Bitcoin testnet address, this chain is Bitcoin mainnet"
    );
    assert_eq!(
        message(bitcoin, &base58(48)),
        "is a Litecoin mainnet address, this chain is Bitcoin mainnet"
    );
    assert_eq!(
        message(&coins::ltc::MAINNET, &segwit("bc")),
        "is a Bitcoin mainnet address, this chain is Litecoin mainnet"
    );
    assert_eq!(
        message(&coins::dev::REGTEST, &segwit("rltc")),
        "is a Litecoin regtest address, this chain is Development chain regtest"
    );
    assert_eq!(
        message(bitcoin, &segwit("grs")),
        "has the unknown prefix \"grs1\", this chain is Bitcoin mainnet"
    );
    assert_eq!(
        message(bitcoin, &base58(30)),
        "has the unknown prefix 30, this chain is Bitcoin mainnet"
    );
    let mistyped = message(bitcoin, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb");
    assert!(
        mistyped.contains("not an address") && mistyped.contains("checksum"),
        "{mistyped}"
    );
    for nonsense in [
        "",
        " ",
        "worker",
        "bc1",
        "ä",
        "0x52908400098527886E0F7030069857D2E4169EE7",
        &"1".repeat(200),
    ] {
        assert!(
            message(bitcoin, nonsense).starts_with("not an address"),
            "{nonsense}"
        );
    }
}

#[test]
fn mweb_addresses_are_refused_with_the_way_out() {
    let mweb = format!("ltcmweb1{}", "q".repeat(118));
    let error = script(&coins::ltc::MAINNET, &mweb)
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("MWEB address") && error.contains("\"ltc1\""),
        "{error}"
    );
    let error = script(&coins::btc::MAINNET, &mweb)
        .expect_err("refused")
        .to_string();
    assert!(error.contains("Litecoin mainnet"), "{error}");
}

#[test]
fn a_base58_address_may_look_like_a_prefix() {
    let raw = bitcoin::base58::decode(&format!("LTC1{}", "k".repeat(30))).expect("base58");
    let address = bitcoin::base58::encode_check(&raw[..21]);
    assert!(
        address.starts_with("LTC1kkkk") && address.rfind('1') == Some(3),
        "{address}"
    );
    assert_eq!(
        script_hex(&coins::ltc::MAINNET, &address),
        format!("76a914{}88ac", const_hex::encode(&raw[1..21]))
    );
}

fn networks() -> [(bitcoin::Network, &'static ChainSpec); 3] {
    [
        (bitcoin::Network::Bitcoin, &coins::btc::MAINNET),
        (bitcoin::Network::Testnet, &coins::btc::TESTNET),
        (bitcoin::Network::Regtest, &coins::btc::REGTEST),
    ]
}

proptest! {
    #[test]
    fn every_output_script_with_an_address_round_trips(
        kind in 0_u8..5,
        hash: [u8; 32],
        version in 2_u8..=16,
        program in proptest::collection::vec(any::<u8>(), 2..=40),
    ) {
        let short: [u8; 20] = hash[..20].try_into().expect("20 bytes");
        let expected = match kind {
            0 => ScriptBuf::new_p2pkh(&PubkeyHash::from_byte_array(short)),
            1 => ScriptBuf::new_p2sh(&ScriptHash::from_byte_array(short)),
            2 => ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array(short)),
            3 => ScriptBuf::new_p2wsh(&WScriptHash::from_byte_array(hash)),
            _ => {
                let version = WitnessVersion::try_from(version).expect("in range");
                ScriptBuf::new_witness_program(&WitnessProgram::new(version, &program).expect("valid"))
            }
        };
        for (network, spec) in networks() {
            let address = Address::from_script(&expected, network).expect("has an address").to_string();
            prop_assert_eq!(script(spec, &address).expect("valid"), expected.to_bytes());
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text: String, base58 in "[123mnLMQ][1-9A-HJ-NP-Za-km-z]{20,40}", bech32 in "(bc|tb|ltc|ltcmweb|bcrt)1[02-9ac-hj-np-z]{0,100}") {
        for spec in coins::all() {
            for text in [&text, &base58, &bech32] {
                let _ = script(spec, text);
            }
        }
    }

    #[test]
    fn a_mistyped_address_is_never_another_one(at: prop::sample::Index, with in "[0-9A-Za-z]") {
        for address in ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs"] {
            let at = at.index(address.len());
            let mistyped = [&address[..at], &with, &address[at + 1..]].concat();
            let ours = script(&coins::btc::MAINNET, &mistyped);
            let theirs = mistyped
                .parse::<Address<_>>()
                .ok()
                .and_then(|address| address.require_network(bitcoin::Network::Bitcoin).ok())
                .map(|address| address.script_pubkey().to_bytes());
            prop_assert_eq!(ours.ok(), theirs);
        }
    }
}
