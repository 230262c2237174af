//! Blocks of Ethereum Classic's main network, judged by their own hashes and their proofs of work.
//!
//! `data/etc_blocks.json` holds what nodes said in answer to `eth_getBlockByNumber`, without the transactions; each
//! block names the public source it was taken from. A `hash` of `null` means that the source doesn't tell it.

use otedama_chain::family::ethereum::{EXTRA_MAX, Header, HeaderError, Seal, Work, WorkError};
use otedama_chain::node::geth;
use otedama_hash::ethash::Schedule;
use otedama_hash::{Algorithm, EpochInput, PowHash, PowInput, Registry, U256};
use proptest::prelude::*;
use serde_json::{Value, json};

/// From this height on an epoch has 60,000 blocks (ECIP-1099).
const DOUBLED_FROM: u64 = 11_700_000;

fn blocks() -> Vec<Value> {
    serde_json::from_str(include_str!("data/etc_blocks.json")).expect("JSON")
}

fn parse(block: &Value) -> Result<Header, HeaderError> {
    Header::parse(block.to_string().as_bytes())
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    const_hex::encode_prefixed(bytes)
}

/// A header as a node writes it.
fn written(header: &Header) -> Value {
    json!({
        "parentHash": hex(header.parent_hash),
        "sha3Uncles": hex(header.uncles_hash),
        "miner": hex(header.coinbase),
        "stateRoot": hex(header.state_root),
        "transactionsRoot": hex(header.transactions_root),
        "receiptsRoot": hex(header.receipts_root),
        "logsBloom": hex(header.logs_bloom),
        "difficulty": format!("{:#x}", header.difficulty),
        "number": format!("{:#x}", header.number),
        "gasLimit": format!("{:#x}", header.gas_limit),
        "gasUsed": format!("{:#x}", header.gas_used),
        "timestamp": format!("{:#x}", header.time_s),
        "extraData": hex(&header.extra),
        "mixHash": hex(header.seal.mix),
        "nonce": hex(header.seal.nonce.to_be_bytes()),
        "baseFeePerGas": header.base_fee.map(|fee| format!("{fee:#x}")),
    })
}

#[test]
fn real_headers_have_the_hashes_that_their_nodes_say() {
    let mut told = 0;
    for block in blocks() {
        let header = parse(&block).expect("a header");
        if let Some(hash) = block["hash"].as_str() {
            assert_eq!(hex(header.hash()), hash);
            told += u32::from(header.number >= DOUBLED_FROM);
        }
        assert_eq!(json!(format!("{:#x}", header.number)), block["number"]);
        assert_eq!(header.base_fee, None);
        for (field, value) in written(&header).as_object().expect("an object") {
            assert_eq!(value, &block[field], "{field}");
        }
    }
    assert_eq!(told, 5);
}

#[test]
fn real_proofs_of_work_reproduce_the_mix_and_meet_the_difficulty() {
    let registry = Registry::with_builtin();
    let backend = registry.get(Algorithm::ETCHASH).expect("built in");
    let key = |header: &Header| {
        let height = header.number;
        backend
            .epoch(EpochInput { height, seed: None })
            .expect("an epoch")
    };
    let headers: Vec<_> = blocks()
        .iter()
        .map(|block| parse(block).expect("a header"))
        .collect();
    assert!(headers.iter().any(|header| header.number < DOUBLED_FROM));
    for headers in headers.chunk_by(|a, b| key(a) == key(b)) {
        let mut hasher = backend.verifier(key(&headers[0])).expect("enough memory");
        for header in headers {
            let work = Work::of_header(header, Schedule::CLASSIC).expect("work");
            assert_eq!(work.seed_hash, key(header).0);
            let input = PowInput {
                blob: &work.seal_hash,
                nonce: header.seal.nonce,
                height: work.height,
            };
            let mut out = [PowHash::default()];
            hasher.hash_batch(&[input], &mut out);
            assert_eq!(out[0].mix, Some(header.seal.mix), "{}", header.number);
            assert!(work.network_target.is_met_by(&out[0].hash), "{}", header.number);

            let nonce = input.nonce ^ 1;
            hasher.hash_batch(&[PowInput { nonce, ..input }], &mut out);
            assert!(!work.network_target.is_met_by(&out[0].hash), "{}", header.number);
        }
    }
}

#[test]
fn the_seal_hash_is_the_same_before_and_after_mining() {
    for block in blocks() {
        let mined = parse(&block).expect("a header");
        let unmined = Header {
            seal: Seal::default(),
            ..mined.clone()
        };
        assert_eq!(unmined.seal_hash(), mined.seal_hash());
        assert_ne!(unmined.hash(), mined.hash());
    }
}

