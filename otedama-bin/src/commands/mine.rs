//! `otedama mine`: a miner in a terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use otedama_hash::Difficulty;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::{Failure, Outcome};
use crate::config::{Algorithm, Priority};
use crate::mine::{
    AddressError, Engine, Event, MineConfig, PoolAddress, PoolLogin, Stats, Timing, benchmark, detect,
    difficulty_text, hashrate_text,
};

/// Events that may wait for the terminal.
const MAX_EVENTS: usize = 1024;
/// How often a line with the hashrate is printed where there is no terminal.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// What `mine` takes.
#[derive(Debug, Args)]
pub struct MineArgs {
    /// A pool: stratum+tcp://host:port. Give several; the first that works is used, the first of all when it can be.
    #[arg(short = 'o', long = "url", value_name = "URL", required_unless_present = "benchmark", value_parser = address)]
    urls: Vec<PoolAddress>,
    /// User at the pool, usually address.worker; one for each pool, or one for all that follow.
    #[arg(
        short = 'u',
        long = "user",
        value_name = "USER",
        required_unless_present = "benchmark"
    )]
    users: Vec<String>,
    /// Password at the pool; one for each pool, or one for all that follow.
    #[arg(short = 'p', long = "password", value_name = "PASSWORD", default_value = "x")]
    passwords: Vec<String>,
    /// Proof of work: sha256d, scrypt, randomx, etchash, ethash or kawpow. Without it, what the user's address is mined with,
    /// or what the pool's first job is for; name it where a pool pays in another coin than it mines.
    #[arg(short = 'a', long, value_parser = algorithm)]
    algorithm: Option<Algorithm>,
    /// Do without the datasets of randomx, etchash, ethash and kawpow: many times slower, but without the gigabytes.
    #[arg(long)]
    light: bool,
    /// Mining threads; 0 is one per core.
    #[arg(short = 't', long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    threads: u16,
    /// Use this backend, such as avx512 or soft, instead of the fastest.
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Leave the cores to whatever else wants them.
    #[arg(long)]
    low_priority: bool,
    /// Ask the pool for this share difficulty.
    #[arg(long, value_name = "D", value_parser = difficulty)]
    suggest_difficulty: Option<Difficulty>,
    /// Measure hashes per second, without a pool.
    #[arg(long)]
    benchmark: bool,
    /// How long to measure.
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Stop when so many shares have been accepted.
    #[arg(long, value_name = "N", hide = true)]
    exit_after_accepted: Option<u64>,
    /// Seconds between two attempts to get back to a better pool.
    #[arg(long, value_name = "S", hide = true)]
    probe_interval: Option<f64>,
    /// First and longest pause, in seconds, before a pool that failed is tried again.
    #[arg(long, value_name = "S", hide = true, num_args = 2)]
    retry: Option<Vec<f64>>,
}

fn address(text: &str) -> Result<PoolAddress, AddressError> {
    text.parse()
}

fn algorithm(word: &str) -> Result<Algorithm, String> {
    Algorithm::from_word(word).ok_or_else(|| format!("allowed: {}", Algorithm::WORDS.join(", ")))
}

fn difficulty(text: &str) -> Result<Difficulty, String> {
    text.parse::<f64>()
        .ok()
        .and_then(|value| Difficulty::new(value).ok())
        .ok_or_else(|| "a number above 0 is needed".to_owned())
}

/// Mines until stopped.
///
/// # Errors
/// When the miner does not start, or standard output cannot be written to.
pub fn run(args: &MineArgs) -> Outcome {
    let _logs = crate::logs::start_terminal("off");
    if args.benchmark {
        return measure(args);
    }
    let mut config = config(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (sender, mut events) = mpsc::channel(MAX_EVENTS);
        let mut screen = Screen::new();
        if args.algorithm.is_none() {
            let found = find_out(&config, &sender, &mut events, &mut screen).await?;
            let Some(algorithm) = found else { return Ok(()) };
            config.algorithm = algorithm;
        }
        let engine = Engine::spawn(config, Some(sender))?;
        let shown = show(&engine, &mut events, &mut screen, args.exit_after_accepted).await;
        let stats = engine.stop();
        shown?;
        screen.summary(&stats)?;
        Ok(())
    })
}

/// What to mine, or `None` when somebody stopped the program before that was clear.
async fn find_out(
    config: &MineConfig,
    sender: &mpsc::Sender<Event>,
    events: &mut mpsc::Receiver<Event>,
    screen: &mut Screen,
) -> Result<Option<otedama_hash::Algorithm>, Failure> {
    let (found, stopped) = (detect(config, sender), stop_signal());
    tokio::pin!(found, stopped);
    loop {
        tokio::select! {
            // What was said before the end is shown before it.
            biased;
            Some(event) = events.recv() => screen.event(&event)?,
            found = &mut found => return Ok(Some(found?)),
            signal = &mut stopped => return Ok(signal.map(|()| None)?),
        }
    }
}

