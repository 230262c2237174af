//! The dialect of Monero's miners: lines of xmrig 6.26, what each side makes of the other's, and hostile bytes.

use std::borrow::Cow;

use otedama_stratum::v1::Id;
use otedama_stratum::v1::dialect::cryptonote::{
    Call, Job, Login, MAX_BLOB_LEN, Refusal, Reply, ServerMessage, Submit, WireTarget, parse_request,
    parse_server_message, reply, request,
};
use proptest::prelude::*;

fn call(line: &str) -> Call<'_> {
    parse_request(line.as_bytes()).expect("a request").call
}

fn refused(line: &str) -> (&str, &'static str) {
    let error = parse_request(line.as_bytes()).expect_err("no request");
    (error.id.as_str(), error.message)
}

fn line(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    assert!(!out[..out.len() - 1].contains(&b'\n'));
    assert_eq!(out.pop(), Some(b'\n'));
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn requests_of_xmrig() {
    let login = r#"{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"W","pass":"x","agent":"XMRig/6.26.0","rigid":"r","algo":["rx/0","rx/2"]}}"#;
    let expected = Login {
        user: "W".into(),
        password: "x".into(),
        agent: Some("XMRig/6.26.0".into()),
        rig: Some("r".into()),
        algorithms: vec!["rx/0".into(), "rx/2".into()],
    };
    assert_eq!(call(login), Call::Login(expected.clone()));
    assert_eq!(line(|out| request::write_login(out, 1, &expected)), login);

    let result = "7c".repeat(32);
    let submit = format!(
        r#"{{"id":2,"jsonrpc":"2.0","method":"submit","params":{{"id":"S","job_id":"J","nonce":"d0030040","result":"{result}","algo":"rx/0"}}}}"#
    );
    let expected = Submit {
        session: "S".into(),
        job_id: "J".into(),
        nonce: [0xd0, 3, 0, 0x40],
        result: [0x7c; 32],
        algorithm: Some("rx/0".into()),
    };
    assert_eq!(call(&submit), Call::Submit(expected.clone()));
    assert_eq!(line(|out| request::write_submit(out, 2, &expected)), submit);

    let keepalived = r#"{"id":3,"jsonrpc":"2.0","method":"keepalived","params":{"id":"S"}}"#;
    assert_eq!(call(keepalived), Call::KeepAlive);
    assert_eq!(line(|out| request::write_keepalived(out, 3, "S")), keepalived);
}

#[test]
fn replies_as_xmrig_reads_them() {
    let job = Job {
        id: "J".into(),
        blob: Cow::Owned(vec![0x10, 0xff]),
        target: WireTarget::of_difficulty(10_000),
        algorithm: "rx/0".into(),
        height: 7,
        seed_hash: Some([0xab; 32]),
        next_seed_hash: Some([0xcd; 32]),
    };
    let (seed, next_seed) = ("ab".repeat(32), "cd".repeat(32));
    let members = format!(
        r#"{{"blob":"10ff","job_id":"J","target":"b88d0600","algo":"rx/0","height":7,"seed_hash":"{seed}","next_seed_hash":"{next_seed}"}}"#
    );
    let id = Id::Raw("1");
    for (written, expected) in [
        (
            line(|out| reply::write_login(out, id, "S", &job)),
            format!(
                r#"{{"id":1,"jsonrpc":"2.0","error":null,"result":{{"id":"S","job":{members},"extensions":["algo","keepalive"],"status":"OK"}}}}"#
            ),
        ),
        (
            line(|out| reply::write_job(out, &job)),
            format!(r#"{{"jsonrpc":"2.0","method":"job","params":{members}}}"#),
        ),
        (
            line(|out| reply::write_accepted(out, id)),
            r#"{"id":1,"jsonrpc":"2.0","error":null,"result":{"status":"OK"}}"#.into(),
        ),
        (
            line(|out| reply::write_kept_alive(out, id)),
            r#"{"id":1,"jsonrpc":"2.0","error":null,"result":{"status":"KEEPALIVED"}}"#.into(),
        ),
        (
            line(|out| reply::write_error(out, id, Refusal::LowDifficulty.message())),
            r#"{"id":1,"jsonrpc":"2.0","error":{"code":-1,"message":"Low difficulty share"}}"#.into(),
        ),
    ] {
        assert_eq!(written, expected);
    }
}

#[test]
fn requests_without_the_usual_members() {
    for line in [
        r#"{"method":"login","params":{"login":"W"}}"#,
        r#"{"method":"login","params":{"login":"W","pass":null,"agent":null,"rigid":"","algo":null,"algo-perf":{"rx/0":1}}}"#,
    ] {
        let expected = Login {
            user: "W".into(),
            password: "".into(),
            agent: None,
            rig: None,
            algorithms: vec![],
        };
        assert_eq!(call(line), Call::Login(expected), "{line}");
    }
    assert_eq!(call(r#"{"id":"a","method":"keepalived"}"#), Call::KeepAlive);
    assert_eq!(
        call(r#"{"id":4,"method":"getjob"}"#),
        Call::Unknown("getjob".into())
    );
}

#[test]
fn what_is_no_request() {
    let submit = |members: &str| format!(r#"{{"id":5,"method":"submit","params":{{{members}}}}}"#);
    let result = "00".repeat(32);
    for (line, id, message) in [
        ("[]".into(), "null", "expected a JSON object"),
        (r#"{"id":1}"#.into(), "1", "method is missing"),
        (
            r#"{"id":{},"method":"login"}"#.into(),
            "null",
            "id must be null, a number or a string, at most 64 bytes long",
        ),
        (
            r#"{"id":1,"method":"login"}"#.into(),
            "1",
            "login must be 1 to 256 bytes",
        ),
        (
            format!(
                r#"{{"id":1,"method":"login","params":{{"login":"{}"}}}}"#,
                "4".repeat(257)
            ),
            "1",
            "login must be 1 to 256 bytes",
        ),
        (
            r#"{"id":1,"method":"login","params":["W","x"]}"#.into(),
            "1",
            "login takes an object of texts and a list of algorithms",
        ),
        (
            format!(
                r#"{{"id":1,"method":"login","params":{{"login":"W","algo":["{}"]}}}}"#,
                "x".repeat(33)
            ),
            "1",
            "algo must be at most 128 names of at most 32 bytes",
        ),
        (
            submit(&format!(
                r#""id":"S","job_id":"J","nonce":"0x000000","result":"{result}""#
            )),
            "5",
            "nonce must be 8 hex digits",
        ),
        (
            submit(r#""id":"S","job_id":"J","nonce":"00000000","result":"00""#),
            "5",
            "result must be 64 hex digits",
        ),
        (
            submit(&format!(r#""id":"S","nonce":"00000000","result":"{result}""#)),
            "5",
            "submit takes an object of id, job_id, nonce and result",
        ),
        (
            submit(&format!(
                r#""id":"S","job_id":"{}","nonce":"00000000","result":"{result}""#,
                "J".repeat(65)
            )),
            "5",
            "job_id is longer than 64 bytes",
        ),
    ] {
        assert_eq!(refused(&line), (id, message), "{line}");
    }
}

#[test]
fn messages_of_other_pools() {
    let target = WireTarget::from_hex("b88d0600").expect("a target");
    let without =
        r#"{"method":"job","params":{"blob":"00","job_id":"1","target":"b88d0600","seed_hash":""}}"#;
    let expected = Job {
        id: "1".into(),
        blob: Cow::Owned(vec![0]),
        target,
        algorithm: "".into(),
        height: 0,
        seed_hash: None,
        next_seed_hash: None,
    };
    for next_seed in [
        "",
        r#","next_seed_hash":"""#,
        r#","next_seed_hash":null"#,
        r#","next_seed_hash":"12""#,
        r#","next_seed_hash":[1]"#,
    ] {
        let line = without.replace("}}", &format!("{next_seed}}}}}"));
        assert_eq!(
            parse_server_message(line.as_bytes()),
            Ok(ServerMessage::Job(expected.clone())),
            "{line}"
        );
    }
    let error = r#"{"id":2,"error":{"code":-1,"message":"Block expired"},"result":null}"#;
    assert_eq!(
        parse_server_message(error.as_bytes()),
        Ok(ServerMessage::Reply {
            id: Id::Raw("2"),
            reply: Reply::Error("Block expired".into()),
        })
    );
    let other = r#"{"method":"client.reconnect","params":["host",1]}"#;
    assert_eq!(
        parse_server_message(other.as_bytes()),
        Ok(ServerMessage::Unknown("client.reconnect".into()))
    );
    let long = "00".repeat(MAX_BLOB_LEN + 1);
    for line in [
        "",
        "[]",
        r#"{"id":1}"#,
        r#"{"id":1,"result":{}}"#,
        r#"{"method":"job"}"#,
        r#"{"method":"job","params":{"blob":"0","job_id":"1","target":"b88d0600"}}"#,
        r#"{"method":"job","params":{"blob":"00","job_id":"1","target":"00000000"}}"#,
        r#"{"method":"job","params":{"blob":"00","job_id":"1","target":"b88d0600","seed_hash":"12"}}"#,
        &format!(r#"{{"method":"job","params":{{"blob":"{long}","job_id":"1","target":"b88d0600"}}}}"#),
    ] {
        assert!(parse_server_message(line.as_bytes()).is_err(), "{line}");
    }
}

fn job() -> impl Strategy<Value = Job<'static>> {
    (
        "\\PC{0,16}",
        prop::collection::vec(any::<u8>(), 0..=MAX_BLOB_LEN),
        any::<u64>(),
        "[a-z/0-9]{0,32}",
        any::<u64>(),
        any::<[Option<[u8; 32]>; 2]>(),
    )
        .prop_map(
            |(id, blob, difficulty, algorithm, height, [seed_hash, next_seed_hash])| Job {
                id: id.into(),
                blob: blob.into(),
                target: WireTarget::of_difficulty(difficulty),
                algorithm: algorithm.into(),
                height,
                seed_hash,
                next_seed_hash,
            },
        )
}

proptest! {
    #[test]
    fn a_client_reads_what_a_server_writes(job in job(), session in "\\PC{0,16}") {
        let written = line(|out| reply::write_job(out, &job));
        prop_assert_eq!(parse_server_message(written.as_bytes()), Ok(ServerMessage::Job(job.clone())));
        let written = line(|out| reply::write_login(out, Id::Raw("9"), &session, &job));
        let expected = Reply::Login { session: session.into(), job: Box::new(job) };
        prop_assert_eq!(
            parse_server_message(written.as_bytes()),
            Ok(ServerMessage::Reply { id: Id::Raw("9"), reply: expected })
        );
    }

    #[test]
    fn a_server_reads_what_a_client_writes(
        user in "\\PC{1,64}", password in "\\PC{0,64}", agent: Option<[char; 3]>, rig in prop::option::of("[^\\x00]{1,30}"),
        algorithms in prop::collection::vec("[a-z/0-9]{0,32}", 0..9), nonce: [u8; 4], result: [u8; 32]
    ) {
        let login = Login {
            user: user.as_str().into(),
            password: password.into(),
            agent: agent.map(|chars| String::from_iter(chars).into()),
            rig: rig.map(Cow::from),
            algorithms: algorithms.into_iter().map(Cow::from).collect(),
        };
        let written = line(|out| request::write_login(out, 1, &login));
        prop_assert_eq!(call(&written), Call::Login(login));
        let submit = Submit {
            session: "s".into(),
            job_id: user.chars().take(16).collect::<String>().into(),
            nonce,
            result,
            algorithm: None,
        };
        let written = line(|out| request::write_submit(out, u64::MAX, &submit));
        prop_assert_eq!(call(&written), Call::Submit(submit));
    }

    #[test]
    fn outside_bytes_never_panic(bytes: Vec<u8>) {
        let _ = parse_request(&bytes);
        let _ = parse_server_message(&bytes);
    }
}
