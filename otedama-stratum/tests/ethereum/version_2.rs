use std::borrow::Cow;

use crate::{HEADER, answer, bytes, call_of, digits, extranonce, first, line, message, target};
use otedama_stratum::v1::dialect::ethereum::Protocol::{V1, V2};
use otedama_stratum::v1::dialect::ethereum::{
    Call, HelloReply, Job, ServerMessage, Settings, Submit, notify, reply, request, server_message,
};
use otedama_stratum::v1::{ErrorCode, Id};

#[test]
fn a_session_of_version_2() {
    let hello = r#"{"id":0,"method":"mining.hello","params":{"agent":"ethminer-0.17","host":"somemininigpool.com","port":"4d2","proto":"EthereumStratum/2.0.0"}}"#;
    let expected = Call::Hello {
        agent: Some("ethminer-0.17".into()),
        host: Some("somemininigpool.com".into()),
        port: Some(1234),
    };
    assert_eq!(first(hello), expected);
    assert_eq!(
        line(|out| request::write_hello(out, 0, "ethminer-0.17", "somemininigpool.com", 1234)),
        hello
    );
    let welcome = r#"{"id":0,"result":{"proto":"EthereumStratum/2.0.0","encoding":"plain","resume":"1","timeout":"b4","maxerrors":"5","node":"Geth/v1.8.18"}}"#;
    let terms = HelloReply {
        resume: true,
        timeout_s: 180,
        max_errors: 5,
        node: "Geth/v1.8.18",
    };
    assert_eq!(line(|out| reply::write_hello(out, Id::Raw("0"), &terms)), welcome);
    let read = server_message::hello(&answer(V2, welcome)).expect("a welcome");
    assert_eq!((read.resume, read.timeout_s, read.max_errors), (true, 180, 5));
    assert_eq!(read.node, "Geth/v1.8.18");
    let compressed = welcome.replace("plain", "gzip");
    assert!(server_message::hello(&answer(V2, &compressed)).is_err());

    for (subscribe, session) in [
        (r#"{"id":1,"method":"mining.subscribe"}"#, None),
        (
            r#"{"id":1,"method":"mining.subscribe","params":"s-12345"}"#,
            Some("s-12345"),
        ),
    ] {
        let expected = Call::Subscribe {
            agent: None,
            session: session.map(Cow::from),
        };
        assert_eq!(call_of(V2, subscribe), expected);
        assert_eq!(
            line(|out| request::write_subscribe_session(out, 1, session)),
            subscribe
        );
    }
    let token = r#"{"id":2,"result":"w-123"}"#;
    assert_eq!(line(|out| reply::write_token(out, Id::Raw("2"), "w-123")), token);
    assert_eq!(server_message::token(&answer(V2, token)), Ok("w-123".into()));

    let submit = r#"{"id":31,"method":"mining.submit","params":["bf0488aa","68765fccd712","w-123"]}"#;
    let expected = Submit {
        worker: "w-123".into(),
        job_id: "bf0488aa".into(),
        nonce: digits("68765fccd712"),
    };
    assert_eq!(line(|out| request::write_submit(out, V2, 31, &expected)), submit);
    assert_eq!(call_of(V2, submit), Call::Submit(expected));
    let hashrate = r#"{"id":16,"method":"mining.hashrate","params":["500000","w-123"]}"#;
    let expected = Call::Hashrate {
        rate_hz: Some(0x50_0000),
        worker: "w-123".into(),
    };
    assert_eq!(call_of(V2, hashrate), expected);
    assert_eq!(
        line(|out| request::write_hashrate(out, 16, 0x50_0000, "w-123")),
        hashrate
    );
    let noop = r#"{"id":50,"method":"mining.noop"}"#;
    assert_eq!(call_of(V2, noop), Call::Noop);
    assert_eq!(line(|out| request::write_noop(out, 50)), noop);
    let bye = r#"{"method":"mining.bye"}"#;
    assert_eq!(call_of(V2, bye), Call::Bye);
    assert_eq!(line(request::write_bye), bye);
    assert_eq!(line(notify::write_bye), bye);
    assert_eq!(message(V2, bye), ServerMessage::Bye);
}

#[test]
fn what_a_server_of_version_2_pushes() {
    let set = r#"{"method":"mining.set","params":{"epoch":"dc","target":"0112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ba","algo":"ethash","extranonce":"af4c"}}"#;
    let settings = Settings {
        epoch: Some(0xdc),
        target: Some(target(
            "0000000112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ba",
        )),
        algorithm: Some("ethash".into()),
        extranonce: Some(extranonce("af4c")),
    };
    assert_eq!(message(V2, set), ServerMessage::Set(settings.clone()));
    assert_eq!(
        line(|out| notify::write_set(out, &settings)),
        set.replace("\"0112e0", "\"0000000112e0")
    );
    let one = Settings {
        extranonce: Some(extranonce("")),
        ..Settings::default()
    };
    let written = line(|out| notify::write_set(out, &one));
    assert_eq!(written, r#"{"method":"mining.set","params":{"extranonce":""}}"#);
    assert_eq!(message(V2, &written), ServerMessage::Set(one));

    let notice = format!(r#"{{"method":"mining.notify","params":["bf0488aa","6526d5","{HEADER}","0"]}}"#);
    let job = Job {
        id: "bf0488aa".into(),
        header: bytes(HEADER),
        seed: None,
        height: Some(6_629_077),
        clean: false,
    };
    assert_eq!(line(|out| notify::write_job(out, &job)), notice);
    assert_eq!(message(V2, &notice), ServerMessage::Job(job));

    let reconnect =
        r#"{"method":"mining.reconnect","params":{"host":"someotherhost.com","port":"d80","resume":"1"}}"#;
    let expected = ServerMessage::Reconnect {
        host: Some("someotherhost.com".into()),
        port: Some(3456),
        wait_s: 0,
        resume: true,
    };
    assert_eq!(message(V2, reconnect), expected);
    assert_eq!(
        line(|out| notify::write_reconnect_to(out, "someotherhost.com", 3456, true)),
        reconnect
    );
}

#[test]
fn what_the_replies_of_version_2_mean() {
    let id = Id::Raw("31");
    for (written, expected, accepted) in [
        (line(|out| reply::write_true(out, V2, id)), r#"{"id":31}"#, true),
        (line(|out| reply::write_true(out, V2, Id::Null)), "{}", true),
        (
            line(|out| reply::write_error(out, V2, id, ErrorCode::Stale, "Job not found")),
            r#"{"id":31,"error":{"code":404,"message":"Job not found"}}"#,
            false,
        ),
        (
            line(|out| reply::write_error(out, V2, Id::Null, ErrorCode::Other, "Bad \"request\"")),
            r#"{"error":{"code":400,"message":"Bad \"request\""}}"#,
            false,
        ),
    ] {
        assert_eq!(written, expected);
        assert_eq!(
            server_message::is_accepted(V2, &answer(V2, &written)),
            accepted,
            "{written}"
        );
    }
    for (line, accepted) in [
        (r#"{"id":31,"error":{"code":202,"message":"Stale"}}"#, true),
        (r#"{"id":31,"result":false}"#, false),
    ] {
        let accepts = server_message::is_accepted(V2, &answer(V2, line));
        assert_eq!(accepts, accepted, "{line}");
    }
    for code in [
        ErrorCode::Other,
        ErrorCode::Stale,
        ErrorCode::Duplicate,
        ErrorCode::LowDifficulty,
        ErrorCode::Unauthorized,
        ErrorCode::NotSubscribed,
    ] {
        assert!((300..500).contains(&V2.error_number(code)), "{code:?}");
        assert_eq!(V1.error_number(code), code.code());
    }
}
