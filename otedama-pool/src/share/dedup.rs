//! Shares already seen on a job.

use foldhash::fast::FixedState;
use hashbrown::HashSet;

/// Everything a miner can vary, version bits included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ShareKey {
    pub(crate) extranonce: [u8; 12],
    pub(crate) ntime: u32,
    pub(crate) nonce: u64,
    pub(crate) version: u32,
}

/// The shares of one job. The job is replaced when this has grown to its limit.
#[derive(Debug)]
pub(crate) struct Seen(HashSet<ShareKey, FixedState>);

impl Seen {
    pub(crate) fn new(seed: u64) -> Self {
        Self(HashSet::with_hasher(FixedState::with_seed(seed)))
    }

    /// True when the share is new.
    pub(crate) fn insert(&mut self, key: ShareKey) -> bool {
        self.0.insert(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_bits_tell_shares_apart() {
        let mut seen = Seen::new(3);
        let key = ShareKey {
            extranonce: [1; 12],
            ntime: 2,
            nonce: 3,
            version: 4,
        };
        assert!(seen.insert(key));
        assert!(!seen.insert(key));
        assert!(seen.insert(ShareKey { version: 5, ..key }));
        assert_eq!(seen.len(), 2);
    }
}
