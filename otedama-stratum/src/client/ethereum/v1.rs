//! `EthereumStratum/1.0.0`: Bitcoin's methods, and the miner sends its own part of the nonce only.

use std::borrow::Cow;

use otedama_hash::Difficulty;

use crate::client::connection::{Ask, Connection};
use crate::client::job::nonces_behind;
use crate::client::reply::{authorize, authorized, verdict};
use crate::client::speaker::{Nonsense, Speaker};
use crate::client::{BlobWork, ClientClose, ClientConfig, ClientJob, ClientWork, Proof};
use crate::v1::dialect::ethereum::{
    Job, Protocol, ServerMessage, Submit, parse_server_message, request, server_message::subscription,
};
use crate::v1::{ExtranonceBytes, Reply};

#[derive(Debug)]
pub(in crate::client) struct V1 {
    /// The first bytes of every nonce of the jobs that follow.
    extranonce: Option<ExtranonceBytes>,
    /// The difficulty of the jobs that follow.
    difficulty: Difficulty,
    /// A job that came before the extranonce was known.
    early: Option<Job<'static>>,
}

impl Default for V1 {
    fn default() -> Self {
        Self {
            extranonce: None,
            difficulty: Difficulty::ONE,
            early: None,
        }
    }
}

impl Speaker for V1 {
    fn connected(&mut self, conn: &mut Connection) {
        *self = Self::default();
        conn.ask(Ask::Subscribe, |out, id, config| {
            request::write_subscribe(out, id, &config.agent);
        });
    }

    fn line(&mut self, conn: &mut Connection, line: &[u8]) -> Result<(), Nonsense> {
        match parse_server_message(Protocol::V1, line).map_err(|_| Nonsense)? {
            ServerMessage::Reply(reply) => self.reply(conn, &reply),
            ServerMessage::Job(job) => {
                if let Some(job) = self.job(&conn.config, job) {
                    conn.offer_news(job);
                }
            }
            ServerMessage::SetDifficulty(difficulty) => self.difficulty = difficulty,
            ServerMessage::SetExtranonce(extranonce) => self.extranonce = Some(extranonce),
            ServerMessage::Reconnect {
                host, port, wait_s, ..
            } => conn.redirect(host, port, wait_s),
            ServerMessage::ShowMessage(text) => conn.show(text),
            ServerMessage::GetVersion(id) => conn.tell_version(id),
            ServerMessage::Unknown { id, .. } => conn.refuse_call(id),
            ServerMessage::Work(_) | ServerMessage::Set(_) | ServerMessage::Bye => {}
        }
        Ok(())
    }

    fn submit(
        &mut self,
        conn: &mut Connection,
        job: &ClientJob,
        tag: u64,
        proof: &Proof,
    ) -> Result<(), &'static str> {
        let (nonce, ..) = job.mixed(proof)?;
        let nonce = job.own_part(nonce)?;
        conn.submit(tag, |out, id, config| {
            let submit = Submit {
                worker: config.user.as_str().into(),
                job_id: (&*job.job_id).into(),
                nonce,
            };
            request::write_submit(out, Protocol::V1, id, &submit);
        });
        Ok(())
    }
}

impl V1 {
    fn reply(&mut self, conn: &mut Connection, reply: &Reply<'_>) {
        let Some(id) = reply.id.as_u64() else { return };
        match conn.asked(id) {
            Some(Ask::Subscribe) => self.subscribed(conn, reply),
            Some(_) => authorized(conn, reply),
            None => {
                conn.settle(id, verdict(reply));
            }
        }
    }

    fn subscribed(&mut self, conn: &mut Connection, reply: &Reply<'_>) {
        if let Some(error) = &reply.error {
            return conn.close(ClientClose::SubscribeRefused(error.message.to_string()));
        }
        match subscription(reply) {
            Ok(answer) => self.extranonce = Some(answer.extranonce),
            Err(e) => return conn.close(ClientClose::SubscribeRefused(e.to_string())),
        }
        if let Some(early) = self.early.take()
            && let Some(job) = self.job(&conn.config, early)
        {
            conn.offer_news(job);
        }
        authorize(conn);
    }

    /// Builds the job with the difficulty and the extranonce that count at this moment. Before the extranonce
    /// is known the job is kept for later.
    fn job(&mut self, config: &ClientConfig, job: Job<'_>) -> Option<ClientJob> {
        let Some(extranonce) = self.extranonce else {
            self.early = Some(Job {
                id: Cow::Owned(job.id.into_owned()),
                ..job
            });
            return None;
        };
        Some(ClientJob {
            job_id: (&*job.id).into(),
            clean: job.clean,
            target: self.difficulty.to_target(config.diff1),
            difficulty: self.difficulty,
            work: ClientWork::Blob(BlobWork {
                blob: job.header.into(),
                nonces: nonces_behind(&extranonce)?,
                height: job.height,
                seed: job.seed,
                next_seed: None,
                algorithm: None,
                network_target: None,
            }),
        })
    }
}
