//! Templates that must not be mined on.

mod fixture;

use otedama_chain::{ChainSpec, TemplateError, coins, family};
use proptest::prelude::*;
use serde_json::{Value, json};

fn refusal(spec: &ChainSpec, json: &str) -> TemplateError {
    family(spec)
        .parse_template(spec, json.as_bytes())
        .expect_err("refused")
}

fn refusal_after(change: impl FnOnce(&mut Value)) -> TemplateError {
    refusal(&coins::btc::REGTEST, &fixture::changed(fixture::CORE, change))
}

#[test]
fn rules_that_are_not_followed_are_named() {
    assert_eq!(
        refusal(&coins::btc::REGTEST, fixture::SIGNET),
        TemplateError::UnknownRule("signet".into())
    );
    let blake = refusal_after(|gbt| gbt["rules"] = json!(["csv", "!segwit", "!blake2b"]));
    assert!(blake.to_string().contains("\"blake2b\""), "{blake}");
    let challenge = refusal_after(|gbt| gbt["signet_challenge"] = "51".into());
    assert_eq!(challenge, TemplateError::UnknownRule("signet".into()));
    // Bitcoin knows no MWEB, and a rule without "!" binds nobody.
    let mweb = refusal_after(|gbt| gbt["rules"] = json!(["!segwit", "!mweb"]));
    assert_eq!(mweb, TemplateError::UnknownRule("mweb".into()));
    let spec = &coins::btc::REGTEST;
    let json = fixture::changed(fixture::CORE, |gbt| gbt["rules"] = json!(["!segwit", "newrule"]));
    assert!(family(spec).parse_template(spec, json.as_bytes()).is_ok());
}

/// Sets each key to its value and expects a refusal that holds the text.
fn check_fields<const N: usize>(cases: [(&str, Value, &str); N]) {
    for (key, value, message) in cases {
        let error = refusal_after(|gbt| gbt[key] = value).to_string();
        assert!(error.contains(message), "{key}: {error} (expected: {message})");
    }
}

#[test]
fn contradictions_and_nonsense_are_refused() {
    check_fields([
        ("bits", "207ffffe".into(), "do not agree"),
        ("bits", "007fffff".into(), "bits is not the hex"),
        ("bits", "20".into(), "bits is not the hex"),
        ("target", "7f".into(), "target is not the hex"),
        (
            "previousblockhash",
            "ab".into(),
            "previousblockhash is not the hex",
        ),
        (
            "coinbasevalue",
            2_100_000_000_000_001_u64.into(),
            "coinbasevalue of 2100000000000001",
        ),
        ("coinbasevalue", (-1).into(), "not a block template"),
        ("coinbasevalue", 12_999.into(), "fees of 13000"),
        ("height", 0.into(), "height of 0"),
        ("height", (1_u64 << 31).into(), "height of 2147483648"),
        ("curtime", (1_u64 << 32).into(), "curtime of 4294967296"),
        ("mintime", (1_u64 << 32).into(), "mintime of 4294967296"),
        ("vbrequired", 1.into(), "lacks the bits"),
        ("longpollid", "x".repeat(257).into(), "longpollid's length of 257"),
        ("coinbaseaux", json!({"flags": "00".repeat(76)}), "coinbaseaux"),
        (
            "coinbaseaux",
            json!({"a": "00".repeat(40), "b": "00".repeat(40)}),
            "coinbaseaux's length of 80",
        ),
    ]);
    for (json, message) in [
        ("", "not a block template"),
        ("null", "not a block template"),
        (&" ".repeat((32 << 20) + 1), "too long"),
    ] {
        assert!(refusal(&coins::btc::REGTEST, json).to_string().contains(message));
    }
}

#[test]
fn transactions_that_make_no_block_are_refused() {
    let smallest =
        json!({"data": "00".repeat(60), "txid": "00".repeat(32), "fee": 0, "sigops": 0, "weight": 240});
    check_fields([
        (
            "transactions",
            vec![smallest; 16_667].into(),
            "number of the transactions, 16667",
        ),
        ("weightlimit", 2_588.into(), "weight of the transactions, 2589"),
        ("sizelimit", 500.into(), "size of the transactions"),
        ("default_witness_commitment", Value::Null, "witness data"),
        (
            "default_witness_commitment",
            "6a24aa21a9ed00".into(),
            "default_witness_commitment is not",
        ),
        ("rules", json!(["csv"]), "witness data"),
    ]);
    for (index, key, value) in [
        (1, "data", "0x01"),
        (1, "data", "zz"),
        (1, "data", "0102030405"),
        (2, "txid", "00"),
    ] {
        let error = refusal_after(|gbt| gbt["transactions"][index][key] = value.into()).to_string();
        assert!(
            error.contains(&format!("transactions[{index}].{key} is not the hex")),
            "{error}"
        );
    }
}

