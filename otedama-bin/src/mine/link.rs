//! One connection to one pool: a socket around the client machine, as a task.

use std::time::Duration;

use otedama_hash::Difficulty;
use otedama_stratum::client::{Client, ClientInput, ClientJob, ClientOutput, Solution};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::{PoolAddress, Timing};
use crate::serve::clock::Clock;

/// Solutions that may wait for a connection.
const MAX_COMMANDS: usize = 256;
const READ_LEN: usize = 16 * 1024;

/// Names one connection; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LinkId(pub(super) u64);

/// What a connection reports.
#[derive(Debug)]
pub(super) enum LinkEvent {
    Job(Arc<ClientJob>),
    Difficulty(Difficulty),
    Accepted {
        tag: u64,
        latency: Duration,
    },
    Rejected {
        tag: u64,
        code: i32,
        message: String,
    },
    Unanswered {
        tag: u64,
    },
    Reconnect {
        host: Option<String>,
        port: Option<u16>,
        wait: Duration,
    },
    Message(String),
    /// The end; the machine can serve another connection.
    Closed {
        client: Box<Client>,
        /// Whether it ever came about.
        connected: bool,
        why: String,
    },
}

#[derive(Debug)]
enum Command {
    Submit(Solution),
    Leave,
}

/// The engine's end of a connection. Dropping it ends the connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: LinkId,
    commands: mpsc::Sender<Command>,
}

impl Link {
    /// Connects in the background; what happens comes through `events`.
    pub(super) fn open(
        id: LinkId,
        address: PoolAddress,
        client: Client,
        timing: Timing,
        clock: Clock,
        events: mpsc::Sender<(LinkId, LinkEvent)>,
    ) -> Self {
        let (sender, commands) = mpsc::channel(MAX_COMMANDS);
        let task = Task {
            id,
            client,
            clock,
            timing,
            events,
            commands,
            ready: false,
            leaving: None,
        };
        tokio::spawn(task.run(address));
        Self { id, commands: sender }
    }

    /// Sends a solution; `false` if the connection is gone or swamped.
    pub(super) fn submit(&self, solution: Solution) -> bool {
        self.commands.try_send(Command::Submit(solution)).is_ok()
    }

    /// Ends the connection once everything that was sent is answered.
    pub(super) fn leave(&self) {
        // A swamped connection ends when this end is dropped.
        let _ = self.commands.try_send(Command::Leave);
    }
}

struct Task {
    id: LinkId,
    client: Client,
    clock: Clock,
    timing: Timing,
    events: mpsc::Sender<(LinkId, LinkEvent)>,
    commands: mpsc::Receiver<Command>,
    /// Whether a job has come.
    ready: bool,
    /// When a connection that is being left is given up.
    leaving: Option<Instant>,
}

/// Why a connection ended, in words.
type Why = String;

impl Task {
    async fn run(mut self, address: PoolAddress) {
        let (connected, why) = match self.connect(&address).await {
            Ok(stream) => (true, self.talk(stream).await),
            Err(why) => (false, why),
        };
        self.client.handle(self.clock.now(), ClientInput::Closed);
        while let Some(output) = self.client.poll_output() {
            if let ClientOutput::Unanswered { tag } = output {
                self.report(LinkEvent::Unanswered { tag }).await;
            }
        }
        let Self {
            id, client, events, ..
        } = self;
        // Nobody listens any more when the engine has stopped.
        let _ = events
            .send((
                id,
                LinkEvent::Closed {
                    client: Box::new(client),
                    connected,
                    why,
                },
            ))
            .await;
    }

    async fn connect(&mut self, address: &PoolAddress) -> Result<TcpStream, Why> {
        let attempt = TcpStream::connect((address.host.as_str(), address.port));
        let stream = tokio::select! {
            stream = timeout(self.timing.connect, attempt) => stream
                .map_err(|_| format!("no connection within {} s", self.timing.connect.as_secs_f64()))?
                .map_err(|error| error.to_string())?,
            () = self.abandoned() => return Err("not needed any more".to_owned()),
        };
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(stream)
    }

    /// Resolves when the engine wants nothing of this connection any more.
    async fn abandoned(&mut self) {
        while let Some(Command::Submit(_)) = self.commands.recv().await {}
    }

    async fn talk(&mut self, mut stream: TcpStream) -> Why {
        let first_job = Instant::now() + self.timing.first_job;
        let mut buffer = vec![0; READ_LEN];
        self.client.handle(self.clock.now(), ClientInput::Connected);
        loop {
            if let Err(why) = self.drain(&mut stream).await {
                return why;
            }
            if self.leaving.is_some() && self.client.pending() == 0 {
                return "left".to_owned();
            }
            let now = self.clock.now();
            let tick = self
                .client
                .next_timeout()
                .map(|at| Instant::now() + at.since(now.mono));
            let limit = self.leaving.or((!self.ready).then_some(first_job));
            let wake = [tick, limit].into_iter().flatten().min();
            tokio::select! {
                read = stream.read(&mut buffer) => match read {
                    Ok(0) => return "the pool closed the connection".to_owned(),
                    Ok(len) => self.client.handle(self.clock.now(), ClientInput::Bytes(&buffer[..len])),
                    Err(error) => return error.to_string(),
                },
                command = self.commands.recv() => match command {
                    Some(Command::Submit(solution)) => {
                        self.client.handle(self.clock.now(), ClientInput::Submit(solution));
                    }
                    Some(Command::Leave) => self.leaving = Some(Instant::now() + self.timing.farewell),
                    None => return "left".to_owned(),
                },
                () = sleep_until(wake) => {
                    if limit.is_some_and(|limit| limit <= Instant::now()) {
                        return if self.leaving.is_some() { "left".to_owned() } else { "no work in time".to_owned() };
                    }
                    self.client.handle(self.clock.now(), ClientInput::Tick);
                }
            }
        }
    }

    /// Does what the machine wants done.
    async fn drain(&mut self, stream: &mut TcpStream) -> Result<(), Why> {
        while let Some(output) = self.client.poll_output() {
            let event = match output {
                ClientOutput::Send(bytes) => {
                    match timeout(self.timing.connect, stream.write_all(&bytes)).await {
                        Ok(Ok(())) => continue,
                        Ok(Err(error)) => return Err(error.to_string()),
                        Err(_) => return Err("the pool reads nothing".to_owned()),
                    }
                }
                ClientOutput::Job(job) => {
                    self.ready = true;
                    LinkEvent::Job(job)
                }
                ClientOutput::Difficulty(difficulty) => LinkEvent::Difficulty(difficulty),
                ClientOutput::Accepted { tag, latency } => LinkEvent::Accepted { tag, latency },
                ClientOutput::Rejected { tag, code, message } => LinkEvent::Rejected { tag, code, message },
                ClientOutput::Unanswered { tag } => LinkEvent::Unanswered { tag },
                ClientOutput::Reconnect { host, port, wait } => LinkEvent::Reconnect { host, port, wait },
                ClientOutput::Message(text) => LinkEvent::Message(text),
                ClientOutput::Close(why) => return Err(why.to_string()),
                _ => continue,
            };
            self.report(event).await;
        }
        Ok(())
    }

    async fn report(&self, event: LinkEvent) {
        // Nobody listens any more when the engine has stopped; the commands then end this task.
        let _ = self.events.send((self.id, event)).await;
    }
}

/// Resolves at that time; without one, never.
pub(super) async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
