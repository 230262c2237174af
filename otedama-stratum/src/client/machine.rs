use otedama_hash::{Monotonic, Now};

use super::connection::{Connection, Stage};
use super::speaker::{Nonsense, Speaker, speaker};
use super::{ClientClose, ClientConfig, ClientInput, ClientOutput, MAX_SERVER_LINE, Solution};
use crate::line::LineReader;
use crate::v1::ErrorCode;

/// Most outputs that may wait while a server's bytes are worked off.
const MAX_OUTPUTS: usize = 1024;
/// How many lines in a row may make no sense.
const MAX_BAD_LINES: u32 = 16;

/// One miner's side of a connection to a pool.
///
/// Feed it with [`handle`](Self::handle), then take outputs with [`poll_output`](Self::poll_output)
/// until there are none, then call again at the latest when [`next_timeout`](Self::next_timeout)
/// says. Outputs come in the order in which they arose. Every solution gets exactly one of
/// `Accepted`, `Rejected` and `Unanswered`.
#[derive(Debug)]
pub struct Client {
    conn: Connection,
    speaker: Box<dyn Speaker>,
    reader: LineReader,
    bad_lines: u32,
}

impl Client {
    /// A client that waits for its connection.
    pub fn new(config: ClientConfig) -> Self {
        Self {
            speaker: speaker(config.language),
            conn: Connection::new(config),
            reader: LineReader::new(MAX_SERVER_LINE),
            bad_lines: 0,
        }
    }

    /// Takes one input. It never blocks and never fails.
    pub fn handle(&mut self, now: Now, input: ClientInput<'_>) {
        self.conn.now = now.mono;
        match input {
            ClientInput::Connected => self.connected(),
            ClientInput::Bytes(bytes) => self.bytes(bytes),
            ClientInput::Closed => self.closed(),
            ClientInput::Submit(solution) => self.submit(&solution),
            ClientInput::Tick => self.tick(),
        }
    }

    /// The next thing to do, if there is one.
    pub fn poll_output(&mut self) -> Option<ClientOutput> {
        self.conn.outputs.pop_front()
    }

    /// When to call [`handle`](Self::handle) with `Tick` if nothing else comes first.
    pub fn next_timeout(&self) -> Option<Monotonic> {
        if self.conn.stage == Stage::Down {
            return None;
        }
        self.conn
            .reply_deadline()
            .into_iter()
            .chain(self.next_word())
            .chain([self.conn.silence_deadline()])
            .min()
    }

    /// Whether the server took the user, so that solutions can be submitted.
    pub fn is_running(&self) -> bool {
        self.conn.is_running()
    }

    /// How many submitted solutions wait for their reply.
    pub fn pending(&self) -> usize {
        self.conn.pending.len()
    }

    fn connected(&mut self) {
        self.conn.forget();
        self.conn.heard_at = self.conn.now;
        self.bad_lines = 0;
        self.reader = LineReader::new(MAX_SERVER_LINE);
        self.speaker.connected(&mut self.conn);
    }

    fn closed(&mut self) {
        if let Stage::Asking { ask, .. } = self.conn.stage {
            self.speaker.hung_up_on(ask);
        }
        self.conn.forget();
    }

    fn bytes(&mut self, mut bytes: &[u8]) {
        let Self {
            conn,
            speaker,
            reader,
            bad_lines,
        } = self;
        if conn.stage != Stage::Down {
            conn.heard_at = conn.now;
        }
        while conn.stage != Stage::Down {
            match reader.push(&mut bytes) {
                Ok(Some(line)) => match speaker.line(conn, line) {
                    Ok(()) => *bad_lines = 0,
                    Err(Nonsense) => *bad_lines += 1,
                },
                Ok(None) => break,
                Err(_) => conn.close(ClientClose::LineTooLong),
            }
            if conn.stage == Stage::Down {
                break;
            }
            if *bad_lines >= MAX_BAD_LINES {
                conn.close(ClientClose::Garbage);
            } else if conn.outputs.len() > MAX_OUTPUTS {
                conn.close(ClientClose::Overrun);
            }
        }
    }

    fn submit(&mut self, solution: &Solution) {
        if let Err((code, message)) = self.try_submit(solution) {
            self.conn
                .push(ClientOutput::rejected(solution.tag, code, message));
        }
    }

    fn try_submit(&mut self, solution: &Solution) -> Result<(), (ErrorCode, &'static str)> {
        let Some(job) = self.conn.jobs.find(&solution.job_id) else {
            return Err((ErrorCode::Stale, "job is no longer known"));
        };
        if !self.is_running() {
            return Err((ErrorCode::Unauthorized, "not authorised yet"));
        }
        if self.conn.pending.is_full() {
            return Err((ErrorCode::Other, "too many solutions wait for replies"));
        }
        let job = job.clone();
        self.speaker
            .submit(&mut self.conn, &job, solution)
            .map_err(|message| (ErrorCode::Other, message))
    }

    fn next_word(&self) -> Option<Monotonic> {
        self.is_running()
            .then(|| self.speaker.next_word(&self.conn))
            .flatten()
    }

    fn tick(&mut self) {
        let now = self.conn.now;
        if let Stage::Asking { ask, deadline, .. } = self.conn.stage
            && deadline <= now
        {
            self.speaker.unanswered(&mut self.conn, ask);
        }
        if self.conn.stage == Stage::Down {
            return;
        }
        if self.conn.submit_deadline().is_some_and(|at| at <= now) {
            self.conn
                .close(ClientClose::ReplyTimeout(self.speaker.submit_method()));
        } else if self.conn.silence_deadline() <= now {
            self.conn.close(ClientClose::Silence);
        } else if self.next_word().is_some_and(|at| at <= now) {
            self.speaker.speak_up(&mut self.conn);
        }
    }
}
