use crate::{HEADER, SEED, answer, line, message, refused, solution};
use otedama_stratum::v1::dialect::ethereum::Protocol::{Proxy, V1, V2};
use otedama_stratum::v1::dialect::ethereum::{ServerMessage, parse_server_message, request, server_message};

#[test]
fn what_is_no_request() {
    let submit = |params: &str| format!(r#"{{"id":5,"method":"mining.submit","params":[{params}]}}"#);
    for (protocol, params, message) in [
        (V1, r#""w","j""#, "mining.submit takes 3 parameters"),
        (V1, r#""w","j","00",null"#, "mining.submit takes 3 parameters"),
        (V1, r#""w","j","""#, "nonce must be 1 to 16 hex digits"),
        (
            V1,
            r#""w","j","0123456789abcdef0""#,
            "nonce must be 1 to 16 hex digits",
        ),
        (V1, r#""w","j",7"#, "nonce must be 1 to 16 hex digits"),
        (V1, r#"7,"j","00""#, "worker name must be a string"),
        (V1, r#""w",7,"00""#, "job id must be a string"),
        (V2, r#""j","w-1","00""#, "nonce must be 1 to 16 hex digits"),
        (V2, r#""j","00",7"#, "worker name must be a string"),
        (Proxy, r#""w","j","xx""#, "nonce must be 1 to 16 hex digits"),
    ] {
        assert_eq!(refused(protocol, &submit(params)), ("5", message), "{params}");
    }
    let good = line(|out| request::write_submit_work(out, 6, &solution()));
    for (from, to, message) in [
        ("0xe05d", "0xe05", "nonce must be 16 hex digits"),
        (HEADER, "00", "header hash must be 64 hex digits"),
        (SEED, "00", "mix hash must be 64 hex digits"),
        ("\"0xe05d1fd4002d962f\",", "", "eth_submitWork takes 3 parameters"),
    ] {
        let bad = good.replace(from, to);
        assert_eq!(refused(Proxy, &bad), ("6", message), "{bad}");
    }
    for (line, message) in [
        (
            r#"{"id":1,"method":"mining.hello"}"#,
            "mining.hello takes an object",
        ),
        (
            r#"{"id":1,"method":"mining.hello","params":["EthereumStratum/2.0.0"]}"#,
            "mining.hello takes an object",
        ),
        (
            r#"{"id":1,"method":"mining.hello","params":{"proto":"EthereumStratum/3.0.0"}}"#,
            "proto must be EthereumStratum/2.0.0",
        ),
        (
            r#"{"id":1,"method":"mining.hello","params":{}}"#,
            "proto must be EthereumStratum/2.0.0",
        ),
        (
            r#"{"id":1,"method":"eth_submitLogin","params":[]}"#,
            "user name must be a string",
        ),
        (
            r#"{"id":1,"method":"mining.authorize","params":{"user":"a"}}"#,
            "params must be an array",
        ),
        (r#"{"id":1}"#, "method is missing"),
    ] {
        assert_eq!(refused(V2, line), ("1", message), "{line}");
    }
    assert_eq!(refused(V1, "[1]"), ("null", "expected a JSON object"));
    let long = format!(
        r#"{{"id":1,"method":"eth_login","params":["{}"]}}"#,
        "4".repeat(257)
    );
    assert_eq!(refused(Proxy, &long), ("1", "user name must be 1 to 256 bytes"));
}

#[test]
fn messages_that_make_no_sense() {
    for (protocol, line) in [
        (
            V1,
            r#"{"method":"mining.notify","params":["j","00","00",true]}"#.into(),
        ),
        (
            V1,
            format!(r#"{{"method":"mining.notify","params":[7,"{SEED}","{HEADER}",true]}}"#),
        ),
        (V1, r#"{"method":"mining.set_difficulty","params":[0]}"#.into()),
        (
            V1,
            r#"{"method":"mining.set_extranonce","params":["00000000"]}"#.into(),
        ),
        (
            V2,
            format!(r#"{{"method":"mining.notify","params":["j","xyz","{HEADER}","0"]}}"#),
        ),
        (V2, r#"{"method":"mining.set","params":["dc"]}"#.into()),
        (
            V2,
            r#"{"method":"mining.set","params":{"epoch":"100000000"}}"#.into(),
        ),
        (V2, r#"{"method":"mining.set","params":{"target":""}}"#.into()),
        (
            V2,
            r#"{"method":"mining.set","params":{"extranonce":"abc"}}"#.into(),
        ),
        (
            V2,
            r#"{"method":"mining.set","params":{"extranonce":"00000000000000"}}"#.into(),
        ),
        (
            V2,
            format!(
                r#"{{"method":"mining.set","params":{{"algo":"{}"}}}}"#,
                "x".repeat(33)
            ),
        ),
        (V2, r#"{"method":"mining.reconnect","params":[]}"#.into()),
        (Proxy, format!(r#"{{"id":0,"result":["0x{HEADER}","0x{SEED}"]}}"#)),
        (Proxy, r#"{"id":0,"result":[[],{},7]}"#.into()),
        (Proxy, "[]".into()),
        (Proxy, String::new()),
    ] {
        assert!(parse_server_message(protocol, line.as_bytes()).is_err(), "{line}");
    }
    for result in [
        "true",
        "null",
        "[]",
        r#"[null,"080c"]"#,
        r#"[["mining.notify","ae"],"080c"]"#,
        r#"[["mining.notify","ae","EthereumStratum/2.0.0"],"080c"]"#,
        r#"[["mining.notify","ae","EthereumStratum/1.0.0"]]"#,
        r#"[["mining.notify","ae","EthereumStratum/1.0.0"],"08000000"]"#,
        r#"[["mining.notify","ae","EthereumStratum/1.0.0"],7]"#,
    ] {
        let line = format!(r#"{{"id":1,"result":{result}}}"#);
        assert!(
            server_message::subscription(&answer(V1, &line)).is_err(),
            "{line}"
        );
        assert!(server_message::hello(&answer(V2, &line)).is_err(), "{line}");
        assert!(server_message::token(&answer(V2, &line)).is_err(), "{line}");
    }
    // What another protocol would take.
    let set = r#"{"method":"mining.set_difficulty","params":[1]}"#;
    assert!(matches!(message(V2, set), ServerMessage::Unknown { .. }));
}
