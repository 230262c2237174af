//! How the writer fares.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use tracing::info;

use super::StoreError;

/// What the writer shows to others.
#[derive(Debug, Default)]
pub struct StoreHealth {
    failing: AtomicBool,
    rows: AtomicU64,
    commits: AtomicU64,
    given_up: AtomicU64,
    last_error: Mutex<String>,
}

impl StoreHealth {
    /// What is wrong, if something is.
    pub fn problem(&self) -> Option<String> {
        self.failing.load(Relaxed).then(|| {
            let last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner);
            format!("storage fails: {last}")
        })
    }

    /// Rows made durable, transactions for them, and rows given up since the start.
    pub fn counts(&self) -> (u64, u64, u64) {
        (
            self.rows.load(Relaxed),
            self.commits.load(Relaxed),
            self.given_up.load(Relaxed),
        )
    }

    pub(super) fn failed(&self, error: &StoreError) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error.to_string();
        self.failing.store(true, Relaxed);
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Relaxed)
    }

    pub(super) fn works(&self) {
        if self.failing.swap(false, Relaxed) {
            info!("storage works again");
        }
    }

    pub(super) fn committed(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Relaxed);
        self.commits.fetch_add(1, Relaxed);
    }

    pub(super) fn gave_up(&self, rows: usize) {
        self.given_up.fetch_add(rows as u64, Relaxed);
    }
}
