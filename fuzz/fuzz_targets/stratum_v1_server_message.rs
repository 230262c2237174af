//! A client's reader of what servers send: limits hold, and what parses can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otedama_stratum::v1::{ServerMessage, notify, parse_server_message};

fn reread(write: impl FnOnce(&mut Vec<u8>), expected: &ServerMessage<'_>) {
    let mut line = Vec::new();
    write(&mut line);
    let message = parse_server_message(line.trim_ascii_end()).expect("what was written parses");
    assert_eq!(&message, expected);
}

fuzz_target!(|line: &[u8]| {
    let Ok(message) = parse_server_message(line) else {
        return;
    };
    match &message {
        ServerMessage::Reply(reply) => {
            let _ = (reply.is_true(), reply.configure(), reply.text());
            if let Ok(answer) = reply.subscribe() {
                assert!(answer.extranonce2_len <= 16);
                assert!(
                    answer
                        .session
                        .is_none_or(|session| (1..=64).contains(&session.len()))
                );
            }
        }
        ServerMessage::Notify(job) => {
            assert!(job.merkle_branch.len() <= 32 && job.job_id.len() <= 64);
            reread(
                |out| notify::write_notify(out, &job.job_id, &job.parts(), job.clean),
                &message,
            );
        }
        ServerMessage::SetDifficulty(difficulty) => {
            reread(|out| notify::write_set_difficulty(out, *difficulty), &message);
        }
        ServerMessage::SetExtranonce {
            extranonce1,
            extranonce2_len,
        } => {
            reread(
                |out| notify::write_set_extranonce(out, extranonce1, *extranonce2_len),
                &message,
            );
        }
        ServerMessage::SetVersionMask(mask) => {
            reread(|out| notify::write_set_version_mask(out, *mask), &message)
        }
        ServerMessage::ShowMessage(text) => reread(|out| notify::write_show_message(out, text), &message),
        _ => {}
    }
});
