//! The traits an algorithm implements, and what passes through them.

use core::fmt;
use core::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::Algorithm;
use crate::layout::BlobLayout;
use crate::memory::MemoryReport;
use crate::primitives::{Hash256, Target};
use crate::setup::{MemoryPlan, Setup};

/// Length in bytes of the block header that SHA-256d and Scrypt hash.
pub const HEADER_LEN: usize = 80;
/// Where the 4-byte, little-endian nonce lies in such a header.
pub const NONCE_OFFSET: usize = 76;

/// What decides which cache or dataset a header needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EpochInput {
    /// Height of the block being mined.
    pub height: u64,
    /// Seed hash that the node names, where the algorithm has one.
    pub seed: Option<[u8; 32]>,
}

/// Names one cache or dataset. Algorithms without epochs have a single, default key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EpochKey(pub [u8; 32]);

/// One proof of work to verify.
#[derive(Clone, Copy, Debug)]
pub struct PowInput<'a> {
    /// The bytes that are hashed. SHA-256d and Scrypt: the 80-byte header with its nonce in place;
    /// Ethash and KawPow: the 32-byte header hash; RandomX: the hashing blob with its nonce in place.
    pub blob: &'a [u8],
    /// The nonce, for algorithms that take it apart from the blob; ignored by the others.
    pub nonce: u64,
    /// Height of the block, for algorithms that hash differently from block to block; ignored by the others.
    pub height: u64,
}

impl<'a> PowInput<'a> {
    /// A blob that holds everything.
    pub const fn of(blob: &'a [u8]) -> Self {
        Self {
            blob,
            nonce: 0,
            height: 0,
        }
    }
}

/// The result of one proof of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PowHash {
    /// What is compared with the target.
    pub hash: Hash256,
    /// The mix hash, for algorithms that have one.
    pub mix: Option<[u8; 32]>,
}

/// Work to search for nonces.
#[derive(Clone, Copy, Debug)]
pub struct ScanWork<'a> {
    /// As in [`PowInput::blob`]; whatever nonce is in it is ignored.
    pub blob: &'a [u8],
    /// As in [`PowInput::height`].
    pub height: u64,
    /// Report nonces whose hash is at or below this target.
    pub target: Target,
    /// When set, the scan ends early; looked at often enough to end it within milliseconds.
    pub stop: Option<&'a AtomicBool>,
}

/// Nonces to search, the end excluded. For algorithms with a 4-byte nonce the end is at most 2^32.
pub type NonceRange = Range<u64>;

/// One nonce that met the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The nonce, as a number (in a Bitcoin header: little-endian at byte 76).
    pub nonce: u64,
    /// Its proof of work.
    pub pow: PowHash,
}

/// A bounded list of hits; a scan ends early when it is full.
#[derive(Clone, Debug)]
pub struct Hits {
    list: Vec<Hit>,
    capacity: usize,
}

impl Hits {
    /// An empty list that takes up to `capacity` hits (at least one).
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            list: Vec::new(),
            capacity: capacity.max(1),
        }
    }

    /// Adds a hit. Returns false when the list is full afterwards.
    pub fn push(&mut self, hit: Hit) -> bool {
        if !self.is_full() {
            self.list.push(hit);
        }
        !self.is_full()
    }

    /// Whether no further hit fits.
    pub fn is_full(&self) -> bool {
        self.list.len() >= self.capacity
    }

    /// Takes out all hits, in the order in which they were found.
    pub fn drain(&mut self) -> impl Iterator<Item = Hit> + '_ {
        self.list.drain(..)
    }

    /// The hits found so far.
    pub fn as_slice(&self) -> &[Hit] {
        &self.list
    }
}

/// Why a hasher could not be made ready.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrepareError {
    /// The cache or dataset doesn't fit into memory.
    #[error("{algorithm} needs {} MiB of memory {}; {}", needed_bytes.div_ceil(1 << 20), room(*limit_bytes), remedy(*plan))]
    OutOfMemory {
        /// Which algorithm.
        algorithm: Algorithm,
        /// In which mode.
        plan: MemoryPlan,
        /// How many bytes it asked for.
        needed_bytes: u64,
        /// How many it may take, if that was why.
        limit_bytes: Option<u64>,
    },
    /// The machine or the build lacks what this backend needs.
    #[error("{algorithm} can not run here: {reason}")]
    Unsupported {
        /// Which algorithm.
        algorithm: Algorithm,
        /// What is missing.
        reason: &'static str,
    },
    /// No epoch can be told from the height and the seed.
    #[error("{algorithm} has no such epoch: {reason}")]
    UnknownEpoch {
        /// Which algorithm.
        algorithm: Algorithm,
        /// What is wrong with the height or the seed.
        reason: &'static str,
    },
    /// The caller called it off.
    #[error("{algorithm} was stopped before it was ready")]
    Stopped {
        /// Which algorithm.
        algorithm: Algorithm,
    },
    /// Nobody prepares anything any more: the thread that did has panicked.
    #[error(
        "{algorithm} can not be made ready: the thread that prepares it has ended by a fault; start the program anew"
    )]
    Gone {
        /// Which algorithm.
        algorithm: Algorithm,
    },
}

fn room(limit_bytes: Option<u64>) -> String {
    match limit_bytes {
        Some(limit) => format!("and may take {} MiB", limit >> 20),
        None => "that the system does not give".into(),
    }
}

