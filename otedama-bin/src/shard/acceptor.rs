//! The thread that accepts: asks the gate and deals sockets out to the shards in turn.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use otedama_hash::Monotonic;
use otedama_pool::gate::Gate;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tracing::{debug, warn};

use super::{Command, Mailbox};
use crate::serve::clock::Clock;
use crate::serve::faults::Faults;

/// Connections that the system may hold for us.
const BACKLOG: i32 = 4096;

/// Sockets accepted from one port before the other one gets its turn.
const PER_TURN: usize = 512;

/// How long to wait when the system has no file descriptor left.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// How often a shortage is logged.
const LOG_EVERY: Duration = Duration::from_secs(30);

const WAKER: Token = Token(usize::MAX);

/// Opens a listening port.
///
/// # Errors
/// When the address is taken, isn't ours, or may not be used.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows the option means something else: another program could take the port over.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    // Accepted sockets inherit it, so that peers which vanished without a word are found out.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(60)))?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// A port and what is spoken on it.
#[derive(Debug)]
pub struct Port {
    /// The listening socket.
    pub listener: TcpListener,
    /// Whether connections speak TLS.
    pub tls: bool,
}

/// What the acceptor shows to others.
#[derive(Debug, Default)]
pub struct AcceptCounts {
    /// Sockets that the gate let in.
    pub admitted: AtomicU64,
    /// Sockets closed at once.
    pub refused: AtomicU64,
}

/// A running acceptor.
#[derive(Debug)]
pub struct Acceptor {
    stop: Arc<AtomicBool>,
    waker: Waker,
    thread: JoinHandle<()>,
}

impl Acceptor {
    /// Starts to accept on `ports`.
    ///
    /// # Errors
    /// When the system gives no event queue or thread.
    pub fn spawn(
        ports: Vec<Port>,
        shards: Vec<Mailbox>,
        gate: Arc<Mutex<Gate>>,
        counts: Arc<AcceptCounts>,
        clock: Clock,
        faults: &Faults,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut door = Door {
            ports: Vec::new(),
            shards,
            next_shard: 0,
            gate,
            counts,
            clock,
            logged: Monotonic::ZERO,
        };
        for (index, mut port) in ports.into_iter().enumerate() {
            poll.registry()
                .register(&mut port.listener, Token(index), Interest::READABLE)?;
            door.ports.push((port, true));
        }
        let stopped = Arc::clone(&stop);
        let thread = faults.thread("accept", move || door.run(poll, &stopped))?;
        Ok(Self { stop, waker, thread })
    }

    /// Closes the ports.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        if self.waker.wake().is_ok() && self.thread.join().is_err() {
            warn!("the accepting thread panicked");
        }
    }
}

struct Door {
    /// Ports, and whether connections may wait at each.
    ports: Vec<(Port, bool)>,
    shards: Vec<Mailbox>,
    next_shard: usize,
    gate: Arc<Mutex<Gate>>,
    counts: Arc<AcceptCounts>,
    clock: Clock,
    logged: Monotonic,
}

impl Door {
    fn run(mut self, mut poll: Poll, stop: &AtomicBool) {
        let mut events = Events::with_capacity(16);
        let mut wait = Some(Duration::ZERO);
        while !stop.load(Ordering::Acquire) {
            if let Err(error) = poll.poll(&mut events, wait)
                && error.kind() != ErrorKind::Interrupted
            {
                self.shortage(&error);
                std::thread::sleep(EXHAUSTED);
            }
            for event in &events {
                if let Some((_, waiting)) = self.ports.get_mut(event.token().0) {
                    *waiting = true;
                }
            }
            wait = None;
            for index in 0..self.ports.len() {
                if self.ports[index].1 {
                    let again = self.accept_some(index);
                    wait = wait.into_iter().chain(again).min();
                }
            }
        }
    }

    /// Accepts until nobody waits or the turn is over. Returns when to come back by oneself.
    fn accept_some(&mut self, index: usize) -> Option<Duration> {
        for _ in 0..PER_TURN {
            let (port, waiting) = &mut self.ports[index];
            let tls = port.tls;
            match port.listener.accept() {
                Ok((stream, address)) => self.admit(stream, address, tls),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    *waiting = false;
                    return None;
                }
                Err(error) if is_about_the_peer(&error) => {}
                Err(error) => {
                    self.shortage(&error);
                    return Some(EXHAUSTED);
                }
            }
        }
        Some(Duration::ZERO)
    }

    fn admit(&mut self, stream: TcpStream, address: SocketAddr, tls: bool) {
        let peer = address.ip().to_canonical();
        let now = self.clock.now().mono;
        let verdict = self
            .gate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .admit(now, peer);
        if let Err(why) = verdict {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
            debug!(%peer, %why, "connection refused");
            return;
        }
        self.counts.admitted.fetch_add(1, Ordering::Relaxed);
        // Without it small lines wait for each other; a socket that can't have it is closed already.
        let _ = stream.set_nodelay(true);
        let shard = &self.shards[self.next_shard % self.shards.len()];
        self.next_shard = self.next_shard.wrapping_add(1);
        shard.send(Command::Accepted { stream, peer, tls });
    }

    fn shortage(&mut self, error: &io::Error) {
        let now = self.clock.now().mono;
        if self.logged == Monotonic::ZERO || now.since(self.logged) >= LOG_EVERY {
            self.logged = now;
            warn!(%error, "connections can't be accepted; trying again");
        }
    }
}

/// Errors that concern one connection, which is gone with them.
fn is_about_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
            | ErrorKind::PermissionDenied
            | ErrorKind::NetworkUnreachable
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkDown
    )
}
