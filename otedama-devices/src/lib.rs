//! Mining devices: what they are asked to do, how work is split among them, and the CPU as one of them.
//!
//! A program keeps the receiving end of one bounded channel, opens devices through a
//! [`driver::DeviceDriver`] and gives every [`driver::Device`] the [`job::JobDescription`] that a pool
//! announced: parts to build headers from, or a blob and a range of nonces. Devices make the cache or dataset
//! of the job's epoch ready, and the next one beforehand, and send [`driver::Solution`]s that the host has
//! hashed again. [`driver::Device::status`] tells what a device waits for or why it can't mine. Nothing here
//! opens a socket or reads a clock.

pub mod cpu;
pub mod driver;
pub mod epochs;
pub mod job;
pub mod scheduler;

pub use cpu::{CpuDriver, CpuMiner, CpuOptions};
pub use driver::{Answer, Counters, Device, DeviceDriver, HeaderAnswer, OpenError, Solution, Status};
pub use epochs::{EpochOptions, EpochState, Epochs};
pub use job::{
    BlobWork, Extranonce2, HeaderWork, JobDescription, JobError, MAX_EXTRANONCE2_LEN, WorkDescription,
};
pub use scheduler::{HeaderPart, Part, WorkSource, WorkUnit};
