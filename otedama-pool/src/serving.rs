//! Jobs and difficulties on their way to the miners, and the timers of sessions.

use std::cmp::Reverse;
use std::time::Duration;

use otedama_hash::{Difficulty, Monotonic, Now, Target};

use crate::dialect::Announcement;
use crate::io::{CloseReason, ConnId};
use crate::pool::{Pool, RENEW_INTERVAL};
use crate::session::Step;
use crate::session::auth::difficulty_floor;
use crate::vardiff::{Vardiff, tidy};

/// Times the wanted share rate beyond which even a difficulty that the miner fixed is raised.
const FLOOD: f64 = 8.0;

impl Pool {
    /// First job of a session that has just become ready.
    pub(crate) fn start_mining(&mut self, now: Now, slot: usize) {
        let session = &mut self.sessions[slot];
        if session.is_mining() && session.announced.is_none() {
            session.vardiff.restart(now.mono);
            self.send_job(now, slot, true);
        }
    }

    /// The newest job to everybody.
    pub(crate) fn broadcast(&mut self, now: Now, clean: bool) {
        let slots: Vec<usize> = self.sessions.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.send_job(now, slot, clean);
        }
    }

    pub(crate) fn send_job(&mut self, now: Now, slot: usize, clean: bool) {
        let session = &mut self.sessions[slot];
        if !session.is_mining() {
            return;
        }
        if session.blocked_since.is_some() {
            session.job_due = true;
            session.clean_due |= clean;
            return;
        }
        let Some(who) = session.who() else { return };
        let Some(work) = self.jobs.current_work(&*self.family, &who) else {
            return;
        };
        let Some(set) = self.jobs.current() else { return };
        let (number, network) = (set.number, set.network_difficulty);
        let wanted = self.difficulty_for(slot, network);
        let session = &mut self.sessions[slot];
        let (announced, target) = match session.steps.last() {
            Some(step) if session.last_job == Some(number) => (step.difficulty, step.target),
            _ => wanted,
        };
        session.last_job = Some(number);
        let mut clean = clean;
        let is_new_difficulty = session.announced != Some(announced);
        if is_new_difficulty {
            clean |= session.announced.is_some() && session.firmware.clean_on_new_difficulty;
            session.announced = Some(announced);
            session.vardiff.restart(now.mono);
        }
        if session.steps.last().is_none_or(|s| s.difficulty != announced) {
            let step = Step {
                from_job: number,
                difficulty: announced,
                target,
                credit: target.work(),
            };
            session.begin_step(step, self.jobs.oldest());
        }
        session.job_queued = false;
        session.job_at = now.mono;
        let job = Announcement {
            work: &work,
            difficulty: announced,
            target,
            is_new_difficulty,
            clean,
        };
        self.announce(slot, &job);
        if announced != wanted.0 {
            self.queue_job(slot);
        }
    }

    /// What to announce: the wanted difficulty, but never one at which blocks would be missed; and its target.
    fn difficulty_for(&self, slot: usize, network: Difficulty) -> (Difficulty, Target) {
        let session = &self.sessions[slot];
        let config = &self.config.vardiff;
        let cap = network.get().max(config.min.get());
        let wanted = if self.shares_nonces(slot) {
            config.start
        } else {
            session.difficulty
        };
        self.on_the_wire(slot, Difficulty::new(wanted.get().min(cap)).unwrap_or(wanted))
    }

    /// Whether the session hashes the same as others and may submit any nonce. All these have one difficulty, because
    /// each proof could be submitted where it is worth most.
    pub(crate) fn shares_nonces(&self, slot: usize) -> bool {
        !self.spec.jobs_differ() && self.sessions[slot].prefix.is_empty()
    }

    /// Moves a session's difficulty if its shares say so.
    pub(crate) fn adjust(&mut self, now: Now, slot: usize) {
        let (config, algorithm) = (self.config.vardiff, self.spec.algorithm);
        if !self.sessions[slot].is_mining() || self.shares_nonces(slot) {
            return;
        }
        let session = &mut self.sessions[slot];
        let Some(factor) = session.vardiff.decide(&config, now.mono) else {
            return;
        };
        if session.fixed && factor < FLOOD {
            session.vardiff.restart(now.mono);
            return;
        }
        let present = session.announced.unwrap_or(session.difficulty).get();
        let wanted = tidy(present * factor, difficulty_floor(session, algorithm), &config);
        session.vardiff.restart(now.mono);
        session.difficulty = wanted;
        self.apply_difficulty(slot);
    }

    /// Lets a changed difficulty take effect with a job of its own.
    pub(crate) fn apply_difficulty(&mut self, slot: usize) {
        let Some(network) = self.jobs.current().map(|s| s.network_difficulty) else {
            return;
        };
        let (announced, _) = self.difficulty_for(slot, network);
        let session = &self.sessions[slot];
        if session.is_mining() && session.announced != Some(announced) {
            self.queue_job(slot);
        }
    }

    /// Puts a session in line for a job of its own.
    fn queue_job(&mut self, slot: usize) {
        if !self.spec.jobs_differ() {
            // The next template brings the next job.
            return;
        }
        let session = &mut self.sessions[slot];
        if !session.job_queued {
            session.job_queued = true;
            self.job_queue.push(session.conn);
        }
    }

    pub(crate) fn blocked(&mut self, now: Now, conn: ConnId, queued: usize) {
        let Some(&slot) = self.index.get(&conn) else {
            return;
        };
        if queued > self.config.max_send_queue {
            return self.close(now, conn, CloseReason::SlowReader);
        }
        self.sessions[slot].blocked_since.get_or_insert(now.mono);
    }

    pub(crate) fn writable(&mut self, now: Now, conn: ConnId) {
        let Some(&slot) = self.index.get(&conn) else {
            return;
        };
        let session = &mut self.sessions[slot];
        session.blocked_since = None;
        if std::mem::take(&mut session.job_due) {
            let clean = std::mem::take(&mut session.clean_due);
            self.send_job(now, slot, clean);
        }
    }

    pub(crate) fn run_timers(&mut self, now: Now) {
        while let Some(&Reverse((at, conn))) = self.timers.peek() {
            if at > now.mono {
                break;
            }
            self.timers.pop();
            if let Some(next) = self.look_at(now, conn) {
                self.timers.push(Reverse((next, conn)));
            }
        }
        if (!self.job_queue.is_empty() || self.job_full) && now.mono.since(self.renewed_at) >= RENEW_INTERVAL
        {
            self.renew(now);
        }
    }

    fn renew(&mut self, now: Now) {
        self.renewed_at = now.mono;
        let conns = std::mem::take(&mut self.job_queue);
        if !self.spec.jobs_differ() {
            self.job_full = false;
            return;
        }
        if std::mem::take(&mut self.job_full) || self.jobs.is_crowded() {
            self.jobs.replace_with_same(now.mono);
            return self.broadcast(now, false);
        }
        self.jobs.renew(now.mono);
        for conn in conns {
            if let Some(&slot) = self.index.get(&conn) {
                self.send_job(now, slot, false);
            }
        }
    }

    /// Looks after one session; when to look again, unless it is gone.
    fn look_at(&mut self, now: Now, conn: ConnId) -> Option<Monotonic> {
        let slot = *self.index.get(&conn)?;
        let config = &self.config;
        let session = &self.sessions[slot];
        let late = |since: Monotonic, limit| now.mono.since(since) >= limit;
        let why = if !session.is_mining() && late(session.opened_at, config.login_timeout) {
            Some(CloseReason::LoginTimeout)
        } else if session
            .blocked_since
            .is_some_and(|at| late(at, config.blocked_timeout))
        {
            Some(CloseReason::SlowReader)
        } else if late(session.heard_at, config.idle_timeout) {
            Some(CloseReason::Idle)
        } else {
            None
        };
        if let Some(why) = why {
            self.close(now, conn, why);
            return None;
        }
        let keepalive = Duration::from_secs(session.firmware.keepalive_s.into());
        let again = Vardiff::interval(&config.vardiff)
            .min(config.idle_timeout)
            .min(keepalive / 2);
        let job_is_old = session.announced.is_some() && late(session.job_at, keepalive.saturating_sub(again));
        self.adjust(now, slot);
        if job_is_old {
            self.queue_job(slot);
        }
        Some(now.mono + again)
    }
}
