//! Clients that don't want to mine.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use otedama_pool::ConnId;
use otedama_stratum::v1::request::{write_authorize, write_ping, write_subscribe};

use crate::event::{Event, Peer};
use crate::world::World;

/// What a stranger does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Sends bytes that mean nothing.
    Garbage,
    /// Sends a line of 1 MiB.
    LongLine,
    /// Connects and says nothing.
    HalfOpen,
    /// Logs in, asks much and reads nothing.
    SlowReader,
    /// Connects as fast as it can.
    Flood,
}

/// One stranger with its connections.
#[derive(Debug)]
pub(crate) struct Stranger {
    kind: Kind,
    ip: IpAddr,
    pub(crate) conns: Vec<ConnId>,
}

/// One or two of each kind.
pub(crate) fn population() -> Vec<Stranger> {
    let kinds = [
        Kind::Garbage,
        Kind::Garbage,
        Kind::LongLine,
        Kind::HalfOpen,
        Kind::HalfOpen,
        Kind::SlowReader,
        Kind::SlowReader,
        Kind::Flood,
    ];
    let stranger = |(index, kind): (u8, Kind)| Stranger {
        kind,
        ip: IpAddr::V4(Ipv4Addr::new(203, 0, 113, index)),
        conns: Vec::new(),
    };
    (1..).zip(kinds).map(stranger).collect()
}

impl World {
    pub(crate) fn act_strange(&mut self, index: usize) {
        if self.is_calm {
            return;
        }
        let random = &mut self.random.strangers;
        let (kind, pause) = match self.strangers[index].kind {
            Kind::Flood => (Kind::Flood, random.millis(5_000, 60_000)),
            Kind::HalfOpen => (Kind::HalfOpen, random.millis(2_000, 30_000)),
            kind => (kind, random.millis(50, 4_000)),
        };
        self.schedule.after(pause, Event::Act { stranger: index });
        match kind {
            Kind::Garbage => self.send_garbage(index),
            Kind::LongLine => self.send_long_line(index),
            Kind::HalfOpen => drop(self.stranger_conn(index, 3)),
            Kind::SlowReader => self.read_nothing(index),
            Kind::Flood => {
                for _ in 0..500 {
                    self.stranger_conn(index, usize::MAX);
                }
            }
        }
    }

    /// A connection of a stranger: a new one while it has fewer than `most`.
    fn stranger_conn(&mut self, index: usize, most: usize) -> Option<(ConnId, bool)> {
        let it = &self.strangers[index];
        if it.conns.len() >= most {
            return it.conns.last().map(|conn| (*conn, false));
        }
        let ip = it.ip;
        let conn = self.open(Peer::Stranger(index), ip)?;
        self.strangers[index].conns.push(conn);
        Some((conn, true))
    }

    fn send_garbage(&mut self, index: usize) {
        let Some((conn, _)) = self.stranger_conn(index, 1) else {
            return;
        };
        let random = &mut self.random.strangers;
        let lines: [&[u8]; 8] = [
            b"{\"id\":1,\"method\":\"mining.submit\",\"params\":[]}\n",
            b"{\"id\":{},\"method\":17}\n",
            b"{\"id\":1,\"method\":\"eth_submitLogin\",\"params\":[\"x\"]}\n",
            b"GET / HTTP/1.1\r\nHost: pool\r\n\r\n",
            b"{\"id\":1e999,\"method\":\"mining.subscribe\",\"params\":{\"a\":[[[[[[]]]]]]}}\n",
            b"{\"id\":2,\"method\":\"mining.suggest_difficulty\",\"params\":[-0.0]}\n",
            b"{\"id\":3,\"method\":\"mining.authorize\",\"params\":[\"\\u0000\",null]}\n",
            b"\xff\xfe\x00\n",
        ];
        let choice = random.index(lines.len() + 1);
        let mut noise = vec![0; 1 + random.index(300)];
        random.fill(&mut noise);
        let line = lines.get(choice).map_or(noise, |line| line.to_vec());
        self.write_up(conn, &line);
    }

    /// A line of 1 MiB, as much of it as the connection takes.
    fn send_long_line(&mut self, index: usize) {
        let Some((conn, _)) = self.stranger_conn(index, 1) else {
            return;
        };
        for _ in 0..64 {
            if !self
                .links
                .get(&conn)
                .is_some_and(|l| l.client_open && l.has_room_up())
            {
                return;
            }
            self.write_up(conn, &[b'a'; 16 * 1024]);
        }
    }

    /// Logs in once, then asks and asks without ever reading.
    fn read_nothing(&mut self, index: usize) {
        let Some((conn, is_new)) = self.stranger_conn(index, 1) else {
            return;
        };
        let mut out = Vec::new();
        if is_new {
            if let Some(link) = self.links.get_mut(&conn) {
                link.stalled_until = Self::NEVER;
            }
            write_subscribe(&mut out, 1, "stratum-ping/1.0", None);
            write_authorize(&mut out, 2, &self.coin.address(0), "x");
        }
        for id in 3..200 {
            write_ping(&mut out, id);
        }
        self.write_up(conn, &out);
    }

    /// A stranger hangs up for good, unless it is one that never says so.
    pub(crate) fn leave(&mut self, index: usize) {
        let silent = self.strangers[index].kind == Kind::HalfOpen;
        if silent {
            return;
        }
        for conn in std::mem::take(&mut self.strangers[index].conns) {
            self.hang_up(conn, true);
        }
    }

    /// How long a connection that says nothing may be kept.
    pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(40);
}
