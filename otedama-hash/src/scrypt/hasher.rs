//! A thread's hasher: shares to verify and nonces to try, handed to the kernel in batches.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::kernel::Kernel;
use super::pbkdf2::{Header, midstate};
use super::soft;
use crate::backend::{HEADER_LEN, Hasher, Hit, Hits, NonceRange, PowHash, PowInput, ScanWork};
use crate::memory::Region;
use crate::primitives::Hash256;
use crate::sha256d::state_bytes;

/// Where the nonce lies in a [`Header`].
const NONCE_WORD: usize = 19;

pub(super) struct ScryptHasher {
    kernel: Arc<dyn Kernel>,
    /// Room for a batch of hashes.
    memory: Region,
    headers: Vec<Header>,
    hashes: Vec<[u32; 8]>,
}

impl ScryptHasher {
    /// `memory` is as much as a batch of `kernel` needs.
    pub(super) fn new(kernel: Arc<dyn Kernel>, memory: Region) -> Self {
        let batch = kernel.lanes() * kernel.sets();
        Self {
            kernel,
            memory,
            headers: Vec::with_capacity(batch),
            hashes: vec![[0; 8]; batch],
        }
    }

    /// How many headers are hashed at once.
    fn batch(&self) -> usize {
        self.hashes.len()
    }

    /// Hashes `self.headers`, and empties the list. A `midstate` is that of every header.
    fn run(&mut self, midstate: Option<&[u32; 8]>) -> impl Iterator<Item = Hash256> {
        let hashes = &mut self.hashes[..self.headers.len()];
        // A kernel computes all its lanes in about the time that the portable code takes for two hashes.
        let kernel: &dyn Kernel = match hashes.len() {
            0 | 1 => &soft::Soft,
            _ => &*self.kernel,
        };
        kernel.hash(&mut self.memory, &self.headers, midstate, hashes);
        self.headers.clear();
        let hashes = hashes.iter();
        hashes.map(|words| Hash256::from_le_bytes(state_bytes(words)))
    }
}

fn header(blob: &[u8; HEADER_LEN]) -> Header {
    let (fours, _) = blob.as_chunks::<4>();
    core::array::from_fn(|i| u32::from_be_bytes(fours[i]))
}

fn pow(hash: Hash256) -> PowHash {
    PowHash { hash, mix: None }
}

impl Hasher for ScryptHasher {
    fn hash_batch(&mut self, inputs: &[PowInput<'_>], out: &mut [PowHash]) {
        let batch = self.batch();
        let mut pending: Vec<&mut PowHash> = Vec::with_capacity(batch);
        for (input, slot) in inputs.iter().zip(out) {
            if let Ok(blob) = input.blob.try_into() {
                self.headers.push(header(blob));
                pending.push(slot);
            } else {
                let hash = soft::scrypt(input.blob, &mut self.memory);
                *slot = pow(Hash256::from_le_bytes(hash));
            }
            if pending.len() == batch {
                let hashes = self.run(None);
                pending
                    .drain(..)
                    .zip(hashes)
                    .for_each(|(slot, hash)| *slot = pow(hash));
            }
        }
        let hashes = self.run(None);
        pending
            .into_iter()
            .zip(hashes)
            .for_each(|(slot, hash)| *slot = pow(hash));
    }

    fn scan(&mut self, work: &ScanWork<'_>, nonces: NonceRange, hits: &mut Hits) -> u64 {
        let Ok(blob) = work.blob.try_into() else {
            return 0;
        };
        if hits.is_full() {
            return 0;
        }
        let mut header = header(blob);
        let midstate = midstate(&header);
        let end = nonces.end.min(1 << 32);
        let mut next = nonces.start;
        // A batch takes about a millisecond.
        while next < end && !work.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            let batch = end.min(next + self.batch() as u64);
            for nonce in next..batch {
                header[NONCE_WORD] = (nonce as u32).swap_bytes();
                self.headers.push(header);
            }
            for (nonce, hash) in (next..batch).zip(self.run(Some(&midstate))) {
                let pow = pow(hash);
                if work.target.is_met_by(&pow.hash) && !hits.push(Hit { nonce, pow }) {
                    return nonce + 1 - nonces.start;
                }
            }
            next = batch;
        }
        next.saturating_sub(nonces.start)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scrypt::kernel::MEMORY_PER_HASH;
    use crate::scrypt::{backends, kernels};
    use crate::{EpochKey, MemoryPlan, PagePolicy};

    fn hashers() -> Vec<ScryptHasher> {
        kernels()
            .into_iter()
            .map(|kernel| {
                let bytes = kernel.lanes() * kernel.sets() * MEMORY_PER_HASH;
                ScryptHasher::new(kernel, Region::new(bytes, PagePolicy::Normal).unwrap())
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        #[cfg_attr(miri, ignore = "takes minutes there")]
        fn batches_of_any_blobs_hash_as_the_portable_code_does(
            blobs in prop::collection::vec(
                prop_oneof![
                    4 => prop::collection::vec(any::<u8>(), 80),
                    1 => prop::collection::vec(any::<u8>(), 0..100),
                ],
                0..80,
            )
        ) {
            let mut memory = vec![0; MEMORY_PER_HASH];
            let expected: Vec<_> = blobs.iter().map(|blob| soft::scrypt(blob, &mut memory)).collect();
            let inputs: Vec<_> = blobs.iter().map(|blob| PowInput::of(blob)).collect();
            for mut hasher in hashers() {
                let mut out = vec![PowHash::default(); blobs.len()];
                hasher.hash_batch(&inputs, &mut out);
                let hashes: Vec<_> = out.iter().map(|pow| pow.hash.to_le_bytes()).collect();
                prop_assert_eq!(&hashes, &expected, "{}", hasher.kernel.name());
            }
        }
    }

    #[test]
    fn every_backend_makes_itself_ready_within_its_limit() {
        for backend in backends() {
            let mut setup = crate::Setup {
                memory: MemoryPlan::Full,
                limit_bytes: Some(1),
                ..crate::Setup::default()
            };
            assert!(backend.prepare(EpochKey::default(), &setup).is_err());
            setup.limit_bytes = Some(4 << 20);
            let prepared = backend.prepare(EpochKey::default(), &setup).unwrap();
            assert_eq!(prepared.plan(), MemoryPlan::Full);
            let mut out = [PowHash::default()];
            let mut hasher = prepared.hasher().unwrap();
            hasher.hash_batch(&[PowInput::of(&[0; 80])], &mut out);
            let expected = soft::scrypt(&[0; 80], &mut vec![0; MEMORY_PER_HASH]);
            assert_eq!(out[0].hash.to_le_bytes(), expected);
        }
    }
}
