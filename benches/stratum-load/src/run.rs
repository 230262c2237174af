//! One run: connect, settle, warm up, measure, drain.

use std::io;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use mio::{Events, Poll};
use otedama_hash::Algorithm;

use crate::cli::Options;
use crate::clock::Clock;
use crate::dialect::Dialect;
use crate::fleet::Fleet;
use crate::mint::Mint;
use crate::process;
use crate::report::{Processes, Report, Samples};
use crate::schedule::Schedule;
use crate::target::{Target, common};

/// Longest time between two looks at the clock.
const LONGEST_WAIT_NS: u64 = 50_000_000;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// What is asked of the targets makes no sense.
    #[error("{0}")]
    Options(String),
    /// Nobody can hash it.
    #[error("this build has no {0}: build it with --features {0}")]
    Algorithm(Algorithm),
    /// The hasher can't be made ready.
    #[error(transparent)]
    Prepare(#[from] otedama_hash::PrepareError),
    /// Sockets are limited.
    #[error("the system allows {fits} open connections and {wanted} are wanted; raise `ulimit -n`")]
    OpenFiles { fits: u64, wanted: u64 },
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
    Stocking { since_ns: u64 },
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
    poll: Poll,
    targets: Vec<Target>,
    mint: Option<Mint>,
    phase: Phase,
    measure_start_ns: u64,
    measure_end_ns: u64,
    next_command_ns: u64,
    command_ends: (Sender<CommandEnd>, Receiver<CommandEnd>),
    pool_usage: Samples,
    own_usage: Samples,
}

/// Runs the whole measurement.
pub(crate) fn run(options: &Options) -> Result<Report, RunError> {
    let loads = options.loads().map_err(RunError::Options)?;
    let wanted = loads.iter().map(|load| u64::from(load.connections)).sum();
    let fits = process::raise_open_files(wanted);
    if fits < wanted {
        return Err(RunError::OpenFiles { fits, wanted });
    }
    let clock = Clock::start();
    let poll = Poll::new()?;
    let mint = loads
        .iter()
        .any(|load| load.dialect != Dialect::Bitcoin)
        .then(|| Mint::start(hash_threads(options), clock));
    let mut targets = Vec::with_capacity(loads.len());
    let mut first_token = 0;
    for load in loads {
        let (to, minted) = channel();
        let common = common(options, &load, mint.as_ref().map(Mint::desk), to)?;
        let registry = poll.registry().try_clone()?;
        targets.push(Target {
            fleet: Fleet::new(options, &load, common, minted, clock, registry, first_token),
            schedule: None,
            load: load.clone(),
        });
        first_token += load.connections as usize;
    }
    let before = options.pid.and_then(process::usage);
    let mut run = Run {
        options,
        clock,
        poll,
        targets,
        mint,
        phase: Phase::Connecting,
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
        let mut until_ns = now_ns + LONGEST_WAIT_NS;
        for target in &mut run.targets {
            target.fleet.collect();
            until_ns = until_ns.min(target.fleet.advance(now_ns));
        }
        run.step(now_ns)?;
        until_ns = until_ns.min(run.load());
        run.wait(&mut events, until_ns)?;
    }
    Ok(run.report())
}

fn hash_threads(options: &Options) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    options.hash_threads.map_or_else(all, |threads| threads as usize)
}

