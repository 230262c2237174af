//! Ravencoin's language: Bitcoin's methods around a header's hash and a nonce.

use std::borrow::Cow;

use otedama_hash::Target;

use super::connection::{Ask, Connection};
use super::job::nonces_behind;
use super::reply::{Subscribed, take_reply};
use super::speaker::{Flaw, Nonsense, Speaker};
use super::{BlobWork, ClientConfig, ClientJob, ClientWork, Solution};
use crate::v1::ExtranonceBytes;
use crate::v1::dialect::kawpow::{Job, ServerMessage, Submit, parse_server_message, request, subscription};

#[derive(Debug, Default)]
pub(super) struct KawPow {
    /// What to resume after a reconnect.
    session: Option<String>,
    /// The extranonce is the first bytes of every nonce.
    subscribed: Subscribed<ExtranonceBytes, Job<'static>>,
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
            ServerMessage::Reply(reply) => take_reply(conn, &reply, |conn| {
                let answer = subscription(&reply)?;
                self.session = answer.session.map(Cow::into_owned);
                self.subscribed.extranonce = Some(answer.extranonce);
                self.offer(conn, None);
                Ok(())
            }),
            ServerMessage::Job(job) => self.offer(conn, Some(job.into_owned())),
            // Every job carries its own target, and that counts.
            ServerMessage::SetTarget(_) | ServerMessage::SetDifficulty(_) => {}
            ServerMessage::SetExtranonce(extranonce) => self.subscribed.extranonce = Some(extranonce),
            ServerMessage::Reconnect { host, port, wait_s } => conn.redirect(host, port, wait_s),
            ServerMessage::ShowMessage(text) => conn.show(text),
            ServerMessage::GetVersion(id) => conn.tell_version(id),
            ServerMessage::Unknown { id, .. } => conn.refuse_call(id),
        }
        Ok(())
    }

    fn submit(&mut self, conn: &mut Connection, job: &ClientJob, solution: &Solution) -> Result<(), Flaw> {
        let (nonce, header, mix) = job.mixed(&solution.proof)?;
        conn.submit(solution.tag, |out, id, config| {
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
    fn offer(&mut self, conn: &mut Connection, job: Option<Job<'static>>) {
        if let Some((extranonce, job)) = self.subscribed.newest(job)
            && let Some(job) = build(&conn.config, &extranonce, &job)
        {
            conn.offer_news(job);
        }
    }
}

fn build(config: &ClientConfig, extranonce: &[u8], job: &Job<'_>) -> Option<ClientJob> {
    Some(ClientJob {
        job_id: (&*job.id).into(),
        clean: job.clean,
        target: job.target,
        difficulty: job.target.difficulty(config.diff1),
        work: ClientWork::Blob(BlobWork {
            blob: job.header.into(),
            nonces: nonces_behind(extranonce)?,
            height: Some(job.height.into()),
            seed: Some(job.seed),
            next_seed: None,
            algorithm: None,
            network_target: job.bits.and_then(|bits| Target::from_compact(bits).ok()),
        }),
    })
}
