//! Lines of the dialect of Ravencoin's miners, as either side: what parses is written so that it parses to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otedama_stratum::v1::dialect::kawpow::{
    Call, MAX_EXTRANONCE_LEN, ServerMessage, parse_request, parse_server_message, reply, request,
    subscription,
};

fuzz_target!(|line: &[u8]| {
    let mut out = Vec::new();
    if let Ok(parsed) = parse_request(line) {
        match &parsed.call {
            Call::Subscribe {
                agent: Some(agent),
                session,
            } => request::write_subscribe(&mut out, 7, agent, session.as_deref()),
            Call::Authorize { user, password } => request::write_authorize(&mut out, 7, user, password),
            Call::Submit(submit) => request::write_submit(&mut out, 7, submit),
            Call::SubmitHashrate(Some(rate)) => request::write_submit_hashrate(&mut out, 7, *rate, &[9; 32]),
            _ => {}
        }
        if !out.is_empty() {
            assert_eq!(parse_request(&out).map(|again| again.call), Ok(parsed.call));
        }
    }
    let Ok(message) = parse_server_message(line) else {
        return;
    };
    out.clear();
    match &message {
        ServerMessage::Job(job) => reply::write_notify(&mut out, job),
        ServerMessage::SetTarget(target) => reply::write_set_target(&mut out, *target),
        ServerMessage::SetExtranonce(extranonce) => reply::write_set_extranonce(&mut out, extranonce),
        ServerMessage::ShowMessage(text) => reply::write_show_message(&mut out, text),
        ServerMessage::Reply(answer) => {
            if let Ok(read) = subscription(answer) {
                assert!(read.extranonce.len() <= MAX_EXTRANONCE_LEN);
                reply::write_subscribe(&mut out, answer.id, read.session.as_deref(), &read.extranonce);
                let Ok(ServerMessage::Reply(again)) = parse_server_message(&out) else {
                    panic!("what was written parses");
                };
                assert_eq!(subscription(&again), Ok(read));
            }
            return;
        }
        _ => return,
    }
    assert_eq!(parse_server_message(&out).as_ref(), Ok(&message));
});
