//! A shard: one thread, one event loop, one [`otedama_pool::Pool`] and the sockets it serves.

pub mod acceptor;
mod commands;
mod connection;
mod event_loop;
mod link;
mod outputs;
mod reading;
mod slots;
mod stopping;
pub mod tls;
mod verify;

pub(crate) use verify::BATCH as VERIFY_BATCH;
pub use verify::VerifiedBy;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use mio::net::TcpStream;
use mio::{Poll, Waker};
use otedama_hash::Hash256;
use otedama_pool::gate::Gate;
use otedama_pool::{Admin, Candidate, ExtranonceLease, Payouts, Pool, Stats};

use crate::serve::clock::Clock;
use crate::serve::faults::Faults;
use crate::store;
use crate::verify::Verdicts;

/// What other threads tell a shard.
#[derive(Debug)]
pub enum Command {
    /// A connection that the gate let in.
    Accepted {
        /// The socket.
        stream: TcpStream,
        /// Where it comes from.
        peer: IpAddr,
        /// Whether it speaks TLS.
        tls: bool,
    },
    /// Rows up to `seq` are durable.
    Persisted {
        /// The last durable row.
        seq: u64,
    },
    /// Rows up to `seq` never will be.
    PersistFailed {
        /// The last row given up.
        seq: u64,
    },
    /// What became of shares that other threads verified.
    Verified(Verdicts),
    /// More extranonces.
    Extranonce(ExtranonceLease),
    /// Something to mine on.
    Template {
        /// The template.
        template: Arc<otedama_chain::Template>,
        /// Whom it pays.
        payouts: Payouts,
    },
    /// What became of a block.
    BlockResult {
        /// Its hash.
        hash: Hash256,
        /// Whether a node took it, or why not.
        result: Result<(), String>,
    },
    /// An operator's command to the pool.
    Admin(Admin),
    /// Close every connection from an address, which was banned.
    CloseAddress(IpAddr),
    /// Take no more shares, answer those under way, close everything and end.
    Stop,
}

/// Where commands for one shard go. Sending never blocks.
#[derive(Clone, Debug)]
pub struct Mailbox {
    commands: Sender<Command>,
    waker: Arc<Waker>,
    /// Set while a wake-up is under way that the shard has not answered yet.
    woken: Arc<AtomicBool>,
}

impl Mailbox {
    /// Leaves a command. A shard that has ended takes no more; that is no error.
    pub fn send(&self, command: Command) {
        if self.commands.send(command).is_ok() && !self.woken.swap(true, Ordering::AcqRel) {
            // Fails only when the system has no memory for a counter; the next command wakes again.
            if self.waker.wake().is_err() {
                self.woken.store(false, Ordering::Release);
            }
        }
    }
}

/// The receiving end of a [`Mailbox`], from which a shard is started.
#[derive(Debug)]
pub struct Seat {
    poll: Poll,
    registry: mio::Registry,
    commands: Receiver<Command>,
    woken: Arc<AtomicBool>,
}

/// Makes the two ends of a shard's mailbox.
///
/// # Errors
/// When the system gives no event queue.
pub fn seat() -> std::io::Result<(Mailbox, Seat)> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), slots::WAKER)?);
    let (sender, commands) = mpsc::channel();
    let woken = Arc::new(AtomicBool::new(false));
    let mailbox = Mailbox {
        commands: sender,
        waker,
        woken: Arc::clone(&woken),
    };
    Ok((
        mailbox,
        Seat {
            registry: poll.registry().try_clone()?,
            poll,
            commands,
            woken,
        },
    ))
}

/// Where a shard's outputs go.
pub struct Links {
    /// Its run in the journal.
    pub run: i64,
    /// The store's requests.
    pub store: Sender<store::Request>,
    /// Called with every block candidate; must not block.
    pub candidate: Box<dyn Fn(Candidate) + Send>,
    /// Who may connect.
    pub gate: Arc<Mutex<Gate>>,
    /// Every shard behind the same gate.
    pub shards: Vec<Mailbox>,
}

/// What a shard shows to others, renewed about once a second.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The pool's counters.
    pub stats: Stats,
    /// Sockets, including those that still shake hands or wait to be closed.
    pub sockets: usize,
    /// Rows that are not durable yet.
    pub unpersisted: u64,
}

/// What a shard is made of.
pub struct ShardParts {
    /// For the thread and logs.
    pub name: String,
    /// The state machine.
    pub pool: Pool,
    /// Who hashes for it.
    pub verified_by: VerifiedBy,
    /// Where its outputs go.
    pub links: Links,
    /// How it speaks TLS, if it does.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// The clock of the program.
    pub clock: Clock,
    /// Where it shows its state.
    pub snapshot: Arc<Mutex<Snapshot>>,
}

/// Starts a shard's thread.
///
/// # Errors
/// When the system gives no thread.
pub fn spawn(seat: Seat, parts: ShardParts, faults: &Faults) -> std::io::Result<JoinHandle<()>> {
    let name = format!("shard-{}", parts.name);
    faults.thread(&name, move || event_loop::Shard::new(seat, parts).run())
}
