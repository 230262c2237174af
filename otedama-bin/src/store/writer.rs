//! The thread that owns the database.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use otedama_hash::Monotonic;
use otedama_pool::{ExtranonceLease, ShareRow};
use tracing::{error, warn};

use super::found::{self, FoundBlock};
use super::journal::{Journal, ShareBatch};
use super::{BlockStatus, Lock, StoreError, StoreHealth};
use crate::serve::clock::Clock;
use crate::serve::faults::Faults;

/// Requests other than shares that wait while storage fails.
const MAX_POSTPONED: usize = 10_000;

/// How the writer groups rows, and how long it tries.
#[derive(Clone, Copy, Debug)]
pub struct WriterConfig {
    /// Rows that one transaction takes at most.
    pub batch: usize,
    /// Commits follow one another at this distance at least, so that rows gather while it is busy.
    pub commit_interval: Duration,
    /// How long a failing commit is tried again before its rows are given up.
    pub give_up_after: Duration,
}

/// Something to write.
#[derive(Debug)]
pub enum Request {
    /// Accepted shares.
    Shares(ShareBatch),
    /// A run needs extranonces.
    Lease {
        /// Which run.
        run: i64,
    },
    /// A block is being submitted.
    BlockFound {
        /// Of which chain.
        chain: Arc<str>,
        /// The block.
        block: Box<FoundBlock>,
        /// Where its note is, which is removed then.
        folder: Arc<Path>,
    },
    /// Something became of a block.
    BlockStatus {
        /// Its hash, as explorers show it.
        hash: String,
        /// What became of it.
        status: BlockStatus,
        /// In words.
        detail: String,
    },
    /// Write what waits and end.
    Stop,
}

/// Whom the writer tells what it did. Called on the writer's thread; must not block.
pub trait Listener: Send {
    /// These rows of `run` are durable. They are never empty.
    fn persisted(&mut self, run: i64, rows: &[ShareRow]);
    /// Rows of `run` up to `seq` never will be.
    fn given_up(&mut self, run: i64, seq: u64);
    /// Extranonces for `run`.
    fn leased(&mut self, run: i64, lease: ExtranonceLease);
}

/// The two ends of what the writer is asked to do. Whoever sends shares bounds how many of them wait.
pub fn channel() -> (Sender<Request>, Receiver<Request>) {
    mpsc::channel()
}

/// What the writer is made of.
pub struct WriterParts {
    /// The database.
    pub journal: Journal,
    /// What keeps other processes away from it.
    pub lock: Lock,
    /// How it groups rows.
    pub config: WriterConfig,
    /// The clock of the program.
    pub clock: Clock,
    /// Whom it tells.
    pub listener: Box<dyn Listener>,
}

/// A running writer.
#[derive(Debug)]
pub struct Store {
    requests: Sender<Request>,
    thread: JoinHandle<()>,
    health: Arc<StoreHealth>,
}

impl Store {
    /// Starts the thread that owns the journal from now on and takes its requests from [`channel`].
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(
        parts: WriterParts,
        (requests, waiting): (Sender<Request>, Receiver<Request>),
        faults: &Faults,
    ) -> std::io::Result<Self> {
        let health = Arc::new(StoreHealth::default());
        let WriterParts {
            journal,
            lock,
            config,
            clock,
            listener,
        } = parts;
        let writer = Writer {
            journal,
            waiting,
            config,
            clock,
            listener,
            health: Arc::clone(&health),
            last_commit: Monotonic::ZERO,
            postponed: VecDeque::new(),
        };
        let thread = faults.thread("store", move || {
            writer.run();
            drop(lock);
        })?;
        Ok(Self {
            requests,
            thread,
            health,
        })
    }

    /// What the writer shows to others.
    pub fn health(&self) -> Arc<StoreHealth> {
        Arc::clone(&self.health)
    }

    /// Writes everything that waits and closes the database.
    pub fn close(self) {
        if self.requests.send(Request::Stop).is_ok() && self.thread.join().is_err() {
            error!("the store thread panicked");
        }
    }
}

struct Writer {
    journal: Journal,
    waiting: Receiver<Request>,
    config: WriterConfig,
    clock: Clock,
    listener: Box<dyn Listener>,
    health: Arc<StoreHealth>,
    last_commit: Monotonic,
    postponed: VecDeque<Request>,
}

