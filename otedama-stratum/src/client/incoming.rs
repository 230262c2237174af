use core::time::Duration;
use std::borrow::Cow;

use otedama_hash::Now;

use super::handshake::Stage;
use super::{Client, ClientClose, ClientOutput};
use crate::v1::{ErrorCode, Id, Reply, ServerMessage, parse_server_message, request};

/// How many lines in a row may make no sense.
pub(super) const MAX_BAD_LINES: u32 = 16;

impl Client {
    pub(super) fn line(&mut self, now: Now, line: &[u8]) {
        let Ok(message) = parse_server_message(line) else {
            self.bad_lines += 1;
            if self.bad_lines >= MAX_BAD_LINES {
                self.close(ClientClose::Garbage);
            }
            return;
        };
        self.bad_lines = 0;
        match message {
            ServerMessage::Reply(reply) => self.reply(now, &reply),
            ServerMessage::Notify(notify) => {
                let job = self.jobs.add(notify);
                if let (Some(job), Stage::Running) = (job, self.stage) {
                    self.push(ClientOutput::Job(job));
                }
            }
            ServerMessage::SetDifficulty(difficulty) => {
                self.jobs.difficulty = difficulty;
                self.push(ClientOutput::Difficulty(difficulty));
            }
            ServerMessage::SetExtranonce {
                extranonce1,
                extranonce2_len,
            } => {
                self.jobs.extranonce = Some((extranonce1, extranonce2_len));
            }
            ServerMessage::SetVersionMask(mask) => {
                self.jobs.version_mask = mask & self.config.want_version_mask;
            }
            ServerMessage::Reconnect { host, port, wait_s } => self.push(ClientOutput::Reconnect {
                host: host.map(Cow::into_owned),
                port,
                wait: Duration::from_secs(wait_s.into()),
            }),
            ServerMessage::ShowMessage(text) => self.push(ClientOutput::Message(text.into_owned())),
            ServerMessage::GetVersion(id) => {
                let agent = self.config.agent.clone();
                self.send(|out| request::write_text_reply(out, id, &agent));
            }
            ServerMessage::Ping(id) => self.send(|out| request::write_text_reply(out, id, "pong")),
            ServerMessage::Unknown { id: Id::Null, .. } => {}
            ServerMessage::Unknown { id, .. } => self.send(|out| request::write_unknown_method(out, id)),
        }
    }

    fn reply(&mut self, now: Now, reply: &Reply<'_>) {
        let Some(id) = reply.id.as_u64() else { return };
        if self.handshake_reply(now, id, reply) {
            return;
        }
        let Some((tag, sent)) = self.pending.take(id) else {
            return;
        };
        self.push(if reply.is_true() {
            ClientOutput::Accepted {
                tag,
                latency: now.mono.since(sent),
            }
        } else if let Some(error) = &reply.error {
            ClientOutput::Rejected {
                tag,
                code: error.code,
                message: error.message.to_string(),
            }
        } else {
            ClientOutput::rejected(tag, ErrorCode::Other, "no reason given")
        });
    }
}
