//! A mining pool as a deterministic state machine, without sockets, clock or storage.
//!
//! [`Pool`] serves the miners of one chain on one core: feed it [`Input`]s, carry out its
//! [`Output`]s. [`gate::Gate`] decides which connections get that far.

mod ban;
mod config;
mod dialect;
mod extranonce;
pub mod gate;
mod io;
mod jobs;
mod journal;
mod pool;
mod prefixes;
mod reading;
mod serving;
mod session;
mod share;
mod stats;
mod vardiff;
pub mod verify_queue;

pub use config::{BanConfig, PoolConfig, VardiffConfig};
pub use io::{
    Admin, Candidate, Claim, CloseReason, ConnId, ExtranonceLease, Input, Output, Payouts, ShareRow, Ticket,
    VerifyRequest,
};
pub use pool::Pool;
pub use stats::{SessionInfo, Stats};
