//! Reading: every connection gets its turn, and a turn is bounded.

use std::io::ErrorKind;

use otedama_hash::Now;
use otedama_pool::{ConnId, Input};
use tracing::debug;

use super::event_loop::Shard;

/// Connections read in one turn of the loop.
const CONNECTIONS_PER_TURN: usize = 256;

/// Bytes read from one connection in one turn.
pub(super) const BYTES_PER_TURN: usize = 16 * 1024;

/// Rows on their way to storage beyond which nothing is read.
const MAX_UNPERSISTED: u64 = 32_768;

impl Shard {
    /// Puts a connection in line to be read.
    pub(super) fn enqueue_read(&mut self, id: ConnId) {
        if let Some(connection) = self.connections.get_mut(id)
            && !connection.in_ready
        {
            connection.in_ready = true;
            self.ready.push_back(id);
        }
    }

    /// Whether hashing or storage is so far behind that reading has to wait.
    pub(super) fn is_reading_held(&self) -> bool {
        self.verifier.is_full() || self.unpersisted() > MAX_UNPERSISTED
    }

    /// Reads from those in line.
    pub(super) fn read_ready(&mut self, now: Now) {
        for _ in 0..self.ready.len().min(CONNECTIONS_PER_TURN) {
            if self.is_reading_held() {
                return;
            }
            let Some(id) = self.ready.pop_front() else { return };
            self.read_one(now, id);
        }
    }

    fn read_one(&mut self, now: Now, id: ConnId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.in_ready = false;
        if connection.paused || connection.closing {
            return;
        }
        let result = connection.link.read(&mut self.buffer);
        let was_opened = connection.opened;
        if !was_opened && !connection.link.is_handshaking() && !matches!(result, Ok(0)) {
            connection.opened = true;
        }
        let emptied = connection.link.short_read_empties() && !connection.read_closed;
        let peer = connection.peer;
        if connection.opened && !was_opened {
            self.pool.handle(now, Input::Opened { conn: id, peer });
        }
        match result {
            Ok(0) => self.gone(now, id),
            Ok(count) => {
                self.pool.handle(
                    now,
                    Input::Bytes {
                        conn: id,
                        bytes: &self.buffer[..count],
                    },
                );
                if count == self.buffer.len() || !emptied {
                    self.enqueue_read(id);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => self.enqueue_read(id),
            Err(error) => {
                debug!(%peer, %error, "connection broke");
                self.gone(now, id);
            }
        }
    }

    /// The peer closed a connection, or it broke.
    pub(super) fn gone(&mut self, now: Now, id: ConnId) {
        if let Some(connection) = self.remove(id)
            && connection.opened
            && !connection.closing
        {
            self.pool.handle(now, Input::Closed { conn: id });
        }
    }
}
