//! JSON-RPC over HTTP, as much of it as nodes need.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What a method is answered: its result, or an error's code and message.
pub(crate) type Answer = Result<Value, (i64, &'static str)>;

/// A server that ends with this value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl Server {
    /// Answers every call with what `answer` makes of its method and parameters.
    pub(crate) fn start(answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let (answer, is_stopped) = (Arc::new(answer), Arc::clone(&stopped));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_stopped.load(Ordering::Relaxed) {
                    return;
                }
                let answer = Arc::clone(&answer);
                // A client that hangs up ends its thread; nothing else depends on it.
                thread::spawn(move || drop(serve(stream, &*answer)));
            }
        });
        Self { address, stopped }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, answer: &dyn Fn(&str, &Value) -> Answer) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    while let Some((body, is_last)) = request(&mut reader)? {
        let call: Value = serde_json::from_slice(&body)?;
        let reply = match answer(call["method"].as_str().unwrap_or_default(), &call["params"]) {
            Ok(result) => json!({"jsonrpc": "2.0", "id": call["id"], "result": result}),
            Err((code, message)) => {
                json!({"jsonrpc": "2.0", "id": call["id"], "error": {"code": code, "message": message}})
            }
        };
        let reply = reply.to_string();
        write!(
            writer,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{reply}",
            reply.len()
        )?;
        if is_last {
            break;
        }
    }
    Ok(())
}

/// The body of the next request, and whether none will follow; `None` when the client is gone.
fn request(reader: &mut BufReader<TcpStream>) -> io::Result<Option<(Vec<u8>, bool)>> {
    let (mut length, mut is_last, mut line) = (0, false, String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().map_err(io::Error::other)?;
            }
            Some((name, value)) if name.eq_ignore_ascii_case("connection") => {
                is_last = value.eq_ignore_ascii_case("close");
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((body, is_last)))
}

/// Posts a body and waits for the status, a second at most. Nodes don't care whether it arrives.
pub(crate) fn post(to: SocketAddr, body: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: pool\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status)?;
    if status.contains(" 200 ") {
        Ok(())
    } else {
        Err(io::Error::other(status))
    }
}

/// What is at a path.
pub(crate) fn get(from: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(from).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: pool\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (_, body) = reply.split_once("\r\n\r\n").unwrap();
    body.to_owned()
}
