//! How the program ends: on a signal gracefully, on a second one at once.

use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{error, info};

/// Everything has to be done within this time; a supervisor's patience is about to end then.
const DEADLINE: Duration = Duration::from_millis(4700);

/// `make`, `timeout` and shells may send the same signal twice; within this time it counts once.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// Exit code after a second signal: 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// Why the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Somebody asked for it.
    Signal,
    /// A part of it can't be trusted any more.
    Fault,
}

/// Waits for a signal or for a part that reports a fault. A second signal ends the process.
pub(super) async fn wait(mut signals: Signals, mut faults: mpsc::UnboundedReceiver<()>) -> Reason {
    let reason = tokio::select! {
        name = signals.next() => {
            info!("{name}: stopping; a second one stops at once");
            Reason::Signal
        }
        Some(()) = faults.recv() => {
            error!("a fault inside: stopping, so that the supervisor starts afresh");
            Reason::Fault
        }
    };
    drop(signals);
    tokio::spawn(async {
        tokio::time::sleep(SAME_SIGNAL).await;
        if let Ok(mut signals) = Signals::new() {
            signals.next().await;
            std::process::exit(INTERRUPTED);
        }
    });
    reason
}

/// Ends the process if stopping takes too long.
pub(super) fn guard() {
    let watch = || {
        std::thread::sleep(DEADLINE);
        error!("stopping took too long; what was not durable is lost");
        std::process::exit(1);
    };
    if let Err(error) = std::thread::Builder::new()
        .name("deadline".to_owned())
        .spawn(watch)
    {
        error!(%error, "no thread to watch over the end");
    }
}

/// The signals that end the program; from the moment this is made none is missed.
#[cfg(unix)]
pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Has to be called inside the runtime.
    pub(super) fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// What ends the program where there are no signals.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Has to be called inside the runtime.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}
