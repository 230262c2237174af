//! Work as a pool describes it.

mod blob;
mod header;

use otedama_hash::{Algorithm, EpochInput, HashBackend, PrepareError, Target};

pub use blob::BlobWork;
pub use header::{Extranonce2, HeaderWork, MAX_EXTRANONCE2_LEN};

/// Everything that a device needs for the work of one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobDescription {
    /// The driver's own number for the job; it comes back in every solution through its job.
    pub id: u64,
    /// Hashes at or below this share target are solutions.
    pub target: Target,
    /// What is hashed.
    pub work: WorkDescription,
}

/// What a job leaves to the miner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkDescription {
    /// To build the headers, too: Bitcoin's way.
    Headers(HeaderWork),
    /// Only to find a nonce: the way of Monero, Ethereum Classic and Ravencoin.
    Blob(BlobWork),
}

/// Why a job can't be worked on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The miner's part of the extranonce is longer than [`MAX_EXTRANONCE2_LEN`].
    #[error("extranonce2 of {len} bytes is longer than {MAX_EXTRANONCE2_LEN} bytes")]
    Extranonce2TooLong {
        /// The length that the job asks for, in bytes.
        len: usize,
    },
    /// The algorithm doesn't hash 80-byte headers.
    #[error("{algorithm} does not hash headers of 80 bytes")]
    NotOfHeaders {
        /// Which algorithm.
        algorithm: Algorithm,
    },
    /// The blob has a length that the algorithm doesn't know.
    #[error("a blob of {len} bytes, where {algorithm} takes {shortest} to {longest}")]
    BlobLength {
        /// Which algorithm.
        algorithm: Algorithm,
        /// Length of the blob in bytes.
        len: usize,
        /// Length in bytes of the shortest blob that the algorithm takes.
        shortest: usize,
        /// Length in bytes of the longest one.
        longest: usize,
    },
    /// The range of nonces is empty.
    #[error("no nonces to try from {start} to {end}")]
    NoNonces {
        /// The first nonce of the range.
        start: u64,
        /// Its end, excluded.
        end: u64,
    },
    /// The range goes beyond the algorithm's nonces of 4 bytes.
    #[error("nonces up to {end}, where {algorithm} has 4 bytes for one")]
    NonceTooLong {
        /// Which algorithm.
        algorithm: Algorithm,
        /// End of the range, excluded.
        end: u64,
    },
    /// The height or the seed belongs to no epoch.
    #[error(transparent)]
    Epoch(#[from] PrepareError),
}

impl JobDescription {
    /// Whether no device that was opened for `backend` would fail to work on this job. That there is an
    /// epoch for it isn't looked at; [`Device::set_job`](crate::Device::set_job) does.
    ///
    /// # Errors
    /// For every reason in [`JobError`] but the epoch.
    pub fn check(&self, backend: &dyn HashBackend) -> Result<(), JobError> {
        match &self.work {
            WorkDescription::Headers(_) if !backend.layout().takes_headers() => Err(JobError::NotOfHeaders {
                algorithm: backend.algorithm(),
            }),
            WorkDescription::Headers(work) => work.check(),
            WorkDescription::Blob(work) => work.check(backend),
        }
    }

    /// What decides which cache or dataset the job needs.
    pub fn epoch(&self) -> EpochInput {
        match &self.work {
            WorkDescription::Headers(_) => EpochInput::default(),
            WorkDescription::Blob(work) => work.epoch,
        }
    }
}
