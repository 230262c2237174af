//! RandomX as Monero uses it (`rx/0`), on the reference library.
//!
//! This folder alone knows the library: [`library`] owns its objects, [`pages`] decides what memory and
//! code pages it gets, [`float`] keeps its rounding modes away from the rest of the program.
//!
//! Each key (seed hash) has a [`Prepared`] of its own, so the next key is made ready beside the current
//! one and no miner or verifier waits at a change of seed. Where memory allows one dataset only, the
//! caller's order is: refuse the second dataset by [`Setup::limit_bytes`], prepare the next key in light
//! mode (256 MiB), hash with that at the change, drop the old dataset, and build the new one.

mod float;
mod hasher;
mod library;
mod pages;

use std::sync::Arc;

use crate::Algorithm;
use crate::backend::{EpochInput, EpochKey, HashBackend, Hasher, PrepareError, Prepared};
use crate::layout::BlobLayout;
use crate::memory::{MemoryReport, PagePolicy};
use crate::setup::{MemoryPlan, Setup};
use hasher::VmHasher;
use library::{CACHE_BYTES, Cache, Dataset, Flags, Memory, NoDataset, Vm, dataset_bytes};

/// The backends that this machine can run: the compiler where the system lets a program make code, and the
/// interpreter, which runs everywhere. The interpreter gains nothing from the instructions that a CPU may
/// lack (6.0 against 5.8 hashes a second), so it does without them.
pub(crate) fn backends() -> Vec<Arc<dyn HashBackend>> {
    let fastest = Flags::of_this_machine();
    let mut backends: Vec<Arc<dyn HashBackend>> = Vec::new();
    if fastest.has_compiler() {
        backends.push(Arc::new(RandomX {
            name: "jit",
            flags: fastest,
        }));
    }
    backends.push(Arc::new(RandomX {
        name: "soft",
        flags: Flags::PORTABLE,
    }));
    backends
}

/// The library with one choice of its flags.
#[derive(Clone, Copy, Debug)]
struct RandomX {
    name: &'static str,
    flags: Flags,
}

impl HashBackend for RandomX {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RANDOMX
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn scan_len(&self, plan: MemoryPlan) -> u64 {
        match plan {
            MemoryPlan::Full if self.flags.has_compiler() => 8,
            _ => 1,
        }
    }

    fn layout(&self) -> BlobLayout {
        BlobLayout::HASHING_BLOB
    }

    /// The key is the seed hash; the height alone does not tell it.
    fn epoch(&self, at: EpochInput) -> Result<EpochKey, PrepareError> {
        at.seed.map(EpochKey).ok_or(PrepareError::UnknownEpoch {
            algorithm: Algorithm::RANDOMX,
            reason: "a seed hash is needed",
        })
    }

    /// What is held at once while it is prepared; the dataset alone stays, without the cache that it is
    /// made from. Each hasher takes 2 MiB more.
    fn memory(&self, _key: EpochKey, plan: MemoryPlan) -> Result<u64, PrepareError> {
        Ok(match plan {
            MemoryPlan::Light => CACHE_BYTES,
            MemoryPlan::Full => CACHE_BYTES + dataset_bytes(),
        })
    }

    fn prepare(&self, key: EpochKey, setup: &Setup<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        let needed_bytes = self.memory(key, setup.memory)?;
        setup.check_limit(Algorithm::RANDOMX, needed_bytes)?;
        let memory = self.fill(&key.0, setup)?;
        Ok(Arc::new(Filled {
            memory: Arc::new(memory),
            pages: setup.pages,
            plan: setup.memory,
        }))
    }
}

impl RandomX {
    /// The cache, or the dataset that it makes.
    fn fill(&self, key: &[u8], setup: &Setup<'_>) -> Result<Memory, PrepareError> {
        let stopped = PrepareError::Stopped {
            algorithm: Algorithm::RANDOMX,
        };
        if setup.is_stopped() {
            return Err(stopped);
        }
        let cache =
            Cache::new(key, self.flags, setup.pages).ok_or_else(|| no_memory(setup.memory, CACHE_BYTES))?;
        match setup.memory {
            MemoryPlan::Light => Ok(Memory::Cache(cache)),
            MemoryPlan::Full => match Dataset::new(&cache, setup) {
                Ok(dataset) => Ok(Memory::Dataset(dataset)),
                Err(NoDataset::NoMemory) => Err(no_memory(setup.memory, dataset_bytes())),
                Err(NoDataset::Stopped) => Err(stopped),
            },
        }
    }
}

fn no_memory(plan: MemoryPlan, needed_bytes: u64) -> PrepareError {
    PrepareError::OutOfMemory {
        algorithm: Algorithm::RANDOMX,
        plan,
        needed_bytes,
        limit_bytes: None,
    }
}

/// A cache or a dataset, filled for one key.
struct Filled {
    memory: Arc<Memory>,
    pages: PagePolicy,
    plan: MemoryPlan,
}

impl Prepared for Filled {
    fn hasher(&self) -> Result<Box<dyn Hasher>, PrepareError> {
        let vm =
            Vm::new(Arc::clone(&self.memory), self.pages).ok_or_else(|| no_memory(self.plan, Vm::BYTES))?;
        Ok(Box::new(VmHasher::new(vm)))
    }

    fn plan(&self) -> MemoryPlan {
        self.plan
    }

    fn memory(&self) -> MemoryReport {
        MemoryReport {
            bytes: self.memory.bytes(),
            pages: self.memory.pages(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    fn backend() -> Arc<dyn HashBackend> {
        backends().remove(0)
    }

    #[test]
    fn the_seed_hash_is_the_key() {
        let seed = [7; 32];
        let at = EpochInput {
            height: 1,
            seed: Some(seed),
        };
        assert_eq!(backend().epoch(at), Ok(EpochKey(seed)));
        let error = backend().epoch(EpochInput::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "randomx has no such epoch: a seed hash is needed"
        );
    }

    #[test]
    fn too_little_memory_is_refused_before_it_is_taken() {
        for (plan, mib) in [(MemoryPlan::Light, 256), (MemoryPlan::Full, 2336)] {
            let needed = backend().memory(EpochKey::default(), plan).unwrap();
            let setup = Setup {
                memory: plan,
                limit_bytes: Some(needed - 1),
                ..Setup::default()
            };
            let error = backend().prepare(EpochKey::default(), &setup).unwrap_err();
            assert!(
                error.to_string().contains(&format!("randomx needs {mib} MiB")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_preparation_can_be_called_off() {
        let stop = AtomicBool::new(true);
        for memory in [MemoryPlan::Light, MemoryPlan::Full] {
            let setup = Setup {
                memory,
                stop: Some(&stop),
                ..Setup::default()
            };
            let error = backend().prepare(EpochKey::default(), &setup).unwrap_err();
            assert_eq!(
                error,
                PrepareError::Stopped {
                    algorithm: Algorithm::RANDOMX
                }
            );
        }
    }

    #[test]
    fn the_portable_backend_is_always_there_and_last() {
        let backends = backends();
        let names: Vec<_> = backends.iter().map(|backend| backend.name()).collect();
        assert!(
            [&["jit", "soft"][..], &["soft"]].contains(&&names[..]),
            "{names:?}"
        );
    }
}
