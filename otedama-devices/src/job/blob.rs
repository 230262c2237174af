//! Work that leaves nothing to the miner but the nonce.

use otedama_hash::{BlobLayout, EpochInput, HashBackend, NonceRange};

use super::JobError;

/// A blob, and the nonces to try with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobWork {
    /// The bytes that are hashed, as in [`PowInput::blob`](otedama_hash::PowInput::blob). A nonce in them
    /// is ignored.
    pub blob: Vec<u8>,
    /// The nonces to try, the end excluded. The end is at most 2^32 where the nonce lies within the blob.
    pub nonces: NonceRange,
    /// Height of the block, and the seed hash if the pool tells it.
    pub epoch: EpochInput,
    /// Seed hash of the epoch that follows, if the pool tells it: its cache or dataset is then made ready
    /// beforehand. Not needed where the height decides.
    pub next_seed: Option<[u8; 32]>,
}

impl BlobWork {
    pub(super) fn check(&self, backend: &dyn HashBackend) -> Result<(), JobError> {
        let (algorithm, layout) = (backend.algorithm(), backend.layout());
        let NonceRange { start, end } = self.nonces;
        if !layout.has_len(self.blob.len()) {
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
        if end > layout.nonce_end() {
            return Err(JobError::NonceTooLong { algorithm, end });
        }
        Ok(())
    }

    /// Whether a nonce has the same hash in both, for an algorithm with this layout.
    pub(crate) fn same_hashes(&self, other: &Self, layout: BlobLayout) -> bool {
        let zeroed = |work: &Self| {
            let mut blob = work.blob.clone();
            layout.put_nonce(&mut blob, 0);
            blob
        };
        self.epoch == other.epoch && zeroed(self) == zeroed(other)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use otedama_hash::{Algorithm, Registry, Target};

    use super::*;
    use crate::job::{JobDescription, WorkDescription};

    /// `None` where the build lacks it.
    fn backend(algorithm: Algorithm) -> Option<Arc<dyn HashBackend>> {
        Registry::with_builtin().get(algorithm).cloned()
    }

    fn check(backend: &dyn HashBackend, len: usize, nonces: NonceRange) -> Result<(), JobError> {
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
        job.check(backend)
    }

    #[test]
    fn blobs_have_the_algorithms_length() {
        for (algorithm, good, bad) in [
            (Algorithm::SHA256D, vec![80], vec![0, 79, 81]),
            (Algorithm::SCRYPT, vec![80], vec![32, 76]),
            (Algorithm::RANDOMX, vec![43, 76, 408], vec![0, 32, 42, 409]),
            (Algorithm::ETHASH, vec![32], vec![0, 31, 33, 80]),
            (Algorithm::ETCHASH, vec![32], vec![0, 31, 33]),
            (Algorithm::KAWPOW, vec![32], vec![0, 31, 33]),
        ] {
            let Some(backend) = backend(algorithm) else {
                continue;
            };
            for len in good {
                assert_eq!(check(&*backend, len, 0..1), Ok(()), "{algorithm} {len}");
            }
            for len in bad {
                let error = check(&*backend, len, 0..1).unwrap_err();
                assert!(matches!(error, JobError::BlobLength { .. }), "{algorithm} {len}");
                assert!(error.to_string().contains(&format!("blob of {len} bytes")));
            }
        }
    }

    #[test]
    fn ranges_are_neither_empty_nor_beyond_the_nonce() {
        let wide = u64::from(u32::MAX) + 1;
        let (sha256d, ethash) = (Algorithm::SHA256D, Algorithm::ETHASH);
        let [header, hash] = [sha256d, ethash].map(|algorithm| backend(algorithm).unwrap());
        for (backend, len) in [(&header, 80), (&hash, 32)] {
            for (start, end) in [(0, 0), (7, 7), (8, 7), (u64::MAX, 0)] {
                let error = check(&**backend, len, start..end);
                assert_eq!(error, Err(JobError::NoNonces { start, end }));
            }
        }
        assert_eq!(check(&*header, 80, 0..wide), Ok(()));
        let error = JobError::NonceTooLong {
            algorithm: sha256d,
            end: wide + 1,
        };
        assert_eq!(check(&*header, 80, 5..wide + 1), Err(error));
        assert_eq!(check(&*hash, 32, wide..u64::MAX), Ok(()));
    }

    #[test]
    fn a_nonce_in_the_blob_does_not_make_another_work() {
        let work = BlobWork {
            blob: vec![1; 76],
            nonces: 0..10,
            epoch: EpochInput::default(),
            next_seed: None,
        };
        let layout = BlobLayout::HASHING_BLOB;
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
