//! One target: its connections, when its shares are due, and what became of them.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use otedama_hash::{Algorithm, EpochKey, HashBackend, Registry};

use crate::cli::Options;
use crate::clock::Clock;
use crate::conversation::{Common, Kind, Written};
use crate::dialect::Dialect;
use crate::fleet::Fleet;
use crate::job::RecentJobs;
use crate::load::Load;
use crate::mint::{Desk, Minted};
use crate::report::TargetReport;
use crate::run::RunError;
use crate::schedule::Schedule;
use crate::session::Searcher;
use crate::supply::Terms;

/// Hashes tried at a stretch: about a millisecond, so that replies are read in time.
const fn search_budget(algorithm: Algorithm) -> u64 {
    // What isn't double SHA-256 is made to be slow.
    if matches!(algorithm.name().as_bytes(), b"sha256d") {
        8192
    } else {
        8
    }
}

/// Shares sent at a stretch.
const SEND_BUDGET: usize = 64;
/// Time between two looks for shares that are being minted.
const MINT_WAIT_NS: u64 = 1_000_000;

/// A target, its connections, and when its shares are due.
pub(crate) struct Target {
    pub(crate) load: Load,
    pub(crate) fleet: Fleet,
    pub(crate) schedule: Option<Schedule>,
}

/// What the connections of a target have in common: who finds their shares.
pub(crate) fn common(
    options: &Options,
    load: &Load,
    desk: Option<Desk>,
    to: Sender<Minted>,
) -> Result<Common, RunError> {
    let registry = Registry::with_builtin();
    let backend = registry.get(load.algorithm).map(Arc::clone);
    let all_invented = load.bad >= 1.0;
    if backend.is_none() && !all_invented {
        return Err(RunError::Algorithm(load.algorithm));
    }
    let kind = match (desk, backend) {
        (Some(desk), backend) if load.dialect != Dialect::Bitcoin => {
            let run = options.warmup + options.duration;
            Kind::Minted(Terms {
                desk,
                need: load.need(run.as_secs_f64()),
                backend,
                to,
                connections: load.connections as usize,
                cap: options.stock,
                grace_ns: options.job_grace.as_nanos() as u64,
            })
        }
        (_, Some(backend)) => Kind::Searched {
            searcher: searcher(&*backend)?,
            jobs: RecentJobs::default(),
        },
        _ => return Err(RunError::Algorithm(load.algorithm)),
    };
    Ok(Common {
        dialect: load.dialect,
        port: load.pool.port(),
        kind,
    })
}

fn searcher(backend: &dyn HashBackend) -> Result<Searcher, RunError> {
    Ok(Searcher {
        diff1: backend.algorithm().diff1(),
        hasher: backend.verifier(EpochKey::default())?,
        budget: search_budget(backend.algorithm()),
        hashes: 0,
    })
}

impl Target {
    /// Sends the shares that are due. Returns when to call again.
    pub(crate) fn send(&mut self, clock: Clock, measure_start_ns: u64, measure_end_ns: u64) -> u64 {
        let Some(schedule) = &mut self.schedule else {
            return u64::MAX;
        };
        for _ in 0..SEND_BUDGET {
            let due_ns = schedule.next_ns();
            if due_ns >= measure_end_ns {
                return measure_end_ns;
            }
            let now_ns = clock.ns();
            if due_ns > now_ns {
                return due_ns;
            }
            match self.fleet.submit(due_ns, due_ns >= measure_start_ns) {
                Written::Yes => schedule.advance(),
                Written::Searching => return 0,
                Written::Starved => return now_ns + MINT_WAIT_NS,
            }
        }
        0
    }

    /// What the run found about it; `threads` minted its shares.
    pub(crate) fn report(&mut self, duration_s: f64, threads: usize) -> TargetReport {
        let (load, fleet) = (&self.load, &mut self.fleet);
        let (ready, hashes) = (fleet.ready(), fleet.hashes());
        let tally = fleet.tally();
        let mut shares = std::mem::take(&mut tally.shares);
        let answered = shares.accepted + shares.rejected.values().sum::<u64>();
        shares.unanswered = shares.sent - answered;
        shares.accepted_per_s = tally.accepted_in_time as f64 / duration_s;
        let is_minted = load.dialect != Dialect::Bitcoin;
        let found = if is_minted {
            tally.minting.shares
        } else {
            tally.shares_sent_ever
        };
        shares.hashes_per_share = hashes as f64 / found.max(1) as f64;
        let mut connects = std::mem::take(&mut tally.connects);
        connects.ready_at_end = ready;
        TargetReport {
            pool: load.pool.to_string(),
            dialect: load.dialect,
            algorithm: load.algorithm.name(),
            rate_per_s: load.rate,
            duration_s,
            connects,
            shares,
            latency: tally.latency.summary(),
            service: tally.service.summary(),
            lag: tally.lag.summary(),
            invented: tally.invented.report(),
            minting: is_minted.then(|| tally.minting.report(threads)),
            blocks: tally.blocks.report(),
            block_commands_failed: tally.blocks.commands_without_block(),
        }
    }
}
