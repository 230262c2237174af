//! What every kind of mining device has in common.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use otedama_hash::{Algorithm, HashBackend, MemoryPlan, PowHash, PrepareError};

use crate::job::{Extranonce2, JobDescription, JobError};

/// A nonce that met its job's target, hashed again by the host before it was reported.
#[derive(Clone, Debug)]
pub struct Solution {
    /// The job that it solves.
    pub job: Arc<JobDescription>,
    /// What the miner found; of the same kind as the job's work.
    pub answer: Answer,
    /// The proof of work, at or below the job's target, with the mix hash where the algorithm has one.
    pub pow: PowHash,
}

/// What a pool is told of a solution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A header, by what the miner chose for it.
    Header(HeaderAnswer),
    /// The blob of the job.
    Blob {
        /// Its whole nonce, with any part that the pool fixed. Where it lies within the blob
        /// ([`BlobLayout::nonce_at`](otedama_hash::BlobLayout::nonce_at)), it is written there as 4 bytes, least
        /// significant first.
        nonce: u64,
    },
}

/// The fields of a header that the miner chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderAnswer {
    /// The miner's part of the extranonce.
    pub extranonce2: Extranonce2,
    /// The header's time in Unix seconds.
    pub ntime: u32,
    /// The header's nonce.
    pub nonce: u32,
    /// The header's version within the job's version mask (BIP 310); `None` where the mask is zero.
    pub version_bits: Option<u32>,
}

/// What a device has done since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Hashes computed by each of the device's parallel units, such as threads.
    pub unit_hashes: Vec<u64>,
    /// Solutions sent.
    pub solutions: u64,
    /// Hits that the host's own hash didn't confirm; they were not sent.
    pub invalid: u64,
}

impl Counters {
    /// Hashes computed by the whole device.
    pub fn hashes(&self) -> u64 {
        self.unit_hashes.iter().sum()
    }
}

/// What a device is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has no job.
    Idle,
    /// It waits for the cache or dataset that its job needs.
    Preparing,
    /// It works on its job, with a dataset (full) or without (light).
    Mining(MemoryPlan),
    /// All work of its job has been handed out; it waits for another one.
    Exhausted,
    /// What its job needs can't be had, or not by all of its parallel units. It tries again with a later
    /// job, except after [`PrepareError::Gone`]: then only a device that is opened anew can mine.
    Failed(PrepareError),
}

/// Why a device can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The algorithm can't be made ready.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The system gives no further thread.
    #[error("can not start a mining thread")]
    Thread(#[source] std::io::Error),
}

/// One kind of device, such as the CPU.
pub trait DeviceDriver: Send {
    /// Name of the kind, such as `cpu`.
    fn name(&self) -> &'static str;

    /// Opens every device of this kind for `backend`'s algorithm. Each of them sends its solutions
    /// to `solutions` and waits while that is full, so that none is lost.
    ///
    /// # Errors
    /// When a device that is there can't be made ready.
    fn open(
        &self,
        backend: &Arc<dyn HashBackend>,
        solutions: &SyncSender<Solution>,
    ) -> Result<Vec<Box<dyn Device>>, OpenError>;
}

/// An open device. It stops when it is dropped.
pub trait Device: Send {
    /// Name of the device, unique within its kind.
    fn name(&self) -> &str;

    /// The algorithm that it was opened for.
    fn algorithm(&self) -> Algorithm;

    /// Leaves the job that it was working on for `job`. Once this returns, no further solution of an
    /// earlier job is sent; those sent before are still in the channel.
    ///
    /// A job of an epoch that isn't ready waits for it, and gives way to any job that comes meanwhile.
    ///
    /// # Errors
    /// When the device can't work on such a job; it then stays with the one it had.
    fn set_job(&mut self, job: Arc<JobDescription>) -> Result<(), JobError>;

    /// Leaves its job and waits for another one, as [`set_job`](Self::set_job) does.
    fn clear(&mut self);

    /// What it is about at this moment.
    fn status(&self) -> Status;

    /// What it has done so far.
    fn counters(&self) -> Counters;

    /// Stops for good and returns when nothing of it runs any more. Doing so twice is harmless.
    fn stop(&mut self);
}
