use std::time::Duration;

use otedama_stratum::client::{ClientClose, ClientInput, ClientOutput};

use crate::script::{SUBSCRIBED, Script, config, notify};

fn closed(why: ClientClose) -> ClientOutput {
    ClientOutput::Close(why)
}

#[test]
fn an_unanswered_handshake_is_given_up() {
    let mut script = Script::new(config());
    script.connect();
    script.say(r#"{"id":1,"result":{},"error":null}"#);
    script.sent();
    script.wait(Duration::from_millis(19_999));
    assert_eq!(script.outputs(), []);
    script.wait_for_timeout();
    assert_eq!(
        script.output(),
        closed(ClientClose::ReplyTimeout("mining.subscribe"))
    );
    assert_eq!(script.client.next_timeout(), None);

    let mut script = Script::new(config());
    script.connect();
    script.say(r#"{"id":1,"result":{},"error":null}"#);
    script.say(SUBSCRIBED);
    script.sent();
    script.wait_for_timeout();
    assert_eq!(
        script.output(),
        closed(ClientClose::ReplyTimeout("mining.authorize"))
    );
}

#[test]
fn an_unanswered_submission_closes_the_connection() {
    let mut script = Script::running();
    script.say(&notify("a", true));
    script.submit("a", 1);
    script.wait(Duration::from_secs(10));
    script.submit("a", 2);
    script.outputs();
    // Other lines keep coming, but they are no answer.
    script.say(&notify("b", false));
    script.job();
    script.wait_for_timeout();
    assert_eq!(
        script.outputs(),
        [
            ClientOutput::Unanswered { tag: 1 },
            ClientOutput::Unanswered { tag: 2 },
            closed(ClientClose::ReplyTimeout("mining.submit")),
        ]
    );
}

#[test]
fn an_answered_submission_starts_no_clock() {
    let mut script = Script::running();
    script.say(&notify("a", true));
    script.submit("a", 1);
    script.say(r#"{"id":5,"result":true,"error":null}"#);
    script.outputs();
    script.wait(Duration::from_secs(60));
    assert_eq!(script.outputs(), []);
}

#[test]
fn silence_closes_the_connection() {
    let mut script = Script::running();
    script.wait(Duration::from_secs(200));
    script.say(&notify("a", true));
    script.job();
    script.wait(Duration::from_secs(299));
    assert_eq!(script.outputs(), []);
    script.wait_for_timeout();
    assert_eq!(script.output(), closed(ClientClose::Silence));
}

#[test]
fn a_tick_before_its_time_changes_nothing() {
    let mut script = Script::new(config());
    script.connect();
    script.sent();
    let deadline = script.client.next_timeout();
    for _ in 0..5 {
        script.input(ClientInput::Tick);
    }
    assert_eq!(
        (script.outputs(), script.client.next_timeout()),
        (vec![], deadline)
    );
}
