//! Work that leaves nothing to the miner but the nonce.

use otedama_hash::backend::{HEADER_LEN, NONCE_OFFSET};
use otedama_hash::{Algorithm, EpochInput, NonceRange};

use super::JobError;

/// Length in bytes of the longest blob: no network's RandomX hashing blob is longer.
pub const MAX_BLOB_LEN: usize = 408;

/// Bytes of a nonce that lies within its blob.
const NONCE_LEN: usize = 4;
/// Where RandomX has it.
const RANDOMX_NONCE_OFFSET: usize = 39;
/// Length in bytes of the header hash of Ethash and its kin.
const HEADER_HASH_LEN: usize = 32;

/// A blob, and the nonces to try with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobWork {
    /// The bytes that are hashed, as in [`PowInput::blob`](otedama_hash::PowInput::blob). A nonce in them
    /// is ignored.
    pub blob: Vec<u8>,
    /// The nonces to try, the end excluded; see [`nonces_under`] for a pool that fixes the first bytes. The
    /// end is at most 2^32 where the nonce lies within the blob.
    pub nonces: NonceRange,
    /// Height of the block, and the seed hash if the pool tells it.
    pub epoch: EpochInput,
    /// Seed hash of the epoch that follows, if the pool tells it: its cache or dataset is then made ready
    /// beforehand. Not needed where the height decides.
    pub next_seed: Option<[u8; 32]>,
}

impl BlobWork {
    pub(super) fn check(&self, algorithm: Algorithm) -> Result<(), JobError> {
        let layout = Layout::of(algorithm);
        let NonceRange { start, end } = self.nonces;
        if !(layout.shortest..=layout.longest).contains(&self.blob.len()) {
            return Err(JobError::BlobLength {
                algorithm,
                len: self.blob.len(),
                shortest: layout.shortest,
                longest: layout.longest,
            });
        }
        if start >= end {
            return Err(JobError::NoNonces { start, end });
        }
        if layout.nonce_at.is_some() && end > 1 << (8 * NONCE_LEN) {
            return Err(JobError::NonceTooLong { algorithm, end });
        }
        Ok(())
    }

    /// Whether a nonce has the same hash in both, for an algorithm with this layout.
    pub(crate) fn same_hashes(&self, other: &Self, layout: Layout) -> bool {
        let zeroed = |work: &Self| layout.with_nonce(&work.blob, 0);
        self.epoch == other.epoch && zeroed(self) == zeroed(other)
    }
}

/// The nonces of `nonce_len` bytes whose most significant bytes are `prefix`, as `NiceHash` and pools of
/// Ethash and KawPow fix them. `None` when `nonce_len` is above 8 or leaves nothing after the prefix.
///
/// With an empty prefix or one of `0xff` bytes and nonces of 8 bytes, the last nonce, 2^64 - 1, is left
/// out. RandomX writes its nonce with the least significant byte first, so the byte that is fixed there is
/// the one at offset 42 of the blob.
pub fn nonces_under(prefix: &[u8], nonce_len: usize) -> Option<NonceRange> {
    if nonce_len > 8 || prefix.len() >= nonce_len {
        return None;
    }
    let free_bits = 8 * (nonce_len - prefix.len());
    let prefix = prefix.iter().fold(0, |all, &byte| all << 8 | u128::from(byte));
    let end = (prefix + 1) << free_bits;
    Some((prefix << free_bits) as u64..u64::try_from(end).unwrap_or(u64::MAX))
}

/// How an algorithm takes its blob and its nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Whether its blob is an 80-byte header.
    pub(crate) has_headers: bool,
    shortest: usize,
    longest: usize,
    /// Where the 4-byte, little-endian nonce lies in the blob, if it does.
    nonce_at: Option<usize>,
}

impl Layout {
    /// An 80-byte header.
    pub(crate) const HEADER: Self = Self {
        has_headers: true,
        shortest: HEADER_LEN,
        longest: HEADER_LEN,
        nonce_at: Some(NONCE_OFFSET),
    };

    pub(crate) fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::SHA256D | Algorithm::SCRYPT => Self::HEADER,
            Algorithm::RANDOMX => Self {
                has_headers: false,
                shortest: RANDOMX_NONCE_OFFSET + NONCE_LEN,
                longest: MAX_BLOB_LEN,
                nonce_at: Some(RANDOMX_NONCE_OFFSET),
            },
            Algorithm::ETHASH | Algorithm::ETCHASH | Algorithm::KAWPOW => Self {
                has_headers: false,
                shortest: HEADER_HASH_LEN,
                longest: HEADER_HASH_LEN,
                nonce_at: None,
            },
            _ => Self {
                has_headers: true,
                shortest: 1,
                longest: MAX_BLOB_LEN,
                nonce_at: None,
            },
        }
    }

    /// `blob` as it is hashed with `nonce`.
    pub(crate) fn with_nonce(self, blob: &[u8], nonce: u64) -> Vec<u8> {
        let mut blob = blob.to_vec();
        let place = self.nonce_at.and_then(|at| blob.get_mut(at..at + NONCE_LEN));
        if let Some(place) = place {
            place.copy_from_slice(&(nonce as u32).to_le_bytes());
        }
        blob
    }
}

#[cfg(test)]
mod tests {
    use otedama_hash::Target;
    use proptest::prelude::*;

    use super::*;
    use crate::job::{JobDescription, WorkDescription};

    fn check(algorithm: Algorithm, len: usize, nonces: NonceRange) -> Result<(), JobError> {
        let work = WorkDescription::Blob(BlobWork {
            blob: vec![0; len],
            nonces,
            epoch: EpochInput::default(),
            next_seed: None,
        });
        let job = JobDescription {
            id: 1,
            target: Target::MAX,
            work,
        };
        job.check(algorithm)
    }

