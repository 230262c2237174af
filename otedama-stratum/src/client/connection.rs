use core::time::Duration;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use otedama_hash::{Difficulty, Monotonic};

use super::jobs::Jobs;
use super::pending::Pending;
use super::{ClientClose, ClientConfig, ClientJob, ClientOutput, Language};
use crate::v1::dialect::ethereum::Protocol;
use crate::v1::{Id, request};

/// Lines are gathered into one `Send` up to about this many bytes.
const MAX_SEND_LEN: usize = 16 * 1024;
/// The highest id that EIP-1571 allows.
const MAX_SHORT_ID: u64 = 65_535;

/// How far a connection has come. Requests of the handshake follow one another, because some servers
/// drop what comes before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// No connection, or one that was given up.
    Down,
    /// A request of the handshake is unanswered.
    Asking { ask: Ask, id: u64, deadline: Monotonic },
    /// Solutions can be submitted.
    Running,
}

/// A request of the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Configure,
    Hello,
    Subscribe,
    Authorize,
    Login,
    ProxyLogin,
}

impl Ask {
    pub(super) const fn method(self) -> &'static str {
        match self {
            Self::Configure => "mining.configure",
            Self::Hello => "mining.hello",
            Self::Subscribe => "mining.subscribe",
            Self::Authorize => "mining.authorize",
            Self::Login => "login",
            Self::ProxyLogin => "eth_submitLogin",
        }
    }
}

/// What a client of any language keeps of its connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) config: ClientConfig,
    /// The time of the input that is worked off.
    pub(super) now: Monotonic,
    pub(super) stage: Stage,
    pub(super) jobs: Jobs,
    pub(super) pending: Pending,
    pub(super) outputs: VecDeque<ClientOutput>,
    pub(super) heard_at: Monotonic,
    pub(super) said_at: Monotonic,
    next_id: u64,
    announced: Option<Difficulty>,
}

impl Connection {
    pub(super) fn new(config: ClientConfig) -> Self {
        Self {
            config,
            now: Monotonic::ZERO,
            stage: Stage::Down,
            jobs: Jobs::default(),
            pending: Pending::default(),
            outputs: VecDeque::new(),
            heard_at: Monotonic::ZERO,
            said_at: Monotonic::ZERO,
            next_id: 1,
            announced: None,
        }
    }

    pub(super) fn push(&mut self, output: ClientOutput) {
        self.outputs.push_back(output);
    }

    /// Appends lines to what is sent.
    pub(super) fn send(&mut self, write: impl FnOnce(&mut Vec<u8>, &ClientConfig)) {
        self.said_at = self.now;
        if let Some(ClientOutput::Send(bytes)) = self.outputs.back_mut()
            && bytes.len() < MAX_SEND_LEN
        {
            return write(bytes, &self.config);
        }
        let mut bytes = Vec::new();
        write(&mut bytes, &self.config);
        self.push(ClientOutput::Send(bytes));
    }

    /// Sends a request; the id that its reply will carry.
    pub(super) fn request(&mut self, write: impl FnOnce(&mut Vec<u8>, u64, &ClientConfig)) -> u64 {
        let id = self.take_id();
        self.send(|out, config| write(out, id, config));
        id
    }

    fn take_id(&mut self) -> u64 {
        let max = match self.config.language {
            Language::Ethereum(Protocol::V2) => MAX_SHORT_ID,
            _ => u64::MAX,
        };
        // Few solutions wait, so that a free id is near.
        while self.pending.holds(self.next_id) {
            self.next_id = if self.next_id == max { 1 } else { self.next_id + 1 };
        }
        let id = self.next_id;
        self.next_id = if id == max { 1 } else { id + 1 };
        id
    }

    /// Sends a request of the handshake and waits for its reply.
    pub(super) fn ask(&mut self, ask: Ask, write: impl FnOnce(&mut Vec<u8>, u64, &ClientConfig)) -> u64 {
        let id = self.request(write);
        let patience = match ask {
            Ask::Configure => self.config.configure_timeout,
            _ => self.config.reply_timeout,
        };
        let deadline = self.now + patience;
        self.stage = Stage::Asking { ask, id, deadline };
        id
    }

    /// Sends a solution and waits for its verdict.
    pub(super) fn submit(&mut self, tag: u64, write: impl FnOnce(&mut Vec<u8>, u64, &ClientConfig)) {
        let id = self.request(write);
        self.pending.insert(id, tag, self.now);
    }

