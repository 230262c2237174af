//! Stratum mining protocol: bounded framing, the version 1 codec for both sides, the client machine,
//! and what is known about the firmware that speaks it.
//!
//! Nothing here opens a socket, reads a clock or starts a thread. Everything that comes from a peer
//! has a limit, and no bytes from a peer cause a panic.

#![forbid(unsafe_code)]

pub mod client;
pub mod firmware;
pub mod line;
pub mod v1;
