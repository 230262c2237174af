//! The full dataset, for mining.

use core::fmt;
use std::sync::{Mutex, PoisonError};

use super::cache::LightCache;
use super::items::ETHASH_PARENTS;
use super::kernel::Kernel;
use super::nodes::{Node, Nodes};
use crate::memory::Pages;
use crate::{Algorithm, PrepareError, Setup};

/// Items that one thread computes before it looks at the caller's stop flag: some milliseconds.
const PART_LEN: usize = 4096;

/// Every item of one epoch; two of them are a page.
pub(crate) struct Dataset {
    items: Nodes,
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("items", &self.items.len())
            .finish_non_exhaustive()
    }
}

impl Dataset {
    /// Takes the memory for `pages` pages.
    pub(crate) fn allocate(
        algorithm: Algorithm,
        pages: u32,
        setup: &Setup<'_>,
    ) -> Result<Self, PrepareError> {
        Ok(Self {
            items: Nodes::new(algorithm, 2 * u64::from(pages), setup)?,
        })
    }

    /// Computes all items on the caller's threads.
    pub(crate) fn fill(
        &mut self,
        algorithm: Algorithm,
        cache: &LightCache,
        kernel: &Kernel,
        setup: &Setup<'_>,
    ) -> Result<(), PrepareError> {
        let parts: Vec<_> = self.items.chunks_mut(PART_LEN).map(Mutex::new).collect();
        setup.crew.run(parts.len(), &|part| {
            if setup.is_stopped() {
                return;
            }
            let mut items = parts[part].lock().unwrap_or_else(PoisonError::into_inner);
            let first = part * PART_LEN;
            let indices: Vec<u32> = (first..first + items.len()).map(|index| index as u32).collect();
            (kernel.dataset_items)(cache, ETHASH_PARENTS, &indices, &mut items);
        });
        if setup.is_stopped() {
            return Err(PrepareError::Stopped { algorithm });
        }
        Ok(())
    }

    /// The items.
    pub(crate) fn items(&self) -> &[Node] {
        &self.items
    }

    /// The memory pages that the items lie on.
    pub(crate) fn pages(&self) -> Pages {
        self.items.pages()
    }
}
