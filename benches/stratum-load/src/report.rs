//! Counters of a run, and how they are shown.

use std::collections::BTreeMap;
use std::fmt;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::blocks::BlockReport;
use crate::dialect::Dialect;
use crate::process::Usage;

/// Durations in microseconds, up to ten minutes.
#[derive(Clone, Debug)]
pub(crate) struct Latency(Histogram<u64>);

impl Latency {
    /// No durations yet.
    pub(crate) fn new() -> Self {
        const LONGEST_US: u64 = 600_000_000;
        Self(Histogram::new_with_bounds(1, LONGEST_US, 3).expect("the bounds are valid"))
    }

    /// Adds the time from one moment to another, both in nanoseconds.
    pub(crate) fn record(&mut self, from_ns: u64, to_ns: u64) {
        self.0.saturating_record(to_ns.saturating_sub(from_ns) / 1000);
    }

    /// What the report shows of it.
    pub(crate) fn summary(&self) -> LatencySummary {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1000.0;
        LatencySummary {
            count: self.0.len(),
            mean_ms: self.0.mean() / 1000.0,
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p99_9_ms: at(0.999),
            max_ms: self.0.max() as f64 / 1000.0,
        }
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

/// Quantiles of durations, in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LatencySummary {
    pub(crate) count: u64,
    pub(crate) mean_ms: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p99_9_ms: f64,
    pub(crate) max_ms: f64,
}

/// How connecting went.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Connects {
    /// Connections asked for.
    pub(crate) wanted: usize,
    /// Connections logged in with a job when the load began.
    pub(crate) ready: usize,
    /// Connections logged in with a job at the end.
    pub(crate) ready_at_end: usize,
    /// From the first connect to the last login before the load, in seconds.
    pub(crate) ready_after_s: f64,
    /// Connects begun, retries included.
    pub(crate) attempts: u64,
    /// Connects begun again after a failure or a close.
    pub(crate) retries: u64,
    /// Failures, by kind.
    pub(crate) errors: BTreeMap<String, u64>,
}

/// What became of the shares that were due while measuring.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Shares {
    /// Due in the measured time.
    pub(crate) scheduled: u64,
    /// Of them written to a socket.
    pub(crate) sent: u64,
    /// Of them dropped because no connection was ready.
    pub(crate) unsent: u64,
    /// Of them accepted.
    pub(crate) accepted: u64,
    /// Of them refused, by code.
    pub(crate) rejected: BTreeMap<String, u64>,
    /// Of them never answered: lost with their connection, or no answer by the end.
    pub(crate) unanswered: u64,
    /// Accepting answers that came within the measured time, per second.
    pub(crate) accepted_per_s: f64,
    /// Hashes tried per share, the warm-up included.
    pub(crate) hashes_per_share: f64,
}

/// What became of the shares that were invented.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invented {
    pub(crate) sent: u64,
    pub(crate) accepted: u64,
    pub(crate) rejected: BTreeMap<String, u64>,
    pub(crate) latency: Latency,
}

/// How invented shares are shown.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct InventedReport {
    /// Due in the measured time, and sent.
    pub(crate) sent: u64,
    /// Of them accepted, because the nonce was valid by luck.
    pub(crate) accepted: u64,
    /// Of them refused, by code.
    pub(crate) rejected: BTreeMap<String, u64>,
    /// Of them never answered.
    pub(crate) unanswered: u64,
    /// From the scheduled moment to the answer.
    pub(crate) latency: LatencySummary,
}

impl Invented {
    /// `None` when nothing was invented.
    pub(crate) fn report(&self) -> Option<InventedReport> {
        let answered = self.accepted + self.rejected.values().sum::<u64>();
        (self.sent > 0).then(|| InventedReport {
            sent: self.sent,
            accepted: self.accepted,
            rejected: self.rejected.clone(),
            unanswered: self.sent.saturating_sub(answered),
            latency: self.latency.summary(),
        })
    }
}

/// What the threads that mint shares ahead did for a target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Minting {
    pub(crate) shares: u64,
    pub(crate) hashes: u64,
    /// Time of all threads together.
    pub(crate) busy_ns: u64,
    /// Measured shares that were due when none was in stock.
    pub(crate) starved: u64,
    /// How long the load waited for the stock, and what was there then.
    pub(crate) stock_s: f64,
    pub(crate) stocked: u64,
    pub(crate) stocked_in_full: bool,
}

/// How minting is shown.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MintingReport {
    pub(crate) threads: usize,
    /// Shares minted over the whole run.
    pub(crate) shares: u64,
    /// Seconds before the load, and shares minted in them.
    pub(crate) stock_s: f64,
    pub(crate) stocked: u64,
    /// Whether those were all that the schedule needs.
    pub(crate) stocked_in_full: bool,
    /// What all threads together can make, from the time that they took.
    pub(crate) shares_per_s: f64,
    pub(crate) hashes_per_s: f64,
    /// Measured shares that were due when none was in stock.
    pub(crate) starved: u64,
}

