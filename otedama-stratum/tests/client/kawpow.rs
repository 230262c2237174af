//! Ravencoin's language, with lines as kawpow-stratum-pool and kawpowminer write them.

use std::time::Duration;

use otedama_hash::Target;
use otedama_stratum::client::{
    ClientClose, ClientConfig, ClientInput, ClientJob, ClientOutput, Language, Proof, Solution,
};

use crate::script::Script;

const SUBSCRIBE: &str = r#"{"id":1,"method":"mining.subscribe","params":["test/1"]}"#;
const TARGET: &str = "000000010346a102ff34b0000000000000000000000000000000000000000000";

fn config() -> ClientConfig {
    ClientConfig {
        language: Language::KawPow,
        user: "WALLET.worker".to_owned(),
        password: "X".to_owned(),
        agent: "test/1".to_owned(),
        ..ClientConfig::default()
    }
}

fn notify(id: &str, header: u8, clean: bool) -> String {
    let hash = |byte: u8| const_hex::encode([byte; 32]);
    format!(
        r#"{{"id":null,"method":"mining.notify","params":["{id}","{}","{}","{TARGET}",{clean},3750905,"1b00d2b9"]}}"#,
        hash(header),
        hash(0x39)
    )
}

fn solution(job_id: &str, tag: u64, nonce: u64, mix: Option<[u8; 32]>) -> Solution {
    Solution {
        job_id: job_id.into(),
        tag,
        proof: Proof::Nonce {
            nonce,
            hash: [9; 32],
            mix,
        },
    }
}

fn submit(script: &mut Script, job_id: &str, tag: u64) {
    let solution = solution(job_id, tag, 0x6429_0b01_0203_0405, Some([0x3d; 32]));
    script.input(ClientInput::Submit(solution));
}

fn rejected(tag: u64, code: i32, message: &str) -> ClientOutput {
    ClientOutput::Rejected {
        tag,
        code,
        message: message.to_owned(),
    }
}

