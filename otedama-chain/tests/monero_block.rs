//! Templates and blocks of real monerods (regtest), judged by what the nodes themselves say and by the `monero` crate.

use monero::consensus::encode::{deserialize, serialize};
use otedama_chain::family::cryptonote::{
    BlobError, BlockBlob, NONCE_OFFSET, NodeTemplate as Template, RESERVE_LEN,
};
use otedama_chain::spec::{CryptoNoteRules, FamilyRules};
use otedama_chain::{TemplateError, TemplateField, coins, family};
use otedama_hash::U256;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Replies to `get_block_template`, with the `reserve_size` of the request.
const TEMPLATES: [(&str, usize); 2] = [
    (include_str!("data/monero-0.18.0-get_block_template.json"), 60),
    (include_str!("data/monero-0.18.5-get_block_template.json"), 8),
];

fn result(reply: &str) -> Value {
    let reply: Value = serde_json::from_str(reply).expect("JSON");
    reply["result"].clone()
}

fn rules() -> &'static CryptoNoteRules {
    match &coins::xmr::REGTEST.family {
        FamilyRules::CryptoNote(rules) => rules,
        other => panic!("of another family: {other:?}"),
    }
}

fn parse(result: &Value, reserved_len: usize) -> Result<Template, TemplateError> {
    Template::parse(rules(), result.to_string().as_bytes(), reserved_len)
}

#[test]
fn templates_of_two_versions_of_monerod() {
    for (reply, reserved_len) in TEMPLATES {
        let result = result(reply);
        let template = parse(&result, reserved_len).expect("a usable template");
        let blob = &template.blob;
        assert_eq!(json!(blob.height()), result["height"]);
        assert_eq!(json!(blob.reward()), result["expected_reward"]);
        assert_eq!(blob.major_version(), 16);
        assert_eq!(blob.reserved_len(), reserved_len);
        assert_eq!(json!(const_hex::encode(template.prev_id)), result["prev_hash"]);
        assert_eq!(json!(const_hex::encode(template.seed_hash)), result["seed_hash"]);
        assert_eq!(template.next_seed_hash, None);
        assert_eq!(json!(template.difficulty as u64), result["difficulty"]);
        assert_eq!(
            template.network_target.to_u256(),
            U256::MAX / U256::from(template.difficulty)
        );
    }
}

#[test]
fn every_choice_of_the_pool_makes_a_block_that_hashes_as_the_monero_crate_hashes_it() {
    for (reply, reserved_len) in TEMPLATES {
        let template = parse(&result(reply), reserved_len).expect("a usable template");
        let reserved: Vec<u8> = (1..=reserved_len as u8).collect();
        let (bytes, id) = template.blob.assemble(&reserved, [1, 2, 3, 4]);
        let block: monero::Block = deserialize(&bytes).expect("decodes");
        assert_eq!(serialize(&block), bytes);
        assert_eq!(block.header.nonce, 0x0403_0201);
        let theirs = block.serialize_hashable();
        let mut ours = template.blob.hashing_blob(&reserved);
        ours[NONCE_OFFSET..NONCE_OFFSET + 4].copy_from_slice(&[1, 2, 3, 4]);
        assert_eq!(ours, theirs);
        assert_eq!(const_hex::encode(block.id().to_bytes()), id.to_string());
    }
}

/// The block at height 5 of a regtest chain, as `json-full-chain_main` published it, and its id from
/// `json-minimal-chain_main`.
#[test]
fn a_published_block_has_the_id_that_the_node_published() {
    let number = |value| const_hex::encode(serialize(&monero::VarInt(value)));
    let hex = [
        "1010",
        &number(1_795_337_084),
        "9dd94bc6144ce1b855d4145301a2dc17273bbccfad01e06c6fa015699e506f4d00000000",
        "024101ff0501",
        &number(35_184_070_099_967),
        "03eb1b202b9a8fbdd3fdbb13ea5a123151e755f49745c37b0712248488e8137ba644",
        "24014c8b6f463dc4fc41293cae7e50a51319739e1142d6c65daf6cb3480658ffd25c02010000",
        "00",
    ];
    let bytes = const_hex::decode(hex.concat()).expect("hex");
    let reserved_at = bytes.len() - 3;
    let blob = BlockBlob::parse(bytes.clone(), reserved_at, 1).expect("a block");
    assert_eq!((blob.height(), blob.reward()), (5, 35_184_070_099_967));
    let (whole, id) = blob.assemble(&[0], [0; 4]);
    assert_eq!(whole, bytes);
    assert_eq!(
        id.to_string(),
        "413ec8280a270b9e6afc553f7eeeb563a2db41a2f2f730edca4e30a4559ca6c5"
    );
}

