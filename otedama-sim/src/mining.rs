//! Miners in the world: connecting, finding, changing their hashrate.

use std::time::Duration;

use otedama_hash::Hash256;
use otedama_pool::ConnId;

use crate::event::{Event, Peer};
use crate::miner::{Asked, Cheat, Found, flood_address};
use crate::world::World;

/// Mean time between blocks that somebody else finds.
pub(crate) const OUTSIDE_INTERVAL: Duration = Duration::from_secs(240);
/// Mean time between changes of a miner's hashrate.
pub(crate) const STEP_INTERVAL: Duration = Duration::from_secs(400);
/// How long a device takes over a share at least: faster ones are lost in its own queue.
const DEVICE_PACE: Duration = Duration::from_millis(60);
/// Shares that a flood puts into one write.
const FLOOD: usize = 24;
const BACKOFF_MAX: Duration = Duration::from_secs(20);

impl World {
    pub(crate) fn connect(&mut self, peer: Peer, attempt: u64) {
        let Peer::Miner(index) = peer else { return };
        let miner = &self.miners[index];
        if miner.conn.is_some() || miner.attempt != attempt || (miner.cheats && self.is_calm) {
            return;
        }
        let (ip, speech, cheats) = (miner.ip, miner.speech, miner.cheats);
        let Some(conn) = self.open(peer, ip) else {
            return self.reconnect(index);
        };
        let miner = &mut self.miners[index];
        miner.conn = Some(conn);
        let hello = miner.hello();
        for (id, asked) in &miner.session.requests {
            match asked {
                Asked::Subscribe => {
                    let named = miner.resume.clone().filter(|_| miner.resumes);
                    self.checks.subscribes(conn, *id, named);
                }
                _ => self.checks.asked(conn, *id),
            }
        }
        self.checks.introduce(conn, index, speech, cheats);
        self.write_up(conn, &hello);
    }

    fn reconnect(&mut self, index: usize) {
        let miner = &mut self.miners[index];
        miner.attempt += 1;
        if miner.floods {
            // It comes from another address each time.
            miner.ip = flood_address(index, miner.attempt);
        }
        let delay = self.random.miners.between(miner.backoff / 2, miner.backoff);
        miner.backoff = (miner.backoff * 2).min(BACKOFF_MAX);
        let attempt = miner.attempt;
        self.schedule.after(
            delay,
            Event::Connect {
                peer: Peer::Miner(index),
                attempt,
            },
        );
    }

    /// The client's end of a connection is closed.
    pub(crate) fn gone(&mut self, peer: Peer, conn: ConnId) {
        match peer {
            Peer::Miner(index) if self.miners[index].conn == Some(conn) => {
                self.miners[index].disconnected();
                self.reconnect(index);
            }
            Peer::Miner(_) => {}
            Peer::Stranger(index) => self.strangers[index].conns.retain(|c| *c != conn),
        }
    }

    /// Bytes reached a client.
    pub(crate) fn hear(&mut self, peer: Peer, conn: ConnId, bytes: &[u8]) {
        let Peer::Miner(index) = peer else { return };
        let now = self.now().mono;
        let miner = &mut self.miners[index];
        if miner.conn != Some(conn) {
            return;
        }
        let effects = miner.hear(now, bytes);
        if let Some(what) = effects.nonsense {
            self.checks.fail(
                "stratum",
                format!("miner {index} on {conn:?} can't read the server: {what}"),
            );
        }
        if !effects.send.is_empty() {
            self.write_up(conn, &effects.send);
        }
        for (hash, found, code) in &effects.answered {
            self.count_answer(index, hash, found, *code);
        }
        if effects.ready {
            self.miners[index].backoff = Duration::from_millis(500);
            self.send_again(index, conn);
        }
        if effects.redraw {
            self.draw(index);
        }
        if effects.give_up {
            self.hang_up(conn, false);
        }
    }

    fn count_answer(&mut self, index: usize, hash: &Hash256, found: &Found, code: Option<i32>) {
        match code {
            None => {
                self.counts.accepted += 1;
                if !self.miners[index].cheats && self.oracle.has_mix() {
                    self.public_proof = Some(found.clone());
                }
            }
            Some(21) => self.counts.stale += 1,
            Some(_) => self.counts.rejected += 1,
        }
        self.note("answered", index as u64, code.unwrap_or(0).unsigned_abs().into());
        let is_calm = self.is_calm && self.now().mono.since(found.at) < Duration::from_secs(60);
        self.checks.answer_read(*hash, found, code, is_calm);
    }

