//! The network: latency, segments in any cut, stalls, resets.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use otedama_hash::Monotonic;
use otedama_pool::{ConnId, Input};

use crate::event::{Event, Peer};
use crate::link::Link;
use crate::world::World;

/// How often a write is cut in two.
const CUT: f64 = 0.1;

impl World {
    /// Opens a connection, if somebody listens and the gate lets it in.
    pub(crate) fn open(&mut self, peer: Peer, ip: IpAddr) -> Option<ConnId> {
        let now = self.now().mono;
        let process = self.process.as_mut()?;
        if process.gate.admit(now, ip).is_err() {
            self.counts.refused += 1;
            return None;
        }
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        self.counts.connections += 1;
        let shard = conn.0 as usize % self.shards;
        let latency = self.random.network.millis(1, 150);
        self.links.insert(conn, Link::new(conn, peer, ip, shard, latency));
        self.checks.opened(conn, now);
        self.feed(shard, Input::Opened { conn, peer: ip });
        Some(conn)
    }

    /// The client writes.
    pub(crate) fn write_up(&mut self, conn: ConnId, bytes: &[u8]) {
        let now = self.now().mono;
        let Some(link) = self.links.get_mut(&conn).filter(|l| l.client_open) else {
            return;
        };
        if self.config.trace {
            print_line(now, conn, '>', bytes);
        }
        let random = &mut self.random.network;
        let mut rest = bytes;
        while !rest.is_empty() {
            let cut = !self.is_calm && rest.len() > 1 && random.chance(CUT);
            let end = if cut {
                1 + random.index(rest.len() - 1)
            } else {
                rest.len()
            };
            let (segment, tail) = rest.split_at(end);
            rest = tail;
            let jitter = random.millis(0, 5);
            link.up_last = link.up_last.max(now + link.latency + jitter);
            link.up_bytes += segment.len();
            link.up.push_back(segment.to_vec());
            self.schedule.at(link.up_last, Event::Up(conn));
        }
    }

    pub(crate) fn segment_up(&mut self, conn: ConnId) {
        let Some(link) = self.links.get_mut(&conn) else {
            return;
        };
        let Some(segment) = link.up.pop_front() else {
            return;
        };
        if !link.server_open {
            return;
        }
        if link.paused {
            link.held.push_back(segment);
            return;
        }
        let is_in_line = link.held_since.is_some();
        if is_in_line || self.is_reading_held() {
            let now = self.now().mono;
            let Some(link) = self.links.get_mut(&conn) else {
                return;
            };
            link.held.push_back(segment);
            if !is_in_line {
                link.held_since = Some(now);
                self.held.push_back(conn);
                self.counts.held += 1;
            }
            return;
        }
        let Some(link) = self.links.get_mut(&conn) else {
            return;
        };
        link.up_bytes -= segment.len();
        let shard = link.shard;
        self.feed(
            shard,
            Input::Bytes {
                conn,
                bytes: &segment,
            },
        );
    }

    pub(crate) fn pause(&mut self, conn: ConnId) {
        self.counts.pauses += 1;
        if let Some(link) = self.links.get_mut(&conn) {
            link.paused = true;
        }
    }

    /// What was held back goes in again, ahead of what comes later.
    pub(crate) fn resume(&mut self, conn: ConnId) {
        let now = self.now().mono;
        let Some(link) = self.links.get_mut(&conn) else {
            return;
        };
        link.paused = false;
        while let Some(segment) = link.held.pop_back() {
            link.up.push_front(segment);
            self.schedule.at(now, Event::Up(conn));
        }
    }

    /// The server writes; what the kernel doesn't take waits in the driver.
    pub(crate) fn write_down(&mut self, conn: ConnId, bytes: Bytes) {
        let now = self.now().mono;
        let Some(link) = self.links.get_mut(&conn).filter(|l| l.server_open) else {
            return;
        };
        if self.config.trace {
            print_line(now, conn, '<', &bytes);
        }
        if link.has_room_down() {
            return self.transmit(conn, bytes);
        }
        link.queue_bytes += bytes.len();
        link.queue.push_back(bytes);
        let (shard, queued) = (link.shard, link.queue_bytes);
        self.counts.blocked += 1;
        self.checks.blocked(conn, now);
        self.feed(shard, Input::Blocked { conn, queued });
    }

    fn transmit(&mut self, conn: ConnId, bytes: Bytes) {
        let now = self.now().mono;
        let Some(link) = self.links.get_mut(&conn) else {
            return;
        };
        if !link.client_open {
            return;
        }
        let random = &mut self.random.network;
        let cut = !self.is_calm && bytes.len() > 1 && random.chance(CUT);
        let end = if cut {
            1 + random.index(bytes.len() - 1)
        } else {
            bytes.len()
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let segment = rest.split_to(end.min(rest.len()));
            link.down_last = link.down_last.max(now + link.latency);
            link.down_bytes += segment.len();
            link.down.push_back(segment);
            self.schedule.at(link.down_last, Event::Down(conn));
        }
    }