impl Run<'_> {
    /// Goes on to the next phase when this one is over.
    fn step(&mut self, now_ns: u64) -> Result<(), RunError> {
        while let Ok((number, end_ns)) = self.command_ends.1.try_recv() {
            self.first().tally().blocks.command_ended(number, end_ns);
        }
        match self.phase {
            Phase::Connecting => self.step_connecting(now_ns)?,
            Phase::Stocking { since_ns } => self.step_stocking(since_ns, now_ns),
            Phase::Settling { until_ns } if now_ns >= until_ns => self.start_load(now_ns),
            Phase::Loading => self.step_loading(now_ns),
            Phase::Draining { until_ns } => {
                let quiet = self.targets.iter_mut().all(|Target { fleet, .. }| {
                    fleet.waiting_shares() == 0 && fleet.tally().blocks.is_complete()
                });
                if quiet || now_ns >= until_ns {
                    self.phase = Phase::Done;
                }
            }
            Phase::Settling { .. } | Phase::Done => {}
        }
        Ok(())
    }

    /// The target whose chain the block command makes blocks of.
    fn first(&mut self) -> &mut Fleet {
        &mut self.targets[0].fleet
    }

    fn step_connecting(&mut self, now_ns: u64) -> Result<(), RunError> {
        let options = self.options;
        let mut all_done = true;
        for Target { load, fleet, .. } in &mut self.targets {
            let ramp = Duration::from_secs_f64(f64::from(load.connections) / options.connect_rate);
            let late = u128::from(now_ns) > (ramp + options.login_timeout).as_nanos();
            if late && fleet.ready() == 0 {
                let errors = &fleet.tally().connects.errors;
                let errors: Vec<_> = errors.iter().map(|(what, n)| format!("{what} ({n})")).collect();
                return Err(RunError::NoneReady(errors.join(", ")));
            }
            all_done &= late || fleet.all_ready();
        }
        if all_done {
            for Target { fleet, .. } in &mut self.targets {
                let ready = fleet.ready();
                let connects = &mut fleet.tally().connects;
                connects.ready = ready;
                connects.ready_after_s = now_ns as f64 / 1e9;
            }
            self.phase = Phase::Stocking { since_ns: now_ns };
        }
        Ok(())
    }

    /// Waits until the stocks are full. Where shares are searched for while they are sent they always are.
    fn step_stocking(&mut self, since_ns: u64, now_ns: u64) {
        let over = u128::from(now_ns - since_ns) >= self.options.stock_time.as_nanos();
        let full: Vec<_> = self.targets.iter_mut().map(|t| t.fleet.is_stocked()).collect();
        if !over && !full.iter().all(|full| *full) {
            return;
        }
        for (target, full) in self.targets.iter_mut().zip(full) {
            let minting = &mut target.fleet.tally().minting;
            minting.stock_s = (now_ns - since_ns) as f64 / 1e9;
            minting.stocked = minting.shares;
            minting.stocked_in_full = full;
        }
        self.phase = Phase::Settling {
            until_ns: now_ns + self.options.settle.as_nanos() as u64,
        };
    }

    fn start_load(&mut self, now_ns: u64) {
        self.pool_usage.idle = self.options.pid.and_then(process::usage);
        self.phase = Phase::Loading;
        let Options { arrivals, seed, .. } = *self.options;
        for (number, target) in self.targets.iter_mut().enumerate() {
            // Targets are loaded independently of each other.
            let seed = seed.wrapping_add(number as u64);
            target.schedule = Schedule::new(arrivals, target.load.rate, seed, now_ns);
        }
        self.measure_start_ns = now_ns + self.options.warmup.as_nanos() as u64;
        self.measure_end_ns = self.measure_start_ns + self.options.duration.as_nanos() as u64;
        for target in &mut self.targets {
            target.fleet.tally().measure_end_ns = self.measure_end_ns;
        }
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
        let end_ns = self.measure_end_ns;
        let is_sent = |schedule: &Schedule| schedule.next_ns() >= end_ns;
        let sent = self
            .targets
            .iter()
            .all(|target| target.schedule.as_ref().is_none_or(is_sent));
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
        let number = self.first().tally().blocks.command_started(clock.ns());
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
        if self.phase != Phase::Loading {
            return u64::MAX;
        }
        let (clock, start_ns, end_ns) = (self.clock, self.measure_start_ns, self.measure_end_ns);
        let until = self.targets.iter_mut().map(|t| t.send(clock, start_ns, end_ns));
        until.min().unwrap_or(u64::MAX)
    }

    /// Waits for the pool until `until_ns` at most and takes what it says.
    fn wait(&mut self, events: &mut Events, until_ns: u64) -> io::Result<()> {
        let wait_ns = until_ns.saturating_sub(self.clock.ns());
        // The system waits whole milliseconds; what is shorter is slept, so that nothing spins.
        let timeout = Duration::from_millis(wait_ns / 1_000_000);
        match self.poll.poll(events, Some(timeout)) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        if events.is_empty() && timeout.is_zero() {
            const LONGEST_NAP: Duration = Duration::from_micros(200);
            std::thread::sleep(LONGEST_NAP.min(Duration::from_nanos(wait_ns)));
            return Ok(());
        }
        for event in events.iter() {
            for target in &mut self.targets {
                target.fleet.event(event);
            }
        }
        Ok(())
    }

    fn report(mut self) -> Report {
        let options = self.options;
        let duration_s = options.duration.as_secs_f64();
        let threads = self.mint.as_ref().map_or(0, Mint::threads);
        let (mut ready, mut in_time) = (0, 0);
        let mut targets = Vec::with_capacity(self.targets.len());
        for target in &mut self.targets {
            in_time += target.fleet.tally().accepted_in_time;
            let report = target.report(duration_s, threads);
            ready += report.connects.ready;
            targets.push(report);
        }
        Report {
            targets,
            processes: Processes {
                pool_process: options
                    .pid
                    .and_then(|pid| self.pool_usage.process(pid, ready, in_time, duration_s)),
                own_cores: self.own_usage.cores(duration_s),
            },
        }
    }
}
