//! The language of Monero's pools, with lines as xmrig and its pools write them.

use std::time::Duration;

use otedama_hash::{Algorithm, Target};
use otedama_stratum::client::{
    ClientClose, ClientConfig, ClientInput, ClientJob, ClientOutput, ClientWork, Language, Proof, Solution,
};
use otedama_stratum::v1::dialect::cryptonote::{MAX_BLOB_LEN, WireTarget};

use crate::script::Script;

const LOGIN: &str = r#"{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"W","pass":"x","agent":"test/1","rigid":"r","algo":["rx/0","rx/2"]}}"#;
const SEED: [u8; 32] = [0x5e; 32];

fn config() -> ClientConfig {
    ClientConfig {
        language: Language::CryptoNote,
        user: "W".to_owned(),
        agent: "test/1".to_owned(),
        rig: Some("r".to_owned()),
        algorithms: vec!["rx/0".to_owned(), "rx/2".to_owned()],
        diff1: Algorithm::RANDOMX.diff1(),
        ..ClientConfig::default()
    }
}

/// 76 bytes: the previous block's id is all `prev`, and this stands where the nonce goes.
fn blob(prev: u8, nonce: [u8; 4]) -> Vec<u8> {
    let mut blob = vec![0x10; 76];
    blob[7..39].fill(prev);
    blob[39..43].copy_from_slice(&nonce);
    blob
}

/// The members of a job.
fn job(id: &str, blob: &[u8], target: &str) -> String {
    format!(
        r#"{{"blob":"{}","job_id":"{id}","target":"{target}","algo":"rx/0","height":3000000,"seed_hash":"{}","next_seed_hash":""}}"#,
        hex(blob),
        hex(&SEED)
    )
}

fn pushed(job: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"job","params":{job}}}"#)
}

fn logged_in(id: u64, session: &str, job: &str) -> String {
    format!(
        r#"{{"id":{id},"jsonrpc":"2.0","error":null,"result":{{"id":"{session}","job":{job},"extensions":["algo","keepalive"],"status":"OK"}}}}"#
    )
}

