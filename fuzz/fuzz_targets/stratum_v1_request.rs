//! A server's reader of requests: limits hold, and what parses can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otedama_stratum::v1::{Call, Id, parse_request, password::PasswordOptions, request, response, user};

fn reread(write: impl FnOnce(&mut Vec<u8>), expected: &Call<'_>) {
    let mut line = Vec::new();
    write(&mut line);
    let request = parse_request(line.trim_ascii_end()).expect("what was written parses");
    assert_eq!(&request.call, expected);
}

fn check_id(id: Id<'_>) {
    assert!(id.as_str().len() <= 64);
    let mut reply = Vec::new();
    response::write_true(&mut reply, id);
    assert_eq!(
        reply.iter().filter(|b| **b == b'\n').count(),
        1 + id.as_str().matches('\n').count()
    );
}

fuzz_target!(|line: &[u8]| {
    let request = match parse_request(line) {
        Ok(request) => request,
        Err(error) => return check_id(error.id),
    };
    check_id(request.id);
    match &request.call {
        call @ Call::Submit(submit) => {
            assert!(submit.worker.len() <= 256 && submit.job_id.len() <= 64);
            reread(|out| request::write_submit(out, 1, submit), call);
        }
        call @ Call::Configure(configure) => {
            assert!(configure.unknown.len() <= 8);
            reread(|out| request::write_configure(out, 1, configure), call);
        }
        call @ Call::Authorize { user, password } => {
            let _ = (
                PasswordOptions::parse(password),
                user::split(user),
                user::difficulty(user),
            );
            reread(|out| request::write_authorize(out, 1, user, password), call);
        }
        call @ Call::Subscribe {
            agent: Some(agent),
            session,
        } => {
            let _ = otedama_stratum::firmware::for_agent(agent);
            reread(
                |out| request::write_subscribe(out, 1, agent, session.as_deref()),
                call,
            );
        }
        call @ Call::SuggestDifficulty(difficulty) => {
            let difficulty = otedama_hash::Difficulty::new(*difficulty).expect("the parser checked it");
            reread(|out| request::write_suggest_difficulty(out, 1, difficulty), call);
        }
        call @ Call::SuggestTarget(target) => {
            reread(|out| request::write_suggest_target(out, 1, *target), call)
        }
        _ => {}
    }
});