#[test]
fn optional_keys_may_be_missing() {
    let spec = &coins::btc::REGTEST;
    let full = fixture::parse(spec, fixture::CORE);
    let json = fixture::changed(fixture::CORE, |gbt| {
        let keys = [
            "vbrequired",
            "coinbaseaux",
            "longpollid",
            "target",
            "mintime",
            "sigoplimit",
            "sizelimit",
        ];
        let gbt = gbt.as_object_mut().expect("object");
        for key in keys
            .into_iter()
            .chain(["weightlimit", "capabilities", "mutable", "noncerange"])
        {
            gbt.remove(key).expect("present");
        }
        for transaction in gbt["transactions"].as_array_mut().expect("array") {
            for key in ["hash", "fee", "sigops", "weight", "depends"] {
                transaction
                    .as_object_mut()
                    .expect("object")
                    .remove(key)
                    .expect("present");
            }
        }
    });
    let template = fixture::parse(spec, &json);
    assert_eq!(template.network_target, full.network_target);
    // The height's subsidy is known, so the fees are what is left of the reward.
    assert_eq!((template.reward, template.fees), (full.reward, full.fees));
    assert_eq!((template.min_time_s, template.long_poll_id.as_deref()), (0, None));
    assert!(full.long_poll_id.is_some());
}

#[test]
fn the_time_is_never_before_the_earliest() {
    let json = fixture::changed(fixture::CORE, |gbt| gbt["curtime"] = 1_795_336_000.into());
    let template = fixture::parse(&coins::btc::REGTEST, &json);
    assert_eq!(
        (template.min_time_s, template.time_s),
        (1_795_336_872, 1_795_336_872)
    );
}

/// Something that a template could hold anywhere.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[0-9a-f]{0,80}".prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        proptest::collection::vec("!?[a-z]{0,8}", 0..4).prop_map(Value::from),
    ]
}

const SAMPLES: [(&str, bool); 5] = [
    (fixture::CORE, false),
    (fixture::KNOTS, false),
    (fixture::LTC_PRE_MWEB, true),
    (fixture::LTC_PEG_IN, true),
    (fixture::LTC_MWEB, true),
];

/// Parses, and whatever was accepted must be good for a job and a block.
fn use_template(is_litecoin: bool, json: &[u8]) {
    let spec = if is_litecoin {
        &coins::ltc::REGTEST
    } else {
        &coins::btc::REGTEST
    };
    let family = family(spec);
    if let Ok(template) = family.parse_template(spec, json) {
        let template = std::sync::Arc::new(template);
        let plan = fixture::plan(template.reward, vec![]);
        if let Ok(job) = family.build_job(spec, template, plan, b"/otedama/") {
            family
                .assemble(
                    &job,
                    &fixture::submission(&job, &[0; 12]),
                    &otedama_hash::PowHash::default(),
                )
                .expect("a block");
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(json: Vec<u8>) {
        use_template(false, &json);
    }

    #[test]
    fn changed_values_never_panic(
        sample in 0..SAMPLES.len(),
        key: prop::sample::Index,
        in_transaction: bool,
        value in any_value(),
    ) {
        let (json, is_litecoin) = SAMPLES[sample];
        let json = fixture::changed(json, |gbt| {
            let object = match gbt["transactions"].as_array_mut().and_then(|list| list.last_mut()) {
                Some(_) if !in_transaction => gbt,
                Some(last) => last,
                None => gbt,
            };
            let object = object.as_object_mut().expect("object");
            let key = object.keys().nth(key.index(object.len())).expect("in range").clone();
            object.insert(key, value);
        });
        use_template(is_litecoin, json.as_bytes());
    }

    #[test]
    fn changed_bytes_never_panic(
        sample in 0..SAMPLES.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut: prop::sample::Index,
    ) {
        let (json, is_litecoin) = SAMPLES[sample];
        let mut bytes = json.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        use_template(is_litecoin, &bytes);
        bytes.truncate(cut.index(bytes.len()));
        use_template(is_litecoin, &bytes);
    }
}
