use otedama_hash::{Algorithm, Hash256};
use otedama_stratum::client::{ClientClose, ClientInput, ClientOutput, Proof, Solution};
use otedama_stratum::v1::dialect::ethereum::Protocol;

use super::{blob, config, hash, job, rejected, submit};
use crate::script::Script;

const SUBSCRIBED: &str = r#"{"id":1,"result":[["mining.notify","ae6812eb4cd7735a302a8a9dd95cf71f","EthereumStratum/1.0.0"],"080c"],"error":null}"#;

fn notify(id: &str, header: u8, clean: bool) -> String {
    format!(
        r#"{{"id":null,"method":"mining.notify","params":["{id}","{}","{}",{clean}]}}"#,
        hash(0x5e),
        hash(header)
    )
}

/// Subscribed with extranonce 080c and authorised; nothing waits.
fn running() -> Script {
    let mut script = Script::new(config(Protocol::V1));
    script.connect();
    script.say(SUBSCRIBED);
    script.say(r#"{"id":2,"result":true,"error":null}"#);
    script.say(r#"{"id":3,"result":true,"error":null}"#);
    script.outputs();
    assert!(script.client.is_running());
    script
}

#[test]
fn requests_follow_one_another() {
    let mut script = Script::new(config(Protocol::V1));
    script.connect();
    assert_eq!(
        script.sent(),
        [r#"{"id":1,"method":"mining.subscribe","params":["ethminer-0.17","EthereumStratum/1.0.0"]}"#]
    );
    script.say(&notify("early", 1, false));
    script.say(SUBSCRIBED);
    let sent = script.outputs();
    let Some(ClientOutput::Send(lines)) = sent.last() else {
        panic!("{sent:?}")
    };
    assert_eq!(
        String::from_utf8_lossy(lines).lines().collect::<Vec<_>>(),
        [
            r#"{"id":2,"method":"mining.authorize","params":["test","password"]}"#,
            r#"{"id":3,"method":"mining.extranonce.subscribe","params":[]}"#,
        ]
    );
    script.say(r#"{"id":2,"result":true,"error":null}"#);
    let job = job(&mut script);
    assert_eq!((&*job.job_id, job.clean), ("early", true));
}

#[test]
fn a_job_is_of_the_difficulty_that_was_set_before_it() {
    let mut script = running();
    script.say(&notify("a", 1, true));
    assert_eq!(job(&mut script).target, Algorithm::ETHASH.diff1());
    script.say(r#"{"id":null,"method":"mining.set_difficulty","params":[0.5]}"#);
    assert_eq!(script.outputs(), []);
    script.say(&notify("bf0488aa", 2, false));
    let job = job(&mut script);
    assert_eq!(job.difficulty.get().to_bits(), 0.5_f64.to_bits());
    assert_eq!(
        job.target.to_string(),
        "00000001fffe0000000000000000000000000000000000000000000000000000"
    );
    assert!(!job.clean);
    let work = blob(&job);
    assert_eq!((&*work.blob, work.seed), (&[2; 32][..], Some([0x5e; 32])));
    assert_eq!(work.nonces, 0x080c_0000_0000_0000..0x080d_0000_0000_0000);
    assert_eq!(
        (work.height, &work.algorithm, work.network_target),
        (None, &None, None)
    );
    script.say(&notify("bf0488aa", 2, true));
    assert_eq!(script.outputs(), [], "the same again");
}

#[test]
fn a_share_carries_the_miner_s_part_of_the_nonce() {
    let mut script = running();
    script.say(&notify("bf0488aa", 2, true));
    script.outputs();
    submit(&mut script, "bf0488aa", 1, 0x080c_6a90_9d9b_bc0f);
    submit(&mut script, "bf0488aa", 2, 0x080c_0000_0000_0001);
    assert_eq!(
        script.sent(),
        [
            r#"{"id":4,"method":"mining.submit","params":["test","bf0488aa","6a909d9bbc0f"]}"#,
            r#"{"id":5,"method":"mining.submit","params":["test","bf0488aa","000000000001"]}"#,
        ]
    );
    script.say(r#"{"id":5,"result":false,"error":[-1,"Job not found",null]}"#);
    script.say(r#"{"id":4,"result":true,"error":null}"#);
    let outputs = script.outputs();
    assert_eq!(outputs[0], rejected(2, -1, "Job not found"));
    assert!(matches!(outputs[1], ClientOutput::Accepted { tag: 1, .. }));
    submit(&mut script, "bf0488aa", 3, 0x080d_0000_0000_0000);
    assert_eq!(
        script.output(),
        rejected(3, 20, "the nonce is not one of the job's")
    );
}

#[test]
fn the_worked_example_of_the_specification() {
    let mut script = running();
    script.say(r#"{"id":null,"method":"mining.set_extranonce","params":["a2eea0"]}"#);
    let header = "fc12eb20c58158071c956316cdcd12a22dd8bf126ac4aee559f0ffe4df11f279";
    script.say(&format!(
        r#"{{"id":null,"method":"mining.notify","params":["7","abad8f99f3918bf903c6a909d9bbc0fdfa5a2f4b9cb1196175ec825c6610126c","{header}",true]}}"#
    ));
    let job = job(&mut script);
    assert_eq!(const_hex::encode(&blob(&job).blob), header);
    let hash = Hash256::from_display_hex("000000008967835bc523bf58c952df82be871ba937996c86b9419bcc967028a0")
        .unwrap();
    assert!(
        job.target.is_met_by(&hash),
        "a share of difficulty 1.863 at difficulty 1"
    );
    submit(&mut script, "7", 1, 0xa2ee_a0cf_ae7d_f760);
    assert!(script.sent()[0].ends_with(r#""7","cfae7df760"]}"#));
}

#[test]
fn a_new_extranonce_applies_from_the_next_job_on() {
    let mut script = running();
    script.say(&notify("a", 1, true));
    script.outputs();
    for (digits, nonces, nonce, part) in [
        (
            "af4c",
            0xaf4c_0000_0000_0000..0xaf4d_0000_0000_0000,
            0xaf4c_0000_0000_00ff_u64,
            "0000000000ff",
        ),
        (
            "ff",
            0xff00_0000_0000_0000..u64::MAX,
            0xff00_0000_0000_00ff,
            "000000000000ff",
        ),
        (
            "ffffff",
            0xffff_ff00_0000_0000..u64::MAX,
            0xffff_ff00_0000_00ff,
            "00000000ff",
        ),
        ("", 0..u64::MAX, 0xff, "00000000000000ff"),
    ] {
        script.say(&format!(
            r#"{{"id":null,"method":"mining.set_extranonce","params":["{digits}"]}}"#
        ));
        let id = format!("j{digits}");
        script.say(&notify(&id, 2, false));
        let job = job(&mut script);
        assert_eq!(blob(&job).nonces, nonces, "{digits}");
        submit(&mut script, &id, 1, nonce);
        assert!(script.sent()[0].ends_with(&format!("\"{part}\"]}}")), "{digits}");
    }
    // The older job is submitted as it was given.
    submit(&mut script, "a", 2, 0x080c_0000_0000_0001);
    assert!(script.sent()[0].ends_with(r#""a","000000000001"]}"#));
}

#[test]
fn refusals_end_the_connection() {
    for (answer, why) in [
        (r#"{"id":1,"result":null,"error":[20,"full",null]}"#, "full"),
        (
            r#"{"id":1,"result":[["mining.notify","ae","EthereumStratum/3.0.0"],"080c"],"error":null}"#,
            "the server does not speak EthereumStratum/1.0.0",
        ),
        (
            r#"{"id":1,"result":[["mining.notify","ae","EthereumStratum/1.0.0"],"080c0d0e"],"error":null}"#,
            "extranonce must be an even number of hex digits, and short",
        ),
    ] {
        let mut script = Script::new(config(Protocol::V1));
        script.connect();
        script.sent();
        script.say(answer);
        assert_eq!(
            script.output(),
            ClientOutput::Close(ClientClose::SubscribeRefused(why.to_owned())),
            "{answer}"
        );
    }
    let mut script = Script::new(config(Protocol::V1));
    script.connect();
    script.say(SUBSCRIBED);
    script.sent();
    script.say(r#"{"id":2,"result":false,"error":null}"#);
    assert_eq!(
        script.output(),
        ClientOutput::Close(ClientClose::Unauthorized("no reason given".to_owned()))
    );
}

#[test]
fn the_difficulty_and_the_extranonce_end_with_the_connection() {
    let mut script = running();
    script.say(r#"{"id":null,"method":"mining.set_difficulty","params":[64]}"#);
    script.say(&notify("a", 1, true));
    submit(&mut script, "a", 1, 0x080c_0000_0000_0001);
    script.outputs();
    script.input(ClientInput::Closed);
    assert_eq!(script.output(), ClientOutput::Unanswered { tag: 1 });
    script.connect();
    script.say(&notify("b", 1, true));
    script.say(r#"{"id":5,"result":[["mining.notify","ae","EthereumStratum/1.0.0"],"0a"],"error":null}"#);
    script.say(r#"{"id":6,"result":true,"error":null}"#);
    let job = job(&mut script);
    assert_eq!(blob(&job).nonces.start, 0x0a00_0000_0000_0000);
    assert_eq!(job.difficulty.get().to_bits(), 1_f64.to_bits());
}

#[test]
fn a_solution_without_a_nonce_is_not_sent() {
    let mut script = running();
    script.say(&notify("a", 1, true));
    script.outputs();
    let without_mix = Proof::Nonce {
        nonce: 0x080c_0000_0000_0001,
        hash: [0; 32],
        mix: None,
    };
    for (proof, message) in [
        (crate::script::header(&[], None), "a nonce is missing"),
        (without_mix, "a mix hash is missing"),
    ] {
        script.input(ClientInput::Submit(Solution {
            job_id: "a".into(),
            tag: 1,
            proof,
        }));
        assert_eq!(script.output(), rejected(1, 20, message));
    }
}
