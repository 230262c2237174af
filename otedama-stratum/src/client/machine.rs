use std::collections::VecDeque;

use otedama_hash::{Monotonic, Now};

use super::handshake::Stage;
use super::jobs::Jobs;
use super::pending::Pending;
use super::{ClientClose, ClientConfig, ClientInput, ClientOutput, MAX_SERVER_LINE, Solution};
use crate::line::LineReader;
use crate::v1::{ErrorCode, Submit, request};

/// Most outputs that may wait while a server's bytes are worked off.
const MAX_OUTPUTS: usize = 1024;
/// Lines are gathered into one `Send` up to about this many bytes.
const MAX_SEND_LEN: usize = 16 * 1024;

/// One miner's side of a connection to a pool.
///
/// Feed it with [`handle`](Self::handle), then take outputs with [`poll_output`](Self::poll_output)
/// until there are none, then call again at the latest when [`next_timeout`](Self::next_timeout)
/// says. Outputs come in the order in which they arose. Every solution gets exactly one of
/// `Accepted`, `Rejected` and `Unanswered`.
#[derive(Debug)]
pub struct Client {
    pub(super) config: ClientConfig,
    pub(super) stage: Stage,
    pub(super) jobs: Jobs,
    pub(super) pending: Pending,
    pub(super) session: Option<String>,
    pub(super) configure: ConfigureState,
    pub(super) bad_lines: u32,
    heard_at: Monotonic,
    next_id: u64,
    reader: LineReader,
    outputs: VecDeque<ClientOutput>,
}

/// What is known about the server's attitude to `mining.configure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConfigureState {
    /// Not asked on this connection.
    Untried,
    /// Asked under this id; its answer counts whenever it comes.
    Asked(u64),
    /// The server hung up on it, so the next connection does without.
    Unwelcome,
}

impl Client {
    /// A client that waits for its connection.
    pub fn new(config: ClientConfig) -> Self {
        Self {
            config,
            stage: Stage::Down,
            jobs: Jobs::default(),
            pending: Pending::default(),
            session: None,
            configure: ConfigureState::Untried,
            bad_lines: 0,
            heard_at: Monotonic::ZERO,
            next_id: 1,
            reader: LineReader::new(MAX_SERVER_LINE),
            outputs: VecDeque::new(),
        }
    }

    /// Takes one input. It never blocks and never fails.
    pub fn handle(&mut self, now: Now, input: ClientInput<'_>) {
        match input {
            ClientInput::Connected => self.connected(now),
            ClientInput::Bytes(bytes) => self.bytes(now, bytes),
            ClientInput::Closed => self.closed(),
            ClientInput::Submit(solution) => self.submit(now, &solution),
            ClientInput::Tick => self.tick(now),
        }
    }

    /// The next thing to do, if there is one.
    pub fn poll_output(&mut self) -> Option<ClientOutput> {
        self.outputs.pop_front()
    }

    /// When to call [`handle`](Self::handle) with `Tick` if nothing else comes first.
    pub fn next_timeout(&self) -> Option<Monotonic> {
        if self.stage == Stage::Down {
            return None;
        }
        let silence = self.heard_at + self.config.silence_timeout;
        let oldest = self.pending.oldest().map(|sent| sent + self.config.reply_timeout);
        self.stage_deadline()
            .into_iter()
            .chain(oldest)
            .chain([silence])
            .min()
    }

    /// Whether the server took the user, so that solutions can be submitted.
    pub fn is_running(&self) -> bool {
        self.stage == Stage::Running
    }

