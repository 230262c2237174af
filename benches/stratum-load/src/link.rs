//! One TCP connection: opening it, cutting what comes into lines, writing without blocking.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

/// Longest line that a pool may send.
const MAX_LINE: usize = 64 * 1024;

/// An open or opening connection.
pub(crate) struct Link {
    stream: TcpStream,
    /// Whether the handshake of TCP is over.
    connected: bool,
    read_tail: Vec<u8>,
    write_tail: Vec<u8>,
}

/// Why a connection came to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The pool closed it.
    #[error("closed by the pool")]
    Closed,
    /// A line without end.
    #[error("line too long")]
    LineTooLong,
    /// The system's answer.
    #[error("{}", .0.kind())]
    Io(#[from] io::Error),
}

impl Link {
    /// Starts to connect to `pool` from the source address of this number.
    pub(crate) fn open(
        pool: SocketAddr,
        source: u32,
        registry: &Registry,
        token: Token,
    ) -> Result<Self, LinkError> {
        let socket = Socket::new(Domain::for_address(pool), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if source > 0 && pool.is_ipv4() {
            // 127.0.0.1 upwards: each source address has its own ports.
            let from = IpAddr::V4(Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + source));
            socket.bind(&SocketAddr::new(from, 0).into())?;
        }
        match socket.connect(&pool.into()) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock || in_progress(&e) => {}
            Err(e) => return Err(e.into()),
        }
        let mut stream = TcpStream::from_std(socket.into());
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            connected: false,
            read_tail: Vec::new(),
            write_tail: Vec::new(),
        })
    }

    /// The socket became writable: finishes connecting, then writes what waits.
    pub(crate) fn writable(&mut self) -> Result<(), LinkError> {
        if !self.connected {
            if let Some(error) = self.stream.take_error()? {
                return Err(error.into());
            }
            match self.stream.peer_addr() {
                Ok(_) => self.connected = true,
                Err(e) if e.kind() == ErrorKind::NotConnected => return Ok(()),
                Err(e) => return Err(e.into()),
            }
        }
        if !self.write_tail.is_empty() {
            let waiting = std::mem::take(&mut self.write_tail);
            self.send(&waiting)?;
        }
        Ok(())
    }

    /// Writes `bytes`, or keeps what the socket does not take.
    pub(crate) fn send(&mut self, mut bytes: &[u8]) -> Result<(), LinkError> {
        if self.connected && self.write_tail.is_empty() {
            while !bytes.is_empty() {
                match self.stream.write(bytes) {
                    Ok(n) => bytes = &bytes[n..],
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(e) => return Err(e.into()),
                }
            }
        }
        self.write_tail.extend_from_slice(bytes);
        Ok(())
    }

    /// Reads all there is and calls `on_line` with every whole line, without its end.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        mut on_line: impl FnMut(&[u8]),
    ) -> Result<(), LinkError> {
        loop {
            let n = match self.stream.read(buffer) {
                Ok(0) => return Err(LinkError::Closed),
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(e.into()),
            };
            self.cut(&buffer[..n], &mut on_line)?;
            if n < buffer.len() {
                // A short read means that the socket is empty: the next bytes raise a new event.
                return Ok(());
            }
        }
    }

    fn cut(&mut self, mut bytes: &[u8], on_line: &mut impl FnMut(&[u8])) -> Result<(), LinkError> {
        while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
            let line = &bytes[..end];
            bytes = &bytes[end + 1..];
            if self.read_tail.is_empty() {
                emit(line, on_line);
            } else {
                let mut whole = std::mem::take(&mut self.read_tail);
                whole.extend_from_slice(line);
                emit(&whole, on_line);
            }
        }
        if self.read_tail.len() + bytes.len() > MAX_LINE {
            return Err(LinkError::LineTooLong);
        }
        self.read_tail.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes the socket out of the event queue; dropping the link closes it.
    pub(crate) fn close(mut self, registry: &Registry) {
        // It can only fail if it was never registered, and then there is nothing to undo.
        let _ = registry.deregister(&mut self.stream);
    }
}

fn emit(line: &[u8], on_line: &mut impl FnMut(&[u8])) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if !line.is_empty() {
        on_line(line);
    }
}

#[cfg(unix)]
fn in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

#[cfg(not(unix))]
fn in_progress(_error: &io::Error) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use mio::{Events, Poll};

    use super::*;

    #[test]
    fn lines_arrive_whole_however_they_are_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut poll = Poll::new().unwrap();
        let address = listener.local_addr().unwrap();
        let mut link = Link::open(address, 1, poll.registry(), Token(0)).unwrap();
        link.send(b"early\n").unwrap();
        let (mut peer, from) = listener.accept().unwrap();
        assert_eq!(from.ip(), "127.0.0.2".parse::<IpAddr>().unwrap());
        for part in ["o", "ne\r", "\ntwo\n\nthr", "ee\n"] {
            peer.write_all(part.as_bytes()).unwrap();
        }
        drop(peer);
        let mut lines = Vec::new();
        let mut events = Events::with_capacity(8);
        let mut buffer = [0; 4];
        let error = loop {
            poll.poll(&mut events, None).unwrap();
            if let Err(e) = link.writable() {
                break e;
            }
            if let Err(e) = link.read(&mut buffer, |l| {
                lines.push(String::from_utf8(l.to_vec()).unwrap());
            }) {
                break e;
            }
        };
        // The peer closed without reading, which the system may tell as a reset.
        assert!(matches!(error, LinkError::Closed | LinkError::Io(_)), "{error}");
        assert_eq!(lines, ["one", "two", "three"]);
    }
}
