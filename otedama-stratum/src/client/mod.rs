//! The client machine: one miner's side of one connection to one pool, without the socket.
//!
//! It speaks one [`Language`]: it introduces itself, turns what the server announces into jobs, matches
//! replies with submitted solutions, and gives up a server that does not answer. The same machine serves
//! later connections to the pool; where the language has sessions it then asks to resume its own.

mod bitcoin;
mod config;
mod connection;
mod cryptonote;
mod ethereum;
mod io;
mod job;
mod jobs;
mod kawpow;
mod machine;
mod pending;
mod reply;
mod speaker;

pub use config::{ClientConfig, Language};
pub use io::{ClientClose, ClientInput, ClientOutput};
pub use job::{BlobWork, ClientJob, ClientWork, HeaderWork, Proof, Solution};
pub use machine::Client;
pub use pending::MAX_PENDING;

/// Longest line that a server may send, in bytes.
pub const MAX_SERVER_LINE: usize = 256 * 1024;

/// How many of the newest jobs a solution may be for.
pub const MAX_JOBS: usize = 8;
