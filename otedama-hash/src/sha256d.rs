//! Double SHA-256 over 80-byte headers.

use std::sync::Arc;

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

use crate::Algorithm;
use crate::backend::{EpochKey, HEADER_LEN, HashBackend, Hasher, Hits, NonceRange, PerThread, PowHash};
use crate::backend::{PowInput, PrepareError, Prepared, ScanWork, scan_headers};
use crate::primitives::Hash256;
use crate::setup::{MemoryPlan, Setup};

/// The state in which SHA-256 starts (FIPS 180-4, section 5.3.3).
const INITIAL_STATE: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];
/// How many hashes may pass between two looks at the stop flag: a fraction of a millisecond.
const STOP_INTERVAL: u64 = 2048;

/// SHA-256 of the SHA-256 of `data`.
pub fn sha256d(data: &[u8]) -> Hash256 {
    Hash256::from_le_bytes(Sha256::digest(Sha256::digest(data)).into())
}

/// The backends that this machine can run, in the expected order of speed.
pub(crate) fn backends() -> Vec<Arc<dyn HashBackend>> {
    vec![Arc::new(Sha256d)]
}

/// The algorithm's backend on the `sha2` crate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sha256d;

impl HashBackend for Sha256d {
    fn algorithm(&self) -> Algorithm {
        Algorithm::SHA256D
    }

    fn name(&self) -> &'static str {
        "sha2"
    }

    fn scan_len(&self, _plan: MemoryPlan) -> u64 {
        1 << 17
    }

    fn prepare(&self, _key: EpochKey, setup: &Setup<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        Ok(PerThread::shared(*self, setup.memory))
    }
}

impl Hasher for Sha256d {
    fn hash_batch(&mut self, inputs: &[PowInput<'_>], out: &mut [PowHash]) {
        for (input, slot) in inputs.iter().zip(out) {
            *slot = PowHash {
                hash: sha256d(input.blob),
                mix: None,
            };
        }
    }

    fn scan(&mut self, work: &ScanWork<'_>, nonces: NonceRange, hits: &mut Hits) -> u64 {
        let Some(first) = work.blob.first_chunk() else {
            return 0;
        };
        let midstate = Midstate::new(first);
        scan_headers(work, nonces, hits, STOP_INTERVAL, |header| {
            midstate.finish(header)
        })
    }
}

/// SHA-256's state after the first 64 bytes of a header, which no nonce changes.
struct Midstate([u32; 8]);

impl Midstate {
    fn new(first: &[u8; 64]) -> Self {
        let mut state = INITIAL_STATE;
        compress256(&mut state, &[*first]);
        Self(state)
    }

    /// The double SHA-256 of `header`, of which only the last 16 bytes are read.
    fn finish(&self, header: &[u8; HEADER_LEN]) -> Hash256 {
        let mut block = [0; 64];
        block[..16].copy_from_slice(&header[64..]);
        let mut state = self.0;
        pad_and_compress(&mut state, block, 16, HEADER_LEN);
        let mut block = [0; 64];
        block[..32].copy_from_slice(&state_bytes(&state));
        let mut state = INITIAL_STATE;
        pad_and_compress(&mut state, block, 32, 32);
        Hash256::from_le_bytes(state_bytes(&state))
    }
}

/// Closes the message of `total` bytes whose last `used` (below 56) lie in `block`, and compresses it.
fn pad_and_compress(state: &mut [u32; 8], mut block: [u8; 64], used: usize, total: usize) {
    block[used] = 0x80;
    block[56..].copy_from_slice(&(total as u64 * 8).to_be_bytes());
    compress256(state, &[block]);
}

fn state_bytes(state: &[u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (four, word) in bytes.chunks_exact_mut(4).zip(state) {
        four.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::primitives::Target;

    #[test]
    fn of_the_empty_message() {
        // Python: hashlib.sha256(hashlib.sha256(b"").digest()).hexdigest()
        let expected = "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456";
        assert_eq!(const_hex::encode(sha256d(b"").to_le_bytes()), expected);
    }

    proptest! {
        #[test]
        fn a_scan_hashes_what_a_batch_hashes(
            first in any::<[u8; 32]>(), second in any::<[u8; 32]>(), last in any::<[u8; 16]>(),
            nonce in any::<u32>(),
        ) {
            let mut blob = [first.as_slice(), &second, &last].concat();
            let work = ScanWork { blob: &blob, height: 0, target: Target::MAX, stop: None };
            let mut hits = Hits::with_capacity(1);
            let range = u64::from(nonce)..u64::from(nonce) + 1;
            prop_assert_eq!(Sha256d.scan(&work, range, &mut hits), 1);
            blob[76..].copy_from_slice(&nonce.to_le_bytes());
            let mut out = [PowHash::default()];
            Sha256d.hash_batch(&[PowInput::of(&blob)], &mut out);
            prop_assert_eq!(hits.as_slice()[0].pow, out[0]);
            prop_assert_eq!(out[0].hash, sha256d(&blob));
        }

        #[test]
        fn blobs_of_any_length_are_safe(blob in prop::collection::vec(any::<u8>(), 0..200)) {
            let work = ScanWork { blob: &blob, height: 0, target: Target::MAX, stop: None };
            let mut hits = Hits::with_capacity(3);
            let expected = if blob.len() == HEADER_LEN { 3 } else { 0 };
            prop_assert_eq!(Sha256d.scan(&work, 0..10, &mut hits), expected);
            let mut out = [PowHash::default()];
            Sha256d.hash_batch(&[PowInput::of(&blob)], &mut out);
            prop_assert_eq!(out[0].hash, sha256d(&blob));
        }
    }
}
