//! `otedama config check` and `otedama config show`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{Failure, Outcome};
use crate::config::Config;

/// What `config` takes.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say whether a config is good, and if not what is wrong and where.
    Check(FileArgs),
    /// Print every setting as it would be used, with defaults and environment, as YAML.
    Show(FileArgs),
}

#[derive(Debug, Args)]
struct FileArgs {
    /// The config file; without one, the built-in development config.
    #[arg(env = "OTEDAMA_CONFIG", value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Checks or shows a config.
///
/// # Errors
/// When the config is wrong.
pub fn run(args: &ConfigArgs) -> Outcome {
    match &args.action {
        Action::Check(args) => check(args.file.as_deref()),
        Action::Show(args) => show(args.file.as_deref()),
    }
}

fn check(file: Option<&Path>) -> Outcome {
    let loaded = Config::load(file)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{loaded}: good")?;
    if let Some(warning) = loaded.config.hardware_warning() {
        writeln!(out, "note: {warning}")?;
    }
    // Every value is good, but there is nothing to serve yet.
    if let Err(no_chains) = loaded.config.require_chains() {
        writeln!(out, "note: `otedama serve` will refuse it: {no_chains}")?;
    }
    Ok(())
}

fn show(file: Option<&Path>) -> Outcome {
    let loaded = Config::load(file)?;
    let yaml = serde_saphyr::to_string(&loaded.config)
        .map_err(|error| Failure::new(format!("the config cannot be shown: {error}")))?;
    let mut out = io::stdout().lock();
    writeln!(out, "# {loaded}")?;
    write!(out, "{yaml}")?;
    Ok(())
}
