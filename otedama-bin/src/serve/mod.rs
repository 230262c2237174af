//! `otedama serve`: a pool around the machines, with sockets, storage, nodes and an API.

pub mod addresses;
pub mod chain;
pub mod clock;
pub mod faults;
pub mod limits;
pub mod meter;
pub mod miner;
mod persistence;
mod prepare;
pub mod rewards;
pub mod settings;
mod shutdown;
mod startup;
pub mod wiring;

pub use startup::StartError;
pub use wiring::run;