fn remedy(plan: MemoryPlan) -> &'static str {
    match plan {
        MemoryPlan::Full => "use light mode, fewer threads, or a machine with more memory",
        MemoryPlan::Light => "free some memory or use fewer threads",
    }
}

/// One implementation of one algorithm.
pub trait HashBackend: Send + Sync {
    /// The algorithm that this implements.
    fn algorithm(&self) -> Algorithm;

    /// Name of the implementation, such as `soft` or `avx2`.
    fn name(&self) -> &'static str;

    /// How many hashes to ask of one scan: as many as a slow core computes in about 50 ms.
    ///
    /// Miners hand out work and read counters in steps of this size.
    fn scan_len(&self, plan: MemoryPlan) -> u64;

    /// What is hashed, and where the nonce is: unless a backend says otherwise, Bitcoin's header.
    ///
    /// Devices put the nonces that they find there before they report them.
    fn layout(&self) -> BlobLayout {
        BlobLayout::HEADER
    }

    /// The key of the cache or dataset that `at` needs.
    ///
    /// # Errors
    /// [`PrepareError::UnknownEpoch`] when the height or the seed belongs to none.
    fn epoch(&self, at: EpochInput) -> Result<EpochKey, PrepareError> {
        let _ = at;
        Ok(EpochKey::default())
    }

    /// The epoch that follows, for algorithms in which the height alone decides.
    fn upcoming(&self, at: EpochInput) -> Option<EpochInput> {
        let _ = at;
        None
    }

    /// How many bytes [`prepare`](Self::prepare) would take for all threads together.
    ///
    /// # Errors
    /// [`PrepareError::UnknownEpoch`] when nothing can be prepared for `key`.
    fn memory(&self, key: EpochKey, plan: MemoryPlan) -> Result<u64, PrepareError> {
        let _ = (key, plan);
        Ok(0)
    }

    /// Builds what hashing under `key` needs. May take seconds and gigabytes.
    ///
    /// # Errors
    /// When memory or a needed feature of the machine is missing, when `key` names no epoch, or when
    /// the caller calls it off.
    fn prepare(&self, key: EpochKey, setup: &Setup<'_>) -> Result<Arc<dyn Prepared>, PrepareError>;

    /// A single hasher for the verification of shares under `key`, prepared in the calling thread.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare) and [`Prepared::hasher`].
    fn verifier(&self, key: EpochKey) -> Result<Box<dyn Hasher>, PrepareError> {
        self.prepare(key, &Setup::default())?.hasher()
    }

    /// The hash that `input` would have if `mix` were its mix hash: cheap, so that a share whose claim
    /// doesn't meet its target is refused before the costly part. `None` for algorithms without a mix.
    fn claimed(&self, input: &PowInput<'_>, mix: &[u8; 32]) -> Option<Hash256> {
        let _ = (input, mix);
        None
    }
}

impl fmt::Debug for dyn HashBackend + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.algorithm(), self.name())
    }
}

/// A cache or dataset, shared by all threads that hash under its key.
pub trait Prepared: Send + Sync {
    /// A hasher for one more thread.
    ///
    /// # Errors
    /// [`PrepareError::OutOfMemory`] when there is no room for what a thread needs of its own.
    fn hasher(&self) -> Result<Box<dyn Hasher>, PrepareError>;

    /// The mode that it was prepared for.
    fn plan(&self) -> MemoryPlan;

    /// What it holds.
    fn memory(&self) -> MemoryReport;
}

impl fmt::Debug for dyn Prepared + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}", self.plan(), self.memory())
    }
}

/// For algorithms that share nothing between threads: each gets a copy of one hasher.
#[derive(Clone, Copy, Debug)]
pub struct PerThread<H> {
    hasher: H,
    plan: MemoryPlan,
}

impl<H: Hasher + Clone + Sync + 'static> PerThread<H> {
    /// Hands out copies of `hasher`.
    pub fn shared(hasher: H, plan: MemoryPlan) -> Arc<dyn Prepared> {
        Arc::new(Self { hasher, plan })
    }
}

impl<H: Hasher + Clone + Sync + 'static> Prepared for PerThread<H> {
    fn hasher(&self) -> Result<Box<dyn Hasher>, PrepareError> {
        Ok(Box::new(self.hasher.clone()))
    }

    fn plan(&self) -> MemoryPlan {
        self.plan
    }

    fn memory(&self) -> MemoryReport {
        MemoryReport::NONE
    }
}

/// Hashes under one key, for one thread at a time.
pub trait Hasher: Send {
    /// Hashes each input into the slot of the same index; the slices have the same length.
    ///
    /// An input whose blob has a length that the algorithm doesn't know hashes as it is; callers
    /// check lengths where they build headers.
    fn hash_batch(&mut self, inputs: &[PowInput<'_>], out: &mut [PowHash]);

    /// Tries every nonce of `nonces` in order until the range ends, `hits` is full or
    /// `work.stop` is set. Returns how many hashes were computed, so that a scan that ended early
    /// goes on at `nonces.start` plus that number.
    ///
    /// A blob of the wrong length yields no hashes.
    fn scan(&mut self, work: &ScanWork<'_>, nonces: NonceRange, hits: &mut Hits) -> u64;
}