    /// What the reply with this id answers, if it belongs to the handshake.
    pub(super) fn asked(&self, id: u64) -> Option<Ask> {
        match self.stage {
            Stage::Asking { ask, id: asked, .. } if asked == id => Some(ask),
            _ => None,
        }
    }

    /// Passes on the verdict on the solution that was sent under this id; `false` for other ids.
    pub(super) fn settle(&mut self, id: u64, verdict: Result<(), (i32, String)>) -> bool {
        let Some((tag, sent)) = self.pending.take(id) else {
            return false;
        };
        self.push(match verdict {
            Ok(()) => ClientOutput::Accepted {
                tag,
                latency: self.now.since(sent),
            },
            Err((code, message)) => ClientOutput::Rejected { tag, code, message },
        });
        true
    }

    /// Passes on that the server wants the client elsewhere.
    pub(super) fn redirect(&mut self, host: Option<Cow<'_, str>>, port: Option<u16>, wait_s: u32) {
        self.push(ClientOutput::Reconnect {
            host: host.map(Cow::into_owned),
            port,
            wait: Duration::from_secs(wait_s.into()),
        });
    }

    /// Passes a text on.
    pub(super) fn show(&mut self, text: Cow<'_, str>) {
        self.push(ClientOutput::Message(text.into_owned()));
    }

    /// Answers `client.get_version`.
    pub(super) fn tell_version(&mut self, id: Id<'_>) {
        self.send(|out, config| request::write_text_reply(out, id, &config.agent));
    }

    /// Answers a call that this client doesn't know, if it wants an answer.
    pub(super) fn refuse_call(&mut self, id: Id<'_>) {
        if id != Id::Null {
            self.send(|out, _| request::write_unknown_method(out, id));
        }
    }

    /// Solutions can be submitted from now on.
    pub(super) fn run(&mut self) {
        self.stage = Stage::Running;
        // Jobs that came earlier were held back, since their shares could not have been submitted.
        if let Some(job) = self.jobs.newest() {
            let job = ClientJob {
                clean: true,
                ..ClientJob::clone(job)
            };
            self.push(ClientOutput::Job(Arc::new(job)));
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.stage == Stage::Running
    }

    /// Hands a job out, or keeps it until solutions can be submitted.
    pub(super) fn offer(&mut self, job: ClientJob) {
        let job = self.jobs.add(job);
        if self.is_running() {
            self.push(ClientOutput::Job(job));
        }
    }

    /// The same, unless it is the newest job once more.
    pub(super) fn offer_news(&mut self, job: ClientJob) {
        if self.announced != Some(job.difficulty) {
            self.announced = Some(job.difficulty);
            self.push(ClientOutput::Difficulty(job.difficulty));
        }
        if !self.jobs.newest().is_some_and(|newest| newest.repeats(&job)) {
            self.offer(job);
        }
    }

    /// Gives the connection up.
    pub(super) fn close(&mut self, why: ClientClose) {
        self.forget();
        self.push(ClientOutput::Close(why));
    }

    /// Forgets everything that belongs to the connection.
    pub(super) fn forget(&mut self) {
        for tag in self.pending.drain() {
            self.outputs.push_back(ClientOutput::Unanswered { tag });
        }
        self.jobs = Jobs::default();
        self.announced = None;
        self.stage = Stage::Down;
    }

    /// When the handshake or the oldest solution is given up.
    pub(super) fn reply_deadline(&self) -> Option<Monotonic> {
        let handshake = match self.stage {
            Stage::Asking { deadline, .. } => Some(deadline),
            Stage::Down | Stage::Running => None,
        };
        handshake.into_iter().chain(self.submit_deadline()).min()
    }

    /// When the oldest solution is given up.
    pub(super) fn submit_deadline(&self) -> Option<Monotonic> {
        self.pending.oldest().map(|sent| sent + self.config.reply_timeout)
    }

    /// When a server that says nothing is given up.
    pub(super) fn silence_deadline(&self) -> Monotonic {
        self.heard_at + self.config.silence_timeout
    }

    /// When the server has heard nothing from here for so long.
    pub(super) fn quiet_since(&self, time: Duration) -> Monotonic {
        self.said_at + time
    }
}
