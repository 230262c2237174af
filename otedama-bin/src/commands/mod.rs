//! One file per command.

pub mod bench;
pub mod config;
pub mod failure;
pub mod hash;
pub mod mine;
pub mod serve;
pub mod status;
pub mod version;

pub use failure::{Failure, Outcome};
use otedama_hash::{Algorithm, Registry};

/// The algorithm that `--algorithm` names.
fn algorithm(registry: &Registry, name: &str) -> Result<Algorithm, Failure> {
    let backend = registry.by_name(&name.to_lowercase()).ok_or_else(|| {
        Failure::usage(format!(
            "--algorithm: \"{name}\" is not in this build; allowed: {}",
            registry.names().join(", ")
        ))
    })?;
    Ok(backend.algorithm())
}
