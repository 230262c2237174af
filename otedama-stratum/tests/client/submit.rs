use std::time::Duration;

use otedama_stratum::client::{ClientInput, ClientOutput, MAX_PENDING, Proof};

use crate::script::{Script, config, header, notify, solution};

/// Running, with one job "a".
fn mining() -> Script {
    let mut script = Script::running();
    script.say(&notify("a", true));
    script.outputs();
    script
}

#[test]
fn replies_find_their_solutions_in_any_order() {
    let mut script = mining();
    for tag in [70, 71, 72, 73, 74] {
        script.submit("a", tag);
        script.wait(Duration::from_millis(10));
    }
    assert_eq!(
        script.sent()[0],
        r#"{"id":5,"method":"mining.submit","params":["addr.rig","a","00000009","4966bc62","deadbeef","00002000"]}"#,
        "without version bits of its own a solution carries the job's"
    );
    script.say(r#"{"id":7,"result":true,"error":null}"#);
    script.say(r#"{"id":5,"result":null,"error":[23,"Low difficulty share",null]}"#);
    script.say(r#"{"reject-reason":"Above target","result":false,"error":null,"id":6}"#);
    script.say(r#"{"id":8,"result":false,"error":null}"#);
    script.say(r#"{"id":9,"result":null,"error":{"code":-32000,"message":"odd"}}"#);
    let rejected = |tag, code, message: &str| ClientOutput::Rejected {
        tag,
        code,
        message: message.to_owned(),
    };
    assert_eq!(
        script.outputs(),
        [
            ClientOutput::Accepted {
                tag: 72,
                latency: Duration::from_millis(30)
            },
            rejected(70, 23, "Low difficulty share"),
            rejected(71, 20, "Above target"),
            rejected(73, 20, "no reason given"),
            rejected(74, -32000, "odd"),
        ]
    );
    assert_eq!(script.client.pending(), 0);
    script.say(r#"{"id":7,"result":true,"error":null}"#);
    script.say(r#"{"id":null,"result":true,"error":null}"#);
    script.say(r#"{"id":"x","result":true,"error":null}"#);
    assert_eq!(
        script.outputs(),
        [],
        "replies that belong to nothing are passed over"
    );
}

#[test]
fn a_solution_that_cannot_count_is_not_sent() {
    let mut script = mining();
    let refused = |tag, message: &str| ClientOutput::Rejected {
        tag,
        code: 20,
        message: message.to_owned(),
    };
    let mut short = solution("a", 1);
    short.proof = header(&[1], None);
    script.input(ClientInput::Submit(short));
    assert_eq!(script.output(), refused(1, "extranonce2 has the wrong length"));
    let mut wild = solution("a", 2);
    wild.proof = header(&[0; 4], Some(0x2000_0000));
    script.input(ClientInput::Submit(wild));
    assert_eq!(script.output(), refused(2, "version bits outside the mask"));
    let mut foreign = solution("a", 4);
    foreign.proof = Proof::Nonce {
        nonce: 0,
        hash: [0; 32],
        mix: None,
    };
    script.input(ClientInput::Submit(foreign));
    assert_eq!(script.output(), refused(4, "a header is missing"));
    let mut rolled = solution("a", 3);
    rolled.proof = header(&[0; 4], Some(0x0abc_e000));
    script.input(ClientInput::Submit(rolled));
    assert!(script.sent()[0].ends_with(r#""deadbeef","0abce000"]}"#));
}

#[test]
fn without_version_rolling_a_submission_has_five_parameters() {
    let mut script = Script::new(config());
    script.connect();
    script.say(r#"{"id":1,"result":null,"error":[20,"no",null]}"#);
    script.say(crate::script::SUBSCRIBED);
    script.say(r#"{"id":3,"result":true,"error":null}"#);
    script.say(&notify("a", true));
    script.outputs();
    script.submit("a", 1);
    assert!(script.sent()[0].ends_with(r#""4966bc62","deadbeef"]}"#));
}

#[test]
fn waiting_solutions_are_bounded() {
    let mut script = mining();
    for tag in 0..=MAX_PENDING as u64 {
        script.submit("a", tag);
    }
    assert_eq!(script.client.pending(), MAX_PENDING);
    let outputs = script.outputs();
    let ClientOutput::Rejected { tag, code: 20, .. } = outputs[outputs.len() - 1] else {
        panic!("{outputs:?}")
    };
    assert_eq!(tag, MAX_PENDING as u64);
    script.say(r#"{"id":5,"result":true,"error":null}"#);
    script.submit("a", 1000);
    assert_eq!(script.client.pending(), MAX_PENDING);
}

#[test]
fn every_solution_is_accounted_for_when_the_connection_goes() {
    let mut script = mining();
    script.submit("a", 1);
    script.submit("a", 2);
    script.outputs();
    script.input(ClientInput::Closed);
    assert_eq!(
        script.outputs(),
        [
            ClientOutput::Unanswered { tag: 1 },
            ClientOutput::Unanswered { tag: 2 }
        ]
    );
    script.submit("a", 3);
    assert!(matches!(
        script.output(),
        ClientOutput::Rejected { tag: 3, code: 21, .. }
    ));
}
