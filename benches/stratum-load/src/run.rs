//! One run: connect, settle, warm up, measure, drain.

use std::io;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use mio::Events;
use otedama_hash::{Algorithm, EpochKey, Registry};

use crate::cli::Options;
use crate::fleet::{Clock, Fleet};
use crate::process;
use crate::report::{Report, Samples};
use crate::schedule::Schedule;
use crate::session::Searcher;

/// Hashes tried at a stretch: about a millisecond, so that replies are read in time.
const fn search_budget(algorithm: Algorithm) -> u64 {
    // What isn't double SHA-256 is made to be slow.
    if matches!(algorithm.name().as_bytes(), b"sha256d") {
        8192
    } else {
        8
    }
}

/// Shares sent at a stretch.
const SEND_BUDGET: usize = 64;
/// Longest time between two looks at the clock.
const LONGEST_WAIT_NS: u64 = 50_000_000;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The algorithm's name is unknown.
    #[error("unknown algorithm {0:?}; this build knows {1}")]
    Algorithm(String, String),
    /// The hasher can't be made ready.
    #[error(transparent)]
    Prepare(#[from] otedama_hash::PrepareError),
    /// Sockets are limited.
    #[error("the system allows {fits} open connections and {wanted} are wanted; raise `ulimit -n`")]
    OpenFiles { fits: u64, wanted: u32 },
    /// Nobody could log in.
    #[error("no connection could log in: {0}")]
    NoneReady(String),
    /// The event queue failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Connecting,
    Settling { until_ns: u64 },
    Loading,
    Draining { until_ns: u64 },
    Done,
}

/// Number of a block command, and when it ended.
type CommandEnd = (usize, u64);

struct Run<'a> {
    options: &'a Options,
    clock: Clock,
    fleet: Fleet,
    phase: Phase,
    schedule: Option<Schedule>,
    measure_start_ns: u64,
    measure_end_ns: u64,
    next_command_ns: u64,
    command_ends: (Sender<CommandEnd>, Receiver<CommandEnd>),
    pool_usage: Samples,
    own_usage: Samples,
}

/// Runs the whole measurement.
pub(crate) fn run(options: &Options) -> Result<Report, RunError> {
    let registry = Registry::with_builtin();
    let backend = registry
        .by_name(&options.algorithm)
        .ok_or_else(|| RunError::Algorithm(options.algorithm.clone(), registry.names().join(", ")))?;
    let hasher = backend.verifier(EpochKey::default())?;
    let fits = process::raise_open_files(u64::from(options.connections));
    if fits < u64::from(options.connections) {
        return Err(RunError::OpenFiles {
            fits,
            wanted: options.connections,
        });
    }
    let clock = Clock::start();
    let searcher = Searcher {
        hasher,
        budget: search_budget(backend.algorithm()),
        hashes: 0,
    };
    let fleet = Fleet::new(options, backend.algorithm(), searcher, clock)?;
    let before = options.pid.and_then(process::usage);
    let mut run = Run {
        options,
        clock,
        fleet,
        phase: Phase::Connecting,
        schedule: None,
        measure_start_ns: u64::MAX,
        measure_end_ns: u64::MAX,
        next_command_ns: u64::MAX,
        command_ends: channel(),
        pool_usage: Samples {
            before,
            ..Samples::default()
        },
        own_usage: Samples::default(),
    };
    let mut events = Events::with_capacity(1024);
    while run.phase != Phase::Done {
        let now_ns = run.clock.ns();
        let fleet_ns = run.fleet.advance(now_ns);
        run.step(now_ns)?;
        let load_ns = run.load();
        let until_ns = fleet_ns.min(load_ns).min(now_ns + LONGEST_WAIT_NS);
        run.fleet.wait(&mut events, until_ns)?;
    }
    Ok(run.report())
}