impl Minting {
    /// What `threads` threads did.
    pub(crate) fn report(&self, threads: usize) -> MintingReport {
        // All threads of the time that one would have taken.
        let per_s = |count: u64| count as f64 * threads as f64 * 1e9 / self.busy_ns.max(1) as f64;
        MintingReport {
            threads,
            shares: self.shares,
            stock_s: self.stock_s,
            stocked: self.stocked,
            stocked_in_full: self.stocked_in_full,
            shares_per_s: per_s(self.shares),
            hashes_per_s: per_s(self.hashes),
            starved: self.starved,
        }
    }
}

/// Memory and processor time of the pool.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PoolProcess {
    pub(crate) pid: u32,
    /// Resident bytes before the first connection.
    pub(crate) before_bytes: u64,
    /// Resident bytes with every connection idle.
    pub(crate) idle_bytes: u64,
    /// Resident bytes at the end of the load.
    pub(crate) loaded_bytes: u64,
    /// Growth from before to idle, per ready connection.
    pub(crate) bytes_per_connection: f64,
    /// Processors it kept busy while measuring.
    pub(crate) cores: f64,
    /// Processor time per accepted share, in microseconds.
    pub(crate) cpu_us_per_share: Option<f64>,
}

/// What a run found about one target.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TargetReport {
    pub(crate) pool: String,
    pub(crate) dialect: Dialect,
    pub(crate) algorithm: &'static str,
    pub(crate) rate_per_s: f64,
    pub(crate) duration_s: f64,
    pub(crate) connects: Connects,
    pub(crate) shares: Shares,
    /// From the scheduled moment to the answer.
    pub(crate) latency: LatencySummary,
    /// From the write to the answer.
    pub(crate) service: LatencySummary,
    /// From the scheduled moment to the write: how late this tool was.
    pub(crate) lag: LatencySummary,
    pub(crate) invented: Option<InventedReport>,
    pub(crate) minting: Option<MintingReport>,
    pub(crate) blocks: Vec<BlockReport>,
    /// Block commands that failed or were followed by no new block.
    pub(crate) block_commands_failed: usize,
}

/// What a run found about the processes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Processes {
    pub(crate) pool_process: Option<PoolProcess>,
    /// Processors that this tool kept busy while measuring.
    pub(crate) own_cores: Option<f64>,
}

/// Everything that a run found.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) targets: Vec<TargetReport>,
    pub(crate) processes: Processes,
}

/// One target's members stand beside the processes'; several are a list.
impl Serialize for Report {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct One<'a> {
            #[serde(flatten)]
            target: &'a TargetReport,
            #[serde(flatten)]
            processes: &'a Processes,
        }
        #[derive(Serialize)]
        struct Several<'a> {
            targets: &'a [TargetReport],
            #[serde(flatten)]
            processes: &'a Processes,
        }
        let processes = &self.processes;
        match &self.targets[..] {
            [target] => One { target, processes }.serialize(serializer),
            targets => Several { targets, processes }.serialize(serializer),
        }
    }
}

/// Usage of the pool at the moments that matter.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Samples {
    pub(crate) before: Option<Usage>,
    pub(crate) idle: Option<Usage>,
    pub(crate) measure_start: Option<Usage>,
    pub(crate) measure_end: Option<Usage>,
}

impl Samples {
    /// Processors busy from start to end of the measurement.
    pub(crate) fn cores(&self, duration_s: f64) -> Option<f64> {
        Some((self.measure_end?.cpu_s - self.measure_start?.cpu_s) / duration_s)
    }

    /// The report on the process, if it was there all the time.
    pub(crate) fn process(
        &self,
        pid: u32,
        ready: usize,
        accepted: u64,
        duration_s: f64,
    ) -> Option<PoolProcess> {
        let (before, idle, end) = (self.before?, self.idle?, self.measure_end?);
        let cores = self.cores(duration_s)?;
        let growth = idle.resident_bytes as f64 - before.resident_bytes as f64;
        Some(PoolProcess {
            pid,
            before_bytes: before.resident_bytes,
            idle_bytes: idle.resident_bytes,
            loaded_bytes: end.resident_bytes,
            bytes_per_connection: growth / ready.max(1) as f64,
            cores,
            cpu_us_per_share: (accepted > 0).then(|| cores * duration_s * 1e6 / accepted as f64),
        })
    }
}

impl fmt::Display for LatencySummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "p50 {:.2}  p90 {:.2}  p99 {:.2}  p99.9 {:.2}  max {:.2}  mean {:.2} ms",
            self.p50_ms, self.p90_ms, self.p99_ms, self.p99_9_ms, self.max_ms, self.mean_ms
        )
    }
}

fn counts(map: &BTreeMap<String, u64>) -> String {
    if map.is_empty() {
        return "none".to_owned();
    }
    let parts: Vec<_> = map.iter().map(|(what, n)| format!("{what}: {n}")).collect();
    parts.join(", ")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for target in &self.targets {
            write!(f, "{target}")?;
        }
        write!(f, "{}", self.processes)
    }
}

