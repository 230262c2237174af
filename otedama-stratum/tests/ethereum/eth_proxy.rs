use std::borrow::Cow;

use crate::{ADDRESS, HEADER, SEED, TARGET, answer, call_of, first, line, message, solution, work};
use otedama_stratum::v1::dialect::ethereum::Protocol::Proxy;
use otedama_stratum::v1::dialect::ethereum::{
    Call, ServerMessage, Work, notify, reply, request, server_message,
};
use otedama_stratum::v1::{ErrorCode, Id};

#[test]
fn a_session_of_eth_proxy() {
    let login = format!(
        r#"{{"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["{ADDRESS}"],"worker":"rig-1"}}"#
    );
    let expected = Call::Login {
        user: ADDRESS.into(),
        password: "".into(),
        worker: Some("rig-1".into()),
    };
    assert_eq!(first(&login), expected);
    assert_eq!(
        line(|out| request::write_login(out, 1, ADDRESS, "", Some("rig-1"))),
        login
    );
    // T-Rex takes the worker out of the user's name; PhoenixMiner names a fixed one.
    for (line, user, password, worker) in [
        (
            r#"{"id":1,"method":"eth_submitLogin","params":["foo"],"worker":"bar"}"#,
            "foo",
            "",
            Some("bar"),
        ),
        (
            r#"{"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","worker":"eth1.0","params":["foo.bar","passwd"]}"#,
            "foo.bar",
            "passwd",
            Some("eth1.0"),
        ),
        (
            r#"{"id":1,"method":"eth_login","params":["foo"],"worker":""}"#,
            "foo",
            "",
            None,
        ),
        (
            r#"{"id":1,"method":"eth_login","params":["foo",null],"worker":7}"#,
            "foo",
            "",
            None,
        ),
    ] {
        let expected = Call::Login {
            user: user.into(),
            password: password.into(),
            worker: worker.map(Cow::from),
        };
        assert_eq!(first(line), expected, "{line}");
    }
    let get_work = r#"{"id":1,"jsonrpc":"2.0","method":"eth_getWork","params":[]}"#;
    assert_eq!(call_of(Proxy, get_work), Call::GetWork);
    assert_eq!(line(|out| request::write_get_work(out, 1)), get_work);

    let submit = format!(
        r#"{{"id":1,"jsonrpc":"2.0","method":"eth_submitWork","params":["0xe05d1fd4002d962f","0x{HEADER}","0x{SEED}"],"worker":"rig-1"}}"#
    );
    assert_eq!(
        line(|out| request::write_submit_work(out, 1, &solution())),
        submit
    );
    assert_eq!(call_of(Proxy, &submit), Call::SubmitWork(solution()));
    let rate = line(|out| request::write_submit_hashrate(out, 9, 500_000, &[1; 32], Some("rig-1")));
    assert_eq!(call_of(Proxy, &rate), Call::SubmitHashrate(Some(500_000)));
}

#[test]
fn what_a_server_of_eth_proxy_says() {
    let items = format!(r#"["0x{HEADER}","0x{SEED}","0x{TARGET}"]"#);
    let id = Id::Raw("1");
    for (written, expected) in [
        (
            line(|out| reply::write_work(out, id, &work())),
            format!(r#"{{"id":1,"jsonrpc":"2.0","result":{items}}}"#),
        ),
        (
            line(|out| notify::write_work(out, Some(0), &work())),
            format!(r#"{{"id":0,"jsonrpc":"2.0","result":{items}}}"#),
        ),
        (
            line(|out| notify::write_work(out, None, &work())),
            format!(r#"{{"jsonrpc":"2.0","result":{items}}}"#),
        ),
    ] {
        assert_eq!(written, expected);
        assert_eq!(message(Proxy, &written), ServerMessage::Work(work()));
    }
    let with_height = Work {
        height: Some(0x65_26d5),
        ..work()
    };
    let written = line(|out| notify::write_work(out, Some(6), &with_height));
    assert!(written.contains(r#","0x6526d5"]"#), "{written}");
    assert_eq!(message(Proxy, &written), ServerMessage::Work(with_height));

    let accepted = r#"{"id":1,"jsonrpc":"2.0","result":true}"#;
    assert_eq!(line(|out| reply::write_true(out, Proxy, id)), accepted);
    assert!(server_message::is_accepted(Proxy, &answer(Proxy, accepted)));
    let error =
        |code: ErrorCode, message: &str| line(|out| reply::write_error(out, Proxy, id, code, message));
    for (written, code, message) in [
        (
            error(ErrorCode::LowDifficulty, "Invalid share"),
            23,
            "Invalid share",
        ),
        (
            error(ErrorCode::Duplicate, "Duplicate share"),
            22,
            "Duplicate share",
        ),
        (
            error(ErrorCode::NotSubscribed, "Not subscribed"),
            25,
            "Not subscribed",
        ),
        (
            error(ErrorCode::Other, "Malformed PoW result"),
            -1,
            "Malformed PoW result",
        ),
        (line(|out| reply::write_not_ready(out, id)), 0, "Work not ready"),
    ] {
        let expected = format!(
            r#"{{"id":1,"jsonrpc":"2.0","result":null,"error":{{"code":{code},"message":"{message}"}}}}"#
        );
        assert_eq!(written, expected);
        let answer = answer(Proxy, &written);
        assert!(!server_message::is_accepted(Proxy, &answer));
        let error = answer.error.expect("an error");
        assert_eq!((error.code, &*error.message), (code, message));
    }
    let refused = r#"{"id":1,"jsonrpc":"2.0","result":false}"#;
    assert!(!server_message::is_accepted(Proxy, &answer(Proxy, refused)));
}
