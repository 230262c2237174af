//! The command line.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::dialect::Dialect;
use crate::load::{Load, MAX_CONNECTIONS, TargetSpec, algorithm, parse_percent, parse_pool, parse_target};

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

  RandomX, KawPow and Ethash take milliseconds a hash. Their shares are minted ahead, before the load, by
  --hash-threads threads in light memory: as many as the schedule needs, or as many as --stock-time allows.
  The report says how many shares a second those threads can make, and how many shares were due when none
  was in stock; those count as the tool's lag. A job that voids older ones empties the stock, and shares
  that are minted while the pool is measured take processors from it. RandomX needs a build with
  --features randomx.

  --bad-shares sends a part of the shares invented: a nonce of the connection's own, with a hash or mix
  that claims to meet the target, so that the pool has to compute everything to refuse it; where only a
  nonce is sent (bitcoin, ethereum1, ethereum2) it is a random one. At tiny difficulties such a nonce is
  often valid by luck, and a pool may take it whatever was claimed: ask for a high difficulty where every
  share is invented. They are counted apart, and a connection that is banned for them is opened again.

  A new block is a mining.notify with clean_jobs=true and a previous block that is new to its
  connection; in cryptonote a job with another previous block, in kawpow and ethereum2 one with another
  height, and in ethereum1 and ethproxy one with another header. Its delay runs from the first
  connection that saw it to the last one, and, with --block-command, from that command's start and end
  as well.

  With --pid the report holds the pool's resident memory before the first connection and when all are
  idle, and the processor time it took during the measurement (Linux).

EXAMPLES
  10,000 connections, 20,000 shares a second for 30 s:
    stratum-load 127.0.0.1:3333 -u ADDRESS -c 10000 -r 20000 -t 30 --difficulty 1e-9 --pid $(pgrep otedama)
  New blocks only:
    stratum-load 127.0.0.1:3333 -u ADDRESS -c 10000 -r 0 -t 60 \\
        --block-command 'bitcoin-cli -regtest -generate 1' --block-interval 10
  Monero's miners on one port and Bitcoin's on another, at the same time, a tenth of the former invented:
    stratum-load --target cryptonote@127.0.0.1:3340=50,40,user=ADDRESS,bad=10 \\
        --target bitcoin@127.0.0.1:3333=1000,5000,user=OTHER,difficulty=1e-9 -t 30
";

