//! A TCP proxy that answers late.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Starts a proxy to `target` whose every answer comes `delay` late. It ends with the test's process.
pub(crate) fn start_slow(target: SocketAddr, delay: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(target) else {
                continue;
            };
            let (from_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || copy(from_client, to_server, Duration::ZERO));
            thread::spawn(move || copy(server, client, delay));
        }
    });
    address
}

/// Either side closing ends both directions.
fn copy(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let mut forward = || -> io::Result<()> {
        let mut buffer = vec![0; 1 << 20];
        loop {
            let n = from.read(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            thread::sleep(delay);
            to.write_all(&buffer[..n])?;
        }
    };
    let _ = forward();
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