    #[test]
    fn blobs_have_the_algorithms_length() {
        let custom = Algorithm::custom("other", 0);
        for (algorithm, good, bad) in [
            (Algorithm::SHA256D, vec![80], vec![0, 79, 81]),
            (Algorithm::SCRYPT, vec![80], vec![32, 76]),
            (Algorithm::RANDOMX, vec![43, 76, 408], vec![0, 32, 42, 409]),
            (Algorithm::ETHASH, vec![32], vec![0, 31, 33, 80]),
            (Algorithm::ETCHASH, vec![32], vec![0, 31, 33]),
            (Algorithm::KAWPOW, vec![32], vec![0, 31, 33]),
            (custom, vec![1, 32, 408], vec![0, 409]),
        ] {
            for len in good {
                assert_eq!(check(algorithm, len, 0..1), Ok(()), "{algorithm} {len}");
            }
            for len in bad {
                let error = check(algorithm, len, 0..1).unwrap_err();
                assert!(matches!(error, JobError::BlobLength { .. }), "{algorithm} {len}");
                assert!(error.to_string().contains(&format!("blob of {len} bytes")));
            }
        }
    }

    #[test]
    fn ranges_are_neither_empty_nor_beyond_the_nonce() {
        let wide = u64::from(u32::MAX) + 1;
        for algorithm in [Algorithm::RANDOMX, Algorithm::ETHASH] {
            for (start, end) in [(0, 0), (7, 7), (8, 7), (u64::MAX, 0)] {
                let error = check(algorithm, 43.min(Layout::of(algorithm).longest), start..end);
                assert_eq!(error, Err(JobError::NoNonces { start, end }));
            }
        }
        assert_eq!(check(Algorithm::RANDOMX, 76, 0..wide), Ok(()));
        let error = JobError::NonceTooLong {
            algorithm: Algorithm::RANDOMX,
            end: wide + 1,
        };
        assert_eq!(check(Algorithm::RANDOMX, 76, 5..wide + 1), Err(error));
        assert_eq!(check(Algorithm::ETHASH, 32, wide..u64::MAX), Ok(()));
        assert_eq!(check(Algorithm::KAWPOW, 32, wide..u64::MAX), Ok(()));
    }

    #[test]
    fn prefixes_fix_the_most_significant_bytes() {
        assert_eq!(nonces_under(&[], 4), Some(0..1 << 32));
        assert_eq!(nonces_under(&[0xab], 4), Some(0xab00_0000..0xac00_0000));
        assert_eq!(nonces_under(&[0xff], 4), Some(0xff00_0000..1 << 32));
        let prefix = 0x080c_0000_0000_0000;
        assert_eq!(nonces_under(&[8, 0x0c], 8), Some(prefix..prefix + (1 << 48)));
        assert_eq!(nonces_under(&[0xff; 7], 8), Some(u64::MAX - 255..u64::MAX));
        assert_eq!(nonces_under(&[], 8), Some(0..u64::MAX));
        for (prefix, len) in [(4, 4), (5, 4), (8, 8), (0, 9), (0, 0), (100, 8)] {
            assert_eq!(nonces_under(&vec![1; prefix], len), None, "{prefix} {len}");
        }
    }

    proptest! {
        #[test]
        fn every_nonce_under_a_prefix_begins_with_it(
            prefix in prop::collection::vec(any::<u8>(), 0..10),
            len in 0..10_usize,
            at in any::<u64>(),
        ) {
            if let Some(range) = nonces_under(&prefix, len) {
                let nonce = range.start + at % (range.end - range.start);
                prop_assert_eq!(&nonce.to_be_bytes()[8 - len..][..prefix.len()], &prefix[..]);
                prop_assert_eq!(nonce >> (8 * len - 1) >> 1, 0);
            }
        }
    }

    #[test]
    fn the_nonce_goes_where_the_algorithm_reads_it() {
        let nonce = 0x00dd_0403_0201_u64;
        let blob = Layout::of(Algorithm::RANDOMX).with_nonce(&[9; 76], nonce);
        assert_eq!((&blob[..39], &blob[39..43]), (&[9; 39][..], &[1, 2, 3, 4][..]));
        assert_eq!(blob[43..], [9; 33]);
        let header = Layout::HEADER.with_nonce(&[9; 80], nonce);
        assert_eq!((&header[75..], header.len()), (&[9, 1, 2, 3, 4][..], 80));
        assert_eq!(Layout::of(Algorithm::KAWPOW).with_nonce(&[9; 32], nonce), [9; 32]);
    }

    #[test]
    fn a_nonce_in_the_blob_does_not_make_another_work() {
        let work = BlobWork {
            blob: vec![1; 76],
            nonces: 0..10,
            epoch: EpochInput::default(),
            next_seed: None,
        };
        let layout = Layout::of(Algorithm::RANDOMX);
        let changed = |change: &dyn Fn(&mut BlobWork)| {
            let mut other = work.clone();
            change(&mut other);
            work.same_hashes(&other, layout)
        };
        assert!(changed(&|w| w.blob[39..43].fill(0xaa)));
        assert!(changed(&|w| w.nonces = 5..6));
        assert!(changed(&|w| w.next_seed = Some([1; 32])));
        assert!(!changed(&|w| w.blob[38] = 0));
        assert!(!changed(&|w| w.blob[43] = 0));
        assert!(!changed(&|w| w.epoch.height = 1));
        assert!(!changed(&|w| w.epoch.seed = Some([1; 32])));
    }
}
