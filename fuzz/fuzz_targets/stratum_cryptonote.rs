//! Lines of the dialect of Monero's miners, as either side: what parses is written so that it parses to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otedama_stratum::v1::dialect::cryptonote::{
    Call, Reply, ServerMessage, parse_request, parse_server_message, reply, request,
};

fuzz_target!(|line: &[u8]| {
    let mut out = Vec::new();
    if let Ok(parsed) = parse_request(line) {
        match &parsed.call {
            Call::Login(login) => request::write_login(&mut out, 7, login),
            Call::Submit(submit) => request::write_submit(&mut out, 7, submit),
            _ => {}
        }
        if !out.is_empty() {
            assert_eq!(parse_request(&out).map(|again| again.call), Ok(parsed.call));
        }
    }
    out.clear();
    match parse_server_message(line) {
        Ok(ServerMessage::Job(job)) => {
            reply::write_job(&mut out, &job);
            assert_eq!(parse_server_message(&out), Ok(ServerMessage::Job(job)));
        }
        Ok(ServerMessage::Reply {
            id,
            reply: Reply::Login { session, job },
        }) => {
            reply::write_login(&mut out, id, &session, &job);
            let reply = Reply::Login { session, job };
            assert_eq!(parse_server_message(&out), Ok(ServerMessage::Reply { id, reply }));
        }
        _ => {}
    }
});