/// Load generator for pools on this machine, in any dialect of Stratum v1.
///
/// Opens connections that log in and submit valid shares at a set rate, and reports
/// accepted shares per second, reply latency, connect errors and how fast new blocks reach everybody.
#[derive(Clone, Debug, Parser)]
#[command(version, after_long_help = LONG_HELP)]
pub(crate) struct Options {
    /// The pool: host:port, with or without stratum+tcp://. Only loopback addresses are accepted.
    #[arg(value_parser = parse_pool, required_unless_present = "targets")]
    pub(crate) pool: Option<SocketAddr>,
    /// A further target, `dialect@host:port=connections,rate`, loaded at the same time; what else it has of
    /// its own follows as `,user=..`, `,password=..`, `,difficulty=..`, `,algorithm=..`, `,bad=percent`.
    #[arg(long = "target", value_name = "TARGET", value_parser = parse_target)]
    pub(crate) targets: Vec<TargetSpec>,
    /// What the pool speaks.
    #[arg(long, value_enum, default_value_t = Dialect::Bitcoin)]
    pub(crate) dialect: Dialect,
    /// User name to authorise; `%n` becomes the connection's number. Without it `.wN` is appended.
    #[arg(short, long)]
    pub(crate) user: Option<String>,
    /// Password.
    #[arg(short = 'P', long, default_value = "x")]
    pub(crate) password: String,
    /// How many connections to hold.
    #[arg(short, long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_CONNECTIONS)))]
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
    /// Proof of work of the pool's coin, where the dialect leaves a choice: sha256d (bitcoin's usual one) or
    /// scrypt, etchash (the usual one of ethereum1, ethereum2 and ethproxy) or ethash.
    #[arg(long)]
    pub(crate) algorithm: Option<String>,
    /// Part of the shares that is invented, in percent.
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = parse_percent)]
    pub(crate) bad_shares: f64,
    /// Threads that mint slow shares ahead; as many as there are processors if not given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) hash_threads: Option<u32>,
    /// Longest time in seconds to mint shares before the load.
    #[arg(long, default_value = "60", value_parser = parse_seconds)]
    pub(crate) stock_time: Duration,
    /// Most minted shares that one connection holds.
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) stock: u32,
    /// Seconds for which shares on a job that was replaced, but not voided, are still sent.
    #[arg(long, default_value = "20", value_parser = parse_seconds)]
    pub(crate) job_grace: Duration,
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
    /// Shell command that makes a new block on the first target's chain, run at intervals while measuring.
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
    /// Every target with all that is asked of it.
    pub(crate) fn loads(&self) -> Result<Vec<Load>, String> {
        let main = self.pool.map(|pool| TargetSpec {
            dialect: self.dialect,
            pool,
            connections: self.connections,
            rate: self.rate,
            user: None,
            password: None,
            difficulty: None,
            algorithm: self.algorithm.clone(),
            bad_percent: None,
        });
        main.iter()
            .chain(&self.targets)
            .map(|spec| self.load(spec))
            .collect()
    }

    /// What a target does not say itself the general options say, except for its algorithm.
    fn load(&self, spec: &TargetSpec) -> Result<Load, String> {
        let user = spec.user.as_ref().or(self.user.as_ref());
        Ok(Load {
            dialect: spec.dialect,
            pool: spec.pool,
            connections: spec.connections,
            rate: spec.rate,
            algorithm: algorithm(spec.dialect, spec.algorithm.as_deref())?,
            bad: spec.bad_percent.unwrap_or(self.bad_shares) / 100.0,
            user: user
                .ok_or_else(|| format!("{}@{} has no user: give one with --user", spec.dialect, spec.pool))?
                .clone(),
            password: spec.password.as_ref().unwrap_or(&self.password).clone(),
            difficulty: spec.difficulty.or(self.difficulty),
        })
    }
}

/// Reads a number that is not negative.
pub(crate) fn parse_number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("expected a number that is not negative".to_owned()),
    }
}

/// Reads shares per second.
pub(crate) fn parse_rate(text: &str) -> Result<f64, String> {
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

/// Reads a difficulty.
pub(crate) fn parse_difficulty(text: &str) -> Result<f64, String> {
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
        assert_eq!(options.pool, "127.0.0.7:3333".parse().ok());
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
        let load = |args: &[&str]| parse(args).unwrap().loads().unwrap().remove(0);
        let plain = load(&["127.0.0.1:1", "-u", "addr"]);
        assert_eq!(plain.login(7).user, "addr.w7");
        let pattern = load(&["127.0.0.1:1", "-u", "addr.rig%nx", "--difficulty", "1e-9"]);
        assert_eq!(pattern.login(7).user, "addr.rig7x");
        assert_eq!(pattern.login(7).password, "x,d=0.000000001");
    }

    #[test]
    fn targets_inherit_what_they_do_not_say() {
        let target = "cryptonote@127.0.0.1:2=5,7,user=monero";
        let options = parse(&[
            "127.0.0.1:1",
            "-u",
            "addr",
            "--bad-shares",
            "10",
            "--target",
            target,
        ])
        .unwrap();
        let loads = options.loads().unwrap();
        assert_eq!(loads.len(), 2);
        assert_eq!((loads[0].dialect, &*loads[0].user), (Dialect::Bitcoin, "addr"));
        assert_eq!(
            (loads[1].dialect, &*loads[1].user),
            (Dialect::Cryptonote, "monero")
        );
        assert_eq!((loads[1].connections, loads[1].bad), (5, 0.1));
        let alone = parse(&["--target", target]).unwrap();
        assert_eq!(alone.loads().unwrap().len(), 1);
        let nobody = parse(&["--target", "bitcoin@127.0.0.1:2=5,7"]).unwrap();
        assert!(nobody.loads().unwrap_err().contains("--user"));
        assert!(parse(&["-u", "a"]).is_err(), "no pool at all");
    }
}