    pub(crate) fn segment_down(&mut self, conn: ConnId) {
        let now = self.now().mono;
        let Some(link) = self.links.get_mut(&conn) else {
            return;
        };
        if link.stalled_until > now {
            if link.stalled_until < Monotonic::from_nanos(u64::MAX) {
                let until = link.stalled_until;
                self.schedule.at(until, Event::Down(conn));
            }
            return;
        }
        let Some(segment) = link.down.pop_front() else {
            return;
        };
        link.down_bytes -= segment.len();
        let (peer, is_open) = (link.peer, link.client_open);
        self.flush(conn);
        if is_open {
            self.hear(peer, conn, &segment);
        }
    }

    /// Moves what waits in the driver to the kernel as far as there is room.
    fn flush(&mut self, conn: ConnId) {
        loop {
            let Some(link) = self.links.get_mut(&conn) else {
                return;
            };
            if link.queue.is_empty() || link.down_bytes >= crate::link::SOCKET_BUFFER {
                return;
            }
            let Some(bytes) = link.queue.pop_front() else {
                return;
            };
            link.queue_bytes -= bytes.len();
            let (shard, is_done) = (link.shard, link.queue.is_empty() && link.server_open);
            self.transmit(conn, bytes);
            if is_done {
                self.checks.unblocked(conn);
                self.feed(shard, Input::Writable { conn });
            }
        }
    }

    /// The client doesn't read for a while.
    pub(crate) fn stall(&mut self, conn: ConnId, duration: Duration) {
        let until = self.now().mono + duration;
        if let Some(link) = self.links.get_mut(&conn) {
            link.stalled_until = until;
        }
    }

    /// The client closes; with `is_reset`, what it sent last may be lost.
    pub(crate) fn hang_up(&mut self, conn: ConnId, is_reset: bool) {
        let now = self.now().mono;
        let Some(link) = self.links.get_mut(&conn) else {
            return;
        };
        if !link.client_open {
            return;
        }
        link.client_open = false;
        link.down.clear();
        if is_reset {
            link.up.clear();
            link.held.clear();
        }
        let at = link.up_last.max(now + link.latency);
        let peer = link.peer;
        self.schedule.at(at, Event::CloseUp(conn));
        self.gone(peer, conn);
    }

    pub(crate) fn close_up(&mut self, conn: ConnId) {
        let Some(link) = self.links.get(&conn) else { return };
        if link.server_open {
            let shard = link.shard;
            self.released(conn);
            self.feed(shard, Input::Closed { conn });
        }
        self.forget(conn);
    }

    /// The driver's end is closed: what it still holds is written, and the client learns of it.
    pub(crate) fn shut(&mut self, conn: ConnId) {
        let now = self.now().mono;
        if !self.links.get(&conn).is_some_and(|l| l.server_open) {
            return;
        }
        while let Some(bytes) = self.links.get_mut(&conn).and_then(|l| l.queue.pop_front()) {
            self.transmit(conn, bytes);
        }
        self.released(conn);
        if let Some(link) = self.links.get_mut(&conn) {
            let at = link.down_last.max(now + link.latency);
            self.schedule.at(at, Event::CloseDown(conn));
        }
    }

    fn released(&mut self, conn: ConnId) {
        let Some(link) = self.links.get_mut(&conn) else {
            return;
        };
        link.server_open = false;
        link.queue.clear();
        link.queue_bytes = 0;
        let ip = link.ip;
        self.checks.closed(conn);
        if let Some(process) = &mut self.process {
            process.gate.release(ip);
        }
    }

    pub(crate) fn close_down(&mut self, conn: ConnId) {
        let Some(link) = self.links.get_mut(&conn) else {
            return;
        };
        if link.client_open {
            link.client_open = false;
            let peer = link.peer;
            self.gone(peer, conn);
        }
        self.forget(conn);
    }

    fn forget(&mut self, conn: ConnId) {
        if self
            .links
            .get(&conn)
            .is_some_and(|l| !l.server_open && !l.client_open)
        {
            self.links.remove(&conn);
        }
    }

    /// Every connection breaks because the process died.
    pub(crate) fn break_all(&mut self) {
        let open: Vec<ConnId> = self
            .links
            .values()
            .filter(|l| l.server_open)
            .map(|l| l.conn)
            .collect();
        let now = self.now().mono;
        for conn in open {
            self.checks.closed(conn);
            if let Some(link) = self.links.get_mut(&conn) {
                link.server_open = false;
                link.held_since = None;
                link.queue.clear();
                link.queue_bytes = 0;
                let at = link.down_last.max(now + link.latency);
                self.schedule.at(at, Event::CloseDown(conn));
            }
        }
    }
}

/// What is said on a connection, for `--trace`.
fn print_line(now: Monotonic, conn: ConnId, way: char, bytes: &[u8]) {
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(160)]);
    println!(
        "{:>12.6} {} {way} {}",
        now.as_nanos() as f64 / 1e9,
        conn.0,
        shown.trim_end()
    );
}
