use otedama_hash::{Difficulty, Monotonic};
use otedama_stratum::client::{ClientClose, ClientConfig, ClientInput, ClientOutput};

use crate::script::{SUBSCRIBED, Script, config, notify};

const CONFIGURE: &str = r#"{"id":1,"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"1fffe000","version-rolling.min-bit-count":2}]}"#;
const SUBSCRIBE: &str = r#"{"id":2,"method":"mining.subscribe","params":["test/1"]}"#;
const AUTHORIZE: &str = r#"{"id":3,"method":"mining.authorize","params":["addr.rig","x"]}"#;

#[test]
fn requests_follow_one_another() {
    let suggest_difficulty = Some(Difficulty::new(0.5).unwrap());
    let mut script = Script::new(ClientConfig {
        suggest_difficulty,
        ..config()
    });
    assert_eq!(script.client.next_timeout(), None);
    script.connect();
    assert_eq!(script.sent(), [CONFIGURE]);
    script
        .say(r#"{"id":1,"result":{"version-rolling":true,"version-rolling.mask":"ffffffff"},"error":null}"#);
    assert_eq!(script.sent(), [SUBSCRIBE]);
    script.say(SUBSCRIBED);
    assert_eq!(
        script.sent(),
        [
            AUTHORIZE,
            r#"{"id":4,"method":"mining.suggest_difficulty","params":[0.5]}"#,
            r#"{"id":5,"method":"mining.extranonce.subscribe","params":[]}"#,
        ]
    );
    assert!(!script.client.is_running());
    script.say(r#"{"id":5,"result":null,"error":[20,"Unknown method",null]}"#);
    script.say(r#"{"id":3,"result":true,"error":null}"#);
    assert!(script.client.is_running());
    assert_eq!(script.outputs(), []);
    script.say(&notify("a", true));
    assert_eq!(
        script.headers().version_mask,
        0x1fff_e000,
        "never more than was asked for"
    );
}

#[test]
fn configure_may_be_refused_in_any_way() {
    for answer in [
        r#"{"id":1,"result":null,"error":[20,"Unknown method",null]}"#,
        r#"{"id":1,"result":null,"error":{"code":-3,"message":"Method not found"}}"#,
        r#"{"id":1,"result":false,"error":null}"#,
        r#"{"id":1,"result":{"version-rolling":false},"error":null}"#,
        r#"{"id":"1","result":{"version-rolling":"no","version-rolling.mask":"1fffe000"},"error":null}"#,
    ] {
        let mut script = Script::new(config());
        script.connect();
        script.outputs();
        script.say(answer);
        assert_eq!(script.sent(), [SUBSCRIBE], "{answer}");
        script.say(SUBSCRIBED);
        script.say(r#"{"id":3,"result":true,"error":null}"#);
        script.outputs();
        script.say(&notify("a", true));
        assert_eq!(script.headers().version_mask, 0, "{answer}");
    }
}

#[test]
fn configure_may_stay_unanswered() {
    let mut script = Script::new(config());
    script.connect();
    script.outputs();
    script.wait_for_timeout();
    assert_eq!(script.sent(), [SUBSCRIBE]);
    // An answer that comes late still counts, for the jobs after it.
    script
        .say(r#"{"id":1,"result":{"version-rolling":true,"version-rolling.mask":"00006000"},"error":null}"#);
    script.say(SUBSCRIBED);
    script.say(r#"{"id":3,"result":true,"error":null}"#);
    script.outputs();
    script.say(&notify("a", true));
    assert_eq!(script.headers().version_mask, 0x6000);
}

#[test]
fn a_server_that_hangs_up_on_configure_is_asked_without_it_next() {
    let mut script = Script::new(config());
    script.connect();
    script.input(ClientInput::Closed);
    script.outputs();
    script.connect();
    assert_eq!(script.sent(), [SUBSCRIBE]);
    script.input(ClientInput::Closed);
    script.connect();
    assert_eq!(script.sent().len(), 1);
    assert_eq!(
        script.client.next_timeout().map(Monotonic::as_nanos),
        Some(5_000_000_007),
        "configure is tried again"
    );
}

#[test]
fn version_rolling_is_not_asked_for_when_it_is_not_wanted() {
    let mut script = Script::new(ClientConfig {
        want_version_mask: 0,
        ..config()
    });
    script.connect();
    assert_eq!(script.sent(), [SUBSCRIBE.replace("\"id\":2", "\"id\":1")]);
}

#[test]
fn jobs_before_the_replies_are_held_back_and_not_lost() {
    let mut script = Script::new(config());
    script.connect();
    script.say(&notify("early", true));
    script
        .say(r#"{"id":1,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"},"error":null}"#);
    script.say(SUBSCRIBED);
    script.sent();
    script.say(r#"{"id":null,"method":"mining.set_difficulty","params":[64]}"#);
    assert!(matches!(script.output(), ClientOutput::Difficulty(d) if d.get().to_bits() == 64f64.to_bits()));
    script.say(&notify("next", false));
    assert_eq!(script.outputs(), []);
    script.say(r#"{"id":3,"result":true,"error":null}"#);
    let job = script.job();
    assert_eq!(
        (&*job.job_id, job.difficulty.get().to_bits()),
        ("next", 64f64.to_bits())
    );
    assert!(job.clean, "whatever was mined before this connection is void");
    script.say(&notify("later", false));
    assert!(!script.job().clean);
}

#[test]
fn a_job_before_the_subscription_is_mined_once_authorised() {
    let mut script = Script::new(config());
    script.connect();
    script.say(&notify("early", true));
    script.say(r#"{"id":1,"result":{},"error":null}"#);
    script.say(SUBSCRIBED);
    script.sent();
    script.say(r#"{"id":3,"result":true,"error":null}"#);
    let job = script.job();
    let work = job.work.headers().expect("headers");
    assert_eq!(
        (&*job.job_id, work.extranonce1.as_slice()),
        ("early", &[1, 2, 3, 4][..])
    );
}

#[test]
fn a_refused_subscription_or_user_ends_the_connection() {
    for (answer, why) in [
        (r#"{"id":2,"result":null,"error":[20,"full",null]}"#, "full"),
        (
            r#"{"id":2,"result":true,"error":null}"#,
            "subscribe's result has another shape",
        ),
        (
            r#"{"id":2,"result":[[],"zz",4],"error":null}"#,
            "extranonce1 must be hex digits of at most 16 bytes",
        ),
        (
            r#"{"id":2,"result":[[],"00",17],"error":null}"#,
            "extranonce2 length must be 0 to 16",
        ),
    ] {
        let mut script = Script::new(config());
        script.connect();
        script.say(r#"{"id":1,"result":{},"error":null}"#);
        script.outputs();
        script.say(answer);
        assert_eq!(
            script.output(),
            ClientOutput::Close(ClientClose::SubscribeRefused(why.to_owned())),
            "{answer}"
        );
        assert_eq!(script.client.next_timeout(), None);
    }
    for (answer, why) in [
        (r#"{"id":3,"result":false,"error":null}"#, "no reason given"),
        (r#"{"id":3,"result":null,"error":[24,"who?",null]}"#, "who?"),
        (r#"{"id":3,"result":false,"error":"banned"}"#, "banned"),
    ] {
        let mut script = Script::new(config());
        script.connect();
        script.say(r#"{"id":1,"result":{},"error":null}"#);
        script.say(SUBSCRIBED);
        script.outputs();
        script.say(answer);
        assert_eq!(
            script.output(),
            ClientOutput::Close(ClientClose::Unauthorized(why.to_owned())),
            "{answer}"
        );
    }
}