// The first block of Ethereum Classic and of Ethereum.
#[test]
fn the_first_block() {
    let empty_root = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
    let block = json!({
        "hash": "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
        "parentHash": hex([0; 32]),
        "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
        "miner": hex([0; 20]),
        "stateRoot": "0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544",
        "transactionsRoot": empty_root,
        "receiptsRoot": empty_root,
        "logsBloom": hex([0; 256]),
        "difficulty": "0x400000000",
        "number": "0x0",
        "gasLimit": "0x1388",
        "gasUsed": "0x0",
        "timestamp": "0x0",
        "extraData": "0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa",
        "mixHash": hex([0; 32]),
        "nonce": "0x0000000000000042",
        "uncles": [],
    });
    let header = parse(&block).expect("a header");
    assert_eq!((header.number, header.extra.len()), (0, EXTRA_MAX));
    let body = json!({"jsonrpc": "2.0", "id": "otedama", "result": block}).to_string();
    assert_eq!(geth::block(200, body.as_bytes()), Ok(Some(header)));
}

// From core-geth's core/types/block_test.go, TestEIP1559BlockEncoding.
#[test]
fn a_base_fee_stands_behind_the_seal() {
    let block = json!({
        "hash": "0xc7252048cd273fe0dac09650027d07f0e3da4ee0675ebbb26627cea92729c372",
        "parentHash": "0x83cafc574e1f51ba9dc0568fc617a08ea2429fb384059c972f13b19fa1c8dd55",
        "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
        "miner": "0x8888f1f195afa192cfee860698584c030f4c9db1",
        "stateRoot": "0xef1552a40b7165c3cd773806b9e0c165b75356e0314bf0706f279c729f51e017",
        "transactionsRoot": "0x5fe50b260da6308036625b850b5d6ced6d0a9f814c0688bc91ffb7b7a3a54b67",
        "receiptsRoot": "0xbc37d79753ad738a6dac4921e57392f145d8887476de3f783dfa7edae9283e52",
        "logsBloom": hex([0; 256]),
        "difficulty": "0x20000",
        "number": "0x1",
        "gasLimit": "0x2fefd8",
        "gasUsed": "0x5208",
        "timestamp": "0x5506eb07",
        "extraData": "0x",
        "mixHash": "0xbd4472abb6659ebe3ee06ee4d7b72a00a9f4d001caca51342001075469aff498",
        "nonce": "0xa13a5a8c8f2bb1c4",
        "baseFeePerGas": "0x3b9aca00",
    });
    let header = parse(&block).expect("a header");
    assert_eq!(header.base_fee, Some(U256::from(1_000_000_000)));
    let without = Header {
        base_fee: None,
        ..header.clone()
    };
    assert_ne!(without.seal_hash(), header.seal_hash());
}

#[test]
fn every_field_counts() {
    let block = blocks().pop().expect("a block");
    let other = blocks().remove(0);
    for field in written(&parse(&block).expect("a header"))
        .as_object()
        .expect("an object")
        .keys()
    {
        let mut changed = block.clone();
        changed[field] = match field.as_str() {
            "baseFeePerGas" => json!("0x1"),
            "sha3Uncles" | "transactionsRoot" | "receiptsRoot" => other["parentHash"].clone(),
            "logsBloom" => json!(hex([1; 256])),
            "gasUsed" => json!("0x5208"),
            _ => other[field].clone(),
        };
        let error = parse(&changed).expect_err(field);
        assert!(
            matches!(error, HeaderError::Contradiction { .. }),
            "{field}: {error}"
        );
        // Without the node's hash nothing contradicts it, but the block is another one.
        changed["hash"] = Value::Null;
        let (changed, header) = (parse(&changed).expect(field), parse(&block).expect("a header"));
        assert_ne!(changed.hash(), header.hash(), "{field}");
        let is_sealed = ["mixHash", "nonce"].contains(&field.as_str());
        assert_eq!(changed.seal_hash() == header.seal_hash(), is_sealed, "{field}");

        let mut malformed = block.clone();
        malformed[field] = json!("0x0g");
        assert!(
            matches!(parse(&malformed), Err(HeaderError::Hex(name)) if name == field),
            "{field}"
        );
        malformed[field] = json!(17);
        assert!(matches!(parse(&malformed), Err(HeaderError::Json(_))), "{field}");
        malformed.as_object_mut().expect("an object").remove(field);
        assert_eq!(parse(&malformed).is_ok(), field == "baseFeePerGas", "{field}");
    }
}

