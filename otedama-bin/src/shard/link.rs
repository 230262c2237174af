//! Bytes in and out of a socket, plain or TLS.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read as _, Write as _};

use bytes::{Buf as _, Bytes};
use mio::net::TcpStream;
use rustls::ServerConnection;

/// Slices given to the system in one call.
const MAX_SLICES: usize = 32;

/// A socket and what is spoken on it.
#[derive(Debug)]
pub(super) enum Link {
    /// Bytes as they are.
    Plain(TcpStream),
    /// TLS; boxed because few connections have it and its state is large.
    Tls(Box<Tls>),
}

/// A TLS connection.
#[derive(Debug)]
pub(super) struct Tls {
    socket: TcpStream,
    session: ServerConnection,
}

/// Whether everything was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    /// Nothing waits.
    All,
    /// The socket takes no more until it is writable again.
    Blocked,
}

impl Link {
    pub(super) fn tls(socket: TcpStream, session: ServerConnection) -> Self {
        Self::Tls(Box::new(Tls { socket, session }))
    }

    pub(super) fn socket(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &mut tls.socket,
        }
    }

    /// Whether the TLS handshake is still going on.
    pub(super) fn is_handshaking(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.session.is_handshaking())
    }

    /// Whether the TLS session itself has something to write.
    pub(super) fn wants_write(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.session.wants_write())
    }

    /// Whether a read that didn't fill its buffer has emptied the socket.
    pub(super) fn short_read_empties(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Reads what there is. `Ok(0)` is the end; `WouldBlock` means that nothing waits.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }

    /// Writes as much of `queue` as the socket takes.
    pub(super) fn flush(&mut self, queue: &mut VecDeque<Bytes>) -> io::Result<Flushed> {
        match self {
            Self::Plain(socket) => flush_plain(socket, queue),
            Self::Tls(tls) => tls.flush(queue),
        }
    }

    /// Says goodbye, as far as the socket takes it.
    pub(super) fn finish(&mut self) {
        if let Self::Tls(tls) = self {
            tls.session.send_close_notify();
            // The peer may be gone already; there is nobody to tell.
            let _ = tls.session.write_tls(&mut tls.socket);
        }
        let _ = self.socket().shutdown(std::net::Shutdown::Write);
    }
}

fn flush_plain(socket: &mut TcpStream, queue: &mut VecDeque<Bytes>) -> io::Result<Flushed> {
    while !queue.is_empty() {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        for (slice, bytes) in slices.iter_mut().zip(queue.iter()) {
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        match socket.write_vectored(&slices[..count]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => take(queue, written),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Flushed::Blocked),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Flushed::All)
}

fn take(queue: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(front) = queue.front_mut() {
        if written < front.len() {
            front.advance(written);
            return;
        }
        written -= front.len();
        queue.pop_front();
    }
}

impl Tls {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
            if self.session.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            if let Err(error) = self.session.process_new_packets() {
                // The alert says why, if the peer still listens.
                let _ = self.session.write_tls(&mut self.socket);
                return Err(io::Error::new(ErrorKind::InvalidData, error));
            }
            if self.session.wants_write() {
                self.write()?;
            }
        }
    }

    fn write(&mut self) -> io::Result<Flushed> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Flushed::Blocked),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Flushed::All)
    }

    fn flush(&mut self, queue: &mut VecDeque<Bytes>) -> io::Result<Flushed> {
        loop {
            if self.write()? == Flushed::Blocked {
                return Ok(Flushed::Blocked);
            }
            let Some(front) = queue.front() else {
                return Ok(Flushed::All);
            };
            let taken = self.session.writer().write(front)?;
            take(queue, taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_taken_off_exactly(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..10),
            cut in 0_usize..200,
        ) {
            let all = parts.concat();
            let cut = cut.min(all.len());
            let mut queue: VecDeque<Bytes> = parts.into_iter().map(Bytes::from).collect();
            take(&mut queue, cut);
            let rest: Vec<u8> = queue.iter().flat_map(|bytes| bytes.iter().copied()).collect();
            prop_assert_eq!(rest, &all[cut..]);
        }
    }
}
