//! The client machine against a scripted server.

mod any_server;
mod cryptonote;
mod ethereum;
mod handshake;
mod jobs;
mod kawpow;
mod script;
mod session;
mod submit;
mod timeouts;
