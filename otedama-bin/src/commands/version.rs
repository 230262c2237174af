//! `otedama version`.

use std::io::{self, Write};

use otedama_hash::Registry;

use super::Outcome;

/// Prints the version and what this build carries.
///
/// # Errors
/// When standard output cannot be written to.
pub fn run() -> Outcome {
    let mut out = io::stdout().lock();
    writeln!(out, "otedama {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "algorithms: {}", Registry::with_builtin().names().join(", "))?;
    if cfg!(not(feature = "randomx")) {
        writeln!(
            out,
            "left out: randomx (`make build` has it where cmake is installed)"
        )?;
    }
    let mut coins: Vec<&str> = otedama_chain::coins::all()
        .iter()
        .map(|spec| spec.symbol)
        .collect();
    coins.dedup();
    writeln!(out, "coins: {}", coins.join(", "))?;
    Ok(())
}
