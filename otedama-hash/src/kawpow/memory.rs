//! What all threads share: the light cache or the dataset, and the step cache.

use std::sync::{Mutex, PoisonError};

use super::epoch::Epoch;
use super::simd::{CACHE_WORDS, DagItem, LANES, StepCache};
use crate::ethash::cache::LightCache;
use crate::ethash::kernel::Kernel;
use crate::ethash::modulus::Modulus;
use crate::ethash::nodes::{NODE_BYTES, Node, Nodes};
use crate::{Algorithm, MemoryPlan, MemoryReport, PrepareError, Setup};

/// Cache nodes that an item of the dataset is made of.
pub(super) const PARENTS: u32 = 512;
/// Nodes of a dataset item.
pub(super) const ITEM_NODES: usize = 4;
/// Nodes that a thread computes before it looks at the caller's stop flag: some milliseconds.
const PART_NODES: usize = 4096;

/// Where a round's dataset items come from.
pub(super) enum Dataset {
    /// Computed when they are needed.
    Light(LightCache),
    /// Lying ready.
    Full(Nodes),
}

/// The memory of one epoch.
pub(super) struct Memory {
    pub epoch: Epoch,
    pub dataset: Dataset,
    /// Reduces a number to the index of a dataset item.
    pub items: Modulus,
    pub step_cache: Box<StepCache>,
}

/// How many bytes [`Memory::prepare`] takes, all told.
pub(super) fn bytes(epoch: Epoch, plan: MemoryPlan) -> u64 {
    let cache = u64::from(epoch.cache_nodes()) * NODE_BYTES;
    match plan {
        MemoryPlan::Light => cache,
        MemoryPlan::Full => cache + dataset_nodes(epoch) * NODE_BYTES,
    }
}

fn dataset_nodes(epoch: Epoch) -> u64 {
    u64::from(epoch.dataset_items()) * ITEM_NODES as u64
}

impl Memory {
    /// Builds the cache, and from it the dataset if `setup` asks for one.
    pub(super) fn prepare(epoch: Epoch, setup: &Setup<'_>, kernel: &Kernel) -> Result<Self, PrepareError> {
        setup.check_limit(Algorithm::KAWPOW, bytes(epoch, setup.memory))?;
        // First, so that a lack of memory shows before the work.
        let nodes = match setup.memory {
            MemoryPlan::Light => None,
            MemoryPlan::Full => Some(Nodes::new(Algorithm::KAWPOW, dataset_nodes(epoch), setup)?),
        };
        let cache = LightCache::build(
            Algorithm::KAWPOW,
            epoch.cache_nodes(),
            &epoch.seed(),
            kernel,
            setup,
        )?;
        let step_cache = step_cache(&cache, kernel);
        let dataset = match nodes {
            None => Dataset::Light(cache),
            Some(mut nodes) => {
                fill(&mut nodes, &cache, kernel, setup)?;
                Dataset::Full(nodes)
            }
        };
        let items = Modulus::new(epoch.dataset_items());
        Ok(Self {
            epoch,
            dataset,
            items,
            step_cache,
        })
    }

    /// The mode that it was prepared for.
    pub(super) fn plan(&self) -> MemoryPlan {
        match self.dataset {
            Dataset::Light(_) => MemoryPlan::Light,
            Dataset::Full(_) => MemoryPlan::Full,
        }
    }

    /// What it holds.
    pub(super) fn report(&self) -> MemoryReport {
        let (nodes, pages) = match &self.dataset {
            Dataset::Light(cache) => (cache.nodes().len(), cache.pages()),
            Dataset::Full(nodes) => (nodes.len(), nodes.pages()),
        };
        MemoryReport {
            bytes: nodes as u64 * NODE_BYTES,
            pages,
        }
    }
}

/// A dataset's items of 256 bytes.
pub(super) fn items_of(nodes: &[Node]) -> &[DagItem] {
    nodes.as_chunks().0
}

/// The first 16 KiB of the dataset.
pub(super) fn step_cache(cache: &LightCache, kernel: &Kernel) -> Box<StepCache> {
    const NODES: usize = CACHE_WORDS / LANES;
    let mut nodes = [Node::default(); NODES];
    let indices: [u32; NODES] = core::array::from_fn(|index| index as u32);
    (kernel.dataset_items)(cache, PARENTS, &indices, &mut nodes);
    let mut words = Box::new(StepCache([0; CACHE_WORDS]));
    for (words, node) in words.0.as_chunks_mut().0.iter_mut().zip(nodes) {
        *words = node.0;
    }
    words
}

/// Computes a dataset on the caller's threads.
pub(super) fn fill(
    nodes: &mut [Node],
    cache: &LightCache,
    kernel: &Kernel,
    setup: &Setup<'_>,
) -> Result<(), PrepareError> {
    // Each part is taken once; the locks only hand out the slices.
    let parts: Vec<_> = nodes.chunks_mut(PART_NODES).map(Mutex::new).collect();
    setup.crew.run(parts.len(), &|part| {
        if setup.is_stopped() {
            return;
        }
        let mut nodes = parts[part].lock().unwrap_or_else(PoisonError::into_inner);
        let first = part * PART_NODES;
        let indices: Vec<_> = (first..first + nodes.len()).map(|index| index as u32).collect();
        (kernel.dataset_items)(cache, PARENTS, &indices, &mut nodes);
    });
    if setup.is_stopped() {
        return Err(PrepareError::Stopped {
            algorithm: Algorithm::KAWPOW,
        });
    }
    Ok(())
}
