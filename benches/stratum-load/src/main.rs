//! Load generator for any Stratum v1 pool on this machine. `stratum-load --help` says all.
#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    reason = "a load generator has clocks and threads"
)]

mod blocks;
mod cli;
mod clock;
mod conversation;
mod dialect;
mod fleet;
mod job;
mod link;
mod load;
mod mint;
mod process;
mod proof;
mod random;
mod report;
mod run;
mod schedule;
mod session;
mod supply;
mod target;
mod wire;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let options = cli::Options::parse();
    match run::run(&options) {
        Ok(report) if options.json => {
            let text = serde_json::to_string_pretty(&report).expect("a report has only plain fields");
            println!("{text}");
            ExitCode::SUCCESS
        }
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("stratum-load: {e}");
            ExitCode::FAILURE
        }
    }
}