/// The first template with these transactions, and where its reserved bytes lie.
fn with_transactions(hashes: &[[u8; 32]]) -> (Vec<u8>, usize, usize) {
    let result = result(TEMPLATES[0].0);
    let hex = result["blocktemplate_blob"].as_str().expect("text");
    let mut bytes = const_hex::decode(hex).expect("hex");
    assert_eq!(bytes.pop(), Some(0), "no transactions");
    bytes.extend(serialize(&monero::VarInt(hashes.len() as u64)));
    bytes.extend(hashes.as_flattened());
    let reserved_at = result["reserved_offset"].as_u64().expect("a number") as usize;
    (bytes, reserved_at, TEMPLATES[0].1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn blocks_with_transactions_hash_as_the_monero_crate_hashes_them(
        hashes: Vec<[u8; 32]>, reserved: [u8; 60], nonce: [u8; 4]
    ) {
        let (bytes, at, len) = with_transactions(&hashes);
        let blob = BlockBlob::parse(bytes, at, len).expect("a block");
        let (bytes, id) = blob.assemble(&reserved, nonce);
        let block: monero::Block = deserialize(&bytes).expect("decodes");
        prop_assert_eq!(block.tx_hashes.len(), hashes.len());
        prop_assert_eq!(block.serialize_hashable()[43..].to_vec(), blob.hashing_blob(&reserved)[43..].to_vec());
        prop_assert_eq!(const_hex::encode(block.id().to_bytes()), id.to_string());
    }

    #[test]
    fn outside_bytes_never_panic(bytes: Vec<u8>, at: usize, len: usize) {
        let _ = BlockBlob::parse(bytes.clone(), at, len);
        let _ = Template::parse(rules(), &bytes, len);
        let spec = &coins::xmr::REGTEST;
        let _ = family(spec).parse_template(spec, &bytes);
    }

    #[test]
    fn changed_blocks_never_panic(changes: Vec<(usize, u8)>, cut: Option<usize>, reserved: [u8; 60]) {
        let (mut bytes, at, len) = with_transactions(&[[1; 32], [2; 32]]);
        for (index, value) in changes {
            let index = index % bytes.len();
            bytes[index] = value;
        }
        bytes.truncate(cut.unwrap_or(usize::MAX));
        if let Ok(blob) = BlockBlob::parse(bytes, at, len) {
            blob.assemble(&reserved, [0; 4]);
        }
    }
}

#[test]
fn blocks_that_can_not_be_mined_on_are_refused() {
    let (bytes, at, len) = with_transactions(&[[1; 32]]);
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        BlockBlob::parse(bytes, at, len).expect_err("refused").to_string()
    };
    let transaction = NONCE_OFFSET + 4;
    assert_eq!(bytes[transaction], 2, "the miner transaction's version");
    for (index, value, says) in [
        (transaction, 1, "miner transaction's version is 1"),
        (transaction + 2, 2, "number of inputs is 2"),
        (transaction + 3, 2, "kind of input is 2"),
        (transaction + 5, 0xff, "number of outputs"),
        (transaction + 13, 9, "kind of output is 9"),
        (0, 0x80, "nonce is at byte 40"),
        (2, 0x00, "nonce is at byte"),
    ] {
        let error = refused(&|bytes| bytes[index] = value);
        assert!(error.contains(says), "{index}: {error}");
    }
    assert!(refused(&|bytes| bytes.truncate(60)).contains("at byte"));
    assert!(refused(&|bytes| bytes.truncate(bytes.len() - 1)).contains("number of transactions"));
    assert!(refused(&|bytes| bytes.push(0)).contains("1 bytes follow"));

    let end = bytes.len() - 34;
    for (at, len) in [(0, 60), (at, 61), (end, 2), (usize::MAX, 1), (1, usize::MAX)] {
        let error = BlockBlob::parse(bytes.clone(), at, len).expect_err("refused");
        assert_eq!(error, BlobError::Reserved { at, len });
    }
}