impl Writer {
    fn run(mut self) {
        let mut quiet = Duration::from_secs(1);
        loop {
            if !self.postponed.is_empty() && !self.health.is_failing() {
                self.write_postponed();
            }
            let (batches, others) = match self.waiting.recv_timeout(quiet) {
                Ok(first) => self.gather(first),
                Err(RecvTimeoutError::Timeout) => {
                    quiet = self.maintain();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            self.write_shares(&batches);
            let mut stop = false;
            for request in others {
                stop |= matches!(request, Request::Stop);
                self.write_other(request);
            }
            if stop {
                break;
            }
        }
        self.write_postponed();
        for request in &self.postponed {
            error!(?request, "not recorded: storage still fails at the end");
        }
        if let Err(error) = self.journal.flush() {
            warn!(%error, "sums were not written; the next start reads the shares instead");
        }
    }

    /// Takes what waits, up to a batch of rows, and lets more come in if the last commit was just now.
    fn gather(&mut self, first: Request) -> (Vec<ShareBatch>, Vec<Request>) {
        let (mut batches, mut others): (Vec<ShareBatch>, Vec<Request>) = (Vec::new(), Vec::new());
        let mut rows = 0;
        let mut next = Some(first);
        let due = self.last_commit + self.config.commit_interval;
        loop {
            match next.take() {
                Some(Request::Shares(batch)) => {
                    rows += batch.rows.len();
                    match batches.iter_mut().find(|b| b.run == batch.run) {
                        Some(same) => same.rows.extend(batch.rows),
                        None => batches.push(batch),
                    }
                }
                // Everything else is rare and waits for nothing.
                Some(other) => {
                    others.push(other);
                    break;
                }
                None => {}
            }
            if rows >= self.config.batch {
                break;
            }
            let wait = due.since(self.clock.now().mono);
            next = match self.waiting.recv_timeout(wait) {
                Ok(request) => Some(request),
                Err(_) => break,
            };
        }
        (batches, others)
    }

    fn write_shares(&mut self, batches: &[ShareBatch]) {
        if batches.is_empty() {
            return;
        }
        let journal = &mut self.journal;
        let clock = &self.clock;
        let written = retried(&self.health, &self.config, clock, || {
            journal.append(batches, clock.now())
        });
        self.last_commit = self.clock.now().mono;
        let rows: usize = batches.iter().map(|b| b.rows.len()).sum();
        if written {
            self.health.committed(rows);
        } else {
            self.health.gave_up(rows);
        }
        for batch in batches {
            let Some(last) = batch.rows.last() else { continue };
            if written {
                self.listener.persisted(batch.run, &batch.rows);
            } else {
                self.listener.given_up(batch.run, last.seq);
            }
        }
    }

    fn write_other(&mut self, request: Request) {
        match request {
            Request::Lease { run } => {
                let (journal, clock) = (&mut self.journal, &self.clock);
                let mut lease = None;
                retried(&self.health, &self.config, clock, || {
                    journal.lease().map(|l| lease = Some(l))
                });
                match lease {
                    Some(lease) => self.listener.leased(run, lease),
                    None => self.postpone(Request::Lease { run }),
                }
            }
            Request::Stop | Request::Shares(_) => {}
            block if !self.postponed.is_empty() => self.postpone(block),
            block => {
                let (journal, clock) = (&mut self.journal, &self.clock);
                if !retried(&self.health, &self.config, clock, || write_block(journal, &block)) {
                    self.postpone(block);
                }
            }
        }
    }

    /// Keeps a request until storage works again.
    fn postpone(&mut self, request: Request) {
        if self.postponed.len() < MAX_POSTPONED {
            self.postponed.push_back(request);
        } else {
            error!(
                ?request,
                "too much waits for storage to work again; this is not recorded"
            );
        }
    }

    fn write_postponed(&mut self) {
        while let Some(request) = self.postponed.pop_front() {
            let (journal, listener) = (&mut self.journal, &mut self.listener);
            let result = match &request {
                Request::Lease { run } => journal.lease().map(|lease| listener.leased(*run, lease)),
                block => write_block(journal, block),
            };
            if let Err(error) = result {
                self.health.failed(&error);
                self.postponed.push_front(request);
                return;
            }
        }
    }

    /// Housekeeping in a quiet moment. Returns how long to wait for requests before the next.
    fn maintain(&mut self) -> Duration {
        match self.journal.maintain(self.clock.now()) {
            Ok(more) => {
                if self.health.is_failing() && self.journal.probe(self.clock.now()).is_ok() {
                    self.health.works();
                }
                if !self.health.is_failing() {
                    self.write_postponed();
                }
                Duration::from_millis(if more { 10 } else { 1000 })
            }
            Err(error) => {
                self.health.failed(&error);
                warn!(%error, "housekeeping failed");
                Duration::from_secs(5)
            }
        }
    }
}

fn write_block(journal: &mut Journal, request: &Request) -> Result<(), StoreError> {
    match request {
        Request::BlockFound { chain, block, folder } => {
            journal.block_found(chain, block)?;
            found::remove_note(folder, &block.hash);
            Ok(())
        }
        Request::BlockStatus { hash, status, detail } => journal.block_status(hash, *status, detail),
        Request::Shares(_) | Request::Lease { .. } | Request::Stop => Ok(()),
    }
}

/// Tries until it works or `give_up_after` has passed. While storage is known to fail it tries once.
fn retried(
    health: &StoreHealth,
    config: &WriterConfig,
    clock: &Clock,
    mut attempt: impl FnMut() -> Result<(), StoreError>,
) -> bool {
    let start = clock.now().mono;
    let known_to_fail = health.is_failing();
    let mut pause = Duration::from_millis(50);
    loop {
        match attempt() {
            Ok(()) => {
                health.works();
                return true;
            }
            Err(error) => {
                if !health.is_failing() {
                    error!(%error, "storage fails");
                }
                health.failed(&error);
            }
        }
        if known_to_fail || clock.now().mono.since(start) >= config.give_up_after {
            return false;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}
