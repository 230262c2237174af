//! Bitcoin's stratum: version rolling is agreed on, then the subscription, then the user.

use otedama_hash::Difficulty;

use super::connection::{Ask, Connection, Stage};
use super::reply::{Subscribed, take_reply};
use super::speaker::{Flaw, Nonsense, Speaker};
use super::{ClientClose, ClientConfig, ClientJob, ClientOutput, ClientWork, HeaderWork, Proof, Solution};
use crate::v1::{
    Configure, ExtranonceBytes, Notify, Reply, ServerMessage, Submit, VersionRolling, parse_server_message,
    request,
};

#[derive(Debug)]
pub(super) struct Bitcoin {
    configure: ConfigureState,
    /// What to resume after a reconnect.
    session: Option<String>,
    /// The extranonce is extranonce1 and the length of extranonce2.
    subscribed: Subscribed<(ExtranonceBytes, usize), Notify<'static>>,
    difficulty: Difficulty,
    version_mask: u32,
}

/// What is known about the server's attitude to `mining.configure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConfigureState {
    /// Not asked on this connection.
    Untried,
    /// Asked under this id; its answer counts whenever it comes.
    Asked(u64),
    /// The server hung up on it, so the next connection does without.
    Unwelcome,
}

impl Default for Bitcoin {
    fn default() -> Self {
        Self {
            configure: ConfigureState::Untried,
            session: None,
            subscribed: Subscribed::default(),
            difficulty: Difficulty::ONE,
            version_mask: 0,
        }
    }
}

impl Speaker for Bitcoin {
    fn connected(&mut self, conn: &mut Connection) {
        let before = core::mem::take(self);
        self.session = before.session;
        let mask = conn.config.want_version_mask;
        if mask == 0 || before.configure == ConfigureState::Unwelcome {
            return self.subscribe(conn);
        }
        let configure = Configure {
            version_rolling: Some(VersionRolling {
                mask,
                min_bit_count: Some(mask.count_ones().min(2)),
            }),
            ..Configure::default()
        };
        let id = conn.ask(Ask::Configure, |out, id, _| {
            request::write_configure(out, id, &configure);
        });
        self.configure = ConfigureState::Asked(id);
    }

    fn line(&mut self, conn: &mut Connection, line: &[u8]) -> Result<(), Nonsense> {
        match parse_server_message(line).map_err(|_| Nonsense)? {
            ServerMessage::Reply(reply) => self.reply(conn, &reply),
            ServerMessage::Notify(notify) => self.offer(conn, Some(notify.into_owned())),
            ServerMessage::SetDifficulty(difficulty) => {
                self.difficulty = difficulty;
                conn.push(ClientOutput::Difficulty(difficulty));
            }
            ServerMessage::SetExtranonce {
                extranonce1,
                extranonce2_len,
            } => self.subscribed.extranonce = Some((extranonce1, extranonce2_len)),
            ServerMessage::SetVersionMask(mask) => self.version_mask = mask & conn.config.want_version_mask,
            ServerMessage::Reconnect { host, port, wait_s } => conn.redirect(host, port, wait_s),
            ServerMessage::ShowMessage(text) => conn.show(text),
            ServerMessage::GetVersion(id) => conn.tell_version(id),
            ServerMessage::Ping(id) => conn.send(|out, _| request::write_text_reply(out, id, "pong")),
            ServerMessage::Unknown { id, .. } => conn.refuse_call(id),
        }
        Ok(())
    }

    fn submit(&mut self, conn: &mut Connection, job: &ClientJob, solution: &Solution) -> Result<(), Flaw> {
        let (
            ClientWork::Headers(work),
            &Proof::Header {
                extranonce2,
                ntime,
                nonce,
                version_bits,
            },
        ) = (&job.work, &solution.proof)
        else {
            return Err("a header is missing");
        };
        if extranonce2.len() != work.extranonce2_len {
            return Err("extranonce2 has the wrong length");
        }
        if version_bits.is_some_and(|bits| bits & !work.version_mask != 0) {
            return Err("version bits outside the mask");
        }
        // Servers that agreed to version rolling refuse a submission without version bits.
        let version_bits =
            (work.version_mask != 0).then(|| version_bits.unwrap_or(work.version & work.version_mask));
        conn.submit(solution.tag, |out, id, config| {
            let submit = Submit {
                worker: config.user.as_str().into(),
                job_id: (&*job.job_id).into(),
                extranonce2,
                ntime,
                nonce,
                version_bits,
            };
            request::write_submit(out, id, &submit);
        });
        Ok(())
    }

    fn unanswered(&mut self, conn: &mut Connection, ask: Ask) {
        match ask {
            Ask::Configure => self.subscribe(conn),
            _ => conn.close(ClientClose::ReplyTimeout(ask.method())),
        }
    }

    fn hung_up_on(&mut self, ask: Ask) {
        if ask == Ask::Configure {
            self.configure = ConfigureState::Unwelcome;
        }
    }
}

impl Bitcoin {
    fn reply(&mut self, conn: &mut Connection, reply: &Reply<'_>) {
        if let ConfigureState::Asked(id) = self.configure
            && reply.id.as_u64() == Some(id)
        {
            return self.configured(conn, reply);
        }
        take_reply(conn, reply, |conn| {
            let answer = reply.subscribe()?;
            self.session = answer.session.map(Into::into);
            self.subscribed.extranonce = Some((answer.extranonce1, answer.extranonce2_len));
            self.offer(conn, None);
            Ok(())
        });
    }

    fn configured(&mut self, conn: &mut Connection, reply: &Reply<'_>) {
        self.configure = ConfigureState::Untried;
        let mask = reply.configure().map_or(0, |answer| answer.version_mask);
        self.version_mask = mask & conn.config.want_version_mask;
        if matches!(
            conn.stage,
            Stage::Asking {
                ask: Ask::Configure,
                ..
            }
        ) {
            self.subscribe(conn);
        }
    }

    fn subscribe(&mut self, conn: &mut Connection) {
        let session = self.session.take();
        conn.ask(Ask::Subscribe, |out, id, config| {
            request::write_subscribe(out, id, &config.agent, session.as_deref());
        });
    }

    fn offer(&mut self, conn: &mut Connection, notify: Option<Notify<'static>>) {
        if let Some((extranonce, notify)) = self.subscribed.newest(notify) {
            conn.offer(self.build(&conn.config, extranonce, notify));
        }
    }

    /// The job, with the difficulty and the mask that count at this moment.
    fn build(
        &self,
        config: &ClientConfig,
        (extranonce1, extranonce2_len): (ExtranonceBytes, usize),
        notify: Notify<'_>,
    ) -> ClientJob {
        ClientJob {
            job_id: notify.job_id.into(),
            clean: notify.clean,
            target: self.difficulty.to_target(config.diff1),
            difficulty: self.difficulty,
            work: ClientWork::Headers(HeaderWork {
                prev_hash: notify.prev_hash,
                coinbase1: notify.coinbase1.into(),
                coinbase2: notify.coinbase2.into(),
                merkle_branch: notify.merkle_branch.into(),
                version: notify.version,
                bits: notify.bits,
                ntime: notify.ntime,
                extranonce1,
                extranonce2_len,
                version_mask: self.version_mask,
            }),
        }
    }
}
