//! One TCP connection: segments in both directions, buffers, and who still holds which end.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use otedama_hash::Monotonic;
use otedama_pool::ConnId;

use crate::event::Peer;

/// Bytes that the kernels on both sides take off the driver's hands.
pub(crate) const SOCKET_BUFFER: usize = 32 * 1024;

/// A connection that at least one side still holds.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) conn: ConnId,
    pub(crate) peer: Peer,
    pub(crate) ip: IpAddr,
    pub(crate) shard: usize,
    pub(crate) latency: Duration,
    /// Segments on their way to the server; each has an event of its own.
    pub(crate) up: VecDeque<Vec<u8>>,
    /// Segments that arrived while the server wasn't reading.
    pub(crate) held: VecDeque<Vec<u8>>,
    /// Since when it waits in line because the server reads from nobody.
    pub(crate) held_since: Option<Monotonic>,
    pub(crate) up_bytes: usize,
    pub(crate) up_last: Monotonic,
    /// Segments on their way to the client; each has an event of its own.
    pub(crate) down: VecDeque<Bytes>,
    pub(crate) down_bytes: usize,
    pub(crate) down_last: Monotonic,
    /// What the kernel didn't take, in the driver.
    pub(crate) queue: VecDeque<Bytes>,
    pub(crate) queue_bytes: usize,
    /// Whether the driver reads.
    pub(crate) paused: bool,
    /// Until when the client doesn't read.
    pub(crate) stalled_until: Monotonic,
    /// Whether the pool has it.
    pub(crate) server_open: bool,
    /// Whether the client has it.
    pub(crate) client_open: bool,
}

impl Link {
    pub(crate) fn new(conn: ConnId, peer: Peer, ip: IpAddr, shard: usize, latency: Duration) -> Self {
        Self {
            conn,
            peer,
            ip,
            shard,
            latency,
            up: VecDeque::new(),
            held: VecDeque::new(),
            held_since: None,
            up_bytes: 0,
            up_last: Monotonic::ZERO,
            down: VecDeque::new(),
            down_bytes: 0,
            down_last: Monotonic::ZERO,
            queue: VecDeque::new(),
            queue_bytes: 0,
            paused: false,
            stalled_until: Monotonic::ZERO,
            server_open: true,
            client_open: true,
        }
    }

    /// Whether the client can write without waiting.
    pub(crate) fn has_room_up(&self) -> bool {
        self.up_bytes < SOCKET_BUFFER
    }

    /// Whether the kernel takes another write of the server.
    pub(crate) fn has_room_down(&self) -> bool {
        self.queue.is_empty() && self.down_bytes < SOCKET_BUFFER
    }
}