#[test]
fn headers_that_can_not_be_understood_are_refused() {
    let block = blocks().pop().expect("a block");
    let refused = |field: &str, value: Value| {
        let mut changed = block.clone();
        changed[field] = value;
        parse(&changed).expect_err("refused")
    };
    assert_eq!(refused("hash", json!("0x12")), HeaderError::Hex("hash"));
    let long = hex([0; EXTRA_MAX + 1]);
    assert_eq!(refused("extraData", json!(long)), HeaderError::Hex("extraData"));
    assert_eq!(refused("nonce", json!("0x42")), HeaderError::Hex("nonce"));
    assert_eq!(
        refused("number", json!("0x10000000000000000")),
        HeaderError::Hex("number")
    );
    assert_eq!(
        refused("withdrawalsRoot", json!(hex([0; 32]))),
        HeaderError::Unknown("withdrawalsRoot")
    );
    // A block that is still to be mined has no nonce in what a node shows of it.
    assert!(matches!(refused("nonce", Value::Null), HeaderError::Json(_)));

    let values: Vec<_> = block.as_object().expect("an object").values().cloned().collect();
    assert!(matches!(parse(&json!(values)), Err(HeaderError::Json(_))));
    assert!(matches!(parse(&json!([block])), Err(HeaderError::Json(_))));
    let spaces = vec![b' '; (4 << 20) + 1];
    assert_eq!(Header::parse(&spaces), Err(HeaderError::TooLong(spaces.len())));
}

/// What `eth_getWork` would have said of a block.
fn as_work(header: &Header) -> Value {
    let work = Work::of_header(header, Schedule::CLASSIC).expect("work");
    json!([
        hex(work.seal_hash),
        hex(work.seed_hash),
        format!("{:#066x}", work.network_target.to_u256()),
        format!("{:#x}", work.height),
    ])
}

#[test]
fn both_kinds_of_notification_say_the_same() {
    for block in blocks() {
        let header = parse(&block).expect("a header");
        let work = Work::of_header(&header, Schedule::CLASSIC).expect("work");
        let strings = as_work(&header);
        for body in [&block, &strings] {
            let body = format!("\n{body}");
            assert_eq!(
                Work::of_notification(body.as_bytes(), Schedule::CLASSIC),
                Ok(work)
            );
        }
        let reply = json!({"jsonrpc": "2.0", "id": "otedama", "result": strings}).to_string();
        let json = geth::work(200, reply.as_bytes()).expect("a result");
        assert_eq!(Work::parse(json, Schedule::CLASSIC), Ok(work));
    }
}

/// Heights of Ethereum Classic, and the seeds of their epochs: chfast/ethash's `test_ethash.cpp`, and by the rule of
/// ECIP-1099 around the height from which epochs are doubled.
const SEEDS: [(u64, &str); 7] = [
    (
        0,
        "0000000000000000000000000000000000000000000000000000000000000000",
    ),
    (
        30_000,
        "290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563",
    ),
    (
        5_130_000,
        "a9b0e0c9aca72c07ba06b5bbdae8b8f69e61878301508473379bb4f71807d707",
    ),
    (
        11_699_999,
        "82232565de6c6216a88e3d3b4a49c8ad5e5913b731e78c93c7e29e50b9f0743f",
    ),
    (
        11_700_000,
        "e79f0f63030bf691445c2b9d0266b24a9619e355194067f2ad2c73a8e0a26c65",
    ),
    (
        11_759_999,
        "e79f0f63030bf691445c2b9d0266b24a9619e355194067f2ad2c73a8e0a26c65",
    ),
    (
        11_760_000,
        "1ba62b295a00a4a170571539c1b90d97125bd99543c4fa38949778158873095d",
    ),
];

#[test]
fn work_names_the_seed_of_its_epoch() {
    let target = hex([1; 32]);
    let at = |height: u64, seed: &str, schedule| {
        let work = json!([hex([7; 32]), format!("0x{seed}"), target, format!("{height:#x}")]);
        Work::parse(work.to_string().as_bytes(), schedule)
    };
    for (height, seed) in SEEDS {
        let work = at(height, seed, Schedule::CLASSIC).expect("work");
        assert_eq!(
            (work.height, const_hex::encode(work.seed_hash).as_str()),
            (height, seed)
        );
        let wrong = Err(WorkError::Seed { height });
        assert_eq!(at(height, &"07".repeat(32), Schedule::CLASSIC), wrong);
        // Mordor doubles its epochs from 2,520,000 on, Ethereum never.
        let (is_odd_step, is_doubled) = (height / 30_000 % 2 == 1, height >= DOUBLED_FROM);
        let at_mordor = if height >= 2_520_000 && is_odd_step && !is_doubled {
            wrong.clone()
        } else {
            Ok(work)
        };
        assert_eq!(at(height, seed, Schedule::MORDOR), at_mordor, "{height}");
        let at_ethash = if is_doubled && is_odd_step {
            wrong
        } else {
            Ok(work)
        };
        assert_eq!(at(height, seed, Schedule::ETHASH), at_ethash, "{height}");
    }
    let error = at(u64::MAX, SEEDS[0].1, Schedule::CLASSIC).expect_err("no epoch");
    assert_eq!(error, WorkError::Seed { height: u64::MAX });
}

