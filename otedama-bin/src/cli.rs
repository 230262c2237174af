//! The command line: what may be typed, and how a command's end becomes an exit code.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::commands::{self, Outcome};
use crate::config::Config;
use crate::logs;

/// Pool, miner and node for proof of work, in one program.
#[derive(Debug, Parser)]
#[command(
    name = "otedama",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the pool. Without a config: the embedded, worthless development chain, mined on by this CPU.
    Serve(ServeArgs),
    /// Mine with this computer on a Stratum v1 pool.
    Mine(commands::mine::MineArgs),
    /// Show what a running pool is doing.
    Status(commands::status::StatusArgs),
    /// Compute or verify one proof of work.
    Hash(commands::hash::HashArgs),
    /// Measure how fast this machine hashes, backend by backend.
    Bench(commands::bench::BenchArgs),
    /// Check or show a config.
    Config(commands::config::ConfigArgs),
    /// Print the version and what this build carries.
    Version,
}

/// What `serve` takes.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The config file; config.example.yaml documents every key.
    #[arg(long, short, env = "OTEDAMA_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to write, as JSON, on which addresses the program listens once it does.
    #[arg(long, value_name = "FILE", hide = true)]
    ready_file: Option<PathBuf>,
}

/// Runs what the command line asks for. Exit codes: 0 done, 1 failed, 2 asked for wrongly.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are "errors" too; a reader that has gone is none.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Outcome {
    match command {
        Command::Serve(args) => serve(&args),
        Command::Mine(args) => commands::mine::run(&args),
        Command::Status(args) => commands::status::run(&args),
        Command::Hash(args) => commands::hash::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Config(args) => commands::config::run(&args),
        Command::Version => commands::version::run(),
    }
}

fn serve(args: &ServeArgs) -> Outcome {
    let loaded = Config::load(args.config.as_deref())?;
    let _logs = logs::start(&loaded.config.logging);
    tracing::info!("otedama {} with {loaded}", env!("CARGO_PKG_VERSION"));
    if let Some(warning) = loaded.config.hardware_warning() {
        tracing::warn!("{warning}");
    }
    commands::serve::run(&loaded.config, args.ready_file.as_deref())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
