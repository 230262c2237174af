//! What a connection sends, line by line, as long as it has room for another share.

use otedama_hash::Now;
use otedama_stratum::line::LineReader;

use crate::ban::Fault;
use crate::io::{CloseReason, ConnId, Output};
use crate::pool::Pool;

/// Bytes of one connection that wait while too many of its shares are under way: more than a driver reads at a time.
const MAX_HELD: usize = 256 * 1024;

impl Pool {
    pub(crate) fn bytes(&mut self, now: Now, conn: ConnId, bytes: &[u8]) {
        let Some(&slot) = self.index.get(&conn) else {
            return;
        };
        let session = &mut self.sessions[slot];
        session.heard_at = now.mono;
        if !session.held.is_empty() {
            if session.held.len() + bytes.len() > MAX_HELD {
                return self.close(now, conn, CloseReason::Full);
            }
            session.held.extend_from_slice(bytes);
            return;
        }
        if self.read(now, slot, bytes) {
            self.flow(now, slot);
        }
    }

    /// Takes whole lines until there is no room for another share, and holds what is left. `false` if the session is gone
    /// afterwards.
    fn read(&mut self, now: Now, slot: usize, mut bytes: &[u8]) -> bool {
        let max = self.config.max_inflight;
        let session = &mut self.sessions[slot];
        let conn = session.conn;
        let mut lines = std::mem::replace(&mut session.lines, LineReader::new(self.config.max_line));
        while self.sessions[slot].in_flight < max {
            match lines.push(&mut bytes) {
                Ok(Some(line)) => {
                    if !line.is_empty() {
                        self.line(now, slot, line);
                    }
                    if !self.index.contains_key(&conn) {
                        return false;
                    }
                }
                Ok(None) => break,
                Err(_) => {
                    self.stats.malformed += 1;
                    self.fault(now, slot, Fault::LineTooLong);
                    self.close(now, conn, CloseReason::LineTooLong);
                    return false;
                }
            }
        }
        let session = &mut self.sessions[slot];
        session.lines = lines;
        session.held.extend_from_slice(bytes);
        true
    }

    /// Stops or resumes reading by the shares under way. The session may be gone afterwards.
    pub(crate) fn flow(&mut self, now: Now, slot: usize) {
        let max = self.config.max_inflight;
        let session = &mut self.sessions[slot];
        let conn = session.conn;
        if !session.paused {
            if session.in_flight >= max {
                session.paused = true;
                self.out.push_back(Output::PauseRead { conn });
            }
            return;
        }
        if session.in_flight > max / 2 {
            return;
        }
        let held = std::mem::take(&mut session.held);
        if !self.read(now, slot, &held) {
            return;
        }
        let session = &mut self.sessions[slot];
        if session.in_flight < max {
            session.paused = false;
            self.out.push_back(Output::ResumeRead { conn });
        }
    }
}
