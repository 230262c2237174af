//! Ends: of connections that don't finish in time, and of the shard.

use std::time::Duration;

use otedama_hash::Now;
use otedama_pool::{Admin, Input};
use tracing::debug;

use super::event_loop::Shard;

/// How long a closed connection may take to read what was written to it.
pub(super) const LINGER: Duration = Duration::from_secs(5);

/// How long a TLS handshake may take.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long shares under way may take to be answered when the shard stops.
const DRAIN: Duration = Duration::from_millis(2500);

impl Shard {
    /// Closes what has run out of time.
    pub(super) fn expire(&mut self, now: Now) {
        while let Some(&(due, id)) = self.handshaking.front()
            && (due <= now.mono || self.connections.get_mut(id).is_none_or(|c| c.opened))
        {
            self.handshaking.pop_front();
            if self.connections.get_mut(id).is_some_and(|c| !c.opened) {
                debug!("TLS handshake took too long");
                self.remove(id);
            }
        }
        while let Some(&(due, id)) = self.lingering.front()
            && (due <= now.mono || self.connections.get_mut(id).is_none())
        {
            self.lingering.pop_front();
            self.remove(id);
        }
    }

    /// No new shares from now on.
    pub(super) fn stop(&mut self, now: Now) {
        if self.stop_by.is_none() {
            self.stop_by = Some(now.mono + DRAIN);
            self.pool.handle(now, Input::Admin(Admin::Stop));
        }
    }

    /// Whether a stopping shard has answered what it had to, or has run out of time.
    pub(super) fn is_done(&self, now: Now) -> bool {
        self.stop_by.is_some_and(|by| {
            by <= now.mono || (self.pool.is_drained() && !self.verifier.is_busy() && self.unpersisted() == 0)
        })
    }

    /// Writes what the sockets still take and closes them all.
    pub(super) fn close_all(&mut self, now: Now) {
        self.drain(now);
        let all: Vec<_> = self.connections.ids().collect();
        for id in all {
            if let Some(connection) = self.connections.get_mut(id) {
                // Whatever the socket doesn't take at once, its reader won't get any more.
                let _ = connection.flush();
                connection.link.finish();
            }
            self.remove(id);
        }
    }
}
