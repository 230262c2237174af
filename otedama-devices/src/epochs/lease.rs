//! An epoch's memory, and whether it has been given back.

use std::sync::{Arc, Weak};

use otedama_hash::{Hasher, MemoryPlan, MemoryReport, PrepareError, Prepared};

/// What a backend has prepared, with a mark that goes after it.
pub(super) struct Lease {
    // The fields are dropped in this order: a weak pointer to the memory itself would be dead while the
    // system still takes back its gigabytes.
    prepared: Arc<dyn Prepared>,
    mark: Arc<()>,
}

impl Lease {
    pub(super) fn new(prepared: Arc<dyn Prepared>) -> Self {
        Self {
            prepared,
            mark: Arc::new(()),
        }
    }

    /// Alive until the memory is back with the system, if everybody drops hashers before leases.
    pub(super) fn held(&self) -> Weak<()> {
        Arc::downgrade(&self.mark)
    }
}

impl Prepared for Lease {
    fn hasher(&self) -> Result<Box<dyn Hasher>, PrepareError> {
        self.prepared.hasher()
    }

    fn plan(&self) -> MemoryPlan {
        self.prepared.plan()
    }

    fn memory(&self) -> MemoryReport {
        self.prepared.memory()
    }
}
