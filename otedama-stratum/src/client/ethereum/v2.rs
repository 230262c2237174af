//! `EthereumStratum/2.0.0` (EIP-1571): sessions, ids for workers, and settings that come before the jobs.

use core::time::Duration;

use otedama_hash::{Algorithm, Monotonic, Target};

use crate::client::connection::{Ask, Connection};
use crate::client::job::nonces_behind;
use crate::client::reply::refusal;
use crate::client::speaker::{Flaw, Nonsense, Speaker};
use crate::client::{BlobWork, ClientClose, ClientConfig, ClientJob, ClientWork, Solution};
use crate::v1::dialect::ethereum::server_message::{hello, is_accepted, token};
use crate::v1::dialect::ethereum::{
    Job, Protocol, ServerMessage, Settings, Submit, parse_server_message, request,
};
use crate::v1::{ExtranonceBytes, Reply, request as bitcoin};

/// How long a client is silent at the most where the server names no limit.
const NOOP_INTERVAL: Duration = Duration::from_secs(60);
/// What is mined where the server names nothing else.
const DEFAULT_ALGORITHM: &str = "ethash";

#[derive(Debug, Default)]
pub(in crate::client) struct V2 {
    /// What to resume after a reconnect.
    session: Option<String>,
    /// The server's name for the worker.
    worker: String,
    noop_interval: Option<Duration>,
    /// What `mining.set` made of the session, as long as that holds; `None` before the first one.
    settings: Option<Set>,
}

#[derive(Debug)]
struct Set {
    target: Target,
    algorithm: Option<String>,
    extranonce: ExtranonceBytes,
}

/// What counts where no `mining.set` of the session said otherwise (EIP-1571, section "Prepare for mining").
impl Default for Set {
    fn default() -> Self {
        Self {
            target: Algorithm::ETHASH.diff1(),
            algorithm: None,
            extranonce: ExtranonceBytes::default(),
        }
    }
}

impl Speaker for V2 {
    fn connected(&mut self, conn: &mut Connection) {
        self.worker.clear();
        self.noop_interval = None;
        conn.ask(Ask::Hello, |out, id, config| {
            request::write_hello(out, id, &config.agent, &config.host, config.port);
        });
    }

    fn line(&mut self, conn: &mut Connection, line: &[u8]) -> Result<(), Nonsense> {
        match parse_server_message(Protocol::V2, line).map_err(|_| Nonsense)? {
            ServerMessage::Reply(reply) => self.reply(conn, &reply),
            ServerMessage::Set(settings) => self.set(conn, settings),
            ServerMessage::Job(job) => conn.offer_news(self.job(&conn.config, &job).ok_or(Nonsense)?),
            ServerMessage::Reconnect {
                host,
                port,
                wait_s,
                resume,
            } => {
                if !resume {
                    self.session = None;
                }
                conn.redirect(host, port, wait_s);
            }
            ServerMessage::Bye => {
                self.session = None;
                conn.close(ClientClose::Farewell);
            }
            ServerMessage::ShowMessage(text) => conn.show(text),
            ServerMessage::GetVersion(id) => conn.tell_version(id),
            ServerMessage::Unknown { id, .. } => conn.refuse_call(id),
            ServerMessage::Work(_) | ServerMessage::SetDifficulty(_) | ServerMessage::SetExtranonce(_) => {}
        }
        Ok(())
    }

    fn submit(&mut self, conn: &mut Connection, job: &ClientJob, solution: &Solution) -> Result<(), Flaw> {
        let (nonce, ..) = job.mixed(&solution.proof)?;
        let nonce = job.own_part(nonce)?;
        conn.submit(solution.tag, |out, id, _| {
            let submit = Submit {
                worker: self.worker.as_str().into(),
                job_id: (&*job.job_id).into(),
                nonce,
            };
            request::write_submit(out, Protocol::V2, id, &submit);
        });
        Ok(())
    }

    fn next_word(&self, conn: &Connection) -> Option<Monotonic> {
        Some(conn.quiet_since(self.noop_interval.unwrap_or(NOOP_INTERVAL)))
    }

