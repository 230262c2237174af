//! A miner of Monero on a thread of its own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::cryptonote::{Caches, Client, Event};
use super::stratum::connect_from;

/// What the pool said to a share.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// What the pool said, if it refused the share.
    pub(crate) refused: Option<String>,
    /// The key under which it was hashed.
    pub(crate) seed: [u8; 32],
    /// How long the answer took.
    pub(crate) after: Duration,
    /// When it came.
    pub(crate) at: Instant,
}

/// A miner that does nothing but mine, on one thread.
pub(crate) struct Miner {
    answers: Arc<Mutex<Vec<Answer>>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Miner {
    /// Starts one. A connection that breaks is a failure, which [`stop`](Self::stop) shows.
    pub(crate) fn start(pool: SocketAddr, user: &str, caches: &Arc<Caches>) -> Self {
        let stream = connect_from([127, 0, 0, 1].into(), pool).unwrap();
        let mut client = Client::login(stream, user, caches).unwrap();
        let (answers, stop) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<AtomicBool>::default());
        let (told, stopped) = (Arc::clone(&answers), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            // In the field it has another machine, and takes no time from the pool.
            #[cfg(target_os = "linux")]
            rustix::process::nice(10).unwrap();
            while !stopped.load(Ordering::Relaxed) || client.in_flight() > 0 {
                let is_stopping = stopped.load(Ordering::Relaxed);
                let patience = Duration::from_millis(if is_stopping { 10_000 } else { 1 });
                match client.event(patience).expect("the miner's connection stays open") {
                    Some(Event::Answer { refused, seed, after }) => {
                        let at = Instant::now();
                        let answer = Answer {
                            refused,
                            seed,
                            after,
                            at,
                        };
                        told.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
                    }
                    Some(Event::Job) => {}
                    None => {
                        assert!(!is_stopping, "no answer for {patience:?}");
                        client.try_nonce().expect("the miner's connection stays open");
                    }
                }
            }
        });
        Self {
            answers,
            stop,
            thread,
        }
    }

    /// Every answer so far.
    pub(crate) fn answers(&self) -> Vec<Answer> {
        assert!(!self.thread.is_finished(), "the miner has ended");
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How many of its shares were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.answers()
            .iter()
            .filter(|answer| answer.refused.is_none())
            .count()
    }

    /// Stops once every share is answered. Returns every answer.
    pub(crate) fn stop(self) -> Vec<Answer> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the miner was cut off");
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
