//! Splitting jobs into units of work.

mod blob;
mod header;

use core::mem;
use std::collections::VecDeque;
use std::sync::Arc;

use otedama_hash::backend::HEADER_LEN;
use otedama_hash::{BlobLayout, HashBackend, NonceRange};

use crate::driver::{Answer, HeaderAnswer};
use crate::job::{Extranonce2, JobDescription, JobError, WorkDescription};
use blob::BlobCursor;
use header::HeaderCursor;

/// How many jobs before the one at hand are remembered, so that none of their work is handed out again when a pool
/// comes back to one of them.
const MAX_EARLIER: usize = 8;

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

    /// The bytes that are hashed with `nonce`, where `job` is the unit's job and `layout` the algorithm's.
    pub fn blob_with(&self, job: &JobDescription, layout: BlobLayout, nonce: u64) -> Vec<u8> {
        let mut blob = self.blob(job).to_vec();
        layout.put_nonce(&mut blob, nonce);
        blob
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

/// Hands out the work of one job after the other in disjoint units. Headers: nonce ranges of one first, then the
/// next combination of version bits, then the next extranonce2. A blob: its nonces from one that the seed chooses
/// up to the end, then those before it.
///
/// Nothing is handed out twice, also when a pool comes back to one of the eight jobs before. Under one blob 64
/// stretches of nonces are remembered, which a pool exceeds only with ever other ranges that don't touch.
#[derive(Clone, Debug)]
pub struct WorkSource {
    job: Arc<JobDescription>,
    backend: Arc<dyn HashBackend>,
    seed: u64,
    cursor: Cursor,
    /// How far the jobs before were handed out, the latest last.
    earlier: VecDeque<(Arc<JobDescription>, Cursor)>,
}

/// How far a job has been handed out; of the same kind as the job.
#[derive(Clone, Debug)]
enum Cursor {
    Headers(HeaderCursor),
    Blob(BlobCursor),
}

impl Cursor {
    fn new(job: &JobDescription, seed: u64) -> Self {
        match &job.work {
            WorkDescription::Headers(work) => Self::Headers(HeaderCursor::new(work)),
            WorkDescription::Blob(work) => Self::Blob(BlobCursor::new(work.nonces.clone(), seed)),
        }
    }
}

impl WorkSource {
    /// All the work of `job` for a device of `backend`'s algorithm.
    ///
    /// `seed` decides at which nonce a blob is begun. It should be another one for every miner: pools that fix no
    /// part of the nonce give all of them the same blob.
    ///
    /// # Errors
    /// As [`JobDescription::check`].
    pub fn new(job: Arc<JobDescription>, backend: Arc<dyn HashBackend>, seed: u64) -> Result<Self, JobError> {
        job.check(&*backend)?;
        Ok(Self {
            cursor: Cursor::new(&job, seed),
            job,
            backend,
            seed,
            earlier: VecDeque::new(),
        })
    }

    /// The job that is being handed out.
    pub fn job(&self) -> &Arc<JobDescription> {
        &self.job
    }

    /// Goes over to `job`. When it stands for the same headers as the one at hand or one of the eight before, such
    /// as one with another target, or for the same blob, if with other nonces, work that was handed out is not
    /// handed out again.
    ///
    /// # Errors
    /// As [`JobDescription::check`]; the source then stays with its job.
    pub fn switch_to(&mut self, job: Arc<JobDescription>) -> Result<(), JobError> {
        job.check(&*self.backend)?;
        if !self.is_same_work(&self.job, &job) {
            let mut earlier = self.earlier.iter();
            let known = earlier.position(|(earlier, _)| self.is_same_work(earlier, &job));
            let cursor = match known.and_then(|index| self.earlier.remove(index)) {
                Some((_, cursor)) => cursor,
                None => Cursor::new(&job, self.seed),
            };
            let left = mem::replace(&mut self.cursor, cursor);
            if self.earlier.len() == MAX_EARLIER {
                self.earlier.pop_front();
            }
            self.earlier.push_back((Arc::clone(&self.job), left));
        }
        if let (WorkDescription::Blob(work), Cursor::Blob(cursor)) = (&job.work, &mut self.cursor) {
            cursor.move_to(&work.nonces, self.seed);
        }
        self.job = job;
        Ok(())
    }

    /// Whether two jobs have the same hashes, if with other nonces under a blob.
    fn is_same_work(&self, one: &JobDescription, other: &JobDescription) -> bool {
        match (&one.work, &other.work) {
            (WorkDescription::Headers(one), WorkDescription::Headers(other)) => one == other,
            (WorkDescription::Blob(one), WorkDescription::Blob(other)) => {
                one.same_hashes(other, self.backend.layout())
            }
            _ => false,
        }
    }

    /// The next unit, of at least one and at most `max_nonces` nonces, or `None` when all work of the
    /// job has been handed out.
    pub fn next_unit(&mut self, max_nonces: u64) -> Option<WorkUnit> {
        let max_nonces = max_nonces.max(1);
        match (&self.job.work, &mut self.cursor) {
            (WorkDescription::Headers(work), Cursor::Headers(cursor)) => cursor.next_unit(work, max_nonces),
            (_, Cursor::Blob(cursor)) => {
                let nonces = cursor.next_range(max_nonces)?;
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
        match &self.cursor {
            Cursor::Headers(cursor) => cursor.is_at_end(),
            Cursor::Blob(cursor) => cursor.is_at_end(),
        }
    }
}
