use otedama_stratum::client::{ClientInput, ClientOutput};

use crate::script::{Script, notify};

#[test]
fn a_new_connection_asks_to_resume_the_session() {
    let mut script = Script::running();
    script.say(&notify("a", true));
    script.input(ClientInput::Bytes(b"{\"half a li"));
    script.outputs();
    script.input(ClientInput::Closed);
    script.connect();
    assert_eq!(script.sent().len(), 1);
    script
        .say(r#"{"id":5,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"},"error":null}"#);
    assert_eq!(
        script.sent(),
        [r#"{"id":6,"method":"mining.subscribe","params":["test/1","5f"]}"#]
    );
    script.say(r#"{"id":6,"result":[[["mining.notify","60"]],"0a0b0c0d",4],"error":null}"#);
    script.say(r#"{"id":7,"result":true,"error":null}"#);
    script.outputs();
    script.submit("a", 1);
    assert!(
        matches!(script.output(), ClientOutput::Rejected { code: 21, .. }),
        "jobs end with their connection"
    );
    script.say(&notify("b", false));
    let job = script.job();
    let work = job.work.headers().expect("headers");
    assert_eq!(work.extranonce1.as_slice(), [0x0a, 0x0b, 0x0c, 0x0d]);
    assert!(
        job.clean,
        "the first job of a connection voids those of the one before"
    );
}

#[test]
fn the_difficulty_ends_with_the_connection() {
    let mut script = Script::running();
    script.say(r#"{"id":null,"method":"mining.set_difficulty","params":[4096]}"#);
    script.input(ClientInput::Closed);
    script.connect();
    script.say(r#"{"id":5,"result":{},"error":null}"#);
    script.say(r#"{"id":6,"result":["",  "00",4],"error":null}"#);
    script.say(r#"{"id":7,"result":true,"error":null}"#);
    script.outputs();
    script.say(&notify("b", true));
    assert_eq!(script.job().difficulty.get().to_bits(), 1f64.to_bits());
}