fn measure(args: &MineArgs) -> Outcome {
    let algorithm = args.algorithm.unwrap_or(Algorithm::Sha256d);
    let result = benchmark(
        algorithm.to_hash(),
        args.backend.as_deref(),
        usize::from(args.threads),
        args.light,
        Duration::from_secs(args.seconds),
    )?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{}: {} hashes/s ({}) with {} threads over {:.1} s",
        algorithm,
        result.rate().round(),
        hashrate_text(result.rate()),
        result.threads,
        result.elapsed.as_secs_f64()
    )?;
    Ok(())
}

fn config(args: &MineArgs) -> Result<MineConfig, Failure> {
    for (option, count) in [("--user", args.users.len()), ("--password", args.passwords.len())] {
        if count > args.urls.len() {
            return Err(Failure::usage(format!(
                "{option} is given {count} times, --url {} times",
                args.urls.len()
            )));
        }
    }
    let nth = |list: &[String], index: usize| list.get(index).or(list.last()).cloned().unwrap_or_default();
    let pools = args
        .urls
        .iter()
        .enumerate()
        .map(|(index, address)| PoolLogin {
            address: address.clone(),
            user: nth(&args.users, index),
            password: nth(&args.passwords, index),
        })
        .collect();
    let mut timing = Timing::default();
    if let Some(seconds) = args.probe_interval {
        timing.probe = pause(seconds)?;
    }
    if let Some([min, max]) = args.retry.as_deref() {
        (timing.retry_min, timing.retry_max) = (pause(*min)?, pause(*max)?);
    }
    Ok(MineConfig {
        algorithm: args.algorithm.unwrap_or(Algorithm::Sha256d).to_hash(),
        light: args.light,
        backend: args.backend.clone(),
        threads: usize::from(args.threads),
        priority: if args.low_priority {
            Priority::Low
        } else {
            Priority::Normal
        },
        suggest_difficulty: args.suggest_difficulty,
        timing,
        ..MineConfig::new(pools)
    })
}

fn pause(seconds: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(seconds).map_err(|error| Failure::usage(format!("{seconds}: {error}")))
}

/// Shows what happens until there is enough of it or somebody stops it.
async fn show(
    engine: &Engine,
    events: &mut mpsc::Receiver<Event>,
    screen: &mut Screen,
    enough: Option<u64>,
) -> Outcome {
    let period = if screen.live {
        Duration::from_secs(1)
    } else {
        REPORT_INTERVAL
    };
    let mut refresh = interval(period);
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    refresh.tick().await;
    let stopped = stop_signal();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            signal = &mut stopped => return Ok(signal?),
            event = events.recv() => match event {
                Some(event) => {
                    screen.event(&event)?;
                    let count = if let Event::Accepted { count, .. } = event { count } else { 0 };
                    if enough.is_some_and(|enough| count >= enough) {
                        return Ok(());
                    }
                }
                None => return Err(Failure::new("the miner ended unexpectedly")),
            },
            _ = refresh.tick() => screen.status(&engine.stats())?,
        }
    }
}

#[cfg(unix)]
async fn stop_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn stop_signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// Lines that stay, and in a terminal one below them that is rewritten.
struct Screen {
    live: bool,
}

impl Screen {
    fn new() -> Self {
        Self {
            live: io::stdout().is_terminal(),
        }
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.line(event)
    }

    fn status(&mut self, stats: &Stats) -> io::Result<()> {
        let text = status(stats);
        if self.live {
            let mut out = io::stdout().lock();
            write!(out, "\r\x1b[K{text}")?;
            out.flush()
        } else {
            self.line(&text)
        }
    }

    fn summary(&mut self, stats: &Stats) -> io::Result<()> {
        let answered = stats.accepted + stats.rejected;
        let percent = if answered > 0 {
            100.0 * stats.accepted as f64 / answered as f64
        } else {
            0.0
        };
        self.line(&format!(
            "mined for {} s: {} hashes, {} on average; {} accepted ({percent:.1} %), {} rejected, {} unanswered, {} \
             blocks; best share {}",
            stats.uptime.as_secs(),
            stats.hashes,
            hashrate_text(stats.hashes as f64 / stats.uptime.as_secs_f64().max(1e-3)),
            stats.accepted,
            stats.rejected,
            stats.unanswered,
            stats.blocks,
            difficulty_text(stats.best_difficulty),
        ))
    }

    fn line(&mut self, text: &impl Display) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let clear = if self.live { "\r\x1b[K" } else { "" };
        writeln!(out, "{clear}{text}")?;
        out.flush()
    }
}

fn status(stats: &Stats) -> String {
    format!(
        "{} (10 s) {} (60 s) {} (15 min) | {} accepted, {} rejected | {}",
        hashrate_text(stats.rates.over_10s),
        hashrate_text(stats.rates.over_60s),
        hashrate_text(stats.rates.over_15min),
        stats.accepted,
        stats.rejected,
        stats.pool.as_deref().unwrap_or("no pool"),
    )
}
