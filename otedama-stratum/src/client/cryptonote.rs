//! The language of Monero's pools: one login, jobs that replace one another, and a sign of life.

use core::ops::Range;
use core::time::Duration;

use otedama_hash::Monotonic;

use super::connection::{Ask, Connection};
use super::speaker::{Flaw, Nonsense, Speaker};
use super::{BlobWork, ClientClose, ClientJob, ClientWork, Proof, Solution};
use crate::v1::ErrorCode;
use crate::v1::dialect::cryptonote::{
    Job, Login, Refusal, Reply, ServerMessage, Submit, parse_server_message, request,
};

/// Servers drop miners that say nothing for long.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);
/// Where the nonce stands in the blob.
const NONCE: Range<usize> = 39..43;
/// Where the previous block's id stands.
const PREV_ID: Range<usize> = 7..39;

#[derive(Debug, Default)]
pub(super) struct CryptoNote {
    /// The session that the login was answered with, to be named in every request.
    session: String,
}

impl Speaker for CryptoNote {
    fn connected(&mut self, conn: &mut Connection) {
        self.session.clear();
        log_in(conn);
    }

    fn line(&mut self, conn: &mut Connection, line: &[u8]) -> Result<(), Nonsense> {
        match parse_server_message(line).map_err(|_| Nonsense)? {
            ServerMessage::Reply { id, reply } => {
                let id = id.as_u64();
                if id.and_then(|id| conn.asked(id)).is_some() {
                    return self.logged_in(conn, reply);
                }
                if let Some(id) = id {
                    conn.settle(id, verdict(&reply));
                }
                self.notice(conn, &reply);
            }
            ServerMessage::Job(job) => take_job(conn, &job)?,
            ServerMessage::Unknown(_) => {}
        }
        Ok(())
    }

    fn submit(&mut self, conn: &mut Connection, job: &ClientJob, solution: &Solution) -> Result<(), Flaw> {
        let (ClientWork::Blob(work), &Proof::Nonce { nonce, hash, .. }) = (&job.work, &solution.proof) else {
            return Err("a nonce is missing");
        };
        let nonce = u32::try_from(nonce)
            .ok()
            .filter(|nonce| work.nonces.contains(&u64::from(*nonce)))
            .ok_or("the nonce is not one of the job's")?;
        conn.submit(solution.tag, |out, id, _| {
            let submit = Submit {
                session: self.session.as_str().into(),
                job_id: (&*job.job_id).into(),
                nonce: nonce.to_le_bytes(),
                result: hash,
                algorithm: work.algorithm.as_deref().map(Into::into),
            };
            request::write_submit(out, id, &submit);
        });
        Ok(())
    }

    fn submit_method(&self) -> &'static str {
        "submit"
    }

    fn next_word(&self, conn: &Connection) -> Option<Monotonic> {
        Some(conn.quiet_since(KEEPALIVE_INTERVAL))
    }

    /// Some servers never answer this, so nothing waits for a reply.
    fn speak_up(&mut self, conn: &mut Connection) {
        conn.request(|out, id, _| request::write_keepalived(out, id, &self.session));
    }
}

impl CryptoNote {
    fn logged_in(&mut self, conn: &mut Connection, reply: Reply<'_>) -> Result<(), Nonsense> {
        match reply {
            Reply::Login { session, job } => {
                self.session = session.into_owned();
                conn.run();
                return take_job(conn, &job);
            }
            Reply::Status(_) => conn.close(ClientClose::Unauthorized(
                "the answer to the login has no job".to_owned(),
            )),
            Reply::Error(text) => conn.close(ClientClose::Unauthorized(text.into_owned())),
        }
        Ok(())
    }

    /// Looks whether an error is about more than the request that it answers.
    fn notice(&mut self, conn: &mut Connection, reply: &Reply<'_>) {
        let Reply::Error(text) = reply else { return };
        if text.starts_with(Refusal::Banned.message()) {
            conn.close(ClientClose::Unauthorized(text.to_string()));
        } else if conn.is_running() && SESSION_LOST.iter().any(|start| text.starts_with(start)) {
            // What was mined for the lost session can't be submitted in the new one.
            conn.jobs.clear();
            self.session.clear();
            log_in(conn);
        }
    }
}

/// How errors begin that say that the server no longer knows the session.
const SESSION_LOST: [&str; 2] = [Refusal::Unauthenticated.message(), INVALID_JOB];
/// A job that the server never gave to the session.
const INVALID_JOB: &str = "Invalid job id";

fn log_in(conn: &mut Connection) {
    conn.ask(Ask::Login, |out, id, config| {
        let login = Login {
            user: config.user.as_str().into(),
            password: config.password.as_str().into(),
            agent: Some(config.agent.as_str().into()),
            rig: config.rig.as_deref().map(Into::into),
            algorithms: config
                .algorithms
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
        };
        request::write_login(out, id, &login);
    });
}

fn take_job(conn: &mut Connection, job: &Job<'_>) -> Result<(), Nonsense> {
    if !job.algorithm.is_empty() && !conn.config.knows(&job.algorithm) {
        conn.close(ClientClose::UnknownAlgorithm(job.algorithm.to_string()));
        return Ok(());
    }
    let nonces = nonces(&job.blob).ok_or(Nonsense)?;
    let target = job.target.to_target();
    // Shares of older jobs count until there is a new block to build on.
    let clean = conn
        .jobs
        .newest()
        .and_then(|newest| newest.work.blob())
        .is_some_and(|newest| newest.blob.get(PREV_ID) != job.blob.get(PREV_ID));
    conn.offer_news(ClientJob {
        job_id: (&*job.id).into(),
        clean,
        target,
        difficulty: target.difficulty(conn.config.diff1),
        work: ClientWork::Blob(BlobWork {
            blob: (&*job.blob).into(),
            nonces,
            height: (job.height != 0).then_some(job.height),
            seed: job.seed_hash,
            next_seed: job.next_seed_hash,
            algorithm: (!job.algorithm.is_empty()).then(|| (&*job.algorithm).into()),
            network_target: None,
        }),
    });
    Ok(())
}

/// The miner's nonces: all, or those with the last byte of a nonce that the server put into the blob,
/// which several miners then share.
fn nonces(blob: &[u8]) -> Option<Range<u64>> {
    let nonce = u32::from_le_bytes(blob.get(NONCE)?.try_into().ok()?);
    if nonce == 0 {
        return Some(0..1 << 32);
    }
    let fixed = u64::from(nonce >> 24);
    Some(fixed << 24..(fixed + 1) << 24)
}

fn verdict(reply: &Reply<'_>) -> Result<(), (i32, String)> {
    match reply {
        Reply::Status(status) if status == "OK" => Ok(()),
        Reply::Status(text) | Reply::Error(text) => Err((code(text).code(), text.to_string())),
        Reply::Login { .. } => Err((ErrorCode::Other.code(), "no reason given".to_owned())),
    }
}

/// Servers of this language give the same number to every error.
fn code(text: &str) -> ErrorCode {
    [
        (Refusal::Stale.message(), ErrorCode::Stale),
        (INVALID_JOB, ErrorCode::Stale),
        (Refusal::Duplicate.message(), ErrorCode::Duplicate),
        (Refusal::LowDifficulty.message(), ErrorCode::LowDifficulty),
        (Refusal::Unauthenticated.message(), ErrorCode::Unauthorized),
    ]
    .into_iter()
    .find(|(start, _)| text.starts_with(start))
    .map_or(ErrorCode::Other, |(_, code)| code)
}