    /// Shares that the last connection left without an answer, if the session goes on.
    fn send_again(&mut self, index: usize, conn: ConnId) {
        let unanswered = std::mem::take(&mut self.miners[index].unanswered);
        let now = self.now().mono;
        for (hash, found) in unanswered {
            let miner = &self.miners[index];
            let same = miner.session.extranonce1 == found.extranonce1
                && miner
                    .session
                    .jobs
                    .iter()
                    .any(|j| j.id == found.job_id && j.target == found.target);
            let recent = now.since(found.at) < Duration::from_secs(30);
            if found.cheat.is_none() && same && recent && miner.resumes && self.random.miners.chance(0.5) {
                self.checks.again(hash);
                self.send_share(index, conn, hash, found);
            }
        }
    }

    fn send_share(&mut self, index: usize, conn: ConnId, hash: Hash256, found: Found) {
        let mut line = Vec::new();
        let job_id = found.job_id.clone();
        let cheat = found.cheat;
        let id = self.miners[index].submit(&mut line, hash, found);
        self.checks.submitted(conn, id, hash, job_id, cheat);
        self.write_up(conn, &line);
    }

    /// Draws anew when a miner finds its next share.
    pub(crate) fn draw(&mut self, index: usize) {
        let miner = &mut self.miners[index];
        miner.draw += 1;
        let Some(rate) = miner.share_rate() else { return };
        if self.is_resting {
            return;
        }
        let mean = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX);
        let delay = self.random.miners.exponential(mean).max(DEVICE_PACE);
        if delay < Duration::from_secs(1 << 20) {
            let draw = miner.draw;
            self.schedule.after(delay, Event::Share { miner: index, draw });
        }
    }

    pub(crate) fn share(&mut self, index: usize, draw: u64) {
        let now = self.now().mono;
        let miner = &mut self.miners[index];
        let Some(conn) = miner.conn.filter(|_| miner.draw == draw) else {
            return;
        };
        let has_room = self.links.get(&conn).is_some_and(super::link::Link::has_room_up);
        if has_room && self.miners[index].floods {
            self.flood(index, conn);
            return self.draw(index);
        }
        let miner = &mut self.miners[index];
        if has_room && let Some((hash, found)) = miner.find(now, &mut self.random.miners, &self.oracle) {
            if found.cheat == Some(Cheat::Borrowed) {
                self.borrow(index, conn, found);
                return self.draw(index);
            }
            self.counts.found += 1;
            self.checks.found(now, hash, &found);
            let again = found.cheat == Some(Cheat::Duplicate);
            if again {
                let first = Found {
                    cheat: None,
                    ..found.clone()
                };
                self.send_share(index, conn, hash, first);
            }
            self.send_share(index, conn, hash, found);
        }
        self.draw(index);
    }

    /// As many proofs as go into one write, none of which is one.
    fn flood(&mut self, index: usize, conn: ConnId) {
        let now = self.now().mono;
        let mut lines = Vec::new();
        for _ in 0..FLOOD {
            let miner = &mut self.miners[index];
            let Some((hash, found)) = miner.find(now, &mut self.random.miners, &self.oracle) else {
                return;
            };
            self.checks.found(now, hash, &found);
            let job_id = found.job_id.clone();
            let id = self.miners[index].submit(&mut lines, hash, found);
            self.checks
                .submitted(conn, id, hash, job_id, Some(Cheat::WrongProof));
        }
        self.write_up(conn, &lines);
    }

    /// A proof that was credited to somebody else already.
    fn borrow(&mut self, index: usize, conn: ConnId, own: Found) {
        let Some(theirs) = &self.public_proof else { return };
        let found = Found {
            job_id: theirs.job_id.clone(),
            proof: theirs.proof.clone(),
            ..own
        };
        let Some(hash) = found.proof.hash_of(&self.oracle) else {
            return;
        };
        self.counts.borrowed += 1;
        self.send_share(index, conn, hash, found);
    }

    /// A miner's hashrate changes, or goes back to what it was.
    pub(crate) fn step(&mut self, index: usize) {
        let random = &mut self.random.miners;
        let factor = [10.0, 0.1, 0.0, 1.0, 1.0][random.index(5)];
        let miner = &mut self.miners[index];
        miner.hashrate = if self.is_calm {
            miner.nominal
        } else {
            miner.nominal * factor
        };
        if !self.is_calm {
            let mean = if factor > 0.0 && factor < 1.5 {
                STEP_INTERVAL
            } else {
                STEP_INTERVAL / 3
            };
            let delay = random.exponential(mean);
            self.schedule.after(delay, Event::Step { miner: index });
        }
        let now = self.now().mono;
        let miner = &mut self.miners[index];
        let is_silent = miner.hashrate <= 0.0;
        miner.silent_since = match (is_silent, miner.announced(), miner.conn) {
            (true, Some((difficulty, _)), Some(conn)) if miner.is_vardiff => Some((now, difficulty, conn)),
            _ => None,
        };
        self.note("step", index as u64, miner_factor(factor));
        self.draw(index);
    }
}

fn miner_factor(factor: f64) -> u64 {
    (factor * 10.0) as u64
}
