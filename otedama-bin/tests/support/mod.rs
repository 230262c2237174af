//! What the end-to-end tests share: real nodes, the program under test, and clients that check it by themselves.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod coinbase;
pub(crate) mod cryptonote;
pub(crate) mod installed;
pub(crate) mod journal;
pub(crate) mod mined;
pub(crate) mod miner;
pub(crate) mod monero;
pub(crate) mod monerod;
pub(crate) mod node;
pub(crate) mod owed;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod proxy;
pub(crate) mod random;
pub(crate) mod rpc;
pub(crate) mod stratum;
pub(crate) mod xmrig;

use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

/// Looks every 20 ms whether `condition` holds, for `limit` at most.
pub(crate) fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < limit,
            "after {limit:?} still waiting for {what}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// A TCP port on loopback that nobody uses now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