    /// How many submitted solutions wait for their reply.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn push(&mut self, output: ClientOutput) {
        self.outputs.push_back(output);
    }

    /// Appends lines to what is sent.
    pub(super) fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(ClientOutput::Send(bytes)) = self.outputs.back_mut()
            && bytes.len() < MAX_SEND_LEN
        {
            return write(bytes);
        }
        let mut bytes = Vec::new();
        write(&mut bytes);
        self.push(ClientOutput::Send(bytes));
    }

    pub(super) fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Gives the connection up.
    pub(super) fn close(&mut self, why: ClientClose) {
        self.drop_connection();
        self.push(ClientOutput::Close(why));
    }

    fn connected(&mut self, now: Now) {
        self.drop_connection();
        self.bad_lines = 0;
        self.heard_at = now.mono;
        self.reader = LineReader::new(MAX_SERVER_LINE);
        self.start_handshake(now);
    }

    fn closed(&mut self) {
        if matches!(self.stage, Stage::Configuring { .. }) {
            self.configure = ConfigureState::Unwelcome;
        }
        self.drop_connection();
    }

    /// Forgets everything that belongs to the connection but the session's name.
    fn drop_connection(&mut self) {
        for tag in self.pending.drain() {
            self.outputs.push_back(ClientOutput::Unanswered { tag });
        }
        self.jobs = Jobs::default();
        self.stage = Stage::Down;
    }

    fn bytes(&mut self, now: Now, mut bytes: &[u8]) {
        if self.stage == Stage::Down {
            return;
        }
        self.heard_at = now.mono;
        let mut reader = core::mem::replace(&mut self.reader, LineReader::new(MAX_SERVER_LINE));
        while self.stage != Stage::Down {
            match reader.push(&mut bytes) {
                Ok(Some(line)) => self.line(now, line),
                Ok(None) => break,
                Err(_) => self.close(ClientClose::LineTooLong),
            }
            if self.outputs.len() > MAX_OUTPUTS && self.stage != Stage::Down {
                self.close(ClientClose::Overrun);
            }
        }
        self.reader = reader;
    }

    fn submit(&mut self, now: Now, solution: &Solution) {
        let tag = solution.tag;
        let refused = |code, message| ClientOutput::rejected(tag, code, message);
        let Some(job) = self.jobs.find(&solution.job_id) else {
            return self.push(refused(ErrorCode::Stale, "job is no longer known"));
        };
        if self.stage != Stage::Running {
            return self.push(refused(ErrorCode::Unauthorized, "not authorised yet"));
        }
        if solution.extranonce2.len() != job.extranonce2_len {
            return self.push(refused(ErrorCode::Other, "extranonce2 has the wrong length"));
        }
        if solution
            .version_bits
            .is_some_and(|bits| bits & !job.version_mask != 0)
        {
            return self.push(refused(ErrorCode::Other, "version bits outside the mask"));
        }
        if self.pending.is_full() {
            return self.push(refused(ErrorCode::Other, "too many solutions wait for replies"));
        }
        // Servers that agreed to version rolling refuse a submission without version bits.
        let version_bits =
            (job.version_mask != 0).then(|| solution.version_bits.unwrap_or(job.version & job.version_mask));
        let job_id = job.job_id.clone();
        let id = self.take_id();
        self.pending.insert(id, tag, now.mono);
        let worker = core::mem::take(&mut self.config.user);
        let submit = Submit {
            worker: worker.as_str().into(),
            job_id: (&*job_id).into(),
            extranonce2: solution.extranonce2,
            ntime: solution.ntime,
            nonce: solution.nonce,
            version_bits,
        };
        self.send(|out| request::write_submit(out, id, &submit));
        self.config.user = worker;
    }

    fn tick(&mut self, now: Now) {
        if self.stage_deadline().is_some_and(|at| at <= now.mono) {
            self.stage_timed_out(now);
        }
        if self.stage == Stage::Down {
            return;
        }
        if self
            .pending
            .oldest()
            .is_some_and(|sent| sent + self.config.reply_timeout <= now.mono)
        {
            self.close(ClientClose::ReplyTimeout("mining.submit"));
        } else if self.heard_at + self.config.silence_timeout <= now.mono {
            self.close(ClientClose::Silence);
        }
    }
}
