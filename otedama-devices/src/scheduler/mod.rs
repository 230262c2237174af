//! Splitting a job into units of work, none of which is handed out twice.

mod blob;
mod header;

use std::sync::Arc;

use otedama_hash::backend::HEADER_LEN;
use otedama_hash::{Algorithm, NonceRange};

use crate::driver::{Answer, HeaderAnswer};
use crate::job::{Extranonce2, JobDescription, JobError, Layout, WorkDescription};
use blob::BlobCursor;
use header::HeaderCursor;

/// A range of nonces under one header or blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkUnit {
    /// The nonces to try; never empty. Under a header the end is at most 2^32, under a blob it lies within
    /// the job's range.
    pub nonces: NonceRange,
    /// What they are tried with.
    pub part: Part,
}

/// The part of a job that a unit of work is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// One of the headers that the job stands for.
    Header(HeaderPart),
    /// The job's one blob.
    Blob,
}

/// One header, and what the miner chose for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderPart {
    /// The header; its nonce (little-endian at byte 76) is zero.
    pub header: [u8; HEADER_LEN],
    /// The miner's part of the extranonce in this header's coinbase.
    pub extranonce2: Extranonce2,
    /// The header's time in Unix seconds.
    pub ntime: u32,
    /// The header's version within the job's version mask, as BIP 310 submits it; `None` where the
    /// mask is zero.
    pub version_bits: Option<u32>,
}

impl WorkUnit {
    /// What is hashed, with some nonce or none in it. `job` is the unit's job.
    pub fn blob<'a>(&'a self, job: &'a JobDescription) -> &'a [u8] {
        match (&self.part, &job.work) {
            (Part::Header(part), _) => &part.header,
            (Part::Blob, WorkDescription::Blob(work)) => &work.blob,
            (Part::Blob, WorkDescription::Headers(_)) => &[],
        }
    }

    /// The bytes that are hashed with `nonce`, where `job` is the unit's job and `algorithm` the device's.
    pub fn blob_with(&self, job: &JobDescription, algorithm: Algorithm, nonce: u64) -> Vec<u8> {
        let layout = match self.part {
            Part::Header(_) => Layout::HEADER,
            Part::Blob => Layout::of(algorithm),
        };
        layout.with_nonce(self.blob(job), nonce)
    }

    /// What a pool is told when `nonce` is a solution; `None` when it is none of this unit's.
    pub fn answer(&self, nonce: u64) -> Option<Answer> {
        if !self.nonces.contains(&nonce) {
            return None;
        }
        Some(match &self.part {
            Part::Header(part) => Answer::Header(HeaderAnswer {
                extranonce2: part.extranonce2,
                ntime: part.ntime,
                nonce: u32::try_from(nonce).ok()?,
                version_bits: part.version_bits,
            }),
            Part::Blob => Answer::Blob { nonce },
        })
    }
}

/// Hands out the work of one job in disjoint units. Headers: nonce ranges of one first, then the next
/// combination of version bits, then the next extranonce2. A blob: its nonces in order.
#[derive(Clone, Debug)]
pub struct WorkSource {
    job: Arc<JobDescription>,
    algorithm: Algorithm,
    cursor: Cursor,
}

/// How far a job has been handed out; of the same kind as the job.
#[derive(Clone, Debug)]
enum Cursor {
    Headers(HeaderCursor),
    Blob(BlobCursor),
}

impl WorkSource {
    /// All the work of `job` for a device of `algorithm`.
    ///
    /// # Errors
    /// As [`JobDescription::check`].
    pub fn new(job: Arc<JobDescription>, algorithm: Algorithm) -> Result<Self, JobError> {
        job.check(algorithm)?;
        let cursor = match &job.work {
            WorkDescription::Headers(work) => Cursor::Headers(HeaderCursor::new(work)),
            WorkDescription::Blob(work) => Cursor::Blob(BlobCursor::new(&work.nonces)),
        };
        Ok(Self {
            job,
            algorithm,
            cursor,
        })
    }

    /// The job that is being handed out.
    pub fn job(&self) -> &Arc<JobDescription> {
        &self.job
    }

    /// Goes over to `job`. When it stands for the same headers as the one before, such as one with
    /// another target, or for the same blob, if with other nonces, work that was handed out is not handed
    /// out again.
    ///
    /// # Errors
    /// As [`JobDescription::check`]; the source then stays with its job.
    pub fn switch_to(&mut self, job: Arc<JobDescription>) -> Result<(), JobError> {
        job.check(self.algorithm)?;
        match (&self.job.work, &job.work, &mut self.cursor) {
            (WorkDescription::Headers(old), WorkDescription::Headers(new), _) if old == new => {}
            (WorkDescription::Blob(old), WorkDescription::Blob(new), Cursor::Blob(cursor))
                if old.same_hashes(new, Layout::of(self.algorithm)) =>
            {
                cursor.move_to(&old.nonces, &new.nonces);
            }
            _ => {
                *self = Self::new(job, self.algorithm)?;
                return Ok(());
            }
        }
        self.job = job;
        Ok(())
    }

    /// The next unit, of at least one and at most `max_nonces` nonces, or `None` when all work of the
    /// job has been handed out.
    pub fn next_unit(&mut self, max_nonces: u64) -> Option<WorkUnit> {
        let max_nonces = max_nonces.max(1);
        match (&self.job.work, &mut self.cursor) {
            (WorkDescription::Headers(work), Cursor::Headers(cursor)) => cursor.next_unit(work, max_nonces),
            (WorkDescription::Blob(work), Cursor::Blob(cursor)) => {
                let nonces = cursor.next_range(&work.nonces, max_nonces)?;
                Some(WorkUnit {
                    nonces,
                    part: Part::Blob,
                })
            }
            // A cursor is made for its job.
            _ => None,
        }
    }

    /// Whether all work of the job has been handed out.
    pub fn is_exhausted(&self) -> bool {
        match (&self.job.work, &self.cursor) {
            (WorkDescription::Blob(work), Cursor::Blob(cursor)) => cursor.is_at_end(&work.nonces),
            (_, Cursor::Headers(cursor)) => cursor.is_at_end(),
            _ => true,
        }
    }
}