#[test]
fn work_that_can_not_be_mined_on_is_refused() {
    let header = parse(&blocks()[0]).expect("a header");
    let good = as_work(&header);
    let refused =
        |work: &Value| Work::parse(work.to_string().as_bytes(), Schedule::CLASSIC).expect_err("refused");
    let changed = |index: usize, value: &str| {
        let mut work = good.clone();
        work[index] = json!(value);
        refused(&work)
    };
    for (index, name) in ["header hash", "seed hash", "target", "height"]
        .into_iter()
        .enumerate()
    {
        for value in ["", "0x", "12", "0xzz"] {
            assert_eq!(changed(index, value), WorkError::Hex(name), "{value}");
        }
    }
    assert_eq!(changed(2, &hex([0; 32])), WorkError::Difficulty);
    assert_eq!(
        changed(1, &hex([7; 32])),
        WorkError::Seed {
            height: header.number
        }
    );
    let strings = good.as_array().expect("an array");
    assert_eq!(refused(&json!(strings[..3])), WorkError::Count(3));
    assert_eq!(refused(&json!([])), WorkError::Count(0));
    assert!(matches!(refused(&json!([1, 2, 3, 4])), WorkError::Json(_)));
    assert!(matches!(refused(&json!({})), WorkError::Json(_)));
    let long = vec![b'['; 5000];
    assert_eq!(
        Work::parse(&long, Schedule::CLASSIC),
        Err(WorkError::TooLong(5000))
    );

    let easy = Header {
        difficulty: U256::ZERO,
        ..header.clone()
    };
    assert_eq!(
        Work::of_header(&easy, Schedule::CLASSIC),
        Err(WorkError::Difficulty)
    );
    let far = Header {
        number: u64::MAX,
        ..header
    };
    assert_eq!(
        Work::of_header(&far, Schedule::CLASSIC),
        Err(WorkError::Seed { height: u64::MAX })
    );
    for body in ["", "{}", "null", "[", "1"] {
        assert!(
            Work::of_notification(body.as_bytes(), Schedule::CLASSIC).is_err(),
            "{body}"
        );
    }
}

prop_compose! {
    fn headers()(
        hashes: [[u8; 32]; 6],
        coinbase: [u8; 20],
        bloom in proptest::collection::vec(any::<u8>(), 256),
        difficulty: [u8; 32],
        numbers: [u64; 5],
        extra in proptest::collection::vec(any::<u8>(), 0..=EXTRA_MAX),
        base_fee: Option<[u8; 32]>,
    ) -> Header {
        Header {
            parent_hash: hashes[0],
            uncles_hash: hashes[1],
            coinbase,
            state_root: hashes[2],
            transactions_root: hashes[3],
            receipts_root: hashes[4],
            logs_bloom: bloom.try_into().expect("256 bytes"),
            difficulty: U256::from_be_bytes(difficulty),
            number: numbers[0],
            gas_limit: numbers[1],
            gas_used: numbers[2],
            time_s: numbers[3],
            extra,
            seal: Seal { nonce: numbers[4], mix: hashes[5] },
            base_fee: base_fee.map(U256::from_be_bytes),
        }
    }
}

proptest! {
    #[test]
    fn headers_read_back(header in headers()) {
        let mut json = written(&header);
        prop_assert_eq!(parse(&json), Ok(header.clone()));
        json["hash"] = json!(hex(header.hash()));
        prop_assert_eq!(parse(&json), Ok(header));
    }

    #[test]
    fn outside_bytes_never_panic(bytes: Vec<u8>) {
        let _ = Header::parse(&bytes);
        let _ = Work::of_notification(&bytes, Schedule::CLASSIC);
        let _ = Work::parse(&bytes, Schedule::MORDOR);
    }

    #[test]
    fn changed_bodies_never_panic(
        index in 0_usize..7, full: bool, changes: Vec<(usize, u8)>, cut: Option<usize>,
    ) {
        let block = &blocks()[index];
        let body = if full { block.clone() } else { as_work(&parse(block).expect("a header")) };
        let mut body = body.to_string().into_bytes();
        for (at, value) in changes {
            let at = at % body.len();
            body[at] = value;
        }
        body.truncate(cut.unwrap_or(usize::MAX));
        let _ = Work::of_notification(&body, Schedule::CLASSIC);
    }
}
