//! The real nodes and miners that `scripts/nodes.sh` installs.

use std::path::{Path, PathBuf};
use std::thread;

/// Where a program of that name is, if it is there at all.
pub(crate) fn path(program: &str) -> PathBuf {
    let dir = std::env::var_os("OTEDAMA_NODES_DIR").map_or_else(
        || {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .parent()
                .unwrap()
                .join(".nodes")
        },
        PathBuf::from,
    );
    dir.join("bin").join(program)
}

/// Whether a test that needs all of these programs can run here. Says loudly if not; panics if it must.
pub(crate) fn are_here(programs: &[&str]) -> bool {
    let Some(missing) = programs.iter().map(|name| path(name)).find(|p| !p.is_file()) else {
        return true;
    };
    let text = format!("no {} (run scripts/nodes.sh)", missing.display());
    let required = std::env::var("OTEDAMA_REQUIRE_NODES").is_ok_and(|v| v == "1");
    assert!(!required, "OTEDAMA_REQUIRE_NODES=1 and there is {text}");
    skip(&format!("has {text}"));
    false
}

/// The same for a test that needs RandomX, which this build may be without.
pub(crate) fn are_here_with_randomx(programs: &[&str]) -> bool {
    if cfg!(feature = "randomx") {
        return are_here(programs);
    }
    skip("needs the cargo feature randomx");
    false
}

fn skip(why: &str) {
    eprintln!("SKIPPED: {} {why}", thread::current().name().unwrap_or("a test"));
}
