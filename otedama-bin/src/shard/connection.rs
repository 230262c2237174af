//! One connection of a shard.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;

use bytes::Bytes;
use otedama_pool::ConnId;

use super::link::{Flushed, Link};

/// Bytes that may wait for a slow reader before it is closed.
pub(super) const MAX_QUEUED: usize = 256 * 1024;

/// A socket, what waits to be written to it, and where it stands. Kept small: there are many.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnId,
    pub(super) peer: IpAddr,
    pub(super) link: Link,
    queue: VecDeque<Bytes>,
    queued: usize,
    /// It waits for its turn to be read.
    pub(super) in_ready: bool,
    /// It waits for its turn to be written.
    pub(super) in_dirty: bool,
    /// The pool knows it.
    pub(super) opened: bool,
    /// The pool doesn't want to hear from it until it says so.
    pub(super) paused: bool,
    /// The pool knows that its socket takes no more.
    pub(super) blocked: bool,
    /// It is closed once everything is written.
    pub(super) closing: bool,
    /// The system said that nothing more than what is there will come.
    pub(super) read_closed: bool,
}

impl Connection {
    pub(super) fn new(id: ConnId, peer: IpAddr, link: Link) -> Self {
        Self {
            id,
            peer,
            link,
            queue: VecDeque::new(),
            queued: 0,
            in_ready: false,
            in_dirty: false,
            opened: false,
            paused: false,
            blocked: false,
            closing: false,
            read_closed: false,
        }
    }

    /// Appends to what waits to be written.
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.queued += bytes.len();
        self.queue.push_back(bytes);
    }

    /// Bytes that wait to be written.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// Writes what the socket takes. An idle connection keeps no queue.
    pub(super) fn flush(&mut self) -> io::Result<Flushed> {
        let result = self.link.flush(&mut self.queue);
        self.queued = self.queue.iter().map(Bytes::len).sum();
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
        result
    }
}