    fn speak_up(&mut self, conn: &mut Connection) {
        conn.request(|out, id, _| request::write_noop(out, id));
    }
}

impl V2 {
    fn reply(&mut self, conn: &mut Connection, reply: &Reply<'_>) {
        let Some(id) = reply.id.as_u64() else { return };
        match conn.asked(id) {
            Some(Ask::Hello) => self.greeted(conn, reply),
            Some(Ask::Subscribe) => self.subscribed(conn, reply),
            Some(_) => self.authorized(conn, reply),
            None if is_accepted(Protocol::V2, reply) => {
                let settled = conn.settle(id, Ok(()));
                if let Some(remark) = reply.error.as_ref().filter(|_| settled) {
                    conn.show(remark.message.clone());
                }
            }
            None => {
                conn.settle(id, Err(refusal(reply)));
            }
        }
    }

    fn greeted(&mut self, conn: &mut Connection, reply: &Reply<'_>) {
        if reply.error.is_some() {
            return conn.close(ClientClose::SubscribeRefused(refusal(reply).1));
        }
        let answer = match hello(reply) {
            Ok(answer) => answer,
            Err(e) => return conn.close(ClientClose::SubscribeRefused(e.to_string())),
        };
        // Twice in the time after which the server may hang up.
        self.noop_interval = (answer.timeout_s != 0)
            .then(|| Duration::from_secs(u64::from(answer.timeout_s.div_ceil(2))).min(NOOP_INTERVAL));
        if !answer.resume {
            self.session = None;
        }
        conn.ask(Ask::Subscribe, |out, id, _| {
            request::write_subscribe_session(out, id, self.session.as_deref());
        });
    }

    fn subscribed(&mut self, conn: &mut Connection, reply: &Reply<'_>) {
        if reply.error.is_some() {
            self.session = None;
            return conn.close(ClientClose::SubscribeRefused(refusal(reply).1));
        }
        match token(reply) {
            Ok(session) => {
                if self.session.as_deref() != Some(&*session) {
                    self.settings = None;
                }
                self.session = Some(session.into_owned());
            }
            Err(e) => return conn.close(ClientClose::SubscribeRefused(e.to_string())),
        }
        conn.ask(Ask::Authorize, |out, id, config| {
            bitcoin::write_authorize(out, id, &config.user, &config.password);
        });
    }

    fn authorized(&mut self, conn: &mut Connection, reply: &Reply<'_>) {
        if !is_accepted(Protocol::V2, reply) {
            return conn.close(ClientClose::Unauthorized(refusal(reply).1));
        }
        match token(reply) {
            Ok(worker) => {
                self.worker = worker.into_owned();
                conn.run();
            }
            Err(e) => conn.close(ClientClose::Unauthorized(e.to_string())),
        }
    }

    fn set(&mut self, conn: &mut Connection, settings: Settings<'_>) {
        let set = self.settings.get_or_insert_default();
        if let Some(algorithm) = settings.algorithm {
            set.algorithm = Some(algorithm.into_owned());
        }
        set.target = settings.target.unwrap_or(set.target);
        set.extranonce = settings.extranonce.unwrap_or(set.extranonce);
        let algorithm = set.algorithm.as_deref().unwrap_or(DEFAULT_ALGORITHM);
        if !conn.config.knows(algorithm) {
            conn.close(ClientClose::UnknownAlgorithm(algorithm.to_owned()));
            // A resumed session begins with what was set last, and would mine that.
            self.session = None;
        }
    }

    /// Builds the job with the settings that count at this moment; before there are any it makes no sense.
    fn job(&self, config: &ClientConfig, job: &Job<'_>) -> Option<ClientJob> {
        let set = self.settings.as_ref()?;
        Some(ClientJob {
            job_id: (&*job.id).into(),
            clean: job.clean,
            target: set.target,
            difficulty: set.target.difficulty(config.diff1),
            work: ClientWork::Blob(BlobWork {
                blob: job.header.into(),
                nonces: nonces_behind(&set.extranonce)?,
                height: job.height,
                seed: job.seed,
                next_seed: None,
                algorithm: set.algorithm.as_deref().map(Into::into),
                network_target: None,
            }),
        })
    }
}
