//! `otedama bench`: hashes per second of every backend.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Args, ValueEnum};
use otedama_devices::cpu::topology::logical_cpus;
use otedama_hash::{PagePolicy, Registry};

use super::{Failure, Outcome};
use crate::bench::{self, Plan, Row};
use crate::mine::hashrate_text;

/// What `bench` takes.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Only this algorithm.
    #[arg(short = 'a', long)]
    algorithm: Option<String>,
    /// Only this backend, such as avx512 or soft.
    #[arg(long)]
    backend: Option<String>,
    /// Threads that hash at once; 0 is one per core.
    #[arg(short = 't', long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    threads: u16,
    /// Only this mode.
    #[arg(long, value_enum)]
    mode: Option<bench::Mode>,
    /// Mine without datasets, which take gigabytes and minutes.
    #[arg(long)]
    light: bool,
    /// Seconds per measurement, split into five runs.
    #[arg(long, value_name = "S", default_value_t = 5.0, value_parser = seconds)]
    seconds: f64,
    /// Block height that decides the epoch of ethash, etchash and kawpow.
    #[arg(long, value_name = "N", default_value_t = 0)]
    height: u64,
    /// Pages for caches and datasets.
    #[arg(long, value_enum, default_value_t = PagesArg::Reserved)]
    pages: PagesArg,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The pages to ask for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum PagesArg {
    /// 1 GiB or 2 MiB pages that were set aside, else as advised.
    Reserved,
    /// 2 MiB pages by advice, else normal.
    Advised,
    /// Normal pages only.
    Normal,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().unwrap_or(f64::NAN);
    if (0.01..=86_400.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("allowed: 0.01 to 86400".to_owned())
    }
}

/// Measures and prints.
///
/// # Errors
/// When an algorithm or a backend isn't in this build, can't be prepared, or standard output can't be written to.
pub fn run(args: &BenchArgs) -> Outcome {
    let registry = Registry::with_builtin();
    let plan = plan(args, &registry)?;
    let mut rows = Vec::new();
    if !args.json {
        writeln!(
            io::stdout(),
            "{:<9} {:<8} {:<7} {:>7}  {:>12} {:>12} {:>12}",
            "algorithm",
            "backend",
            "mode",
            "threads",
            "median",
            "min",
            "max"
        )?;
    }
    let print = |row: Row| -> Result<(), Failure> {
        if args.json {
            rows.push(row);
            return Ok(());
        }
        let rate = |rate| hashrate_text(rate);
        writeln!(
            io::stdout(),
            "{:<9} {:<8} {:<7} {:>7}  {:>12} {:>12} {:>12}",
            row.algorithm,
            row.backend,
            if row.mode == bench::Mode::Mine {
                "mine"
            } else {
                "verify"
            },
            row.threads,
            rate(row.rate.median),
            rate(row.rate.min),
            rate(row.rate.max)
        )?;
        Ok(())
    };
    // Progress that nobody can read any more is no reason to stop.
    let note = |text: &str| drop(writeln!(io::stderr(), "otedama: {text}"));
    bench::run(&registry, &plan, print, note)?;
    if args.json {
        writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&rows)?)?;
    }
    Ok(())
}

fn plan(args: &BenchArgs, registry: &Registry) -> Result<Plan, Failure> {
    let algorithm = args
        .algorithm
        .as_ref()
        .map(|name| super::algorithm(registry, name))
        .transpose()?;
    if let Some(name) = &args.backend {
        let known = registry.names();
        let known = known.iter().filter_map(|name| registry.by_name(name));
        let mut names: Vec<_> = known
            .map(|backend| backend.algorithm())
            .filter(|known| algorithm.is_none_or(|wanted| wanted == *known))
            .flat_map(|algorithm| registry.of(algorithm).map(|backend| backend.name()))
            .collect();
        names.sort_unstable();
        names.dedup();
        if !names.contains(&name.as_str()) {
            return Err(Failure::usage(format!(
                "--backend: \"{name}\" does not run here; allowed: {}",
                names.join(", ")
            )));
        }
    }
    Ok(Plan {
        algorithm,
        backend: args.backend.clone(),
        mode: args.mode,
        threads: NonZeroUsize::new(usize::from(args.threads)).unwrap_or_else(logical_cpus),
        light: args.light,
        pages: match args.pages {
            PagesArg::Reserved => PagePolicy::Reserved,
            PagesArg::Advised => PagePolicy::Advised,
            PagesArg::Normal => PagePolicy::Normal,
        },
        height: args.height,
        time: Duration::from_secs_f64(args.seconds),
    })
}
