//! What a miner tells whoever watches it.

use std::fmt;
use std::time::Duration;

use otedama_hash::MemoryPlan;
use tokio::sync::mpsc;

use super::difficulty_text;

/// Something worth a line.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A pool is asked what it mines.
    Asking {
        /// Which pool.
        pool: String,
    },
    /// A pool gave work; the miner is on it.
    Connected {
        /// Which pool.
        pool: String,
    },
    /// A pool could not be used, or no longer.
    Disconnected {
        /// Which pool.
        pool: String,
        /// Why.
        why: String,
        /// When it is tried again.
        retry: Duration,
    },
    /// There is work on a new block, or other work.
    Job {
        /// Whether older work is void.
        clean: bool,
        /// Share difficulty.
        difficulty: f64,
    },
    /// A pool took a share.
    Accepted {
        /// How many it took so far.
        count: u64,
        /// What the share proved.
        difficulty: f64,
        /// Whether it met the network's target, too.
        block: bool,
        /// How long the answer took.
        latency: Duration,
    },
    /// A pool refused a share.
    Rejected {
        /// How many were refused so far.
        count: u64,
        /// The number on the wire.
        code: i32,
        /// The pool's words.
        message: String,
    },
    /// A pool wants the miner elsewhere.
    Redirected {
        /// Where to.
        to: String,
        /// Whether the miner goes there.
        followed: bool,
    },
    /// The cache or dataset that the work needs is being built; nothing is hashed meanwhile.
    Preparing,
    /// The device works, with a dataset or without.
    Mining(MemoryPlan),
    /// A text from the pool's operator.
    Message(String),
    /// Something about this machine, such as a job that no device can do.
    Trouble(String),
}

impl Event {
    /// Logs it, and sends it to whoever watches.
    pub(super) fn report(self, watcher: Option<&mpsc::Sender<Self>>) {
        match &self {
            Self::Disconnected { .. } | Self::Trouble(_) => tracing::warn!("miner: {self}"),
            Self::Asking { .. }
            | Self::Connected { .. }
            | Self::Preparing
            | Self::Mining(_)
            | Self::Redirected { .. }
            | Self::Message(_) => tracing::info!("miner: {self}"),
            _ => tracing::debug!("miner: {self}"),
        }
        if let Some(watcher) = watcher {
            // Whoever watches too slowly misses lines, not counts.
            let _ = watcher.try_send(self);
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asking { pool } => write!(f, "asking {pool} what it mines"),
            Self::Connected { pool } => write!(f, "mining on {pool}"),
            Self::Disconnected { pool, why, retry } => {
                write!(
                    f,
                    "{pool}: {}; next try in {:.1} s",
                    Plain(why),
                    retry.as_secs_f64()
                )
            }
            Self::Job {
                clean: true,
                difficulty,
            } => write!(f, "new block, share difficulty {}", difficulty_text(*difficulty)),
            Self::Job {
                clean: false,
                difficulty,
            } => write!(f, "new job, share difficulty {}", difficulty_text(*difficulty)),
            Self::Accepted {
                count,
                difficulty,
                block,
                latency,
            } => {
                let what = if *block { "BLOCK accepted" } else { "accepted" };
                write!(
                    f,
                    "{what} ({count}), difficulty {}, {:.0} ms",
                    difficulty_text(*difficulty),
                    latency.as_secs_f64() * 1e3
                )
            }
            Self::Rejected { count, code, message } => {
                write!(f, "rejected ({count}), {code}: {}", Plain(message))
            }
            Self::Redirected { to, followed: true } => {
                write!(f, "the pool moves this miner to {}", Plain(to))
            }
            Self::Redirected { to, followed: false } => {
                write!(
                    f,
                    "the pool wants this miner at {}, which is not its own: ignored",
                    Plain(to)
                )
            }
            Self::Preparing => f.write_str("preparing the memory that this work needs"),
            Self::Mining(MemoryPlan::Full) => f.write_str("mining with a dataset"),
            Self::Mining(MemoryPlan::Light) => {
                f.write_str("mining without a dataset, which is many times slower")
            }
            Self::Message(text) => write!(f, "pool says: {}", Plain(text)),
            Self::Trouble(text) => write!(f, "{}", Plain(text)),
        }
    }
}

/// Words of a stranger, which must not steer the terminal.
pub(super) struct Plain<'a>(pub(super) &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        self.0
            .chars()
            .try_for_each(|c| f.write_char(if c.is_control() { ' ' } else { c }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_difficulty_can_be_read() {
        let event = Event::Accepted {
            count: 1,
            difficulty: 2.693_574e-10,
            block: false,
            latency: Duration::ZERO,
        };
        assert_eq!(event.to_string(), "accepted (1), difficulty 2.694e-10, 0 ms");
    }

    #[test]
    fn a_pool_does_not_steer_the_terminal() {
        let text = Event::Message("hello\u{1b}[2J\nthere".to_owned()).to_string();
        assert_eq!(text, "pool says: hello [2J there");
    }
}
