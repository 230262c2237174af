use crate::{HEADER, SEED, answer, bytes, call_of, digits, extranonce, first, line, message};
use otedama_hash::{Algorithm, Difficulty};
use otedama_stratum::v1::dialect::ethereum::Protocol::V1;
use otedama_stratum::v1::dialect::ethereum::{
    Call, Job, ServerMessage, Submit, Subscription, full_nonce, notify, reply, request, server_message,
};
use otedama_stratum::v1::{ErrorCode, Id};

#[test]
fn a_session_of_version_1() {
    let subscribe =
        r#"{"id":1,"method":"mining.subscribe","params":["MinerName/1.0.0","EthereumStratum/1.0.0"]}"#;
    let expected = Call::Subscribe {
        agent: Some("MinerName/1.0.0".into()),
        session: None,
    };
    assert_eq!(first(subscribe), expected);
    assert_eq!(
        line(|out| request::write_subscribe(out, 1, "MinerName/1.0.0")),
        subscribe
    );

    let subscribed = r#"{"id":1,"result":[["mining.notify","ae6812eb4cd7735a302a8a9dd95cf71f","EthereumStratum/1.0.0"],"080c"],"error":null}"#;
    let session = "ae6812eb4cd7735a302a8a9dd95cf71f";
    assert_eq!(
        line(|out| reply::write_subscribe(out, Id::Raw("1"), session, &[8, 0x0c])),
        subscribed
    );
    let expected = Subscription {
        session: Some(session.into()),
        extranonce: extranonce("080c"),
    };
    assert_eq!(
        server_message::subscription(&answer(V1, subscribed)),
        Ok(expected)
    );

    let extranonces = r#"{"id":2,"method":"mining.extranonce.subscribe","params":[]}"#;
    assert_eq!(call_of(V1, extranonces), Call::ExtranonceSubscribe);
    let authorize = r#"{"id":3,"method":"mining.authorize","params":["test","password"]}"#;
    let expected = Call::Authorize {
        user: "test".into(),
        password: "password".into(),
    };
    assert_eq!(call_of(V1, authorize), expected);
    assert_eq!(
        line(|out| request::write_authorize(out, 3, "test", "password")),
        authorize
    );
    let accepted = r#"{"id":3,"result":true,"error":null}"#;
    assert_eq!(line(|out| reply::write_true(out, V1, Id::Raw("3"))), accepted);
    assert!(server_message::is_accepted(V1, &answer(V1, accepted)));

    let set = r#"{"id":null,"method":"mining.set_extranonce","params":["af4c"]}"#;
    assert_eq!(line(|out| notify::write_set_extranonce(out, &[0xaf, 0x4c])), set);
    assert_eq!(message(V1, set), ServerMessage::SetExtranonce(extranonce("af4c")));

    let notice =
        format!(r#"{{"id":null,"method":"mining.notify","params":["bf0488aa","{SEED}","{HEADER}",true]}}"#);
    let job = Job {
        id: "bf0488aa".into(),
        header: bytes(HEADER),
        seed: Some(bytes(SEED)),
        height: None,
        clean: true,
    };
    assert_eq!(line(|out| notify::write_job(out, &job)), notice);
    assert_eq!(message(V1, &notice), ServerMessage::Job(job));

    let submit = r#"{"id":244,"method":"mining.submit","params":["username","bf0488aa","6a909d9bbc0f"]}"#;
    let expected = Submit {
        worker: "username".into(),
        job_id: "bf0488aa".into(),
        nonce: digits("6a909d9bbc0f"),
    };
    assert_eq!(line(|out| request::write_submit(out, V1, 244, &expected)), submit);
    assert_eq!(call_of(V1, submit), Call::Submit(expected));
    let refused = r#"{"id":244,"result":false,"error":[21,"Job not found",null]}"#;
    assert_eq!(
        line(|out| reply::write_error(out, V1, Id::Raw("244"), ErrorCode::Stale, "Job not found")),
        refused
    );
    assert!(!server_message::is_accepted(V1, &answer(V1, refused)));
    let other = r#"{"id":244,"result":false,"error":[-1,"Job not found",null]}"#;
    assert_eq!(answer(V1, other).error.expect("an error").code, -1);
}

#[test]
fn difficulties_of_version_1_are_ethash_s() {
    let set = r#"{"id":null,"method":"mining.set_difficulty","params":[0.5]}"#;
    let half = Difficulty::new(0.5).expect("positive");
    assert_eq!(line(|out| notify::write_set_difficulty(out, half)), set);
    assert_eq!(message(V1, set), ServerMessage::SetDifficulty(half));
    let shown = |difficulty: Difficulty| difficulty.to_target(Algorithm::ETHASH.diff1()).to_string();
    assert_eq!(shown(Difficulty::ONE), format!("00000000ffff{}", "0".repeat(52)));
    assert_eq!(shown(half), format!("00000001fffe{}", "0".repeat(52)));
    // The example's share: 3 bytes of the pool, 5 of the miner.
    assert_eq!(
        full_nonce(&extranonce("a2eea0"), &digits("cfae7df760")),
        Some(0xa2ee_a0cf_ae7d_f760)
    );
}
