//! One file per command.

pub mod config;
pub mod failure;
pub mod hash;
pub mod mine;
pub mod serve;
pub mod status;
pub mod version;

pub use failure::{Failure, Outcome};
