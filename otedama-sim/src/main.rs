//! `otedama-sim --seed N --hours H`: one simulation by hand.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use otedama_sim::{SimConfig, run, run_five};

/// Simulates a pool with its miners, nodes, network and store, and checks its rules all the time.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Where all randomness comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Simulated hours
    #[arg(long, default_value_t = 1.0)]
    hours: f64,
    /// Honest miners
    #[arg(long, default_value_t = 1000)]
    miners: usize,
    /// Nothing breaks and nobody misbehaves
    #[arg(long)]
    no_faults: bool,
    /// Five chains of as many algorithms in one process
    #[arg(long)]
    five: bool,
    /// Print what happens
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let Ok(duration) = Duration::try_from_secs_f64(args.hours * 3600.0) else {
        eprintln!("--hours must be a positive number");
        return ExitCode::from(2);
    };
    let config = SimConfig {
        seed: args.seed,
        miners: args.miners,
        duration,
        faults: !args.no_faults,
        trace: args.trace,
        ..SimConfig::default()
    };
    println!("seed {}: {} miners for {duration:?}", config.seed, config.miners);
    let result = if args.five {
        run_five(&config).map(|summary| summary.to_string())
    } else {
        run(config).map(|summary| summary.to_string())
    };
    match result {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
