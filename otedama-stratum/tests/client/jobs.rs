use otedama_hash::Algorithm;
use otedama_stratum::client::{ClientClose, ClientOutput, MAX_JOBS};

use crate::script::{Script, notify};

#[test]
fn a_job_carries_all_that_a_miner_needs() {
    let mut script = Script::running();
    script.say(&notify("a", true));
    let job = script.job();
    let work = job.work.headers().expect("headers");
    assert_eq!((&*job.job_id, job.clean, work.version), ("a", true, 0x2000_2000));
    assert_eq!(
        (&*work.coinbase1, &*work.coinbase2),
        (&[1u8, 2][..], &[3u8, 4][..])
    );
    assert_eq!(
        (work.merkle_branch.len(), work.bits, work.ntime),
        (1, 0x1d00_ffff, 0x4966_bc61)
    );
    assert_eq!(
        (work.extranonce1.as_slice(), work.extranonce2_len),
        (&[1, 2, 3, 4][..], 4)
    );
    assert_eq!(
        (job.difficulty.get().to_bits(), work.version_mask),
        (1f64.to_bits(), 0x1fff_e000)
    );
    assert_eq!(job.target, Algorithm::SHA256D.diff1());
    assert!(job.work.blob().is_none());
}

#[test]
fn announcements_apply_from_the_next_job_on() {
    let mut script = Script::running();
    script.say(&notify("a", true));
    let before = script.headers();
    script.say(r#"{"id":null,"method":"mining.set_difficulty","params":[0.0001]}"#);
    script.say(r#"{"id":null,"method":"mining.set_extranonce","params":["0a0b",8]}"#);
    script.say(r#"{"id":null,"method":"mining.set_version_mask","params":["ffff0000"]}"#);
    assert!(
        matches!(script.output(), ClientOutput::Difficulty(d) if d.get().to_bits() == 0.0001f64.to_bits())
    );
    script.say(&notify("b", false));
    let job = script.job();
    let after = job.work.headers().expect("headers");
    assert_eq!(before.extranonce2_len, 4);
    assert_eq!(
        (after.extranonce1.as_slice(), after.extranonce2_len),
        (&[0x0a, 0x0b][..], 8)
    );
    assert_eq!(job.difficulty.get().to_bits(), 0.0001f64.to_bits());
    assert_eq!(after.version_mask, 0x1fff_0000);

    // The older job is submitted as it was given.
    script.submit("a", 1);
    assert!(matches!(script.output(), ClientOutput::Send(_)));
}

#[test]
fn only_the_newest_jobs_are_remembered_and_none_across_a_clean_one() {
    let mut script = Script::running();
    for i in 0..=MAX_JOBS {
        script.say(&notify(&format!("j{i}"), i == 0));
    }
    script.outputs();
    script.submit("j0", 1);
    let stale = |tag| ClientOutput::Rejected {
        tag,
        code: 21,
        message: "job is no longer known".to_owned(),
    };
    assert_eq!(script.output(), stale(1));
    script.submit("j1", 2);
    assert_eq!(script.sent().len(), 1);
    script.say(&notify("new", true));
    script.outputs();
    script.submit("j1", 3);
    assert_eq!(script.output(), stale(3));
    script.submit("new", 4);
    assert_eq!(script.sent().len(), 1);
}

#[test]
fn the_server_s_calls_are_answered() {
    let mut script = Script::running();
    script.say(r#"{"id":41,"method":"client.get_version","params":[]}"#);
    script.say(r#"{"id":"p","method":"mining.ping"}"#);
    script.say(r#"{"id":42,"method":"mining.dance","params":[]}"#);
    script.say(r#"{"id":null,"method":"mining.dance","params":[]}"#);
    assert_eq!(
        script.sent(),
        [
            r#"{"id":41,"result":"test/1","error":null}"#,
            r#"{"id":"p","result":"pong","error":null}"#,
            r#"{"id":42,"result":null,"error":[20,"Unknown method",null]}"#,
        ]
    );
    script.say(r#"{"id":null,"method":"client.show_message","params":["noon"]}"#);
    assert_eq!(script.output(), ClientOutput::Message("noon".to_owned()));
    script.say(r#"{"id":null,"method":"client.reconnect","params":["b.example","3334","7"]}"#);
    let ClientOutput::Reconnect { host, port, wait } = script.output() else {
        panic!("no reconnect")
    };
    assert_eq!(
        (host.as_deref(), port, wait.as_secs()),
        (Some("b.example"), Some(3334), 7)
    );
    script.say(r#"{"id":null,"method":"client.reconnect","params":[]}"#);
    let ClientOutput::Reconnect { host, port, wait } = script.output() else {
        panic!("no reconnect")
    };
    assert_eq!((host, port, wait.as_secs()), (None, None, 0));
}

#[test]
fn nonsense_is_passed_over_until_it_is_too_much() {
    let mut script = Script::running();
    for _ in 0..3 {
        for _ in 0..15 {
            script.say("nonsense");
        }
        script.say(r#"{"id":99,"result":true,"error":null}"#);
    }
    assert_eq!(script.outputs(), []);
    for _ in 0..16 {
        script.say(r#"{"id":null,"method":"mining.notify","params":[]}"#);
    }
    assert_eq!(script.output(), ClientOutput::Close(ClientClose::Garbage));
    script.say(&notify("a", true));
    assert_eq!(script.outputs(), [], "nothing is read any more");
}

#[test]
fn a_line_without_end_closes_the_connection() {
    let mut script = Script::running();
    script.say(&"x".repeat(256 * 1024 + 1));
    assert_eq!(script.output(), ClientOutput::Close(ClientClose::LineTooLong));
}

#[test]
fn a_flood_of_messages_closes_the_connection() {
    let mut script = Script::running();
    let flood = format!(
        "{}\n",
        r#"{"id":null,"method":"client.show_message","params":["x"]}"#
    )
    .repeat(2000);
    script.say(&flood);
    let outputs = script.outputs();
    assert!(outputs.len() < 1100, "{}", outputs.len());
    assert_eq!(outputs.last(), Some(&ClientOutput::Close(ClientClose::Overrun)));
}
