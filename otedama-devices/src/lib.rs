//! Mining devices: what they are asked to do, how work is split among them, and the CPU as one of them.
//!
//! A program keeps the receiving end of one bounded channel, opens devices through a
//! [`driver::DeviceDriver`] and gives every [`driver::Device`] the [`job::JobDescription`] that a pool
//! announced. Devices send [`driver::Solution`]s that the host has hashed again; nothing here opens a
//! socket or reads a clock.

pub mod cpu;
pub mod driver;
pub mod epochs;
pub mod job;
pub mod scheduler;

pub use cpu::{CpuDriver, CpuMiner};
pub use driver::{Counters, Device, DeviceDriver, OpenError, Solution};
pub use epochs::{EpochOptions, EpochState, Epochs};
pub use job::{Extranonce2, JobDescription, JobError, MAX_EXTRANONCE2_LEN};
pub use scheduler::{WorkSource, WorkUnit};
