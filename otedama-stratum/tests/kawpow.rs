//! The dialect of Ravencoin's miners: lines of real software, what each side makes of the other's, and hostile bytes.

use std::borrow::Cow;

use otedama_hash::{Difficulty, Target};
use otedama_stratum::v1::dialect::kawpow::{
    Call, Job, RequestError, ServerMessage, Submit, Subscription, parse_request, parse_server_message, reply,
    request, subscription,
};
use otedama_stratum::v1::{ErrorCode, ExtranonceBytes, Id, Reply};
use proptest::prelude::*;

// A pool's job of height 3,750,905 with the seed of epoch 500. The middle digits of its header and the mix are made up.
const HEADER: &str = "33c124066e0d4c2d7b8f26b4ab35cf9b8f9d9bcbb1b8a0b3a6ef2fa19f23ed9e";
const SEED: &str = "398c942492d1d1065c5accfa3ed3d5c541d9995437065daf8e7996bd1fa39ce3";
const MIX: &str = "1c6a8b3f9d2e4c5b6a798897a6b5c4d3e2f10f1e2d3c4b5a69788796a5b4c3d2";
const TARGET: &str = "00000009f6000000000000000000000000000000000000000000000000000000";

fn call(line: &str) -> Call<'_> {
    parse_request(line.as_bytes()).expect("a request").call
}

fn refused(line: &str) -> (&str, &'static str) {
    let RequestError { id, code, message } = parse_request(line.as_bytes()).expect_err("no request");
    assert_eq!(code, ErrorCode::Other);
    (id.as_str(), message)
}

fn message(line: &str) -> ServerMessage<'_> {
    parse_server_message(line.as_bytes()).expect(line)
}

fn answer(line: &str) -> Reply<'_> {
    match message(line) {
        ServerMessage::Reply(reply) => reply,
        other => panic!("{line}: {other:?}"),
    }
}

fn line(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    assert_eq!(out.pop(), Some(b'\n'));
    assert!(!out.contains(&b'\n'));
    String::from_utf8(out).expect("UTF-8")
}

fn bytes(hex: &str) -> [u8; 32] {
    const_hex::decode_to_array(hex).expect("64 digits")
}

fn target(hex: &str) -> Target {
    Target::from_be_hex(hex).expect("64 digits")
}

fn share() -> Submit<'static> {
    Submit {
        worker: "WALLET.worker".into(),
        job_id: "2abc".into(),
        nonce: 0x6429_0b00_0012_34ff,
        header: bytes(HEADER),
        mix: bytes(MIX),
    }
}

fn work() -> Job<'static> {
    Job {
        id: "2abc".into(),
        header: bytes(HEADER),
        seed: bytes(SEED),
        target: target(TARGET),
        clean: true,
        height: 3_750_905,
        bits: Some(0x1b00_d2b9),
    }
}