#[test]
fn templates_that_contradict_themselves_are_refused() {
    let (reply, reserved_len) = TEMPLATES[1];
    let refused = |key: &str, value: Value| {
        let mut result = result(reply);
        result[key] = value;
        parse(&result, reserved_len).expect_err("refused")
    };
    assert_eq!(
        refused("height", json!(2)),
        TemplateError::Contradiction("height")
    );
    assert_eq!(
        refused("prev_hash", json!("00".repeat(32))),
        TemplateError::Contradiction("prev_hash")
    );
    assert_eq!(
        refused("blockhashing_blob", json!("1010")),
        TemplateError::Contradiction("blockhashing_blob")
    );
    assert_eq!(
        refused("difficulty", json!(0)),
        TemplateError::Range {
            field: "difficulty",
            value: 0
        }
    );
    assert_eq!(
        refused("seed_hash", json!("12")),
        TemplateError::Hex(TemplateField::Top("seed_hash"))
    );
    assert_eq!(
        refused("next_seed_hash", json!("xy")),
        TemplateError::Hex(TemplateField::Top("next_seed_hash"))
    );
    assert_eq!(
        refused("blocktemplate_blob", json!("1")),
        TemplateError::Hex(TemplateField::Top("blocktemplate_blob"))
    );
    assert!(matches!(refused("height", json!("1")), TemplateError::Json(_)));
    assert!(matches!(
        refused("reserved_offset", json!(1)),
        TemplateError::Blob(_)
    ));
}

#[test]
fn blocks_of_a_later_fork_are_refused() {
    let (reply, reserved_len) = TEMPLATES[1];
    for (version, is_known) in [("0b", false), ("0c", true), ("10", true), ("11", false)] {
        let mut result = result(reply);
        for key in ["blocktemplate_blob", "blockhashing_blob"] {
            let blob = result[key].as_str().expect("text");
            result[key] = json!(format!("{version}{}", &blob[2..]));
        }
        match parse(&result, reserved_len) {
            Ok(_) => assert!(is_known, "{version}"),
            Err(error) => {
                assert!(matches!(error, TemplateError::BlockVersion { .. }), "{error}");
                assert!(!is_known && error.to_string().contains("12 to 16"), "{error}");
            }
        }
    }
}

#[test]
fn the_last_height_of_all_does_not_overflow() {
    let spec = &coins::xmr::REGTEST;
    let (mut bytes, reserved_at, _) = with_transactions(&[]);
    // Behind the nonce: version, unlock time, number and kind of inputs.
    let at = NONCE_OFFSET + 4 + 4;
    let height = serialize(&monero::VarInt(u64::MAX));
    bytes.splice(at..=at, height.iter().copied());
    let reserved_at = reserved_at + height.len() - 1;
    let reserved_len = usize::from(RESERVE_LEN);
    let blob = BlockBlob::parse(bytes.clone(), reserved_at, reserved_len).expect("a block");
    let json = json!({
        "blocktemplate_blob": const_hex::encode(&bytes),
        "blockhashing_blob": const_hex::encode(blob.hashing_blob(&vec![0; reserved_len])),
        "difficulty": 1,
        "height": u64::MAX,
        "prev_hash": const_hex::encode(blob.prev_id()),
        "reserved_offset": reserved_at,
        "seed_hash": "00".repeat(32),
        "next_seed_hash": "11".repeat(32),
    });
    let template = family(spec).parse_template(spec, json.to_string().as_bytes());
    let next = template.expect("a template").next_epoch.expect("a next epoch");
    assert_eq!(next.height, u64::MAX);
}

#[test]
fn a_difficulty_of_more_than_64_bits_counts_in_full() {
    let (reply, reserved_len) = TEMPLATES[1];
    let mut result = result(reply);
    result["difficulty_top64"] = json!(3);
    let template = parse(&result, reserved_len).expect("a usable template");
    assert_eq!(template.difficulty, (3 << 64) + 200);
}
