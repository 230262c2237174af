//! Ravencoin's language: Bitcoin's methods around a header's hash and a nonce.

use std::borrow::Cow;

use otedama_hash::Target;

use super::connection::{Ask, Connection};
use super::reply::{authorize, authorized, verdict};
use super::speaker::{Nonsense, Speaker};
use super::{BlobWork, ClientClose, ClientConfig, ClientJob, ClientWork, Proof};
use crate::v1::dialect::kawpow::{Job, ServerMessage, Submit, parse_server_message, request, subscription};
use crate::v1::{ExtranonceBytes, Reply};

#[derive(Debug, Default)]
pub(super) struct KawPow {
    /// What to resume after a reconnect.
    session: Option<String>,
    /// The first bytes of every nonce of the jobs that follow.
    extranonce: Option<ExtranonceBytes>,
    /// A job that came before the extranonce was known.
    early: Option<Job<'static>>,
}

impl Speaker for KawPow {
    fn connected(&mut self, conn: &mut Connection) {
        let session = core::mem::take(self).session;
        conn.ask(Ask::Subscribe, |out, id, config| {
            request::write_subscribe(out, id, &config.agent, session.as_deref());
        });
    }

    fn line(&mut self, conn: &mut Connection, line: &[u8]) -> Result<(), Nonsense> {
        match parse_server_message(line).map_err(|_| Nonsense)? {
            ServerMessage::Reply(reply) => self.reply(conn, &reply),
            ServerMessage::Job(job) => {
                if let Some(job) = self.job(&conn.config, job) {
                    conn.offer_news(job);
                }
            }
            // Every job carries its own target, and that counts.
            ServerMessage::SetTarget(_) | ServerMessage::SetDifficulty(_) => {}
            ServerMessage::SetExtranonce(extranonce) => self.extranonce = Some(extranonce),
            ServerMessage::Reconnect { host, port, wait_s } => conn.redirect(host, port, wait_s),
            ServerMessage::ShowMessage(text) => conn.show(text),
            ServerMessage::GetVersion(id) => conn.tell_version(id),
            ServerMessage::Unknown { id, .. } => conn.refuse_call(id),
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
        let (nonce, header, mix) = job.mixed(proof)?;
        conn.submit(tag, |out, id, config| {
            let submit = Submit {
                worker: config.user.as_str().into(),
                job_id: (&*job.job_id).into(),
                nonce,
                header,
                mix,
            };
            request::write_submit(out, id, &submit);
        });
        Ok(())
    }
}

impl KawPow {
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
        let answer = match subscription(reply) {
            Ok(answer) => answer,
            Err(e) => return conn.close(ClientClose::SubscribeRefused(e.to_string())),
        };
        self.session = answer.session.map(Cow::into_owned);
        self.extranonce = Some(answer.extranonce);
        if let Some(early) = self.early.take()
            && let Some(job) = self.job(&conn.config, early)
        {
            conn.offer_news(job);
        }
        authorize(conn);
    }

    /// Builds the job with the extranonce that counts at this moment. Before it is known the job is kept for
    /// later.
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
            target: job.target,
            difficulty: job.target.difficulty(config.diff1),
            work: ClientWork::Blob(BlobWork {
                blob: job.header.into(),
                nonces: super::job::nonces_behind(&extranonce)?,
                height: Some(job.height.into()),
                seed: Some(job.seed),
                next_seed: None,
                algorithm: None,
                network_target: job.bits.and_then(|bits| Target::from_compact(bits).ok()),
            }),
        })
    }
}
