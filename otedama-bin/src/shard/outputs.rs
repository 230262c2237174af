//! Carrying out what the pool wants.

use std::net::IpAddr;
use std::time::Duration;

use otedama_hash::Now;
use otedama_pool::{CloseReason, ConnId, Input, Output};
use tracing::{debug, error, info};

use super::Command;
use super::connection::MAX_QUEUED;
use super::event_loop::Shard;
use super::link::Flushed;
use crate::store::{Request, ShareBatch};

impl Shard {
    /// Carries out everything the pool wants and hashes what it asked for, until it is quiet or the
    /// turn is over; then writes.
    pub(super) fn drain(&mut self, now: Now) {
        loop {
            while let Some(output) = self.pool.poll_output() {
                self.carry_out(now, output);
            }
            if !self.hash_some(now) {
                break;
            }
        }
        self.persist();
        while !self.dirty.is_empty() {
            self.flush_dirty(now);
            while let Some(output) = self.pool.poll_output() {
                self.carry_out(now, output);
            }
        }
        self.persist();
    }

    /// One turn of hashing. Returns whether there was something to hash and time is left.
    fn hash_some(&mut self, now: Now) -> bool {
        if !self.verifier.is_busy() || self.hashed_in_turn {
            return false;
        }
        let pool = &mut self.pool;
        self.verifier.run(&self.clock, |ticket, hash| {
            pool.handle(
                now,
                Input::Verified {
                    ticket,
                    pow: Some(hash),
                },
            );
        });
        self.hashed_in_turn = self.verifier.is_busy();
        true
    }

    fn carry_out(&mut self, now: Now, output: Output) {
        match output {
            Output::Send { conn, bytes } => {
                if let Some(connection) = self.connections.get_mut(conn)
                    && !connection.closing
                {
                    connection.push(bytes);
                    self.enqueue_write(conn);
                }
            }
            Output::PauseRead { conn } => {
                if let Some(connection) = self.connections.get_mut(conn) {
                    connection.paused = true;
                }
            }
            Output::ResumeRead { conn } => {
                if let Some(connection) = self.connections.get_mut(conn) {
                    connection.paused = false;
                    self.enqueue_read(conn);
                }
            }
            Output::Close { conn, why } => self.close(now, conn, why),
            Output::Ban { ip, duration, why } => self.ban(now, ip, duration, why),
            Output::Verify(request) => self.verifier.push(request),
            Output::Candidate(candidate) => (self.links.candidate)(*candidate),
            Output::Persist(rows) => self.rows.extend(rows),
            Output::NeedExtranonce => {
                // A store that has ended takes nothing; the program is stopping then.
                let _ = self.links.store.send(Request::Lease { run: self.links.run });
            }
            Output::TemplateRefused { height, why } => {
                error!(height, %why, "template can't be mined on; the job before it stays");
            }
            other => error!(?other, "the pool wants something that this driver doesn't know"),
        }
    }

    fn persist(&mut self) {
        let Some(last) = self.rows.last() else { return };
        self.handed_to_store = last.seq;
        let batch = ShareBatch {
            run: self.links.run,
            rows: std::mem::take(&mut self.rows),
        };
        if self.links.store.send(Request::Shares(batch)).is_err() {
            error!("the store has ended; shares can't be kept");
            let seq = self.handed_to_store;
            self.settled = seq;
            let now = self.clock.now();
            self.pool.handle(now, Input::PersistFailed { seq });
        }
    }

    /// Puts a connection in line to be written.
    pub(super) fn enqueue_write(&mut self, id: ConnId) {
        if let Some(connection) = self.connections.get_mut(id)
            && !connection.in_dirty
        {
            connection.in_dirty = true;
            self.dirty.push(id);
        }
    }

    fn flush_dirty(&mut self, now: Now) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for id in dirty.drain(..) {
            if let Some(connection) = self.connections.get_mut(id) {
                connection.in_dirty = false;
                // A blocked socket says itself when it takes more.
                if !connection.blocked || connection.queued() > MAX_QUEUED {
                    self.flush_one(now, id);
                }
            }
        }
        if self.dirty.is_empty() {
            self.dirty = dirty;
        }
    }

    /// Writes what waits for one connection and tells the pool where its socket stands.
    pub(super) fn flush_one(&mut self, now: Now, id: ConnId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let peer = connection.peer;
        match connection.flush() {
            Ok(Flushed::All) => {
                if connection.closing {
                    connection.link.finish();
                    self.remove(id);
                } else if connection.blocked {
                    connection.blocked = false;
                    self.pool.handle(now, Input::Writable { conn: id });
                }
            }
            Ok(Flushed::Blocked) => {
                let queued = connection.queued();
                if queued > MAX_QUEUED {
                    info!(%peer, queued, "slow reader closed");
                    self.gone(now, id);
                } else if !connection.closing && !connection.blocked {
                    connection.blocked = true;
                    self.pool.handle(now, Input::Blocked { conn: id, queued });
                }
            }
            Err(error) => {
                debug!(%peer, %error, "connection broke");
                self.gone(now, id);
            }
        }
    }

    fn close(&mut self, now: Now, id: ConnId, why: CloseReason) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        debug!(peer = %connection.peer, why = why.as_str(), "connection closed");
        if why == CloseReason::Banned {
            self.verifier.forget(id);
        }
        connection.closing = true;
        self.enqueue_write(id);
        self.lingering.push_back((now.mono + super::stopping::LINGER, id));
    }

    fn ban(&mut self, now: Now, ip: IpAddr, duration: Duration, why: &'static str) {
        info!(%ip, seconds = duration.as_secs(), why, "address banned");
        self.gate().ban(now.mono, ip, duration);
        for shard in &self.links.shards {
            shard.send(Command::CloseAddress(ip));
        }
    }
}
