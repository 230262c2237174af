//! The command line.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use clap::{Parser, ValueEnum};

const LONG_HELP: &str = "\
HOW IT MEASURES
  Shares follow an open-loop schedule: share k is due at a fixed moment whether or not the pool keeps
  up, and its latency counts from that moment, so a pool that stalls is charged for every share that
  waited (no coordinated omission). 'service' counts from the write to the socket; 'lag' is how late
  this tool itself was. When lag is a large part of latency, the tool was the limit, not the pool.

  Every share is valid: the tool builds the header from the pool's own job and searches nonces until
  the hash meets the announced difficulty. At SHA256d difficulty 1e-9 every fourth nonce does; at
  0.0001 it takes 430,000 hashes, so give the pool a tiny minimum difficulty and ask for it with
  --difficulty (sent as password d=.. and as mining.suggest_difficulty). A pool that raises the
  difficulty is followed; the report says how many hashes a share took.

  A new block is a mining.notify with clean_jobs=true and a previous block that is new to its
  connection. Its delay runs from the first connection that saw it to the last one, and, with
  --block-command, from that command's start and end as well.

  With --pid the report holds the pool's resident memory before the first connection and when all are
  idle, and the processor time it took during the measurement (Linux).

EXAMPLES
  10,000 connections, 20,000 shares a second for 30 s:
    stratum-load 127.0.0.1:3333 -u ADDRESS -c 10000 -r 20000 -t 30 --difficulty 1e-9 --pid $(pgrep otedama)
  New blocks only:
    stratum-load 127.0.0.1:3333 -u ADDRESS -c 10000 -r 0 -t 60 \\
        --block-command 'bitcoin-cli -regtest -generate 1' --block-interval 10
";

/// Load generator for any Stratum v1 pool on this machine.
///
/// Opens connections that subscribe, authorise and submit valid shares at a set rate, and reports
/// accepted shares per second, reply latency, connect errors and how fast new blocks reach everybody.
#[derive(Clone, Debug, Parser)]
#[command(version, after_long_help = LONG_HELP)]
pub(crate) struct Options {
    /// The pool: host:port, with or without stratum+tcp://. Only loopback addresses are accepted.
    #[arg(value_parser = parse_pool)]
    pub(crate) pool: SocketAddr,
    /// User name to authorise; `%n` becomes the connection's number. Without it `.wN` is appended.
    #[arg(short, long)]
    pub(crate) user: String,
    /// Password.
    #[arg(short = 'P', long, default_value = "x")]
    pub(crate) password: String,
    /// How many connections to hold.
    #[arg(short, long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) connections: u32,
    /// Shares per second over all connections; 0 only holds them.
    #[arg(short, long, default_value_t = 100.0, value_parser = parse_rate)]
    pub(crate) rate: f64,
    /// Seconds to measure.
    #[arg(short = 't', long, default_value = "10", value_parser = parse_seconds)]
    pub(crate) duration: Duration,
    /// Seconds of load before measuring.
    #[arg(long, default_value = "2", value_parser = parse_seconds)]
    pub(crate) warmup: Duration,
    /// Idle seconds between the last login and the load; memory is read at their end.
    #[arg(long, default_value = "1", value_parser = parse_seconds)]
    pub(crate) settle: Duration,
    /// Longest wait in seconds for replies after the load.
    #[arg(long, default_value = "5", value_parser = parse_seconds)]
    pub(crate) drain: Duration,
    /// When shares come: at random (Poisson) or evenly spaced.
    #[arg(long, value_enum, default_value_t = Arrivals::Poisson)]
    pub(crate) arrivals: Arrivals,
    /// Seed of the random schedule.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Difficulty to ask for.
    #[arg(long, value_parser = parse_difficulty)]
    pub(crate) difficulty: Option<f64>,
    /// Proof of work of the pool's coin: sha256d or scrypt.
    #[arg(long, default_value = "sha256d")]
    pub(crate) algorithm: String,
    /// New connections per second while connecting.
    #[arg(long, default_value_t = 2000.0, value_parser = parse_positive)]
    pub(crate) connect_rate: f64,
    /// Seconds that a connection may take until its first job.
    #[arg(long, default_value = "30", value_parser = parse_seconds)]
    pub(crate) login_timeout: Duration,
    /// Seconds before a connection that failed or was closed is opened again.
    #[arg(long, default_value = "1", value_parser = parse_seconds)]
    pub(crate) retry: Duration,
    /// Spread IPv4 connections over this many source addresses, 127.0.0.1 upwards (Linux).
    #[arg(long, default_value_t = if cfg!(target_os = "linux") { 64 } else { 1 }, value_parser = clap::value_parser!(u32).range(1..=250))]
    pub(crate) source_addresses: u32,
    /// Shell command that makes a new block, run at intervals while measuring.
    #[arg(long)]
    pub(crate) block_command: Option<String>,
    /// Seconds between block commands.
    #[arg(long, default_value = "10", value_parser = parse_seconds)]
    pub(crate) block_interval: Duration,
    /// Process id of the pool, to read its memory and processor time.
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Print the report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How shares are spread over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arrivals {
    /// Independent of each other, as from many miners.
    Poisson,
    /// Evenly spaced.
    Uniform,
}

impl Options {
    /// User name of connection `index`.
    pub(crate) fn user_of(&self, index: usize) -> String {
        if self.user.contains("%n") {
            self.user.replace("%n", &index.to_string())
        } else {
            format!("{}.w{index}", self.user)
        }
    }

