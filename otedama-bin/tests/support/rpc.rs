//! JSON-RPC to a node, over a connection per call.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// Where a node listens, and who asks.
#[derive(Clone, Debug)]
pub(crate) struct Rpc {
    pub(crate) address: SocketAddr,
    pub(crate) user: String,
    pub(crate) password: String,
    /// Appended to the path, such as `/wallet/test`.
    pub(crate) path: String,
}

/// Why a call gave no result.
#[derive(Debug)]
pub(crate) struct RpcError {
    /// The node's code; `None` if the node could not be asked.
    pub(crate) code: Option<i64>,
    pub(crate) message: String,
}

impl Rpc {
    /// Calls `method`.
    pub(crate) fn try_call(&self, method: &str, params: &Value) -> Result<Value, RpcError> {
        let unreachable = |e: std::io::Error| RpcError {
            code: None,
            message: e.to_string(),
        };
        let body = json!({"jsonrpc": "1.0", "id": 1, "method": method, "params": params}).to_string();
        let reply = self.post(&body).map_err(unreachable)?;
        let mut reply: Value = serde_json::from_str(&reply).map_err(|e| RpcError {
            code: None,
            message: format!("{e} in {reply:?}"),
        })?;
        match reply["error"].take() {
            Value::Null => Ok(reply["result"].take()),
            error => Err(RpcError {
                code: error["code"].as_i64(),
                message: error["message"].as_str().unwrap_or_default().to_owned(),
            }),
        }
    }

    /// Calls `method`, which has to work; a node that is busy with the pool's blocks is asked again.
    pub(crate) fn call(&self, method: &str, params: &Value) -> Value {
        for _ in 0..100 {
            match self.try_call(method, params) {
                Err(e) if e.message.contains("Work queue depth exceeded") => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                result => return result.unwrap_or_else(|e| panic!("{method} {params}: {e:?}")),
            }
        }
        panic!("{method} {params}: the node stays busy")
    }

    fn post(&self, body: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let credentials = base64(format!("{}:{}", self.user, self.password).as_bytes());
        let path = if self.path.is_empty() { "/" } else { &self.path };
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: node\r\nAuthorization: Basic {credentials}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply)?;
        let text = String::from_utf8_lossy(&reply);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        // The node answers 500 with a JSON body for its own errors, and without one for bad credentials.
        if body.is_empty() {
            let line = head.lines().next().unwrap_or("no answer").to_owned();
            return Err(std::io::Error::other(line));
        }
        Ok(body.to_owned())
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |all, b| all << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            if digit <= chunk.len() {
                text.push(char::from(DIGITS[(group >> (18 - 6 * digit)) as usize & 63]));
            } else {
                write!(text, "=").unwrap();
            }
        }
    }
    text
}
