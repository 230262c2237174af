//! Ethash and Etchash.
//!
//! A seed hash grows into a light cache, the cache into a dataset, and a hash reads 64 pages of the dataset:
//! from memory when mining, computed from the cache when verifying. Either way a hash waits for memory most of
//! its time, so that many are computed side by side.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod backend;
pub(crate) mod cache;
mod dataset;
mod hashimoto;
pub(crate) mod items;
pub(crate) mod keccak;
pub(crate) mod kernel;
pub(crate) mod modulus;
pub(crate) mod nodes;
mod pages;
mod schedule;
pub(crate) mod sizes;
mod soft;

#[cfg(test)]
#[cfg(not(miri))]
mod vectors;

use std::sync::Arc;

pub use keccak::keccak256;
pub use schedule::Schedule;

use crate::{Algorithm, HashBackend};

/// The backends of Ethash and Etchash that this CPU can run, the fastest first.
pub(crate) fn backends() -> Vec<Arc<dyn HashBackend>> {
    let mut backends = backends_of(Algorithm::ETHASH, Schedule::ETHASH);
    backends.extend(backends_of(Algorithm::ETCHASH, Schedule::CLASSIC));
    backends
}

/// The backends for a chain with another schedule, such as [`Schedule::MORDOR`].
pub fn backends_of(algorithm: Algorithm, schedule: Schedule) -> Vec<Arc<dyn HashBackend>> {
    let on = |kernel| -> Arc<dyn HashBackend> {
        Arc::new(backend::Ethash {
            algorithm,
            schedule,
            kernel,
        })
    };
    kernel::kernels().into_iter().map(on).collect()
}
