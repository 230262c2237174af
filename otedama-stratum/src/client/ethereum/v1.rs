//! `EthereumStratum/1.0.0`: Bitcoin's methods, and the miner sends its own part of the nonce only.

use otedama_hash::Difficulty;

use crate::client::connection::{Ask, Connection};
use crate::client::job::nonces_behind;
use crate::client::reply::{Subscribed, take_reply};
use crate::client::speaker::{Flaw, Nonsense, Speaker};
use crate::client::{BlobWork, ClientConfig, ClientJob, ClientWork, Solution};
use crate::v1::ExtranonceBytes;
use crate::v1::dialect::ethereum::{
    Job, Protocol, ServerMessage, Submit, parse_server_message, request, server_message::subscription,
};

#[derive(Debug)]
pub(in crate::client) struct V1 {
    /// The extranonce is the first bytes of every nonce.
    subscribed: Subscribed<ExtranonceBytes, Job<'static>>,
    /// The difficulty of the jobs that follow.
    difficulty: Difficulty,
}

impl Default for V1 {
    fn default() -> Self {
        Self {
            subscribed: Subscribed::default(),
            difficulty: Difficulty::ONE,
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
            ServerMessage::Reply(reply) => take_reply(conn, &reply, |conn| {
                self.subscribed.extranonce = Some(subscription(&reply)?.extranonce);
                self.offer(conn, None);
                Ok(())
            }),
            ServerMessage::Job(job) => self.offer(conn, Some(job.into_owned())),
            ServerMessage::SetDifficulty(difficulty) => self.difficulty = difficulty,
            ServerMessage::SetExtranonce(extranonce) => self.subscribed.extranonce = Some(extranonce),
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

    fn submit(&mut self, conn: &mut Connection, job: &ClientJob, solution: &Solution) -> Result<(), Flaw> {
        let (nonce, ..) = job.mixed(&solution.proof)?;
        let nonce = job.own_part(nonce)?;
        conn.submit(solution.tag, |out, id, config| {
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
    fn offer(&mut self, conn: &mut Connection, job: Option<Job<'static>>) {
        if let Some((extranonce, job)) = self.subscribed.newest(job)
            && let Some(job) = self.build(&conn.config, &extranonce, &job)
        {
            conn.offer_news(job);
        }
    }

    fn build(&self, config: &ClientConfig, extranonce: &[u8], job: &Job<'_>) -> Option<ClientJob> {
        Some(ClientJob {
            job_id: (&*job.id).into(),
            clean: job.clean,
            target: self.difficulty.to_target(config.diff1),
            difficulty: self.difficulty,
            work: ClientWork::Blob(BlobWork {
                blob: job.header.into(),
                nonces: nonces_behind(extranonce)?,
                height: job.height,
                seed: job.seed,
                next_seed: None,
                algorithm: None,
                network_target: None,
            }),
        })
    }
}
