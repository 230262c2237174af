//! Blocks built on templates of Litecoin Core, before and after MWEB.

mod fixture;

use bitcoin::consensus::{deserialize, deserialize_partial};
use otedama_chain::{EXTRANONCE_LEN, TemplateError, coins, family};
use otedama_hash::sha256d::sha256d;
use otedama_hash::{EpochKey, Hash256, PowHash, PowInput, Registry, Target};
use serde_json::Value;

const EXTRANONCE: [u8; EXTRANONCE_LEN] = [9; EXTRANONCE_LEN];

#[test]
fn before_mweb_a_block_is_like_bitcoins() {
    let spec = &coins::ltc::REGTEST;
    let template = fixture::parse(spec, fixture::LTC_PRE_MWEB);
    assert_eq!(
        (template.height, template.reward, template.fees),
        (2, 5_000_000_000, 0)
    );
    let job = fixture::job(spec, &template, b"/otedama/");
    let block = family(spec)
        .assemble(&job, &fixture::submission(&job, &EXTRANONCE), &PowHash::default())
        .expect("a block");
    let theirs: bitcoin::Block = deserialize(&block.bytes).expect("decodes");
    assert!(theirs.check_merkle_root());
    assert!(theirs.check_witness_commitment());
    assert_eq!(theirs.block_hash().to_string(), block.hash.to_string());
}

/// Levels of a merkle tree, written out.
fn root(mut level: Vec<Hash256>) -> Hash256 {
    while level.len() > 1 {
        if level.len() % 2 == 1 {
            level.push(level[level.len() - 1]);
        }
        level = level
            .chunks(2)
            .map(|pair| sha256d(&[pair[0].to_le_bytes(), pair[1].to_le_bytes()].concat()))
            .collect();
    }
    level[0]
}

fn hashes(gbt: &Value, key: &str) -> Vec<Hash256> {
    let list = gbt["transactions"].as_array().expect("array");
    list.iter()
        .map(|t| Hash256::from_display_hex(t[key].as_str().expect("hex")).expect("hash"))
        .collect()
}

fn hex(value: &Value) -> Vec<u8> {
    const_hex::decode(value.as_str().expect("text")).expect("hex")
}

#[test]
fn mweb_blocks_end_with_the_extension_block() {
    let spec = &coins::ltc::REGTEST;
    for (json, reward, fees) in [
        (fixture::LTC_PEG_IN, 1_250_007_160, 7_160),
        (fixture::LTC_MWEB, 1_250_006_720, 6_720),
    ] {
        let gbt: Value = serde_json::from_str(json).expect("JSON");
        let template = fixture::parse(spec, json);
        assert_eq!((template.reward, template.fees), (reward, fees));
        let job = fixture::job(spec, &template, b"/otedama/");
        let block = family(spec)
            .assemble(&job, &fixture::submission(&job, &EXTRANONCE), &PowHash::default())
            .expect("a block");

        let (header, rest) = block.bytes.split_at(80);
        assert_eq!(rest[0], 3, "coinbase, a transaction, and the HogEx");
        let (coinbase, used): (bitcoin::Transaction, usize) =
            deserialize_partial(&rest[1..]).expect("decodes");
        let list = gbt["transactions"].as_array().expect("array");
        let transactions: Vec<u8> = list.iter().flat_map(|t| hex(&t["data"])).collect();
        let expected = [&transactions[..], &[1], &hex(&gbt["mweb"])].concat();
        assert_eq!(rest[1 + used..], expected);

        let coinbase_id = Hash256::from_display_hex(&coinbase.compute_txid().to_string()).expect("hash");
        let merkle_root = root([vec![coinbase_id], hashes(&gbt, "txid")].concat());
        assert_eq!(header[36..68], merkle_root.to_le_bytes());
        let witness_root = root([vec![Hash256::ZERO], hashes(&gbt, "hash")].concat());
        let reserved = &coinbase.input[0].witness[0];
        assert_eq!(reserved, [0; 32]);
        let commitment = sha256d(&[&witness_root.to_le_bytes()[..], reserved].concat());
        let last = coinbase.output.last().expect("outputs").script_pubkey.to_bytes();
        assert_eq!(last[6..38], commitment.to_le_bytes());
    }
}

#[test]
fn mweb_must_be_whole() {
    let spec = &coins::ltc::REGTEST;
    let error = |change: fn(&mut Value)| {
        let json = fixture::changed(fixture::LTC_MWEB, change);
        match family(spec).parse_template(spec, json.as_bytes()) {
            Err(TemplateError::Mweb(message)) => message,
            other => panic!("{other:?}"),
        }
    };
    assert!(error(|gbt| gbt["mweb"] = Value::Null).contains("no extension block"));
    let no_hogex = error(|gbt| {
        gbt["transactions"].as_array_mut().expect("array").pop();
    });
    assert!(no_hogex.contains("HogEx"));
    let not_last = error(|gbt| gbt["transactions"].as_array_mut().expect("array").reverse());
    assert!(not_last.contains("HogEx"));
    assert!(error(|gbt| gbt["rules"] = serde_json::json!(["!segwit"])).contains("not active"));
}

#[test]
fn first_blocks_have_the_ids_that_nodes_are_checked_for() {
    // All networks share the coinbase; time, bits and nonce differ.
    let merkle_root = "97ddfbbae6be97fd6cdf3e7ca13232a3afff2353e29badfab7f73011edd4ced9";
    let merkle_root = Hash256::from_display_hex(merkle_root).expect("hash");
    for (spec, time, bits, nonce) in [
        (
            &coins::ltc::MAINNET,
            1_317_972_665_u32,
            0x1e0f_fff0_u32,
            2_084_524_493_u32,
        ),
        (&coins::ltc::TESTNET, 1_486_949_366, 0x1e0f_fff0, 293_345),
        (&coins::ltc::REGTEST, 1_296_688_602, 0x207f_ffff, 0),
    ] {
        let numbers = [time, bits, nonce].map(u32::to_le_bytes).concat();
        let header = [
            &1_u32.to_le_bytes()[..],
            &[0; 32],
            &merkle_root.to_le_bytes(),
            &numbers,
        ]
        .concat();
        assert_eq!(spec.genesis_hashes, [sha256d(&header).to_string()]);
        let registry = Registry::with_builtin();
        let backend = registry.get(spec.algorithm).expect("built in");
        let mut hasher = backend.verifier(EpochKey::default()).expect("ready");
        let mut pow = [PowHash::default()];
        hasher.hash_batch(&[PowInput::of(&header)], &mut pow);
        assert!(
            Target::from_compact(bits)
                .expect("a target")
                .is_met_by(&pow[0].hash),
            "{spec}"
        );
    }
}
