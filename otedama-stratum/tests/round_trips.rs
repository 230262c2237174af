//! What one side writes, the other side reads back as the same thing.

use otedama_hash::{Difficulty, Hash256, Target};
use otedama_stratum::v1::{
    Call, Configure, ErrorCode, ExtranonceBytes, Id, NotifyParts, Request, ServerMessage, Submit,
    VersionRolling, notify, parse_request, parse_server_message, request, response,
};
use proptest::prelude::*;

fn line(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = b"before\n".to_vec();
    write(&mut out);
    let line = out.strip_prefix(b"before\n").expect("writers append");
    let line = line.strip_suffix(b"\n").expect("writers end the line");
    assert!(!line.contains(&b'\n'), "one line only");
    line.to_vec()
}

fn sent(write: impl FnOnce(&mut Vec<u8>), id: u64, check: impl FnOnce(Call<'_>)) {
    let line = line(write);
    let Request { id: echoed, call } = parse_request(&line).expect("own requests parse");
    assert_eq!(echoed.as_u64(), Some(id));
    check(call);
}

fn told(write: impl FnOnce(&mut Vec<u8>), check: impl FnOnce(ServerMessage<'_>)) {
    check(parse_server_message(&line(write)).expect("own messages parse"));
}

fn difficulty() -> impl Strategy<Value = Difficulty> {
    prop_oneof![
        (1u64..1 << 60).prop_map(|n| n as f64),
        1e-9..1e15f64,
        (prop::num::f64::POSITIVE | prop::num::f64::NORMAL).prop_map(f64::abs),
    ]
    .prop_filter_map("a difficulty", |d| Difficulty::new(d).ok())
}

fn extranonce() -> impl Strategy<Value = ExtranonceBytes> {
    prop::collection::vec(any::<u8>(), 0..=16)
        .prop_map(|b| ExtranonceBytes::from_slice(&b).expect("at most 16 bytes"))
}

fn hash() -> impl Strategy<Value = Hash256> {
    any::<[u8; 32]>().prop_map(Hash256::from_le_bytes)
}

/// Text of up to `max` characters that takes at most four bytes each.
fn text(max: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 1..=max).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn requests(
        id in any::<u64>(),
        agent in text(60),
        session in prop::option::of(text(16)),
        user in text(60),
        password in prop::option::of(text(100)),
        suggested in difficulty(),
        target in any::<[u8; 32]>(),
    ) {
        sent(|out| request::write_subscribe(out, id, &agent, session.as_deref()), id, |call| {
            let expected = Call::Subscribe {
                agent: Some(agent.as_str().into()),
                session: session.as_deref().map(Into::into),
            };
            assert_eq!(call, expected);
        });
        let password = password.unwrap_or_default();
        sent(|out| request::write_authorize(out, id, &user, &password), id, |call| {
            assert_eq!(call, Call::Authorize { user: user.as_str().into(), password: password.as_str().into() });
        });
        sent(|out| request::write_suggest_difficulty(out, id, suggested), id, |call| {
            assert_eq!(call, Call::SuggestDifficulty(suggested.get()));
        });
        let target = Target::from_le_bytes(target);
        sent(|out| request::write_suggest_target(out, id, target), id, |call| {
            assert_eq!(call, Call::SuggestTarget(target));
        });
        sent(|out| request::write_extranonce_subscribe(out, id), id, |call| {
            assert_eq!(call, Call::ExtranonceSubscribe);
        });
        sent(|out| request::write_ping(out, id), id, |call| assert_eq!(call, Call::Ping));
    }

    #[test]
    fn submissions(
        id in any::<u64>(),
        worker in text(60),
        job_id in text(16),
        extranonce2 in extranonce(),
        (ntime, nonce) in any::<(u32, u32)>(),
        version_bits in any::<Option<u32>>(),
    ) {
        let submit =
            Submit { worker: worker.into(), job_id: job_id.into(), extranonce2, ntime, nonce, version_bits };
        sent(|out| request::write_submit(out, id, &submit), id, |call| {
            assert_eq!(call, Call::Submit(submit.clone()));
        });
    }

    #[test]
    fn configurations(
        id in any::<u64>(),
        mask in any::<Option<u32>>(),
        min_bit_count in prop::option::of(0u32..=32),
        minimum_difficulty in prop::option::of(1e-6..1e12f64),
        subscribe_extranonce in any::<bool>(),
        info in any::<bool>(),
        unknown in prop::collection::btree_set("[a-z]{1,64}\\.x?", 0..=8),
        server_mask in any::<u32>(),
    ) {
        let configure = Configure {
            version_rolling: mask.map(|mask| VersionRolling { mask, min_bit_count }),
            minimum_difficulty,
            subscribe_extranonce,
            info,
            unknown: unknown.into_iter().filter(|name| name.len() <= 64).collect(),
        };
        sent(|out| request::write_configure(out, id, &configure), id, |call| {
            assert_eq!(call, Call::Configure(configure.clone()));
        });
        let echo = id.to_string();
        told(|out| response::write_configure(out, Id::Raw(&echo), &configure.answer(server_mask)), |message| {
            let ServerMessage::Reply(reply) = message else { panic!("{message:?}") };
            assert_eq!(reply.id.as_u64(), Some(id));
            let answer = reply.configure().unwrap();
            assert_eq!(answer.version_mask, mask.map_or(0, |m| m & server_mask));
            assert_eq!(answer.minimum_difficulty, minimum_difficulty.is_some());
            assert_eq!(answer.subscribe_extranonce, subscribe_extranonce);
        });
    }

    #[test]
    fn replies(
        id in "[1-9][0-9]{0,17}|\"[a-z ]{0,62}\"",
        session in text(16),
        extranonce1 in extranonce(),
        extranonce2_len in 0usize..=16,
        words in text(100),
        code in prop::sample::select(vec![
            ErrorCode::Other, ErrorCode::Stale, ErrorCode::Duplicate,
            ErrorCode::LowDifficulty, ErrorCode::Unauthorized, ErrorCode::NotSubscribed,
        ]),
    ) {
        let id = Id::Raw(&id);
        told(|out| response::write_subscribe(out, id, &session, &extranonce1, extranonce2_len), |message| {
            let ServerMessage::Reply(reply) = message else { panic!("{message:?}") };
            assert_eq!((reply.id, reply.is_true()), (id, false));
            let answer = reply.subscribe().unwrap();
            assert_eq!(answer.session.as_deref(), Some(session.as_str()));
            assert_eq!((answer.extranonce1, answer.extranonce2_len), (extranonce1, extranonce2_len));
        });
        told(|out| response::write_true(out, id), |message| {
            let ServerMessage::Reply(reply) = message else { panic!("{message:?}") };
            assert_eq!((reply.id, reply.is_true()), (id, true));
        });
        told(|out| response::write_error(out, id, code, &words), |message| {
            let ServerMessage::Reply(reply) = message else { panic!("{message:?}") };
            assert_eq!((reply.id, reply.is_true()), (id, false));
            let error = reply.error.unwrap();
            assert_eq!((ErrorCode::from_code(error.code), &*error.message), (Some(code), words.as_str()));
        });
        told(|out| response::write_pong(out, id), |message| {
            let ServerMessage::Reply(reply) = message else { panic!("{message:?}") };
            assert_eq!(reply.text().as_deref(), Some("pong"));
        });
        let answer = line(|out| request::write_text_reply(out, id, &words));
        assert_eq!(parse_request(&answer).unwrap(), Request { id, call: Call::Reply(Some(words.as_str().into())) });
        let answer = line(|out| request::write_unknown_method(out, id));
        assert_eq!(parse_request(&answer).unwrap(), Request { id, call: Call::Reply(None) });
    }

    #[test]
    fn jobs(
        job_id in text(16),
        prev_hash in hash(),
        coinbase1 in prop::collection::vec(any::<u8>(), 0..300),
        coinbase2 in prop::collection::vec(any::<u8>(), 0..300),
        merkle_branch in prop::collection::vec(hash(), 0..=32),
        (version, bits, ntime, clean) in any::<(u32, u32, u32, bool)>(),
    ) {
        let parts = NotifyParts {
            prev_hash: &prev_hash,
            coinbase1: &coinbase1,
            coinbase2: &coinbase2,
            merkle_branch: &merkle_branch,
            version,
            bits,
            ntime,
        };
        told(|out| notify::write_notify(out, &job_id, &parts, clean), |message| {
            let ServerMessage::Notify(notify) = message else { panic!("{message:?}") };
            assert_eq!((&*notify.job_id, notify.clean), (job_id.as_str(), clean));
            assert_eq!(notify.parts(), parts);
        });
    }

    #[test]
    fn announcements(
        id in any::<u64>(),
        set in difficulty(),
        extranonce1 in extranonce(),
        extranonce2_len in 0usize..=16,
        mask in any::<u32>(),
        address in prop::option::of(("[a-z.]{1,40}", 1u16..)),
        wait_s in 0u32..=3600,
        words in text(100),
    ) {
        told(|out| notify::write_set_difficulty(out, set), |message| {
            assert_eq!(message, ServerMessage::SetDifficulty(set));
        });
        told(|out| notify::write_set_extranonce(out, &extranonce1, extranonce2_len), |message| {
            assert_eq!(message, ServerMessage::SetExtranonce { extranonce1, extranonce2_len });
        });
        told(|out| notify::write_set_version_mask(out, mask), |message| {
            assert_eq!(message, ServerMessage::SetVersionMask(mask));
        });
        let target = address.as_ref().map(|(host, port)| (host.as_str(), *port));
        told(|out| notify::write_reconnect(out, target, wait_s), |message| {
            let expected = ServerMessage::Reconnect {
                host: target.map(|(host, _)| host.into()),
                port: target.map(|(_, port)| port),
                wait_s: if target.is_some() { wait_s } else { 0 },
            };
            assert_eq!(message, expected);
        });
        told(|out| notify::write_show_message(out, &words), |message| {
            assert_eq!(message, ServerMessage::ShowMessage(words.as_str().into()));
        });
        told(|out| notify::write_get_version(out, id), |message| {
            assert!(matches!(message, ServerMessage::GetVersion(echo) if echo.as_u64() == Some(id)));
        });
        told(|out| notify::write_ping(out, id), |message| {
            assert!(matches!(message, ServerMessage::Ping(echo) if echo.as_u64() == Some(id)));
        });
    }
}
