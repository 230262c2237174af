use std::time::Duration;

use otedama_stratum::client::{ClientClose, ClientConfig, ClientInput, ClientOutput};
use otedama_stratum::v1::dialect::ethereum::Protocol;

use super::{blob, hash, job, rejected, submit};
use crate::script::Script;

const LOGIN: &str = r#"{"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["0xb85150eb365e7df0941f0cf08235f987ba91506a"],"worker":"rig-1"}"#;
const TARGET: &str = "0112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ba";

fn config() -> ClientConfig {
    ClientConfig {
        user: "0xb85150eb365e7df0941f0cf08235f987ba91506a".to_owned(),
        password: String::new(),
        rig: Some("rig-1".to_owned()),
        ..super::config(Protocol::Proxy)
    }
}

/// Work as a server sends it; `id` is a member with its comma, or nothing.
fn work(id: &str, header: u8) -> String {
    format!(
        r#"{{{id}"jsonrpc":"2.0","result":["0x{}","0x{}","0x{TARGET:0>64}"]}}"#,
        hash(header),
        hash(0x5e)
    )
}

fn job_id(header: u8) -> String {
    format!("0x{}", hash(header))
}

/// Logged in, with request 2 for work unanswered; nothing waits to be taken out.
fn running() -> Script {
    let mut script = Script::new(config());
    script.connect();
    script.say(r#"{"id":1,"jsonrpc":"2.0","result":true}"#);
    script.outputs();
    assert!(script.client.is_running());
    script
}

#[test]
fn work_is_asked_for_after_the_login() {
    let mut script = Script::new(config());
    script.connect();
    assert_eq!(script.sent(), [LOGIN]);
    script.say(r#"{"id":1,"jsonrpc":"2.0","result":true}"#);
    assert_eq!(
        script.sent(),
        [r#"{"id":2,"jsonrpc":"2.0","method":"eth_getWork","params":[]}"#]
    );
    script.say(&work("\"id\":2,", 1));
    let job = job(&mut script);
    assert_eq!((&*job.job_id, job.clean), (&*job_id(1), true));
    assert_eq!(job.target.to_string(), format!("{TARGET:0>64}"));
    let work = blob(&job);
    assert_eq!((&*work.blob, work.seed), (&[1; 32][..], Some([0x5e; 32])));
    assert_eq!((work.nonces.clone(), work.height), (0..u64::MAX, None));
}

#[test]
fn work_is_asked_for_again_and_again() {
    let mut script = running();
    script.say(&work("\"id\":2,", 1));
    script.outputs();
    for id in 3..6 {
        script.wait(Duration::from_millis(4_999));
        assert_eq!(script.outputs(), []);
        script.wait_for_timeout();
        assert_eq!(
            script.sent(),
            [format!(
                r#"{{"id":{id},"jsonrpc":"2.0","method":"eth_getWork","params":[]}}"#
            )]
        );
        script.say(&work(&format!("\"id\":{id},"), 1));
        assert_eq!(script.outputs(), [], "identical work is no news");
    }
    // That there is none yet is an answer as well.
    script.wait_for_timeout();
    script.sent();
    script.say(r#"{"id":6,"jsonrpc":"2.0","error":{"code":0,"message":"Work not ready"}}"#);
    script.wait(Duration::from_secs(5));
    assert_eq!(script.sent().len(), 1);
    script.say(r#"{"id":7,"jsonrpc":"2.0","result":null}"#);
    script.wait(Duration::from_secs(5));
    assert_eq!(script.sent().len(), 1);
    script.wait(Duration::from_millis(19_999));
    assert_eq!(script.outputs(), []);
    script.wait_for_timeout();
    assert_eq!(
        script.output(),
        ClientOutput::Close(ClientClose::ReplyTimeout("eth_getWork"))
    );
}

#[test]
fn work_is_pushed_with_any_id() {
    let mut script = running();
    for (header, id) in [(1, ""), (2, "\"id\":0,"), (3, "\"id\":6,"), (4, "\"id\":null,")] {
        script.say(&work(id, header));
        let job = job(&mut script);
        assert_eq!(*job.job_id, job_id(header));
        assert_eq!(job.clean, header == 1, "older work may still count");
    }
    // It answers the request that waits.
    script.wait(Duration::from_secs(5));
    assert_eq!(script.sent().len(), 1);
}

#[test]
fn a_push_under_the_id_of_a_share_is_no_verdict() {
    let mut script = running();
    script.say(&work("\"id\":2,", 1));
    script.outputs();
    submit(&mut script, &job_id(1), 7, 0xe05d_1fd4_002d_962f);
    assert_eq!(
        script.sent(),
        [format!(
            r#"{{"id":3,"jsonrpc":"2.0","method":"eth_submitWork","params":["0xe05d1fd4002d962f","0x{}","0x{}"],"worker":"rig-1"}}"#,
            hash(1),
            hash(0x3d)
        )]
    );
    script.say(&work("\"id\":3,", 2));
    assert_eq!(*job(&mut script).job_id, job_id(2));
    assert_eq!(script.client.pending(), 1);
    script.say(r#"{"id":3,"jsonrpc":"2.0","result":true}"#);
    assert!(matches!(script.output(), ClientOutput::Accepted { tag: 7, .. }));
    // Older work is submitted as it was given.
    submit(&mut script, &job_id(1), 8, 1);
    assert!(script.sent()[0].contains(&job_id(1)));
    script.say(r#"{"id":4,"jsonrpc":"2.0","result":false}"#);
    assert_eq!(script.output(), rejected(8, 20, "no reason given"));
    submit(&mut script, &job_id(2), 9, 1);
    script.sent();
    script.say(r#"{"id":5,"jsonrpc":"2.0","error":{"code":22,"message":"Duplicate share"}}"#);
    assert_eq!(script.output(), rejected(9, 22, "Duplicate share"));
    submit(&mut script, &job_id(2), 10, u64::MAX);
    assert_eq!(
        script.output(),
        rejected(10, 20, "the nonce is not one of the job's")
    );
}

#[test]
fn an_unanswered_share_closes_the_connection() {
    let mut script = running();
    script.say(&work("\"id\":2,", 1));
    submit(&mut script, &job_id(1), 7, 1);
    script.outputs();
    for _ in 0..4 {
        script.wait(Duration::from_secs(4));
        script.say(&work("", 1));
    }
    script.outputs();
    script.wait(Duration::from_secs(4));
    assert_eq!(
        script.outputs(),
        [
            ClientOutput::Unanswered { tag: 7 },
            ClientOutput::Close(ClientClose::ReplyTimeout("eth_submitWork")),
        ]
    );
}

#[test]
fn a_refused_login_ends_the_connection() {
    for (answer, why) in [
        (
            r#"{"id":1,"jsonrpc":"2.0","error":{"code":-1,"message":"Invalid login"}}"#,
            "Invalid login",
        ),
        (r#"{"id":1,"jsonrpc":"2.0","result":false}"#, "no reason given"),
    ] {
        let mut script = Script::new(config());
        script.connect();
        script.sent();
        script.say(answer);
        assert_eq!(
            script.output(),
            ClientOutput::Close(ClientClose::Unauthorized(why.to_owned()))
        );
    }
    let mut script = Script::new(config());
    script.connect();
    script.sent();
    script.wait_for_timeout();
    assert_eq!(
        script.output(),
        ClientOutput::Close(ClientClose::ReplyTimeout("eth_submitLogin"))
    );
}

#[test]
fn a_new_connection_logs_in_anew() {
    let mut script = running();
    script.input(ClientInput::Closed);
    script.connect();
    assert_eq!(script.sent(), [LOGIN.replacen("\"id\":1", "\"id\":3", 1)]);
    script.say(&work("", 1));
    assert!(matches!(script.output(), ClientOutput::Difficulty(_)));
    script.say(r#"{"id":3,"jsonrpc":"2.0","result":true}"#);
    let outputs = script.outputs();
    let [ClientOutput::Job(job), ClientOutput::Send(_)] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert!(job.clean && *job.job_id == job_id(1));
}
