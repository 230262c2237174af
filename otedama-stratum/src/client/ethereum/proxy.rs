//! eth-proxy: a node's calls over a line. Work is asked for again and again, and pushed in between.

use core::time::Duration;

use otedama_hash::Monotonic;

use crate::client::connection::{Ask, Connection};
use crate::client::job::nonces_behind;
use crate::client::reply::{refusal, verdict};
use crate::client::speaker::{Flaw, Nonsense, Speaker};
use crate::client::{BlobWork, ClientClose, ClientJob, ClientWork, Solution};
use crate::v1::Reply;
use crate::v1::dialect::ethereum::{
    Protocol, ServerMessage, SubmitWork, Work, parse_server_message, request, server_message::is_accepted,
};

/// How often work is asked for.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(in crate::client) struct Proxy {
    /// When work was asked for last.
    asked_at: Monotonic,
    /// The request for work that is unanswered.
    waiting: Option<u64>,
}

impl Speaker for Proxy {
    fn connected(&mut self, conn: &mut Connection) {
        self.waiting = None;
        conn.ask(Ask::ProxyLogin, |out, id, config| {
            request::write_login(out, id, &config.user, &config.password, config.rig.as_deref());
        });
    }

    fn line(&mut self, conn: &mut Connection, line: &[u8]) -> Result<(), Nonsense> {
        match parse_server_message(Protocol::Proxy, line).map_err(|_| Nonsense)? {
            ServerMessage::Reply(reply) => self.reply(conn, &reply),
            ServerMessage::Work(work) => {
                // Pushed work carries any id, so that any work answers.
                self.waiting = None;
                offer(conn, &work);
            }
            ServerMessage::Reconnect {
                host, port, wait_s, ..
            } => conn.redirect(host, port, wait_s),
            ServerMessage::ShowMessage(text) => conn.show(text),
            ServerMessage::GetVersion(id) => conn.tell_version(id),
            ServerMessage::Unknown { id, .. } => conn.refuse_call(id),
            ServerMessage::Job(_)
            | ServerMessage::SetDifficulty(_)
            | ServerMessage::SetExtranonce(_)
            | ServerMessage::Set(_)
            | ServerMessage::Bye => {}
        }
        Ok(())
    }

    fn submit(&mut self, conn: &mut Connection, job: &ClientJob, solution: &Solution) -> Result<(), Flaw> {
        let (nonce, header, mix) = job.mixed(&solution.proof)?;
        conn.submit(solution.tag, |out, id, config| {
            let submit = SubmitWork {
                nonce,
                header,
                mix,
                worker: config.rig.as_deref().map(Into::into),
            };
            request::write_submit_work(out, id, &submit);
        });
        Ok(())
    }

    fn submit_method(&self) -> &'static str {
        "eth_submitWork"
    }

    fn next_word(&self, conn: &Connection) -> Option<Monotonic> {
        Some(match self.waiting {
            None => self.asked_at + POLL_INTERVAL,
            Some(_) => self.asked_at + conn.config.reply_timeout,
        })
    }

    fn speak_up(&mut self, conn: &mut Connection) {
        match self.waiting {
            None => self.ask_for_work(conn),
            Some(_) => conn.close(ClientClose::ReplyTimeout("eth_getWork")),
        }
    }
}

impl Proxy {
    fn ask_for_work(&mut self, conn: &mut Connection) {
        self.asked_at = conn.now;
        self.waiting = Some(conn.request(|out, id, _| request::write_get_work(out, id)));
    }

    fn reply(&mut self, conn: &mut Connection, reply: &Reply<'_>) {
        let Some(id) = reply.id.as_u64() else { return };
        if conn.asked(id).is_some() {
            if !is_accepted(Protocol::Proxy, reply) {
                return conn.close(ClientClose::Unauthorized(refusal(reply).1));
            }
            conn.run();
            self.ask_for_work(conn);
        } else if self.waiting == Some(id) {
            // There is no work yet; it is asked for again.
            self.waiting = None;
        } else {
            conn.settle(id, verdict(reply));
        }
    }
}

/// The header's hash names the job. Whether shares of older jobs still count, the server alone knows.
fn offer(conn: &mut Connection, work: &Work) {
    let Some(nonces) = nonces_behind(&[]) else { return };
    conn.offer_news(ClientJob {
        job_id: const_hex::encode_prefixed(work.header).into(),
        clean: false,
        target: work.target,
        difficulty: work.target.difficulty(conn.config.diff1),
        work: ClientWork::Blob(BlobWork {
            blob: work.header.into(),
            nonces,
            height: work.height,
            seed: Some(work.seed),
            next_seed: None,
            algorithm: None,
            network_target: None,
        }),
    });
}
