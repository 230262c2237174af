//! `otedama serve`: the pool.

use std::path::Path;

use super::Outcome;
use crate::config::Config;
use crate::serve::wiring;

/// Serves until a signal ends it. Once it listens, `ready_file` says where.
///
/// # Errors
/// When something that is needed can't be had, or a part of the program failed.
pub fn run(config: &Config, ready_file: Option<&Path>) -> Outcome {
    wiring::run(config, ready_file)
}