impl fmt::Display for TargetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            connects: c,
            shares: s,
            ..
        } = self;
        writeln!(
            f,
            "pool         {} ({}, {})",
            self.pool, self.dialect, self.algorithm
        )?;
        writeln!(
            f,
            "connections  {} of {} ready after {:.2} s, {} at the end; {} connects, {} retries; errors: {}",
            c.ready,
            c.wanted,
            c.ready_after_s,
            c.ready_at_end,
            c.attempts,
            c.retries,
            counts(&c.errors)
        )?;
        writeln!(
            f,
            "shares       {:.1} accepted/s of {:.1} wanted over {:.1} s",
            s.accepted_per_s, self.rate_per_s, self.duration_s
        )?;
        writeln!(
            f,
            "             {} scheduled, {} sent, {} accepted, {} unanswered, {} without a ready connection; rejected: {}",
            s.scheduled,
            s.sent,
            s.accepted,
            s.unanswered,
            s.unsent,
            counts(&s.rejected)
        )?;
        writeln!(f, "             {:.1} hashes a share", s.hashes_per_share)?;
        writeln!(f, "latency      {}  (from the scheduled moment)", self.latency)?;
        writeln!(f, "  service    {}  (from the write)", self.service)?;
        writeln!(f, "  tool's lag {}", self.lag)?;
        if let Some(i) = &self.invented {
            writeln!(
                f,
                "invented     {} sent, {} accepted, {} unanswered; rejected: {}",
                i.sent,
                i.accepted,
                i.unanswered,
                counts(&i.rejected)
            )?;
            writeln!(f, "  latency    {}  (from the scheduled moment)", i.latency)?;
        }
        if let Some(m) = &self.minting {
            writeln!(
                f,
                "minted ahead {} shares in {:.1} s before the load{}, {} in all; {} threads can make {:.1} shares/s ({:.1} H/s); {} due with none in stock",
                m.stocked,
                m.stock_s,
                if m.stocked_in_full {
                    ""
                } else {
                    " (not all that the schedule needs)"
                },
                m.shares,
                m.threads,
                m.shares_per_s,
                m.hashes_per_s,
                m.starved
            )?;
        }
        for block in &self.blocks {
            write!(
                f,
                "new block    {}: {} of {} told; first to last {:.2} ms",
                &block.tip[..16.min(block.tip.len())],
                block.received,
                block.expected,
                block.first_to_last_ms
            )?;
            if let Some(ms) = block.command_start_to_last_ms {
                write!(f, "; command start to last {ms:.2} ms")?;
            }
            if let Some(ms) = block.command_end_to_last_ms {
                write!(f, "; command end to last {ms:.2} ms")?;
            }
            writeln!(f)?;
        }
        if self.block_commands_failed > 0 {
            writeln!(
                f,
                "             {} block commands made no new block",
                self.block_commands_failed
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(p) = &self.pool_process {
            const MIB: f64 = 1_048_576.0;
            writeln!(
                f,
                "pool process {:.1} MiB before, {:.1} idle, {:.1} loaded; {:.0} bytes a connection; {:.2} processors busy{}",
                p.before_bytes as f64 / MIB,
                p.idle_bytes as f64 / MIB,
                p.loaded_bytes as f64 / MIB,
                p.bytes_per_connection,
                p.cores,
                p.cpu_us_per_share
                    .map(|us| format!(", {us:.1} us a share"))
                    .unwrap_or_default()
            )?;
        }
        if let Some(cores) = self.own_cores {
            writeln!(f, "this tool    {cores:.2} processors busy")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_in_milliseconds() {
        let mut latency = Latency::new();
        for ms in 1..=1000 {
            latency.record(5, 5 + ms * 1_000_000);
        }
        let summary = latency.summary();
        assert_eq!(summary.count, 1000);
        assert!((summary.p50_ms - 500.0).abs() < 1.0, "{summary}");
        assert!((summary.p99_ms - 990.0).abs() < 1.5, "{summary}");
        assert!((summary.max_ms - 1000.0).abs() < 1.0, "{summary}");
    }

    #[test]
    fn memory_is_counted_per_connection() {
        let at = |mib: u64, cpu_s| {
            Some(Usage {
                resident_bytes: mib << 20,
                cpu_s,
            })
        };
        let samples = Samples {
            before: at(10, 0.0),
            idle: at(20, 1.0),
            measure_start: at(21, 2.0),
            measure_end: at(30, 5.0),
        };
        let process = samples.process(1, 1024, 1000, 2.0).unwrap();
        assert!((process.bytes_per_connection - 10_240.0).abs() < 1e-6);
        assert!((process.cores - 1.5).abs() < 1e-9);
        assert_eq!(process.cpu_us_per_share, Some(3000.0));
    }
}
