//! Scrypt with N = 1024, r = 1, p = 1 over 80-byte headers (RFC 7914; Litecoin's proof of work).

use std::sync::Arc;

use scrypt::Params;

use crate::Algorithm;
use crate::backend::{EpochKey, HashBackend, Hasher, Hits, NonceRange, PerThread, PowHash, PowInput};
use crate::backend::{PrepareError, Prepared, ScanWork};
use crate::primitives::Hash256;
use crate::setup::{MemoryPlan, Setup};

/// Scrypt with N = 1024, r = 1, p = 1 of `data`, which is password and salt at once.
fn scrypt_1024_1_1(data: &[u8]) -> Hash256 {
    let params = Params::new(10, 1, 1).expect("128 KiB of memory is within every limit of scrypt");
    let mut hash = [0; 32];
    scrypt::scrypt(data, data, &params, &mut hash).expect("32 bytes are an output length of scrypt");
    Hash256::from_le_bytes(hash)
}

/// The backends that this machine can run, in the expected order of speed.
pub(crate) fn backends() -> Vec<Arc<dyn HashBackend>> {
    vec![Arc::new(Scrypt)]
}

/// The algorithm's backend on the `scrypt` crate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scrypt;

impl HashBackend for Scrypt {
    fn algorithm(&self) -> Algorithm {
        Algorithm::SCRYPT
    }

    fn name(&self) -> &'static str {
        "scrypt"
    }

    fn scan_len(&self, _plan: MemoryPlan) -> u64 {
        64
    }

    fn prepare(&self, _key: EpochKey, setup: &Setup<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        Ok(PerThread::shared(*self, setup.memory))
    }
}

impl Hasher for Scrypt {
    fn hash_batch(&mut self, inputs: &[PowInput<'_>], out: &mut [PowHash]) {
        for (input, slot) in inputs.iter().zip(out) {
            *slot = PowHash {
                hash: scrypt_1024_1_1(input.blob),
                mix: None,
            };
        }
    }

    fn scan(&mut self, work: &ScanWork<'_>, nonces: NonceRange, hits: &mut Hits) -> u64 {
        // A single hash takes as long as hundreds of looks at the stop flag.
        crate::backend::scan_headers(work, nonces, hits, 1, |header| scrypt_1024_1_1(header))
    }
}
