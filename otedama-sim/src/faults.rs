//! What goes wrong, and when it stops going wrong.

use std::time::Duration;

use otedama_hash::Monotonic;
use otedama_pool::ConnId;

use crate::config::NODES;
use crate::event::{Event, Peer};
use crate::mixed::Shared;
use crate::world::World;

/// Mean time between faults.
pub(crate) const INTERVAL: Duration = Duration::from_secs(8);

impl World {
    /// One fault, and the plan for the next one.
    pub(crate) fn fault(&mut self) {
        if self.is_calm {
            return;
        }
        self.counts.faults += 1;
        let delay = self.random.faults.exponential(INTERVAL);
        self.schedule.after(delay, Event::Fault);
        let kind = self.random.faults.below(100);
        self.note("fault", kind, 0);
        match kind {
            0..30 => self.fault_of_network(),
            30..50 => self.stall_some(),
            50..58 => match self.shares_process {
                None => self.die(),
                Some(true) => self.shared = Some(Shared::Death),
                Some(false) => {}
            },
            58..70 => self.node_down(),
            70..76 => self.split_nodes(),
            76..82 => {
                let node = self.random.faults.index(NODES);
                self.nodes[node].refuses += 1;
            }
            82..90 => {
                let node = self.random.faults.index(NODES);
                self.nodes[node].repeats ^= true;
            }
            _ if self.shares_process == Some(false) => {}
            _ => self.store.is_full ^= self.store.is_full || self.random.faults.chance(0.5),
        }
        if self.store.is_full && self.shares_process != Some(false) && self.random.faults.chance(0.3) {
            self.store.is_full = false;
        }
        if self.shares_process == Some(true) && kind >= 58 {
            self.shared = Some(Shared::Disk {
                is_full: self.store.is_full,
            });
        }
    }

    /// Some connections break; now and then all of one half.
    fn fault_of_network(&mut self) {
        let share = if self.random.faults.chance(0.1) { 0.5 } else { 0.03 };
        let conns: Vec<ConnId> = self.links.keys().copied().collect();
        for conn in conns {
            if self.random.faults.chance(share) {
                let is_reset = self.random.faults.chance(0.5);
                self.hang_up(conn, is_reset);
            }
        }
    }

    /// Some clients don't read for a while.
    fn stall_some(&mut self) {
        let conns: Vec<ConnId> = self
            .links
            .values()
            .filter(|l| matches!(l.peer, Peer::Miner(_)))
            .map(|l| l.conn)
            .collect();
        for conn in conns {
            if self.random.faults.chance(0.05) {
                let duration = self.random.faults.millis(100, 20_000);
                self.stall(conn, duration);
            }
        }
    }

    fn node_down(&mut self) {
        let node = self.random.faults.index(NODES);
        if self.nodes[node].is_up {
            self.nodes[node].is_up = false;
            let delay = self.random.faults.millis(1_000, 150_000);
            self.schedule.after(delay, Event::NodeUp { node });
        }
    }

    pub(crate) fn node_up(&mut self, node: usize) {
        self.nodes[node].is_up = true;
        self.synchronise();
    }

    /// The nodes lose each other while somebody else mines on one of them: a reorganisation when they meet again.
    fn split_nodes(&mut self) {
        if self.is_partitioned {
            return;
        }
        self.is_partitioned = true;
        let node = self.random.faults.index(NODES);
        for _ in 0..=self.random.faults.below(4) {
            let delay = self.random.faults.millis(1_000, 90_000);
            self.schedule
                .after(delay, Event::OutsideBlock { node, again: false });
        }
        let delay = self.random.faults.millis(30_000, 120_000);
        self.schedule.after(delay, Event::Heal);
    }

    pub(crate) fn heal(&mut self) {
        self.is_partitioned = false;
        self.synchronise();
    }

    /// Faults end: from here on progress is required.
    pub(crate) fn calm(&mut self) {
        let now = self.now().mono;
        self.is_calm = true;
        self.credited_before_calm = self.checks.shares.credited;
        self.checks.calm_at = Some(now);
        self.note("calm", 0, 0);
        self.store.is_full = false;
        self.is_partitioned = false;
        for node in &mut self.nodes {
            node.is_up = true;
            node.refuses = 0;
            node.repeats = false;
        }
        self.synchronise();
        for stranger in 0..self.strangers.len() {
            self.leave(stranger);
        }
        for index in 0..self.miners.len() {
            let miner = &mut self.miners[index];
            miner.hashrate = if miner.cheats { 0.0 } else { miner.nominal };
            miner.silent_since = None;
            let (conn, cheats) = (miner.conn, miner.cheats);
            match conn {
                Some(conn) if cheats => self.hang_up(conn, false),
                Some(conn) => {
                    self.stall(conn, Duration::ZERO);
                    self.draw(index);
                }
                None => {}
            }
        }
    }

    /// Miners stop, so that what is under way comes to rest.
    pub(crate) fn rest(&mut self) {
        self.check_share_rates();
        self.check_progress();
        self.is_resting = true;
        for miner in &mut self.miners {
            miner.draw += 1;
        }
    }

    /// A moment that never comes.
    pub(crate) const NEVER: Monotonic = Monotonic::from_nanos(u64::MAX);
}