    /// Password with the wanted difficulty in it.
    pub(crate) fn password_with_difficulty(&self) -> String {
        match self.difficulty {
            None => self.password.clone(),
            Some(difficulty) => format!("{},d={difficulty}", self.password),
        }
    }
}

fn parse_pool(text: &str) -> Result<SocketAddr, String> {
    let rest = text.strip_prefix("stratum+tcp://").unwrap_or(text);
    let resolved = rest
        .to_socket_addrs()
        .map_err(|e| format!("{e} (expected host:port)"))?;
    let mut first = None;
    for address in resolved {
        if !address.ip().is_loopback() {
            return Err(format!(
                "{address} is not a loopback address; this tool only loads pools on this machine"
            ));
        }
        // localhost may resolve to ::1 first, where pools rarely listen.
        if first.is_none_or(|f: SocketAddr| f.is_ipv6() && address.is_ipv4()) {
            first = Some(address);
        }
    }
    first.ok_or_else(|| "no address found".to_owned())
}

fn parse_number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("expected a number that is not negative".to_owned()),
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = parse_number(text)?;
    if rate > 1e6 {
        Err("at most 1,000,000 shares a second".to_owned())
    } else {
        Ok(rate)
    }
}

fn parse_positive(text: &str) -> Result<f64, String> {
    let value = parse_number(text)?;
    if value > 0.0 {
        Ok(value)
    } else {
        Err("expected a number above zero".to_owned())
    }
}

fn parse_difficulty(text: &str) -> Result<f64, String> {
    let value = parse_positive(text)?;
    if value.is_normal() {
        Ok(value)
    } else {
        Err("too small".to_owned())
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let value = parse_number(text)?;
    if value > 86_400.0 {
        Err("at most 86,400 seconds".to_owned())
    } else {
        Ok(Duration::from_secs_f64(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from([&["stratum-load"], args].concat())
    }

    #[test]
    fn only_loopback_is_loaded() {
        assert!(parse(&["192.0.2.1:3333", "-u", "a"]).is_err());
        assert!(parse(&["0.0.0.0:3333", "-u", "a"]).is_err());
        let options = parse(&["stratum+tcp://127.0.0.7:3333", "-u", "a"]).unwrap();
        assert_eq!(options.pool, "127.0.0.7:3333".parse().unwrap());
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for bad in [
            ["-c", "0"],
            ["-c", "20001"],
            ["-r", "-1"],
            ["-r", "nan"],
            ["-t", "inf"],
            ["--difficulty", "0"],
        ] {
            assert!(
                parse(&[&["127.0.0.1:1", "-u", "a"], &bad[..]].concat()).is_err(),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn users_are_numbered() {
        let plain = parse(&["127.0.0.1:1", "-u", "addr"]).unwrap();
        assert_eq!(plain.user_of(7), "addr.w7");
        let pattern = parse(&["127.0.0.1:1", "-u", "addr.rig%nx", "--difficulty", "1e-9"]).unwrap();
        assert_eq!(pattern.user_of(7), "addr.rig7x");
        assert_eq!(pattern.password_with_difficulty(), "x,d=0.000000001");
    }
}
