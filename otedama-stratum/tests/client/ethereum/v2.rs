use std::time::Duration;

use otedama_stratum::client::{ClientClose, ClientConfig, ClientInput, ClientOutput};
use otedama_stratum::v1::dialect::ethereum::Protocol;

use super::{blob, config, job, rejected, submit};
use crate::script::Script;

const HELLO: &str = r#"{"id":1,"method":"mining.hello","params":{"agent":"ethminer-0.17","host":"somemininigpool.com","port":"4d2","proto":"EthereumStratum/2.0.0"}}"#;
const GREETED: &str = r#"{"id":1,"result":{"proto":"EthereumStratum/2.0.0","encoding":"plain","resume":"1","timeout":"b4","maxerrors":"5","node":"Geth/v1.8.18-unstable-f08f596a/linux-amd64/go1.10.4"}}"#;
const SET: &str = r#"{"method":"mining.set","params":{"epoch":"dc","target":"0112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ba","algo":"ethash","extranonce":"af4c"}}"#;
const NOTIFY: &str = r#"{"method":"mining.notify","params":["bf0488aa","6526d5","645cf20198c2f3861e947d4f67e3ab63b7b2e24dcc9095bd9123e7b33371f6cc","0"]}"#;

/// Greeted, subscribed as s-12345 and authorised as w-123; nothing waits.
fn running() -> Script {
    let mut script = Script::new(config(Protocol::V2));
    script.connect();
    script.say(GREETED);
    script.say(r#"{"id":2,"result":"s-12345"}"#);
    script.say(r#"{"id":3,"result":"w-123"}"#);
    script.outputs();
    assert!(script.client.is_running());
    script
}

/// The same with one job.
fn mining() -> Script {
    let mut script = running();
    script.say(SET);
    script.say(NOTIFY);
    script.outputs();
    script
}

#[test]
fn requests_follow_one_another() {
    let mut script = Script::new(config(Protocol::V2));
    script.connect();
    assert_eq!(script.sent(), [HELLO]);
    script.say(GREETED);
    assert_eq!(script.sent(), [r#"{"id":2,"method":"mining.subscribe"}"#]);
    script.say(r#"{"id":2,"result":"s-12345"}"#);
    assert_eq!(
        script.sent(),
        [r#"{"id":3,"method":"mining.authorize","params":["test","password"]}"#]
    );
    // What comes before the user was taken is held back.
    script.say(SET);
    script.say(NOTIFY);
    assert!(matches!(script.output(), ClientOutput::Difficulty(_)));
    script.say(r#"{"id":3,"result":"w-123"}"#);
    assert!(script.job().clean);
}

#[test]
fn a_job_follows_its_settings() {
    let mut script = running();
    script.say(NOTIFY);
    assert_eq!(script.outputs(), [], "without settings it makes no sense");
    script.say(SET);
    script.say(NOTIFY);
    let first = job(&mut script);
    assert_eq!(
        first.target.to_string(),
        "0000000112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ba"
    );
    let work = blob(&first);
    assert_eq!(
        const_hex::encode(&work.blob),
        "645cf20198c2f3861e947d4f67e3ab63b7b2e24dcc9095bd9123e7b33371f6cc"
    );
    assert_eq!(work.nonces, 0xaf4c_0000_0000_0000..0xaf4d_0000_0000_0000);
    assert_eq!((work.height, work.seed), (Some(0x65_26d5), None));
    assert_eq!(
        (work.algorithm.as_deref(), work.network_target),
        (Some("ethash"), None)
    );
    script.say(NOTIFY);
    assert_eq!(script.outputs(), [], "the same again");
    // What a message leaves out stays as it was.
    script.say(r#"{"method":"mining.set","params":{"target":"ff"}}"#);
    script.say(&NOTIFY.replace("bf0488aa", "c0").replace("\"0\"]", "\"1\"]"));
    let second = job(&mut script);
    assert_eq!(second.target.to_string(), format!("{:0>64}", "ff"));
    assert_eq!(blob(&second), work);
    assert!(second.clean);
    script.say(r#"{"method":"mining.set","params":{"extranonce":"000102030405"}}"#);
    script.say(&NOTIFY.replace("bf0488aa", "c1"));
    assert_eq!(
        blob(&job(&mut script)).nonces,
        0x0001_0203_0405_0000..0x0001_0203_0406_0000
    );
    submit(&mut script, "c1", 1, 0x0001_0203_0405_00ab);
    assert!(script.sent()[0].ends_with(r#""c1","00ab","w-123"]}"#));
}

#[test]
fn what_a_server_never_set_has_its_default() {
    let mut script = running();
    script.say(r#"{"method":"mining.set","params":{"epoch":"dc"}}"#);
    script.say(NOTIFY);
    let plain = job(&mut script);
    assert_eq!(
        plain.target.to_string(),
        "00000000ffff0000000000000000000000000000000000000000000000000000"
    );
    let work = blob(&plain);
    assert_eq!(work.nonces, 0..u64::MAX);
    assert_eq!(work.algorithm, None, "the server did not say");
    submit(&mut script, "bf0488aa", 1, 0xaf4c_6876_5fcc_d712);
    assert!(script.sent()[0].ends_with(r#""bf0488aa","af4c68765fccd712","w-123"]}"#));

    // A segment that was set is taken back by an empty one.
    script.say(SET);
    script.say(r#"{"method":"mining.set","params":{"extranonce":""}}"#);
    script.say(&NOTIFY.replace("bf0488aa", "c0"));
    assert_eq!(blob(&job(&mut script)).nonces, 0..u64::MAX);
}

#[test]
fn a_server_that_names_no_algorithm_means_ethash() {
    let mut script = Script::new(ClientConfig {
        algorithms: vec!["etchash".to_owned()],
        ..config(Protocol::V2)
    });
    script.connect();
    script.say(GREETED);
    script.say(r#"{"id":2,"result":"s-12345"}"#);
    script.outputs();
    script.say(r#"{"method":"mining.set","params":{"target":"ff"}}"#);
    assert_eq!(
        script.output(),
        ClientOutput::Close(ClientClose::UnknownAlgorithm("ethash".to_owned()))
    );
    // The session would go on with it.
    script.connect();
    script.outputs();
    script.say(&GREETED.replace("\"id\":1", "\"id\":4"));
    assert_eq!(script.sent(), [r#"{"id":5,"method":"mining.subscribe"}"#]);
}

#[test]
fn shares_are_accepted_by_silence_and_by_remarks() {
    let mut script = mining();
    for tag in 1..=4 {
        submit(&mut script, "bf0488aa", tag, 0xaf4c_6876_5fcc_d712);
    }
    assert_eq!(
        script.sent()[0],
        r#"{"id":4,"method":"mining.submit","params":["bf0488aa","68765fccd712","w-123"]}"#
    );
    script.say(r#"{"id":4}"#);
    script.say(r#"{"id":5,"error":{"code":202,"message":"Stale"}}"#);
    script.say(r#"{"id":6,"error":{"code":404,"message":"Job not found"}}"#);
    script.say(r#"{"id":7,"error":{"code":500,"message":"Could not process"}}"#);
    script.say(r#"{"id":99,"error":{"code":202,"message":"Stale"}}"#);
    let accepted = |tag| ClientOutput::Accepted {
        tag,
        latency: Duration::ZERO,
    };
    assert_eq!(
        script.outputs(),
        [
            accepted(1),
            accepted(2),
            ClientOutput::Message("Stale".to_owned()),
            rejected(3, 404, "Job not found"),
            rejected(4, 500, "Could not process"),
        ]
    );
    submit(&mut script, "bf0488aa", 5, 0xaf4d_0000_0000_0000);
    assert_eq!(
        script.output(),
        rejected(5, 20, "the nonce is not one of the job's")
    );
}

#[test]
fn ids_stay_within_sixteen_bits() {
    let mut script = mining();
    // The first solution waits for its verdict all the time, so that its id stays taken.
    submit(&mut script, "bf0488aa", 0, 0xaf4c_0000_0000_0000);
    script.outputs();
    let mut ids = Vec::new();
    for round in 1..65_540_u64 {
        submit(&mut script, "bf0488aa", round, 0xaf4c_0000_0000_0000);
        let line = script.sent().remove(0);
        let id: u64 = line[6..line.find(',').unwrap()].parse().unwrap();
        ids.push(id);
        script.say(&format!(r#"{{"id":{id}}}"#));
        assert!(matches!(script.output(), ClientOutput::Accepted { tag, .. } if tag == round));
    }
    assert_eq!((ids.iter().min(), ids.iter().max()), (Some(&1), Some(&65_535)));
    assert!(!ids.contains(&4));
    assert_eq!(script.client.pending(), 1);
    script.say(r#"{"id":4}"#);
    assert!(matches!(script.output(), ClientOutput::Accepted { tag: 0, .. }));
}

#[test]
fn a_sign_of_life_comes_twice_in_the_server_s_timeout() {
    for (timeout, every_s) in [
        ("b4", 60),
        ("1e", 15),
        ("1", 1),
        ("0", 60),
        ("ffffffffffffffff", 60),
    ] {
        let mut script = Script::new(config(Protocol::V2));
        script.connect();
        script.say(&GREETED.replace("\"b4\"", &format!("\"{timeout}\"")));
        script.say(r#"{"id":2,"result":"s-12345"}"#);
        script.say(r#"{"id":3,"result":"w-123"}"#);
        script.outputs();
        script.wait(Duration::from_millis(every_s * 1000 - 1));
        assert_eq!(script.outputs(), [], "{timeout}");
        script.wait(Duration::from_millis(1));
        assert_eq!(script.sent(), [r#"{"id":4,"method":"mining.noop"}"#], "{timeout}");
        script.say(r#"{"id":4}"#);
        assert_eq!(script.outputs(), []);
    }
}

#[test]
fn an_unknown_algorithm_ends_the_connection() {
    let mut script = running();
    script.say(&SET.replace("ethash", "progpow"));
    assert_eq!(
        script.output(),
        ClientOutput::Close(ClientClose::UnknownAlgorithm("progpow".to_owned()))
    );
    let mut script = Script::new(ClientConfig {
        algorithms: vec![],
        ..config(Protocol::V2)
    });
    script.connect();
    script.outputs();
    script.say(&SET.replace("ethash", "progpow"));
    assert_eq!(script.outputs(), []);
}

#[test]
fn a_session_goes_on_with_its_settings() {
    let mut script = mining();
    script.input(ClientInput::Closed);
    script.connect();
    script.outputs();
    script.say(&GREETED.replace("\"id\":1", "\"id\":4"));
    assert_eq!(
        script.sent(),
        [r#"{"id":5,"method":"mining.subscribe","params":"s-12345"}"#]
    );
    script.say(r#"{"id":5,"result":"s-12345"}"#);
    script.say(r#"{"id":6,"result":"w-124"}"#);
    script.outputs();
    script.say(NOTIFY);
    assert!(job(&mut script).clean);
    submit(&mut script, "bf0488aa", 1, 0xaf4c_0000_0000_0001);
    assert!(script.sent()[0].ends_with(r#""bf0488aa","000000000001","w-124"]}"#));
    script.say(r#"{"id":7}"#);

    // A new session begins with nothing.
    script.input(ClientInput::Closed);
    script.connect();
    script.outputs();
    script.say(&GREETED.replace("\"id\":1", "\"id\":8"));
    script.say(r#"{"id":9,"result":"s-2"}"#);
    script.say(r#"{"id":10,"result":"w-1"}"#);
    script.outputs();
    script.say(NOTIFY);
    assert_eq!(script.outputs(), []);

    // Nor is a session asked for where it can't be resumed.
    script.input(ClientInput::Closed);
    script.connect();
    script.outputs();
    script.say(
        &GREETED
            .replace("\"id\":1", "\"id\":11")
            .replace("\"resume\":\"1\"", "\"resume\":\"0\""),
    );
    assert_eq!(script.sent(), [r#"{"id":12,"method":"mining.subscribe"}"#]);
}

#[test]
fn refusals_end_the_connection() {
    let refused = |why: &str| ClientOutput::Close(ClientClose::SubscribeRefused(why.to_owned()));
    for (answer, why) in [
        (
            r#"{"id":1,"error":{"code":404,"message":"Method not found"}}"#.to_owned(),
            "Method not found",
        ),
        (
            GREETED.replace("2.0.0", "3.0.0"),
            "the server wants another protocol or encoding",
        ),
        (
            GREETED.replace("plain", "gzip"),
            "the server wants another protocol or encoding",
        ),
    ] {
        let mut script = Script::new(config(Protocol::V2));
        script.connect();
        script.sent();
        script.say(&answer);
        assert_eq!(script.output(), refused(why), "{answer}");
    }
    for (answer, why) in [
        (r#"{"id":2,"error":{"code":500,"message":"busy"}}"#, "busy"),
        (r#"{"id":2,"result":true}"#, "expected a name of 1 to 64 bytes"),
    ] {
        let mut script = Script::new(config(Protocol::V2));
        script.connect();
        script.say(GREETED);
        script.sent();
        script.say(answer);
        assert_eq!(script.output(), refused(why), "{answer}");
    }
    for (answer, why) in [
        (r#"{"id":3,"error":{"code":301,"message":"who?"}}"#, "who?"),
        (r#"{"id":3}"#, "expected a name of 1 to 64 bytes"),
    ] {
        let mut script = Script::new(config(Protocol::V2));
        script.connect();
        script.say(GREETED);
        script.say(r#"{"id":2,"result":"s-12345"}"#);
        script.sent();
        script.say(answer);
        assert_eq!(
            script.output(),
            ClientOutput::Close(ClientClose::Unauthorized(why.to_owned())),
            "{answer}"
        );
    }
    let mut script = Script::new(config(Protocol::V2));
    script.connect();
    script.sent();
    script.wait_for_timeout();
    assert_eq!(
        script.output(),
        ClientOutput::Close(ClientClose::ReplyTimeout("mining.hello"))
    );
}

#[test]
fn a_server_says_goodbye_or_sends_elsewhere() {
    let mut script = mining();
    submit(&mut script, "bf0488aa", 1, 0xaf4c_0000_0000_0001);
    script.outputs();
    script.say(r#"{"method":"mining.bye"}"#);
    assert_eq!(
        script.outputs(),
        [
            ClientOutput::Unanswered { tag: 1 },
            ClientOutput::Close(ClientClose::Farewell)
        ]
    );
    for (resume, subscribe) in [
        ("1", r#"{"id":5,"method":"mining.subscribe","params":"s-12345"}"#),
        ("0", r#"{"id":5,"method":"mining.subscribe"}"#),
    ] {
        let mut script = running();
        script.say(&format!(
            r#"{{"method":"mining.reconnect","params":{{"host":"b.example","port":"d80","resume":"{resume}"}}}}"#
        ));
        assert!(matches!(
            script.output(),
            ClientOutput::Reconnect { host: Some(host), port: Some(0xd80), .. } if host == "b.example"
        ));
        script.connect();
        script.outputs();
        script.say(&GREETED.replace("\"id\":1", "\"id\":4"));
        assert_eq!(script.sent(), [subscribe]);
    }
}
