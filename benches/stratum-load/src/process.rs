//! Memory and processor time of a process, from /proc.

use std::fs;

use serde::Serialize;

/// What /proc says about a process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Usage {
    /// Resident memory in bytes.
    pub(crate) resident_bytes: u64,
    /// Processor time in seconds, user and system.
    pub(crate) cpu_s: f64,
}

/// Reads a process; `None` where there is no such process or no /proc.
pub(crate) fn usage(pid: u32) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse(&status, &stat, ticks_per_second())
}

/// Reads this process.
pub(crate) fn own_usage() -> Option<Usage> {
    usage(std::process::id())
}

fn parse(status: &str, stat: &str, ticks_per_second: u64) -> Option<Usage> {
    let resident = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let resident_kib: u64 = resident.trim().strip_suffix("kB")?.trim().parse().ok()?;
    // The second field is the program's name in parentheses and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let user: u64 = fields.nth(11)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Usage {
        resident_bytes: resident_kib * 1024,
        cpu_s: (user + system) as f64 / ticks_per_second as f64,
    })
}

#[cfg(target_os = "linux")]
fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second().max(1)
}

#[cfg(not(target_os = "linux"))]
fn ticks_per_second() -> u64 {
    100
}

/// Raises the limit of open files so that `connections` sockets fit, as far as the system allows.
/// Returns how many connections fit.
#[cfg(unix)]
pub(crate) fn raise_open_files(connections: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    const OTHER_FILES: u64 = 32;
    let needed = connections + OTHER_FILES;
    let limit = getrlimit(Resource::Nofile);
    let soft = limit.current.unwrap_or(u64::MAX);
    if soft >= needed {
        return connections;
    }
    let hard = limit.maximum.unwrap_or(u64::MAX);
    // Only root may raise the hard limit; otherwise the soft one goes as high as it may.
    for maximum in [hard.max(needed), hard] {
        let wanted = Rlimit {
            current: Some(needed.min(maximum)),
            maximum: Some(maximum),
        };
        if setrlimit(Resource::Nofile, wanted).is_ok() {
            return needed.min(maximum).saturating_sub(OTHER_FILES).min(connections);
        }
    }
    soft.saturating_sub(OTHER_FILES).min(connections)
}

/// Elsewhere there is no such limit to raise.
#[cfg(not(unix))]
pub(crate) fn raise_open_files(connections: u64) -> u64 {
    connections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read() {
        let status = "Name:\tpool\nVmPeak:\t  999 kB\nVmRSS:\t  2048 kB\n";
        let stat = "12 (a (b) c) S 1 1 1 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 9 0 100 1 2";
        let expected = Usage {
            resident_bytes: 2048 * 1024,
            cpu_s: 2.0,
        };
        assert_eq!(parse(status, stat, 100), Some(expected));
        assert_eq!(parse("", stat, 100), None);
        assert_eq!(parse(status, "12", 100), None);
    }
}