fn error(id: u64, message: &str) -> String {
    format!(r#"{{"id":{id},"jsonrpc":"2.0","error":{{"code":-1,"message":"{message}"}}}}"#)
}

fn hex(bytes: &[u8]) -> String {
    const_hex::encode(bytes)
}

fn solution(job_id: &str, tag: u64, nonce: u64) -> Solution {
    Solution {
        job_id: job_id.into(),
        tag,
        proof: Proof::Nonce {
            nonce,
            hash: [0x7c; 32],
            mix: None,
        },
    }
}

fn submit(script: &mut Script, job_id: &str, tag: u64) {
    script.input(ClientInput::Submit(solution(job_id, tag, 0x4000_03d0)));
}

fn rejected(tag: u64, code: i32, message: &str) -> ClientOutput {
    ClientOutput::Rejected {
        tag,
        code,
        message: message.to_owned(),
    }
}

/// Logged in as session "S" with job "J", whose difficulty is 10,000; nothing waits.
fn mining() -> Script {
    let mut script = Script::new(config());
    script.connect();
    script.say(&logged_in(1, "S", &job("J", &blob(1, [0; 4]), "b88d0600")));
    script.outputs();
    script
}

fn jobs(script: &mut Script) -> Vec<ClientJob> {
    let is_job = |output| match output {
        ClientOutput::Job(job) => Some(ClientJob::clone(&job)),
        ClientOutput::Difficulty(_) => None,
        other => panic!("no job: {other:?}"),
    };
    script.outputs().into_iter().filter_map(is_job).collect()
}

fn nonces(job: &ClientJob) -> std::ops::Range<u64> {
    job.work.blob().expect("a blob").nonces.clone()
}

#[test]
fn one_login_brings_the_first_job() {
    let mut script = Script::new(config());
    script.connect();
    assert_eq!(script.sent(), [LOGIN]);
    assert!(!script.client.is_running());
    script.say(&logged_in(1, "S", &job("J", &blob(1, [0; 4]), "b88d0600")));
    assert!(script.client.is_running());
    let outputs = script.outputs();
    let [ClientOutput::Difficulty(difficulty), ClientOutput::Job(job)] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(
        (&*job.job_id, job.clean, job.difficulty),
        ("J", true, *difficulty)
    );
    assert!((difficulty.get() - 10_000.0).abs() < 1.0, "{difficulty}");
    assert_eq!(job.target, WireTarget::of_difficulty(10_000).to_target());
    let work = job.work.blob().expect("a blob");
    assert_eq!(*work.blob, *blob(1, [0; 4]));
    assert_eq!(work.nonces, 0..1 << 32);
    assert_eq!((work.height, work.seed), (Some(3_000_000), Some(SEED)));
    assert_eq!(work.next_seed, None);
    assert_eq!(
        (work.algorithm.as_deref(), work.network_target),
        (Some("rx/0"), None)
    );
    assert!(job.work.headers().is_none());
}

#[test]
fn a_job_names_the_key_that_follows() {
    let mut script = Script::new(config());
    script.connect();
    script.outputs();
    let next = hex(&[0x5f; 32]);
    let first = job("J", &blob(1, [0; 4]), "b88d0600")
        .replace(r#""next_seed_hash":"""#, &format!(r#""next_seed_hash":"{next}""#));
    script.say(&logged_in(1, "S", &first));
    let jobs = jobs(&mut script);
    let work = jobs[0].work.blob().expect("a blob");
    assert_eq!((work.seed, work.next_seed), (Some(SEED), Some([0x5f; 32])));
}

#[test]
fn a_login_says_no_more_than_is_configured() {
    let mut script = Script::new(ClientConfig {
        rig: None,
        algorithms: vec![],
        ..config()
    });
    script.connect();
    assert_eq!(
        script.sent(),
        [r#"{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"W","pass":"x","agent":"test/1"}}"#]
    );
    // What the job doesn't say stays open.
    script.say(&logged_in(
        1,
        "S",
        &format!(
            r#"{{"blob":"{}","job_id":"J","target":"b88d0600"}}"#,
            hex(&blob(1, [0; 4]))
        ),
    ));
    let jobs = jobs(&mut script);
    let ClientWork::Blob(work) = &jobs[0].work else {
        panic!("{jobs:?}")
    };
    assert_eq!((work.height, work.seed, &work.algorithm), (None, None, &None));
    submit(&mut script, "J", 1);
    assert!(!script.sent()[0].contains("algo"));
}

#[test]
fn a_refused_login_ends_the_connection() {
    let status = r#"{"id":1,"jsonrpc":"2.0","error":null,"result":{"status":"OK"}}"#.to_owned();
    for (answer, why) in [
        (
            error(1, "Invalid payment address provided"),
            "Invalid payment address provided",
        ),
        (error(1, "Unauthenticated"), "Unauthenticated"),
        (status, "the answer to the login has no job"),
    ] {
        let mut script = Script::new(config());
        script.connect();
        script.sent();
        script.say(&answer);
        assert_eq!(
            script.output(),
            ClientOutput::Close(ClientClose::Unauthorized(why.to_owned())),
            "{answer}"
        );
        assert_eq!(script.client.next_timeout(), None);
    }
    let mut script = Script::new(config());
    script.connect();
    script.sent();
    script.wait_for_timeout();
    assert_eq!(
        script.output(),
        ClientOutput::Close(ClientClose::ReplyTimeout("login"))
    );
}

#[test]
fn a_share_counts_when_its_status_is_ok() {
    let mut script = mining();
    for tag in 10..17 {
        submit(&mut script, "J", tag);
    }
    let result = "7c".repeat(32);
    assert_eq!(
        script.sent()[0],
        format!(
            r#"{{"id":2,"jsonrpc":"2.0","method":"submit","params":{{"id":"S","job_id":"J","nonce":"d0030040","result":"{result}","algo":"rx/0"}}}}"#
        )
    );
    script.wait(Duration::from_millis(40));
    script.say(r#"{"id":3,"jsonrpc":"2.0","error":null,"result":{"status":"OK"}}"#);
    script.say(&error(2, "Low difficulty share"));
    script.say(r#"{"id":4,"jsonrpc":"2.0","error":null,"result":{"status":"KEEPALIVED"}}"#);
    script.say(&error(5, "Stale share"));
    script.say(&error(6, "Duplicate share"));
    script.say(&error(7, "Block expired"));
    script.say(&logged_in(8, "S", &job("K", &blob(1, [0; 4]), "b88d0600")));
    script.say(&error(2, "Low difficulty share"));
    assert_eq!(
        script.outputs(),
        [
            ClientOutput::Accepted {
                tag: 11,
                latency: Duration::from_millis(40)
            },
            rejected(10, 23, "Low difficulty share"),
            rejected(12, 20, "KEEPALIVED"),
            rejected(13, 21, "Stale share"),
            rejected(14, 22, "Duplicate share"),
            rejected(15, 20, "Block expired"),
            rejected(16, 20, "no reason given"),
        ]
    );
    assert_eq!(script.client.pending(), 0);
}

#[test]
fn a_nonce_in_the_blob_leaves_the_miner_three_bytes() {
    for (nonce, range) in [
        ([0, 0, 0, 0x2a], 0x2a00_0000..0x2b00_0000),
        ([0, 0, 0, 0xff], 0xff00_0000..0x1_0000_0000),
        ([1, 0, 0, 0], 0..0x0100_0000_u64),
    ] {
        let mut script = mining();
        script.say(&pushed(&job("N", &blob(2, nonce), "b88d0600")));
        let job = script.job();
        assert_eq!(nonces(&job), range);
        assert_eq!(job.work.blob().expect("a blob").blob[39..43], nonce);
        for (tag, nonce) in [(1, range.start), (2, range.end - 1)] {
            script.input(ClientInput::Submit(solution("N", tag, nonce)));
            assert_eq!(script.sent().len(), 1, "{nonce:x}");
        }
        for nonce in [range.end, range.start.wrapping_sub(1)] {
            script.input(ClientInput::Submit(solution("N", 3, nonce)));
            assert_eq!(
                script.output(),
                rejected(3, 20, "the nonce is not one of the job's")
            );
        }
    }
}

#[test]
fn a_solution_of_another_kind_is_not_sent() {
    let mut script = mining();
    script.input(ClientInput::Submit(Solution {
        job_id: "J".into(),
        tag: 1,
        proof: crate::script::header(&[0; 4], None),
    }));
    assert_eq!(script.output(), rejected(1, 20, "a nonce is missing"));
}

#[test]
fn older_jobs_count_until_there_is_a_new_block() {
    let mut script = mining();
    script.say(&pushed(&job("K", &blob(1, [0; 4]), "b88d0600")));
    assert!(!script.job().clean, "the same block with other transactions");
    submit(&mut script, "J", 1);
    assert_eq!(script.sent().len(), 1);
    script.say(&pushed(&job("L", &blob(2, [0; 4]), "b88d0600")));
    assert!(script.job().clean);
    submit(&mut script, "K", 2);
    assert_eq!(script.output(), rejected(2, 21, "job is no longer known"));
}

#[test]
fn a_job_that_repeats_the_last_one_is_no_news() {
    let mut script = mining();
    let same = pushed(&job("J", &blob(1, [0; 4]), "b88d0600"));
    script.say(&same);
    assert_eq!(script.outputs(), []);
    // The same blob for another difficulty is news, and so is the difficulty.
    script.say(&pushed(&job("J", &blob(1, [0; 4]), "e295d6bd31040000")));
    let outputs = script.outputs();
    let [ClientOutput::Difficulty(difficulty), ClientOutput::Job(job)] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert!((difficulty.get() - 4_000_001.0).abs() < 1.0, "{difficulty}");
    assert_eq!(
        job.target,
        WireTarget::from_hex("e295d6bd31040000").expect("hex").to_target()
    );
    script.say(&same);
    assert_eq!(script.outputs().len(), 2, "back to the first one");
}

#[test]
fn an_unknown_algorithm_ends_the_connection() {
    let mut script = mining();
    let job = job("K", &blob(1, [0; 4]), "b88d0600");
    script.say(&pushed(&job.replace("rx/0", "RX/2")));
    assert_eq!(jobs(&mut script).len(), 1, "names have no case");
    submit(&mut script, "K", 5);
    script.sent();
    script.say(&pushed(&job.replace("rx/0", "cn/r")));
    assert_eq!(
        script.outputs(),
        [
            ClientOutput::Unanswered { tag: 5 },
            ClientOutput::Close(ClientClose::UnknownAlgorithm("cn/r".to_owned())),
        ]
    );
}

#[test]
fn a_sign_of_life_follows_a_minute_without_a_word() {
    let mut script = mining();
    script.wait(Duration::from_secs(59));
    assert_eq!(script.outputs(), []);
    script.wait_for_timeout();
    assert_eq!(
        script.sent(),
        [r#"{"id":2,"jsonrpc":"2.0","method":"keepalived","params":{"id":"S"}}"#]
    );
    script.say(r#"{"id":2,"jsonrpc":"2.0","error":null,"result":{"status":"KEEPALIVED"}}"#);
    script.wait(Duration::from_secs(30));
    submit(&mut script, "J", 1);
    script.say(r#"{"id":3,"jsonrpc":"2.0","error":null,"result":{"status":"OK"}}"#);
    script.outputs();
    script.wait(Duration::from_secs(59));
    assert_eq!(script.outputs(), [], "a share is a sign of life, too");
    script.wait(Duration::from_secs(1));
    assert_eq!(script.sent().len(), 1);
    // Nobody has to answer it, but somebody has to say something.
    for _ in 0..3 {
        script.wait(Duration::from_secs(60));
        assert_eq!(script.sent().len(), 1);
    }
    script.wait(Duration::from_secs(60));
    assert_eq!(script.output(), ClientOutput::Close(ClientClose::Silence));
}

#[test]
fn a_lost_session_is_replaced_by_a_new_login() {
    for message in ["Unauthenticated", "Unauthenticated: log in", "Invalid job id"] {
        let mut script = mining();
        submit(&mut script, "J", 1);
        submit(&mut script, "J", 2);
        script.sent();
        script.say(&error(2, message));
        let code = if message == "Invalid job id" { 21 } else { 24 };
        let outputs = script.outputs();
        let [verdict, ClientOutput::Send(lines)] = &outputs[..] else {
            panic!("{outputs:?}")
        };
        assert_eq!(*verdict, rejected(1, code, message));
        assert_eq!(
            String::from_utf8_lossy(lines).trim_end(),
            LOGIN.replacen("\"id\":1", "\"id\":4", 1)
        );
        assert!(!script.client.is_running());
        // The second share's error asks for no second login.
        script.say(&error(3, message));
        assert_eq!(script.output(), rejected(2, code, message));
        submit(&mut script, "J", 3);
        assert_eq!(script.output(), rejected(3, 21, "job is no longer known"));
        script.say(&logged_in(4, "T", &job("J", &blob(1, [0; 4]), "b88d0600")));
        assert!(script.job().clean, "the new session's first job");
        submit(&mut script, "J", 4);
        assert!(script.sent()[0].contains(r#""params":{"id":"T","job_id":"J""#));
    }
}

#[test]
fn a_banned_address_leaves() {
    for id in ["2", "null"] {
        let mut script = mining();
        submit(&mut script, "J", 1);
        script.sent();
        script.say(&error(2, "your IP is banned for 10 minutes").replacen('2', id, 1));
        let close = ClientOutput::Close(ClientClose::Unauthorized(
            "your IP is banned for 10 minutes".to_owned(),
        ));
        assert_eq!(script.outputs().pop(), Some(close), "{id}");
        assert_eq!(script.client.pending(), 0);
    }
}

#[test]
fn jobs_without_a_whole_nonce_make_no_sense() {
    let mut script = mining();
    let len = |len: usize| pushed(&job("K", &vec![7; len], "b88d0600"));
    script.say(&len(43));
    assert_eq!(nonces(&script.job()), 0x0700_0000..0x0800_0000);
    script.say(&len(MAX_BLOB_LEN));
    assert_eq!(script.job().target, WireTarget::of_difficulty(10_000).to_target());
    for _ in 0..15 {
        script.say(&len(42));
    }
    assert_eq!(script.outputs(), []);
    script.say(&len(MAX_BLOB_LEN + 1));
    assert_eq!(script.output(), ClientOutput::Close(ClientClose::Garbage));
}

#[test]
fn a_login_whose_job_makes_no_sense_counts_all_the_same() {
    let mut script = Script::new(config());
    script.connect();
    script.sent();
    script.say(&logged_in(1, "S", &job("J", &[1, 2, 3], "b88d0600")));
    assert!(script.client.is_running());
    assert_eq!(script.outputs(), []);
    script.say(&pushed(&job("K", &blob(1, [0; 4]), "ffffffffffffffff")));
    let jobs = jobs(&mut script);
    assert!(jobs[0].clean);
    assert!(jobs[0].target < Target::MAX);
    submit(&mut script, "K", 1);
    assert!(script.sent()[0].contains(r#""id":"S","job_id":"K""#));
}

#[test]
fn a_new_connection_logs_in_anew() {
    let mut script = mining();
    submit(&mut script, "J", 1);
    script.sent();
    script.input(ClientInput::Closed);
    assert_eq!(script.output(), ClientOutput::Unanswered { tag: 1 });
    assert_eq!(script.client.next_timeout(), None);
    script.connect();
    assert_eq!(script.sent(), [LOGIN.replacen("\"id\":1", "\"id\":3", 1)]);
    // A late word about the old login is none about this one.
    script.say(&logged_in(1, "S", &job("J", &blob(1, [0; 4]), "b88d0600")));
    assert!(!script.client.is_running());
    script.say(&logged_in(3, "T", &job("J", &blob(1, [0; 4]), "b88d0600")));
    let jobs = jobs(&mut script);
    assert!(jobs.len() == 1 && jobs[0].clean, "{jobs:?}");
}
