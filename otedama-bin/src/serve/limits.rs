//! How many files and sockets the system lets the program open.

use tracing::warn;

/// Files beside connections: database, log, ports, nodes, threads' queues.
const OTHERS: u64 = 256;

/// Raises the limit as far as it goes and warns if `connections` don't fit.
#[cfg(unix)]
pub fn raise_open_files(connections: usize) {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    let needed = connections as u64 + OTHERS;
    if limit
        .current
        .is_some_and(|current| limit.maximum.is_none_or(|maximum| current < maximum))
    {
        let mut raised = limit;
        // Without an upper limit the system still has one of its own, so no more than needed is asked for.
        raised.current = limit.maximum.or(Some(needed.max(limit.current.unwrap_or(0))));
        if setrlimit(Resource::Nofile, raised).is_ok() {
            limit = raised;
        }
    }
    if let Some(current) = limit.current
        && current < needed
    {
        warn!(
            open_files = current,
            needed,
            "the system allows fewer open files than pool.max_connections needs; raise the limit (LimitNOFILE, ulimit -n)"
        );
    }
}

/// Elsewhere there is no such limit.
#[cfg(not(unix))]
pub fn raise_open_files(_connections: usize) {}
