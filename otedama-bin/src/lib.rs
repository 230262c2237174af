//! What the `otedama` program is made of: the config, the commands, the server around the pool machine and the
//! miner around the client machine.
//!
//! The libraries below know no sockets, clocks or threads; this crate has them all.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "clocks and threads belong here")]

pub mod api;
pub mod bench;
pub mod cli;
pub mod commands;
pub mod config;
pub mod logs;
pub mod mine;
pub mod node;
mod priority;
pub mod serve;
pub mod shard;
pub mod store;
pub mod verify;
