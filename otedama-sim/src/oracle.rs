//! Proof of work without the work.
//!
//! A simulated miner does not search: it draws when it finds a share and what its hash is, and writes that down here
//! under the exact header. Whoever asks for the hash of that header, pool or node, gets that answer; every other
//! header hashes to what SHA-256d says, so a header that differs in one bit proves nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use otedama_hash::sha256d::sha256d;
use otedama_hash::{Hash256, Monotonic};

pub(crate) type Header = [u8; 80];

/// How long a header is known that solves no block.
const KEPT: Duration = Duration::from_secs(1800);

/// The shared table of found proofs.
#[derive(Clone, Debug)]
pub(crate) struct Oracle(Arc<Mutex<Table>>);

#[derive(Debug)]
struct Table {
    found: HashMap<Header, Hash256, FixedState>,
    oldest: VecDeque<(Monotonic, Header)>,
}

impl Oracle {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Table {
            found: HashMap::with_hasher(FixedState::with_seed(0)),
            oldest: VecDeque::new(),
        })))
    }

    /// A miner found this.
    pub(crate) fn register(&self, now: Monotonic, header: Header, hash: Hash256) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while table.oldest.front().is_some_and(|(at, _)| now.since(*at) > KEPT) {
            if let Some((_, old)) = table.oldest.pop_front() {
                table.found.remove(&old);
            }
        }
        table.found.insert(header, hash);
        table.oldest.push_back((now, header));
    }

    /// The header's proof of work.
    pub(crate) fn hash(&self, header: &Header) -> Hash256 {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table
            .found
            .get(header)
            .copied()
            .unwrap_or_else(|| sha256d(header))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_header_has_the_registered_hash() {
        let oracle = Oracle::new();
        let header = [7; 80];
        oracle.register(Monotonic::ZERO, header, Hash256::ZERO);
        assert_eq!(oracle.hash(&header), Hash256::ZERO);
        let mut other = header;
        other[79] ^= 1;
        assert_eq!(oracle.hash(&other), sha256d(&other));
        oracle.register(Monotonic::ZERO + KEPT * 2, other, Hash256::ZERO);
        assert_eq!(
            oracle.hash(&header),
            sha256d(&header),
            "old headers are forgotten"
        );
    }
}