/// Subscribed with extranonce 64290b and authorised; nothing waits.
fn running() -> Script {
    let mut script = Script::new(config());
    script.connect();
    script.say(r#"{"id":1,"result":[null,"64290b"],"error":null}"#);
    script.say(r#"{"id":3,"result":false,"error":[20,"Not supported.",null]}"#);
    script.say(r#"{"id":2,"result":true,"error":null}"#);
    script.outputs();
    assert!(script.client.is_running());
    script
}

fn job(script: &mut Script) -> ClientJob {
    let outputs = script.outputs();
    match outputs.last() {
        Some(ClientOutput::Job(job)) => ClientJob::clone(job),
        _ => panic!("no job: {outputs:?}"),
    }
}

#[test]
fn requests_follow_one_another() {
    let mut script = Script::new(config());
    script.connect();
    assert_eq!(script.sent(), [SUBSCRIBE]);
    script.say(&notify("early", 1, false));
    assert_eq!(script.outputs(), []);
    script.say(r#"{"id":1,"result":["5f","64290b"],"error":null}"#);
    let outputs = script.outputs();
    let [ClientOutput::Difficulty(_), ClientOutput::Send(lines)] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(
        String::from_utf8_lossy(lines).lines().collect::<Vec<_>>(),
        [
            r#"{"id":2,"method":"mining.authorize","params":["WALLET.worker","X"]}"#,
            r#"{"id":3,"method":"mining.extranonce.subscribe","params":[]}"#,
        ]
    );
    script.say(r#"{"id":2,"result":true,"error":null}"#);
    let job = job(&mut script);
    assert_eq!((&*job.job_id, job.clean), ("early", true));
    // The session is resumed.
    script.input(ClientInput::Closed);
    script.connect();
    assert_eq!(
        script.sent(),
        [r#"{"id":4,"method":"mining.subscribe","params":["test/1","5f"]}"#]
    );
    // Its extranonce may be another one, which a job has to wait for.
    script.say(&notify("early", 1, false));
    assert_eq!(script.outputs(), []);
    script.say(r#"{"id":4,"result":["5f","0a"],"error":null}"#);
    script.say(r#"{"id":5,"result":true,"error":null}"#);
    let work = self::job(&mut script).work;
    assert_eq!(work.blob().expect("a blob").nonces.start, 0x0a00_0000_0000_0000);
}

#[test]
fn a_job_carries_all_that_a_miner_needs() {
    let mut script = running();
    // The job's own target counts, whatever was set before it.
    script.say(r#"{"id":null,"method":"mining.set_target","params":["00000009f6000000000000000000000000000000000000000000000000000000"]}"#);
    script.say(r#"{"id":null,"method":"mining.set_difficulty","params":[0.5]}"#);
    assert_eq!(script.outputs(), []);
    script.say(&notify("2abc", 0x33, false));
    let outputs = script.outputs();
    let [ClientOutput::Difficulty(difficulty), ClientOutput::Job(job)] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(
        (&*job.job_id, job.clean, job.difficulty),
        ("2abc", true, *difficulty)
    );
    assert_eq!(job.target.to_string(), TARGET);
    assert!((difficulty.get() - 0.987).abs() < 0.001, "{difficulty}");
    let work = job.work.blob().expect("a blob");
    assert_eq!((&*work.blob, work.seed), (&[0x33; 32][..], Some([0x39; 32])));
    assert_eq!(work.nonces, 0x6429_0b00_0000_0000..0x6429_0c00_0000_0000);
    assert_eq!((work.height, &work.algorithm), (Some(3_750_905), &None));
    assert_eq!(work.network_target, Target::from_compact(0x1b00_d2b9).ok());
    script.say(&notify("2abc", 0x33, false));
    assert_eq!(script.outputs(), [], "the same again");
    // Six parameters are enough: only the network's target is in the seventh.
    script.say(&notify("2abd", 0x33, false).replace(",\"1b00d2b9\"", ""));
    let job = script.job();
    assert_eq!(job.work.blob().expect("a blob").network_target, None);
}

#[test]
fn a_share_carries_the_whole_nonce() {
    let mut script = running();
    script.say(&notify("2abc", 0x33, true));
    script.outputs();
    for tag in [7, 8, 9, 10] {
        submit(&mut script, "2abc", tag);
    }
    let (header, mix) = ("33".repeat(32), "3d".repeat(32));
    assert_eq!(
        script.sent()[0],
        format!(
            r#"{{"id":4,"method":"mining.submit","params":["WALLET.worker","2abc","0x64290b0102030405","0x{header}","0x{mix}"]}}"#
        )
    );
    script.wait(Duration::from_millis(3));
    script.say(r#"{"id":5,"result":true,"error":null}"#);
    script.say(r#"{"id":4,"result":null,"error":[22,"duplicate share",null]}"#);
    script.say(r#"{"id":6,"result":null,"error":[24,"nonce out of worker range",null]}"#);
    script.say(r#"{"id":7,"result":false,"error":null}"#);
    assert_eq!(
        script.outputs(),
        [
            ClientOutput::Accepted {
                tag: 8,
                latency: Duration::from_millis(3)
            },
            rejected(7, 22, "duplicate share"),
            rejected(9, 24, "nonce out of worker range"),
            rejected(10, 20, "no reason given"),
        ]
    );
}

#[test]
fn a_solution_that_cannot_count_is_not_sent() {
    let mut script = running();
    script.say(&notify("2abc", 0x33, true));
    script.outputs();
    for (nonce, mix, message) in [
        (
            0x6429_0c00_0000_0000,
            Some([0; 32]),
            "the nonce is not one of the job's",
        ),
        (
            0x6429_0aff_ffff_ffff,
            Some([0; 32]),
            "the nonce is not one of the job's",
        ),
        (0x6429_0b00_0000_0000, None, "a mix hash is missing"),
    ] {
        script.input(ClientInput::Submit(solution("2abc", 1, nonce, mix)));
        assert_eq!(script.output(), rejected(1, 20, message));
    }
    script.input(ClientInput::Submit(Solution {
        proof: crate::script::header(&[], None),
        ..solution("2abc", 2, 0, None)
    }));
    assert_eq!(script.output(), rejected(2, 20, "a nonce is missing"));
}

#[test]
fn a_new_extranonce_applies_from_the_next_job_on() {
    let mut script = running();
    script.say(&notify("a", 1, true));
    script.outputs();
    script.say(r#"{"id":null,"method":"mining.set_extranonce","params":["ff"]}"#);
    submit(&mut script, "a", 1);
    assert_eq!(script.sent().len(), 1, "the older job has its own");
    script.say(&notify("b", 1, false));
    let work = job(&mut script).work;
    assert_eq!(
        work.blob().expect("a blob").nonces,
        0xff00_0000_0000_0000..u64::MAX
    );
    submit(&mut script, "b", 2);
    assert_eq!(
        script.output(),
        rejected(2, 20, "the nonce is not one of the job's")
    );
    script.say(r#"{"id":null,"method":"mining.set_extranonce","params":[""]}"#);
    script.say(&notify("c", 1, true));
    let work = job(&mut script).work;
    assert_eq!(work.blob().expect("a blob").nonces, 0..u64::MAX);
    submit(&mut script, "a", 3);
    assert_eq!(script.output(), rejected(3, 21, "job is no longer known"));
}

#[test]
fn refusals_end_the_connection() {
    for (answer, why) in [
        (r#"{"id":1,"result":null,"error":[20,"full",null]}"#, "full"),
        (
            r#"{"id":1,"result":true,"error":null}"#,
            "subscribe's result has another shape",
        ),
        (
            r#"{"id":1,"result":[null,"0102030405"],"error":null}"#,
            "extranonce must be an even number of hex digits, and short",
        ),
    ] {
        let mut script = Script::new(config());
        script.connect();
        script.sent();
        script.say(answer);
        assert_eq!(
            script.output(),
            ClientOutput::Close(ClientClose::SubscribeRefused(why.to_owned())),
            "{answer}"
        );
    }
    let mut script = Script::new(config());
    script.connect();
    script.say(r#"{"id":1,"result":[null,"64290b"],"error":null}"#);
    script.sent();
    script.say(r#"{"id":2,"result":false,"error":[24,"who?",null]}"#);
    assert_eq!(
        script.output(),
        ClientOutput::Close(ClientClose::Unauthorized("who?".to_owned()))
    );
    let mut script = Script::new(config());
    script.connect();
    script.sent();
    script.wait_for_timeout();
    assert_eq!(
        script.output(),
        ClientOutput::Close(ClientClose::ReplyTimeout("mining.subscribe"))
    );
}

#[test]
fn the_server_s_calls_are_answered() {
    let mut script = running();
    script.say(r#"{"id":41,"method":"client.get_version","params":[]}"#);
    script.say(r#"{"id":42,"method":"mining.dance","params":[]}"#);
    script.say(r#"{"id":null,"method":"mining.dance","params":[]}"#);
    assert_eq!(
        script.sent(),
        [
            r#"{"id":41,"result":"test/1","error":null}"#,
            r#"{"id":42,"result":null,"error":[20,"Unknown method",null]}"#,
        ]
    );
    script.say(r#"{"id":null,"method":"client.show_message","params":["noon"]}"#);
    assert_eq!(script.output(), ClientOutput::Message("noon".to_owned()));
    script.say(r#"{"id":null,"method":"client.reconnect","params":["b.example",3334,7]}"#);
    assert!(matches!(
        script.output(),
        ClientOutput::Reconnect { host: Some(host), port: Some(3334), .. } if host == "b.example"
    ));
}

#[test]
fn unanswered_shares_close_the_connection() {
    let mut script = running();
    script.say(&notify("a", 1, true));
    submit(&mut script, "a", 1);
    script.outputs();
    script.wait_for_timeout();
    assert_eq!(
        script.outputs(),
        [
            ClientOutput::Unanswered { tag: 1 },
            ClientOutput::Close(ClientClose::ReplyTimeout("mining.submit")),
        ]
    );
}
