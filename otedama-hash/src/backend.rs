//! The traits an algorithm implements, and what passes through them.

use core::fmt;
use core::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Algorithm;
use crate::primitives::{Hash256, Target};

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

/// How much memory a hasher may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemoryPlan {
    /// Enough to verify single shares.
    #[default]
    Light,
    /// Everything that makes mining fast.
    Full,
}

/// One proof of work to verify.
#[derive(Clone, Copy, Debug)]
pub struct PowInput<'a> {
    /// The bytes that are hashed. SHA-256d and Scrypt: the 80-byte header with its nonce in place.
    pub blob: &'a [u8],
    /// The nonce, for algorithms that take it apart from the blob; ignored by the others.
    pub nonce: u64,
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
    #[error(
        "{algorithm} needs {needed_bytes} bytes of memory that the system does not give; use light mode or fewer threads"
    )]
    OutOfMemory {
        /// Which algorithm.
        algorithm: Algorithm,
        /// How many bytes it asked for.
        needed_bytes: u64,
    },
    /// The machine or the build lacks what this backend needs.
    #[error("{algorithm} can not run here: {reason}")]
    Unsupported {
        /// Which algorithm.
        algorithm: Algorithm,
        /// What is missing.
        reason: &'static str,
    },
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
    fn scan_len(&self) -> u64 {
        16
    }

    /// The key of the cache or dataset that `at` needs.
    fn epoch(&self, at: EpochInput) -> EpochKey;

    /// Builds what hashing under `key` needs. May take seconds and gigabytes.
    ///
    /// # Errors
    /// When memory or a needed feature of the machine is missing.
    fn prepare(&self, key: EpochKey, memory: MemoryPlan) -> Result<Box<dyn Hasher>, PrepareError>;
}

impl fmt::Debug for dyn HashBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.algorithm(), self.name())
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

/// Scans the nonces of an 80-byte header in order with `hash`, as [`Hasher::scan`] describes it.
///
/// `stop` is looked at before the first hash and then after every `stop_interval` hashes.
pub(crate) fn scan_headers(
    work: &ScanWork<'_>,
    nonces: NonceRange,
    hits: &mut Hits,
    stop_interval: u64,
    mut hash: impl FnMut(&[u8; HEADER_LEN]) -> Hash256,
) -> u64 {
    let Ok(mut header) = <[u8; HEADER_LEN]>::try_from(work.blob) else {
        return 0;
    };
    if hits.is_full() {
        return 0;
    }
    let end = nonces.end.min(1 << 32);
    let mut done = 0;
    for nonce in nonces.start..end {
        if done % stop_interval == 0 && work.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            break;
        }
        header[NONCE_OFFSET..].copy_from_slice(&(nonce as u32).to_le_bytes());
        let hash = hash(&header);
        done += 1;
        if work.target.is_met_by(&hash)
            && !hits.push(Hit {
                nonce,
                pow: PowHash { hash, mix: None },
            })
        {
            break;
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: [u8; HEADER_LEN] = [7; HEADER_LEN];

    /// A hash that is the nonce itself, so that a target of `n` is met by the nonces up to `n`.
    fn nonce_as_hash(header: &[u8; HEADER_LEN]) -> Hash256 {
        assert_eq!(header[..NONCE_OFFSET], BLOB[..NONCE_OFFSET]);
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&header[NONCE_OFFSET..]);
        Hash256::from_le_bytes(bytes)
    }

    fn target(limit: u64) -> Target {
        Target::from_u256(crate::U256::from(limit))
    }

    fn scan(work: &ScanWork<'_>, nonces: NonceRange, hits: &mut Hits) -> u64 {
        scan_headers(work, nonces, hits, 4, nonce_as_hash)
    }

    fn nonces(hits: &Hits) -> Vec<u64> {
        hits.as_slice().iter().map(|hit| hit.nonce).collect()
    }

    #[test]
    fn a_scan_covers_its_range_in_order() {
        let work = ScanWork {
            blob: &BLOB,
            target: target(12),
            stop: None,
        };
        let mut hits = Hits::with_capacity(100);
        assert_eq!(scan(&work, 10..20, &mut hits), 10);
        assert_eq!(nonces(&hits), [10, 11, 12]);
        assert_eq!(scan(&work, 5..5, &mut hits), 0);
    }

    #[test]
    fn a_full_list_ends_the_scan_where_the_next_one_goes_on() {
        let work = ScanWork {
            blob: &BLOB,
            target: target(12),
            stop: None,
        };
        let mut hits = Hits::with_capacity(2);
        let done = scan(&work, 10..20, &mut hits);
        assert_eq!((done, nonces(&hits)), (2, vec![10, 11]));
        assert_eq!(scan(&work, 12..20, &mut hits), 0, "a full list takes nothing");
        assert_eq!(hits.drain().count(), 2);
        assert_eq!(scan(&work, 10 + done..20, &mut hits), 8);
        assert_eq!(nonces(&hits), [12]);
    }

    #[test]
    fn a_scan_ends_at_the_last_nonce_of_a_header() {
        let work = ScanWork {
            blob: &BLOB,
            target: Target::MAX,
            stop: None,
        };
        let mut hits = Hits::with_capacity(100);
        let last = u64::from(u32::MAX);
        assert_eq!(scan(&work, last - 1..last + 50, &mut hits), 2);
        assert_eq!(nonces(&hits), [last - 1, last]);
        assert_eq!(scan(&work, last + 1..last + 50, &mut hits), 0);
    }

    #[test]
    fn the_stop_flag_ends_a_scan_within_an_interval() {
        let stop = AtomicBool::new(true);
        let work = ScanWork {
            blob: &BLOB,
            target: target(0),
            stop: Some(&stop),
        };
        let mut hits = Hits::with_capacity(1);
        assert_eq!(scan(&work, 10..20, &mut hits), 0);
        stop.store(false, Ordering::Relaxed);
        let mut count = 0;
        let done = scan_headers(&work, 10..100, &mut hits, 4, |header| {
            count += 1;
            stop.store(count >= 6, Ordering::Relaxed);
            nonce_as_hash(header)
        });
        assert_eq!(done, 8);
    }

    #[test]
    fn a_blob_of_another_length_yields_no_hashes() {
        let mut hits = Hits::with_capacity(1);
        for blob in [&[0; 79][..], &[0; 81], &[]] {
            let work = ScanWork {
                blob,
                target: Target::MAX,
                stop: None,
            };
            assert_eq!(scan_headers(&work, 0..10, &mut hits, 1, |_| Hash256::ZERO), 0);
        }
        assert!(hits.as_slice().is_empty());
    }
}
