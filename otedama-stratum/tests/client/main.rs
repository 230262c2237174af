//! The client machine against a scripted server.

mod cryptonote;
mod handshake;
mod jobs;
mod script;
mod session;
mod submit;
mod timeouts;
