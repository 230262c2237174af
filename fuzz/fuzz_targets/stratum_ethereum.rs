//! Lines of the three protocols of Ethash's miners, as either side: what parses is written so that it parses to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otedama_stratum::v1::dialect::ethereum::{
    Call, HelloReply, Protocol, ServerMessage, full_nonce, notify, parse_request, parse_server_message,
    reply, request, server_message,
};

const PROTOCOLS: [Protocol; 3] = [Protocol::V1, Protocol::V2, Protocol::Proxy];

fn as_server(protocol: Protocol, line: &[u8]) {
    let Ok(parsed) = parse_request(line, Some(protocol)) else {
        return;
    };
    let mut out = Vec::new();
    match &parsed.call {
        Call::Hello {
            agent: Some(agent),
            host: Some(host),
            port: Some(port),
        } => request::write_hello(&mut out, 7, agent, host, *port),
        Call::Subscribe {
            agent: Some(agent), ..
        } => request::write_subscribe(&mut out, 7, agent),
        Call::Subscribe { agent: None, session } if protocol == Protocol::V2 => {
            request::write_subscribe_session(&mut out, 7, session.as_deref());
        }
        Call::Authorize { user, password } => request::write_authorize(&mut out, 7, user, password),
        Call::Submit(submit) => {
            let len = submit.nonce.digits();
            assert_eq!(submit.nonce.to_string().len(), len);
            assert_eq!(
                full_nonce(&[0; 8][..(16 - len) / 2], &submit.nonce).is_some(),
                len % 2 == 0
            );
            request::write_submit(&mut out, protocol, 7, submit);
        }
        Call::Hashrate {
            rate_hz: Some(rate),
            worker,
        } => request::write_hashrate(&mut out, 7, *rate, worker),
        Call::Login {
            user,
            password,
            worker,
        } => request::write_login(&mut out, 7, user, password, worker.as_deref()),
        Call::SubmitWork(submit) => request::write_submit_work(&mut out, 7, submit),
        _ => return,
    }
    assert_eq!(
        parse_request(&out, Some(protocol)).map(|again| again.call),
        Ok(parsed.call)
    );
}

fn as_client(protocol: Protocol, line: &[u8]) {
    let Ok(message) = parse_server_message(protocol, line) else {
        return;
    };
    let mut out = Vec::new();
    match &message {
        ServerMessage::Job(job) => notify::write_job(&mut out, job),
        ServerMessage::Work(work) => notify::write_work(&mut out, None, work),
        ServerMessage::SetDifficulty(difficulty) => notify::write_set_difficulty(&mut out, *difficulty),
        ServerMessage::SetExtranonce(extranonce) => notify::write_set_extranonce(&mut out, extranonce),
        ServerMessage::Set(settings) => notify::write_set(&mut out, settings),
        ServerMessage::Reconnect {
            host: Some(host),
            port: Some(port),
            wait_s: 0,
            resume,
        } if protocol == Protocol::V2 => notify::write_reconnect_to(&mut out, host, *port, *resume),
        ServerMessage::Reply(answer) => {
            let _ = server_message::is_accepted(protocol, answer);
            if let Ok(token) = server_message::token(answer) {
                assert!((1..=64).contains(&token.len()));
            }
            if let Ok(read) = server_message::subscription(answer) {
                assert!(read.extranonce.len() <= Protocol::V1.max_extranonce_len());
            }
            if let Ok(read) = server_message::hello(answer) {
                let terms = HelloReply {
                    resume: read.resume,
                    timeout_s: read.timeout_s,
                    max_errors: read.max_errors,
                    node: &*read.node,
                };
                reply::write_hello(&mut out, answer.id, &terms);
                let Ok(ServerMessage::Reply(again)) = parse_server_message(protocol, &out) else {
                    panic!("what was written parses");
                };
                assert_eq!(server_message::hello(&again).as_ref(), Ok(&read));
            }
            return;
        }
        _ => return,
    }
    assert_eq!(parse_server_message(protocol, &out).as_ref(), Ok(&message));
}

fuzz_target!(|line: &[u8]| {
    let _ = parse_request(line, None);
    for protocol in PROTOCOLS {
        as_server(protocol, line);
        as_client(protocol, line);
    }
});