impl Run<'_> {
    /// Goes on to the next phase when this one is over.
    fn step(&mut self, now_ns: u64) -> Result<(), RunError> {
        while let Ok((number, end_ns)) = self.command_ends.1.try_recv() {
            self.fleet.tally().blocks.command_ended(number, end_ns);
        }
        match self.phase {
            Phase::Connecting => self.step_connecting(now_ns)?,
            Phase::Settling { until_ns } if now_ns >= until_ns => self.start_load(now_ns),
            Phase::Loading => self.step_loading(now_ns),
            Phase::Draining { until_ns } => {
                let quiet = self.fleet.waiting_shares() == 0 && self.fleet.tally().blocks.is_complete();
                if quiet || now_ns >= until_ns {
                    self.phase = Phase::Done;
                }
            }
            Phase::Settling { .. } | Phase::Done => {}
        }
        Ok(())
    }

    fn step_connecting(&mut self, now_ns: u64) -> Result<(), RunError> {
        let ramp = Duration::from_secs_f64(f64::from(self.options.connections) / self.options.connect_rate);
        let late = u128::from(now_ns) > (ramp + self.options.login_timeout).as_nanos();
        if late && self.fleet.ready() == 0 {
            let errors = &self.fleet.tally().connects.errors;
            let errors: Vec<_> = errors.iter().map(|(what, n)| format!("{what} ({n})")).collect();
            return Err(RunError::NoneReady(errors.join(", ")));
        }
        if late || self.fleet.all_ready() {
            let ready = self.fleet.ready();
            let connects = &mut self.fleet.tally().connects;
            connects.ready = ready;
            connects.ready_after_s = now_ns as f64 / 1e9;
            self.phase = Phase::Settling {
                until_ns: now_ns + self.options.settle.as_nanos() as u64,
            };
        }
        Ok(())
    }

    fn start_load(&mut self, now_ns: u64) {
        self.pool_usage.idle = self.options.pid.and_then(process::usage);
        self.phase = Phase::Loading;
        let Options {
            arrivals, rate, seed, ..
        } = *self.options;
        self.schedule = Schedule::new(arrivals, rate, seed, now_ns);
        self.measure_start_ns = now_ns + self.options.warmup.as_nanos() as u64;
        self.measure_end_ns = self.measure_start_ns + self.options.duration.as_nanos() as u64;
        self.fleet.tally().measure_end_ns = self.measure_end_ns;
        if self.options.block_command.is_some() {
            self.next_command_ns = self.measure_start_ns + self.block_interval_ns() / 2;
        }
    }

    fn block_interval_ns(&self) -> u64 {
        self.options.block_interval.as_nanos() as u64
    }

    fn step_loading(&mut self, now_ns: u64) {
        if now_ns >= self.measure_start_ns && self.own_usage.measure_start.is_none() {
            self.pool_usage.measure_start = self.options.pid.and_then(process::usage);
            self.own_usage.measure_start = process::own_usage();
        }
        if now_ns >= self.next_command_ns && now_ns < self.measure_end_ns {
            self.next_command_ns += self.block_interval_ns().max(1);
            self.start_block_command();
        }
        // The load ends when every share of the schedule is sent, even if that took longer.
        let sent = self
            .schedule
            .as_ref()
            .is_none_or(|s| s.next_ns() >= self.measure_end_ns);
        if now_ns >= self.measure_end_ns && self.own_usage.measure_end.is_none() {
            self.pool_usage.measure_end = self.options.pid.and_then(process::usage);
            self.own_usage.measure_end = process::own_usage();
        }
        let drain_ns = self.options.drain.as_nanos() as u64;
        if now_ns >= self.measure_end_ns && (sent || now_ns >= self.measure_end_ns + drain_ns) {
            self.phase = Phase::Draining {
                until_ns: now_ns + drain_ns,
            };
        }
    }

    fn start_block_command(&mut self) {
        let Some(text) = self.options.block_command.clone() else {
            return;
        };
        let clock = self.clock;
        let number = self.fleet.tally().blocks.command_started(clock.ns());
        let ends = self.command_ends.0.clone();
        std::thread::spawn(move || {
            let status = Command::new("sh")
                .args(["-c", &text])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .status();
            let end_ns = clock.ns();
            match status {
                Ok(status) if status.success() => {}
                Ok(status) => eprintln!("stratum-load: the block command failed: {status}"),
                Err(e) => eprintln!("stratum-load: the block command could not be started: {e}"),
            }
            // The receiver is gone when the run is over; then nobody asks any more.
            let _ = ends.send((number, end_ns));
        });
    }

    /// Sends the shares that are due. Returns when to call again.
    fn load(&mut self) -> u64 {
        let Some(schedule) = &mut self.schedule else {
            return u64::MAX;
        };
        if self.phase != Phase::Loading {
            return u64::MAX;
        }
        for _ in 0..SEND_BUDGET {
            let due_ns = schedule.next_ns();
            if due_ns >= self.measure_end_ns {
                return self.measure_end_ns;
            }
            if due_ns > self.clock.ns() {
                return due_ns;
            }
            if !self.fleet.submit(due_ns, due_ns >= self.measure_start_ns) {
                return 0;
            }
            schedule.advance();
        }
        0
    }

    fn report(mut self) -> Report {
        let options = self.options;
        let duration_s = options.duration.as_secs_f64();
        let (ready, hashes) = (self.fleet.ready(), self.fleet.hashes());
        let tally = self.fleet.tally();
        let mut shares = std::mem::take(&mut tally.shares);
        let answered = shares.accepted + shares.rejected.values().sum::<u64>();
        shares.unanswered = shares.sent - answered;
        shares.accepted_per_s = tally.accepted_in_time as f64 / duration_s;
        shares.hashes_per_share = hashes as f64 / tally.shares_sent_ever.max(1) as f64;
        let mut connects = std::mem::take(&mut tally.connects);
        connects.ready_at_end = ready;
        let in_time = tally.accepted_in_time;
        Report {
            pool: options.pool.to_string(),
            rate_per_s: options.rate,
            duration_s,
            pool_process: options
                .pid
                .and_then(|pid| self.pool_usage.process(pid, connects.ready, in_time, duration_s)),
            connects,
            shares,
            latency: tally.latency.summary(),
            service: tally.service.summary(),
            lag: tally.lag.summary(),
            blocks: tally.blocks.report(),
            block_commands_failed: tally.blocks.commands_without_block(),
            own_cores: self.own_usage.cores(duration_s),
        }
    }
}
