//! What a simulation has to say at its end.

use core::fmt;

use otedama_hash::Monotonic;

/// Counters of everything that happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Shares that miners found.
    pub found: u64,
    /// Shares that miners read to be accepted.
    pub accepted: u64,
    /// Shares that miners read to be stale.
    pub stale: u64,
    /// Shares that miners read to be refused for another reason.
    pub rejected: u64,
    /// Rows that the store gave up.
    pub given_up: u64,
    /// Connections that were let in.
    pub connections: u64,
    /// Connections that were not.
    pub refused: u64,
    /// Connections that the pool closed.
    pub closed: u64,
    /// Addresses that the pool banned.
    pub bans: u64,
    /// Times that a connection was no longer read from.
    pub pauses: u64,
    /// Writes that a socket didn't take.
    pub blocked: u64,
    /// Templates that reached the pools.
    pub templates: u64,
    /// Block candidates.
    pub candidates: u64,
    /// Candidates that a node took.
    pub blocks: u64,
    /// Blocks that others found.
    pub outside_blocks: u64,
    /// Settled blocks that left the chain again.
    pub orphans: u64,
    /// Times that the process died.
    pub deaths: u64,
    /// Faults of all kinds.
    pub faults: u64,
    /// Proofs that workers hashed.
    pub hashed: u64,
    /// Those of them that were worth nothing.
    pub hashed_for_nothing: u64,
    /// The most proofs that waited for workers at once.
    pub most_waiting: u64,
    /// The longest that an honest miner's proof waited for a worker.
    pub longest_wait_ms: u64,
    /// Times that a connection had to wait because too many proofs did.
    pub held: u64,
    /// Epochs that began.
    pub epochs: u64,
    /// Blocks that the chain may have and the journal does not: the disk was full when they were found, and the process died.
    pub lost_blocks: u64,
    /// Times that somebody else's proof was submitted again.
    pub borrowed: u64,
}

/// A simulation in which every rule held.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// What happened.
    pub counts: Counts,
    /// Rows in the journal.
    pub rows: u64,
    /// Work credited by them, in expected hashes.
    pub credited: u128,
    /// Inputs and outputs of the pools.
    pub events: u64,
    /// Hash over all of them.
    pub trace: u64,
    /// Share rate of steady miners over the wanted one: the 5th, 50th and 95th of a hundred.
    pub share_rates: [f64; 3],
}

/// What one of several chains in one process did.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainSummary {
    /// The chain's name.
    pub chain: &'static str,
    /// What happened on it.
    pub summary: Summary,
}

/// A simulation of several chains in which every rule held.
#[derive(Clone, Debug, PartialEq)]
pub struct MixedSummary {
    /// Every chain's part.
    pub chains: Vec<ChainSummary>,
}

/// A broken rule, with what is needed to see it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The chain's name.
    pub chain: &'static str,
    /// Simulated time.
    pub at: Monotonic,
    /// The checker that found it.
    pub check: &'static str,
    /// What is wrong.
    pub what: String,
    /// What happened last.
    pub last: Vec<String>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = &self.counts;
        writeln!(
            f,
            "shares       {} found, {} accepted, {} stale, {} refused",
            c.found, c.accepted, c.stale, c.rejected
        )?;
        writeln!(
            f,
            "journal      {} rows, {} hashes, {} rows given up",
            self.rows, self.credited, c.given_up
        )?;
        writeln!(
            f,
            "blocks       {} candidates, {} taken, {} from elsewhere",
            c.candidates, c.blocks, c.outside_blocks
        )?;
        writeln!(
            f,
            "             {} orphaned, {} lost on a full disk",
            c.orphans, c.lost_blocks
        )?;
        writeln!(f, "templates    {}", c.templates)?;
        writeln!(
            f,
            "connections  {} in, {} refused, {} closed by the pool",
            c.connections, c.refused, c.closed
        )?;
        writeln!(
            f,
            "flow         {} pauses, {} blocked writes",
            c.pauses, c.blocked
        )?;
        writeln!(
            f,
            "faults       {}, restarts {}, bans {}",
            c.faults, c.deaths, c.bans
        )?;
        if c.hashed > 0 {
            writeln!(
                f,
                "workers      {} proofs hashed, {} for nothing, {} waited at most, {} ms at most, {} reads held",
                c.hashed, c.hashed_for_nothing, c.most_waiting, c.longest_wait_ms, c.held
            )?;
            writeln!(
                f,
                "             {} epochs, {} proofs borrowed",
                c.epochs, c.borrowed
            )?;
        }
        let [low, median, high] = self.share_rates;
        writeln!(
            f,
            "share rate   {low:.2} {median:.2} {high:.2} of the wanted one (5 %, 50 %, 95 %)"
        )?;
        write!(
            f,
            "trace        {:016x} over {} inputs and outputs",
            self.trace, self.events
        )
    }
}

impl fmt::Display for MixedSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.chains.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            writeln!(f, "{}", part.chain)?;
            write!(f, "{}", part.summary)?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.last {
            writeln!(f, "{line}")?;
        }
        let at_s = self.at.as_nanos() as f64 / 1e9;
        write!(
            f,
            "seed {}, {}, at {at_s:.6} s: broken rule \"{}\": {}",
            self.seed, self.chain, self.check, self.what
        )
    }
}

impl core::error::Error for Failure {}
