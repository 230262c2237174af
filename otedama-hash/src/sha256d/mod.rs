//! Double SHA-256 over 80-byte headers.
//!
//! A backend per instruction set, each a `Kernel`. They differ in how they search nonces: `job` computes once
//! what a header's nonces have in common, the kernel marks the nonces whose hash may meet the target by its last
//! word, and those few are hashed again and compared as a whole.

#![allow(
    clippy::inline_always,
    reason = "vector instructions must end up in the function that enables them"
)]
#![allow(
    clippy::many_single_char_names,
    reason = "a to h are the specification's names"
)]

#[cfg(test)]
mod checks;
mod job;
mod lanes;
mod soft;
pub(crate) mod words;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_sha;
#[cfg(target_arch = "x86_64")]
mod x86_sha;

use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};

use self::job::Job;
use self::soft::{BLOCK_LEN, Compress, finish, sha256};
use self::words::INITIAL;
use crate::Algorithm;
use crate::backend::{
    EpochKey, HEADER_LEN, HashBackend, Hasher, Hit, Hits, NONCE_OFFSET, NonceRange, PerThread,
};
use crate::backend::{PowHash, PowInput, PrepareError, Prepared, ScanWork};
use crate::primitives::Hash256;
use crate::setup::{MemoryPlan, Setup};

pub use self::soft::Soft;
pub(crate) use self::soft::state_bytes;

/// A nonce takes so many bits.
const NONCES: u64 = 1 << 32;
/// No kernel marks more nonces at once.
const MAX_SPAN: usize = 512;
/// Where fewer of a span's nonces than this part are wanted, or more of them hit, each is hashed by itself.
const SPAN_PART: usize = 4;
/// How many inputs of a batch are hashed at once.
const BATCH: usize = 16;

/// How single messages are compressed fastest on this machine.
static COMPRESS: LazyLock<Compress> = LazyLock::new(|| {
    #[cfg(target_arch = "x86_64")]
    if let Some(kernel) = x86_sha::X86Sha::detect() {
        return kernel.compress();
    }
    #[cfg(target_arch = "aarch64")]
    if let Some(kernel) = aarch64::Sha2::detect() {
        return kernel.compress();
    }
    Soft.compress()
});

/// SHA-256 of `data`.
pub(crate) fn sha256_of(data: &[u8]) -> [u8; 32] {
    sha256(*COMPRESS, data)
}

/// SHA-256 of the SHA-256 of `data`.
pub fn sha256d(data: &[u8]) -> Hash256 {
    double(*COMPRESS, data)
}

fn double(compress: Compress, data: &[u8]) -> Hash256 {
    Hash256::from_le_bytes(sha256(compress, &sha256(compress, data)))
}

/// The backends that this machine can run, in the expected order of speed.
pub(crate) fn backends() -> Vec<Arc<dyn HashBackend>> {
    fn add<K: Kernel>(backends: &mut Vec<Arc<dyn HashBackend>>, kernel: Option<K>) {
        backends.extend(kernel.map(|kernel| Arc::new(kernel) as Arc<dyn HashBackend>));
    }
    let mut backends = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        add(&mut backends, avx512_sha::Avx512Sha::detect());
        add(&mut backends, avx512::Avx512::detect());
        add(&mut backends, x86_sha::X86Sha::detect());
        add(&mut backends, avx2::Avx2::detect());
    }
    #[cfg(target_arch = "aarch64")]
    add(&mut backends, aarch64::Sha2::detect());
    add(&mut backends, Some(Soft));
    backends
}

/// What an instruction set has to offer. A value exists on CPUs that have the instructions, and nowhere else.
trait Kernel: Copy + Send + Sync + 'static {
    /// The backend's name.
    const NAME: &'static str;
    /// How many nonces `search` tries; a multiple of 32, at most [`MAX_SPAN`].
    const SPAN: usize;

    /// Compresses blocks that follow one another.
    fn compress(self) -> Compress;

    /// Marks, of the nonces from `first` (a multiple of 32) on, those of which the hash's most significant 32
    /// bits are at or below the job's limit. Bit i of word k is for nonce `first` + 32 k + i, modulo 2^32.
    fn search(self, job: &Job, first: u32, marks: &mut [u32]);

    /// Hashes headers into the slots of the same index.
    fn hash_headers(self, headers: &[&[u8; HEADER_LEN]], hashes: &mut [Hash256]);
}

impl<K: Kernel> HashBackend for K {
    fn algorithm(&self) -> Algorithm {
        Algorithm::SHA256D
    }

