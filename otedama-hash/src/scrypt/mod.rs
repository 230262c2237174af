//! Scrypt with N = 1024, r = 1, p = 1 over 80-byte headers (RFC 7914; Litecoin's proof of work).
#![allow(
    clippy::inline_always,
    clippy::needless_range_loop,
    reason = "what an instruction set is to speed up must be inlined into a function that has it, which \
              iterators over vectors not always are"
)]

mod hasher;
mod kernel;
mod lanes;
mod pbkdf2;
mod soft;

#[cfg(all(target_arch = "aarch64", target_endian = "little", not(miri)))]
mod aarch64;
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod avx2;
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod avx2_steps;
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod avx512;
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod avx512_steps;
#[cfg(any(
    all(target_arch = "x86_64", not(miri)),
    all(target_arch = "aarch64", target_endian = "little", not(miri))
))]
mod cache;
#[cfg(any(
    all(target_arch = "x86_64", not(miri)),
    all(target_arch = "aarch64", target_endian = "little", not(miri))
))]
mod rows;
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod sse2;
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod words;

use std::sync::Arc;

use crate::Algorithm;
use crate::backend::{EpochKey, HashBackend, Hasher, PrepareError, Prepared};
use crate::memory::{MemoryReport, PagePolicy};
use crate::setup::{MemoryPlan, Setup};
use hasher::ScryptHasher;
use kernel::{Kernel, MEMORY_PER_HASH};
use soft::Soft;

/// The backends that this machine can run, in the expected order of speed.
pub(crate) fn backends() -> Vec<Arc<dyn HashBackend>> {
    kernels()
        .into_iter()
        .map(|kernel| Arc::new(Scrypt { kernel }) as Arc<dyn HashBackend>)
        .collect()
}

fn kernels() -> Vec<Arc<dyn Kernel>> {
    let mut kernels: Vec<Arc<dyn Kernel>> = Vec::new();
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        kernels.extend(avx512::Avx512::detect().map(|kernel| Arc::new(kernel) as _));
        kernels.extend(avx2::Avx2::detect().map(|kernel| Arc::new(kernel) as _));
        kernels.push(Arc::new(sse2::Sse2::new()));
    }
    #[cfg(all(target_arch = "aarch64", target_endian = "little", not(miri)))]
    kernels.extend(aarch64::Neon::detect().map(|kernel| Arc::new(kernel) as _));
    kernels.extend([Arc::new(Soft) as _]);
    kernels
}

/// The algorithm on one of the instruction sets that this machine has.
#[derive(Clone)]
pub struct Scrypt {
    kernel: Arc<dyn Kernel>,
}

impl Scrypt {
    /// In portable code.
    pub fn soft() -> Self {
        Self {
            kernel: Arc::new(Soft),
        }
    }

    /// Bytes that a thread's hasher takes.
    fn memory_per_thread(&self) -> usize {
        self.kernel.lanes() * self.kernel.sets() * MEMORY_PER_HASH
    }
}

impl HashBackend for Scrypt {
    fn algorithm(&self) -> Algorithm {
        Algorithm::SCRYPT
    }

    fn name(&self) -> &'static str {
        self.kernel.name()
    }

    fn scan_len(&self, _plan: MemoryPlan) -> u64 {
        self.kernel.scan_len()
    }

    fn prepare(&self, _key: EpochKey, setup: &Setup<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        setup.check_limit(Algorithm::SCRYPT, self.memory_per_thread() as u64)?;
        Ok(Arc::new(Ready {
            scrypt: self.clone(),
            plan: setup.memory,
            pages: setup.pages,
        }))
    }
}

/// Threads share nothing: each takes a few megabytes of its own.
struct Ready {
    scrypt: Scrypt,
    plan: MemoryPlan,
    pages: PagePolicy,
}

impl Prepared for Ready {
    fn hasher(&self) -> Result<Box<dyn Hasher>, PrepareError> {
        let setup = Setup {
            memory: self.plan,
            pages: self.pages,
            ..Setup::default()
        };
        let memory = setup.region(Algorithm::SCRYPT, self.scrypt.memory_per_thread() as u64)?;
        Ok(Box::new(ScryptHasher::new(
            Arc::clone(&self.scrypt.kernel),
            memory,
        )))
    }

    fn plan(&self) -> MemoryPlan {
        self.plan
    }

    fn memory(&self) -> MemoryReport {
        MemoryReport::NONE
    }
}