#[test]
fn requests_of_miners() {
    for (line, agent, session) in [
        (
            r#"{"id":1,"method":"mining.subscribe","params":["XMRig/6.26.0"]}"#,
            Some("XMRig/6.26.0"),
            None,
        ),
        (
            r#"{"id":1,"jsonrpc":"2.0","method":"mining.subscribe","params":["kawpowminer/1.2.4"]}"#,
            Some("kawpowminer/1.2.4"),
            None,
        ),
        // NiceHash's specification of KawPow, and its signature in place of the session.
        (
            r#"{"id":1,"method":"mining.subscribe","params":["GMiner/2.09",null,"rvnt.minermore.com","4505"]}"#,
            Some("GMiner/2.09"),
            None,
        ),
        (
            r#"{"id":1,"method":"mining.subscribe","params":["NiceHash/1.0.0","1662637786319","3e747837e6"]}"#,
            Some("NiceHash/1.0.0"),
            Some("1662637786319"),
        ),
        // kawpowminer tries Ethash's dialect first.
        (
            r#"{"id":1,"method":"mining.subscribe","params":["kawpowminer-1.2.4","EthereumStratum/1.0.0"]}"#,
            Some("kawpowminer-1.2.4"),
            None,
        ),
        (r#"{"id":1,"method":"mining.subscribe"}"#, None, None),
    ] {
        let expected = Call::Subscribe {
            agent: agent.map(Cow::from),
            session: session.map(Cow::from),
        };
        assert_eq!(call(line), expected, "{line}");
    }
    let expected = Call::Authorize {
        user: "WALLET.worker".into(),
        password: "X".into(),
    };
    let authorize = r#"{"id":3,"method":"mining.authorize","params":["WALLET.worker","X"]}"#;
    assert_eq!(call(authorize), expected);
    let subscribe = r#"{"id":2,"method":"mining.extranonce.subscribe","params":[]}"#;
    assert_eq!(call(subscribe), Call::ExtranonceSubscribe);
    for (line, expected) in [
        (
            r#"{"id":1,"method":"mining.hello","params":{"agent":"kawpowminer-1.2.4"}}"#,
            Call::Unknown("mining.hello".into()),
        ),
        (
            r#"{"id":0,"jsonrpc":"2.0","error":"Method not found"}"#,
            Call::Reply(None),
        ),
        (
            r#"{"id":7,"result":"kawpowminer-1.2.4","error":null}"#,
            Call::Reply(Some("kawpowminer-1.2.4".into())),
        ),
    ] {
        assert_eq!(call(line), expected, "{line}");
    }
}

#[test]
fn shares_with_and_without_prefixes() {
    let submit = format!(
        r#"{{"id":4,"method":"mining.submit","params":["WALLET.worker","2abc","0x64290b00001234ff","0x{HEADER}","0x{MIX}"]}}"#
    );
    assert_eq!(line(|out| request::write_submit(out, 4, &share())), submit);
    let kawpowminer = submit.replace("\"id\":4", "\"id\":40,\"jsonrpc\":\"2.0\",\"worker\":\"worker\"");
    for line in [
        submit.clone(),
        submit.replace("0x", ""),
        submit.replace("0x", "0X"),
        kawpowminer,
    ] {
        assert_eq!(call(&line), Call::Submit(share()), "{line}");
    }
}

#[test]
fn hash_rates_are_taken_as_they_come() {
    let machine = [7; 32];
    let written = line(|out| request::write_submit_hashrate(out, 9, 500_000, &machine));
    assert_eq!(call(&written), Call::SubmitHashrate(Some(500_000)));
    let of = |params: &str| {
        format!(r#"{{"id":9,"jsonrpc":"2.0","method":"eth_submitHashrate","params":{params}}}"#)
    };
    for (params, rate) in [
        (r#"["0x7a120","0x01"]"#, Some(500_000)),
        (r#"["7a120"]"#, Some(500_000)),
        (r#"["fast"]"#, None),
        ("[500000]", None),
        ("[]", None),
        ("{}", None),
    ] {
        assert_eq!(call(&of(params)), Call::SubmitHashrate(rate), "{params}");
    }
}

#[test]
fn lines_of_pools() {
    let id = Id::Raw("1");
    let prefix = [0x64, 0x29, 0x0b];
    for (written, expected) in [
        (
            line(|out| reply::write_subscribe(out, id, None, &prefix)),
            r#"{"id":1,"result":[null,"64290b"],"error":null}"#.into(),
        ),
        (
            line(|out| reply::write_subscribe(out, id, Some("a1"), &prefix)),
            r#"{"id":1,"result":["a1","64290b"],"error":null}"#.into(),
        ),
        (
            line(|out| reply::write_true(out, Id::Raw("3"))),
            r#"{"id":3,"result":true,"error":null}"#.into(),
        ),
        (
            line(|out| reply::write_error(out, Id::Raw("4"), ErrorCode::Duplicate, "duplicate share")),
            r#"{"id":4,"result":null,"error":[22,"duplicate share",null]}"#.into(),
        ),
        (
            line(|out| reply::write_set_target(out, target(TARGET))),
            format!(r#"{{"id":null,"method":"mining.set_target","params":["{TARGET}"]}}"#),
        ),
        (
            line(|out| reply::write_notify(out, &work())),
            format!(
                r#"{{"id":null,"method":"mining.notify","params":["2abc","{HEADER}","{SEED}","{TARGET}",true,3750905,"1b00d2b9"]}}"#
            ),
        ),
        (
            line(|out| reply::write_set_extranonce(out, &prefix)),
            r#"{"id":null,"method":"mining.set_extranonce","params":["64290b"]}"#.into(),
        ),
    ] {
        assert_eq!(written, expected);
        // Nothing that is told to a miner is unknown to ours.
        assert!(
            !matches!(message(&written), ServerMessage::Unknown { .. }),
            "{written}"
        );
    }
}

#[test]
fn what_a_client_makes_of_a_pool() {
    let extranonce = ExtranonceBytes::from_hex("64290b").expect("3 bytes");
    for (line, session) in [
        (r#"{"id":1,"result":[null,"64290b"],"error":null}"#, None),
        (r#"{"id":1,"result":["ab","0x64290b"],"error":null}"#, Some("ab")),
        (
            r#"{"id":1,"result":[[["mining.notify","ab"]],"64290b",6],"error":null}"#,
            None,
        ),
    ] {
        let expected = Subscription {
            session: session.map(Cow::from),
            extranonce,
        };
        assert_eq!(subscription(&answer(line)), Ok(expected), "{line}");
    }
    for line in [
        r#"{"id":1,"result":true,"error":null}"#,
        r#"{"id":1,"result":null,"error":[20,"no",null]}"#,
        r#"{"id":1,"result":[null],"error":null}"#,
        r#"{"id":1,"result":[null,"64290"],"error":null}"#,
        r#"{"id":1,"result":[null,"0000000000"],"error":null}"#,
        r#"{"id":1,"result":"64290b","error":null}"#,
    ] {
        assert!(subscription(&answer(line)).is_err(), "{line}");
    }
    let refused = answer(r#"{"id":2,"result":false,"error":[20,"Not supported.",null]}"#);
    assert!(!refused.is_true());
    assert_eq!(&*refused.error.expect("an error").message, "Not supported.");
    assert_eq!(
        message(r#"{"id":null,"method":"mining.set_difficulty","params":[0.050195]}"#),
        ServerMessage::SetDifficulty(Difficulty::new(0.050_195).expect("positive"))
    );
    assert_eq!(
        message(r#"{"id":null,"method":"client.reconnect","params":["host",3333,5]}"#),
        ServerMessage::Reconnect {
            host: Some("host".into()),
            port: Some(3333),
            wait_s: 5
        }
    );
    assert_eq!(
        message(r#"{"id":null,"method":"client.show_message","params":["hello"]}"#),
        ServerMessage::ShowMessage("hello".into())
    );
    assert_eq!(
        message(r#"{"id":8,"method":"client.get_version","params":[]}"#),
        ServerMessage::GetVersion(Id::Raw("8"))
    );
}

#[test]
fn jobs_that_make_no_sense() {
    let good = line(|out| reply::write_notify(out, &work()));
    let bare = good.replace(TARGET, TARGET.trim_start_matches('0'));
    assert_eq!(message(&bare), ServerMessage::Job(work()));
    let without_bits = Job { bits: None, ..work() };
    for bits in ["", ",null"] {
        let short = good.replace(",\"1b00d2b9\"", bits);
        assert_ne!(short, good);
        assert_eq!(message(&short), ServerMessage::Job(without_bits.clone()));
    }
    for (from, to) in [
        (HEADER, "33c1"),
        (SEED, ""),
        (TARGET, "none"),
        ("3750905", "\"high\""),
        ("3750905", "-1"),
        ("3750905", "4294967296"),
        ("3750905", "1.5"),
        ("1b00d2b9", "b00d2b9"),
        ("\"2abc\"", "7"),
        ("2abc", &"2".repeat(65)),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good);
        assert!(parse_server_message(bad.as_bytes()).is_err(), "{bad}");
    }
    for bad in [
        "",
        "[]",
        "7",
        r#"{"id":{}}"#,
        r#"{"method":"mining.notify","params":{}}"#,
    ] {
        assert!(parse_server_message(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn what_is_no_request() {
    let good = line(|out| request::write_submit(out, 5, &share()));
    for (from, to, message) in [
        (
            "0x64290b00001234ff",
            "0x64290b00001234f",
            "nonce must be 16 hex digits",
        ),
        (
            "0x64290b00001234ff",
            "0x0x290b00001234ff",
            "nonce must be 16 hex digits",
        ),
        (HEADER, "33c1", "header hash must be 64 hex digits"),
        (MIX, "", "mix hash must be 64 hex digits"),
        ("\"2abc\"", "7", "job id must be a string"),
        ("2abc", &"2".repeat(65), "job id is longer than 64 bytes"),
        ("\"WALLET.worker\"", "null", "worker name must be a string"),
        ("WALLET", &"W".repeat(256), "worker name is longer than 256 bytes"),
        ("\"2abc\",", "", "mining.submit takes 5 parameters"),
        ("[", "[null,", "mining.submit takes 5 parameters"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_eq!(refused(&bad), ("5", message), "{bad}");
    }
    for (line, id, message) in [
        ("[]", "null", "expected a JSON object"),
        ("{", "null", "expected a JSON object"),
        (r#"{"id":1}"#, "1", "method is missing"),
        (
            r#"{"id":[],"method":"mining.subscribe"}"#,
            "null",
            "id must be null, a number or a string, at most 64 bytes long",
        ),
        (
            r#"{"id":1,"method":"mining.subscribe","params":{}}"#,
            "1",
            "params must be an array",
        ),
        (
            r#"{"id":1,"method":"mining.authorize","params":[""]}"#,
            "1",
            "user name must be 1 to 256 bytes",
        ),
        (
            r#"{"id":1,"method":"mining.authorize","params":[]}"#,
            "1",
            "user name must be a string",
        ),
    ] {
        assert_eq!(refused(line), (id, message), "{line}");
    }
}

fn job() -> impl Strategy<Value = Job<'static>> {
    let hashes = any::<([u8; 32], [u8; 32], [u8; 32])>();
    (
        "\\PC{0,16}",
        hashes,
        any::<bool>(),
        any::<u32>(),
        any::<Option<u32>>(),
    )
        .prop_map(|(id, (header, seed, target), clean, height, bits)| Job {
            id: id.into(),
            header,
            seed,
            target: Target::from_le_bytes(target),
            clean,
            height,
            bits,
        })
}

proptest! {
    #[test]
    fn a_client_reads_what_a_server_writes(
        job in job(), session in prop::option::of("\\PC{1,16}"), extranonce in prop::collection::vec(any::<u8>(), 0..=4)
    ) {
        let written = line(|out| reply::write_notify(out, &job));
        prop_assert_eq!(message(&written), ServerMessage::Job(job.clone()));
        let written = line(|out| reply::write_set_target(out, job.target));
        prop_assert_eq!(message(&written), ServerMessage::SetTarget(job.target));
        let bytes = ExtranonceBytes::from_slice(&extranonce).expect("4 bytes at most");
        let written = line(|out| reply::write_set_extranonce(out, &extranonce));
        prop_assert_eq!(message(&written), ServerMessage::SetExtranonce(bytes));
        let written = line(|out| reply::write_subscribe(out, Id::Raw("1"), session.as_deref(), &extranonce));
        let expected = Subscription { session: session.as_deref().map(Cow::from), extranonce: bytes };
        prop_assert_eq!(subscription(&answer(&written)), Ok(expected));
    }

    #[test]
    fn a_server_reads_what_a_client_writes(
        worker in "\\PC{1,64}", job_id in "\\PC{0,16}", nonce: u64, header: [u8; 32], mix: [u8; 32], rate: u64
    ) {
        let submit = Submit { worker: worker.as_str().into(), job_id: job_id.into(), nonce, header, mix };
        let written = line(|out| request::write_submit(out, 7, &submit));
        prop_assert_eq!(call(&written), Call::Submit(submit));
        let written = line(|out| request::write_submit_hashrate(out, 7, rate, &mix));
        prop_assert_eq!(call(&written), Call::SubmitHashrate(Some(rate)));
        let written = line(|out| request::write_authorize(out, 7, &worker, "x"));
        let expected = Call::Authorize { user: worker.as_str().into(), password: "x".into() };
        prop_assert_eq!(call(&written), expected);
        let written = line(|out| request::write_subscribe(out, 7, &worker, Some("abc")));
        let expected = Call::Subscribe { agent: Some(worker.into()), session: Some("abc".into()) };
        prop_assert_eq!(call(&written), expected);
    }

    #[test]
    fn outside_bytes_never_panic(bytes: Vec<u8>, at: prop::sample::Index, byte: u8) {
        let _ = parse_request(&bytes);
        let _ = parse_server_message(&bytes);
        for mut line in [
            line(|out| request::write_submit(out, 4, &share())).into_bytes(),
            line(|out| reply::write_notify(out, &work())).into_bytes(),
            line(|out| reply::write_subscribe(out, Id::Null, Some("s"), &[1, 2])).into_bytes(),
        ] {
            let at = at.index(line.len());
            line[at] = byte;
            let _ = parse_request(&line);
            if let Ok(ServerMessage::Reply(reply)) = parse_server_message(&line) {
                let _ = subscription(&reply);
            }
        }
    }
}