    fn name(&self) -> &'static str {
        K::NAME
    }

    fn scan_len(&self, _plan: MemoryPlan) -> u64 {
        1 << 17
    }

    fn prepare(&self, _key: EpochKey, setup: &Setup<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        Ok(PerThread::shared(*self, setup.memory))
    }
}

impl<K: Kernel> Hasher for K {
    fn hash_batch(&mut self, inputs: &[PowInput<'_>], out: &mut [PowHash]) {
        for (inputs, out) in inputs.chunks(BATCH).zip(out.chunks_mut(BATCH)) {
            let mut headers = [&[0; HEADER_LEN]; BATCH];
            let mut hashes = [Hash256::ZERO; BATCH];
            let mut count = 0;
            for (header, input) in headers.iter_mut().zip(inputs) {
                let Ok(blob) = input.blob.try_into() else { break };
                *header = blob;
                count += 1;
            }
            self.hash_headers(&headers[..count], &mut hashes[..count]);
            for ((i, input), slot) in inputs.iter().enumerate().zip(out) {
                let hash = if i < count {
                    hashes[i]
                } else {
                    double(self.compress(), input.blob)
                };
                *slot = PowHash { hash, mix: None };
            }
        }
    }

    fn scan(&mut self, work: &ScanWork<'_>, nonces: NonceRange, hits: &mut Hits) -> u64 {
        let Ok(header) = <&[u8; HEADER_LEN]>::try_from(work.blob) else {
            return 0;
        };
        if hits.is_full() {
            return 0;
        }
        let compress = self.compress();
        let mut midstate = INITIAL;
        let (first, tail) = header.split_at(BLOCK_LEN);
        compress(&mut midstate, first.as_chunks().0);
        let Ok(mut tail) = <[u8; HEADER_LEN - BLOCK_LEN]>::try_from(tail) else {
            return 0;
        };
        let job = Job::new(midstate, &tail, &work.target);
        let mut hash = |nonce: u64| {
            tail[NONCE_OFFSET - BLOCK_LEN..].copy_from_slice(&(nonce as u32).to_le_bytes());
            let first = finish(compress, midstate, &tail, HEADER_LEN);
            Hash256::from_le_bytes(sha256(compress, &first))
        };

        let end = nonces.end.min(NONCES);
        let mut next = nonces.start;
        while next < end && !work.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            let mut marks = [u32::MAX; MAX_SPAN / 32];
            let marks = &mut marks[..K::SPAN / 32];
            let base = next - next % 32;
            let span_end = end.min(base + K::SPAN as u64);
            let few = span_end - next <= (K::SPAN / SPAN_PART) as u64;
            if !few && job.limit < u32::MAX / SPAN_PART as u32 {
                self.search(&job, base as u32, marks);
            }
            for nonce in marked(marks, base).filter(|nonce| (next..span_end).contains(nonce)) {
                let hash = hash(nonce);
                let pow = PowHash { hash, mix: None };
                if work.target.is_met_by(&hash) && !hits.push(Hit { nonce, pow }) {
                    return nonce + 1 - nonces.start;
                }
            }
            next = span_end;
        }
        next.max(nonces.start) - nonces.start
    }
}

/// The nonces that are marked, the first bit of `marks` standing for `base`.
fn marked(marks: &[u32], base: u64) -> impl Iterator<Item = u64> {
    marks.iter().zip((base..).step_by(32)).flat_map(|(&word, base)| {
        let mut rest = word;
        core::iter::from_fn(move || {
            let bit = rest.checked_ilog2().map(|_| rest.trailing_zeros())?;
            rest &= rest - 1;
            Some(base + u64::from(bit))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_empty_message() {
        // Python: hashlib.sha256(hashlib.sha256(b"").digest()).hexdigest()
        let expected = "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456";
        assert_eq!(const_hex::encode(sha256d(b"").to_le_bytes()), expected);
    }

    #[test]
    fn soft_is_always_there_and_last() {
        let names: Vec<_> = backends().iter().map(|backend| backend.name()).collect();
        assert_eq!(names.last(), Some(&"soft"));
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len());
    }

    #[test]
    fn marked_nonces_come_in_order() {
        let marks = [1 | 1 << 31, 0, 1 << 5];
        assert_eq!(marked(&marks, 1000).collect::<Vec<_>>(), [1000, 1031, 1069]);
        assert_eq!(marked(&[u32::MAX; 3], 32).count(), 96);
    }
}
