//! Messages to and from nodes: bytes in, bytes out, no sockets.

pub mod bitcoind;
