//! Parts of the nonce space, where all sessions hash the same header.

use std::collections::{BTreeMap, VecDeque};

use rand_core::Rng;
use smallvec::SmallVec;

/// Bytes of the nonce that the pool can fix at the most.
pub(crate) const MAX_LEN: usize = 3;
/// Draws after which there is no room.
const DRAWS: usize = 64;
/// Parts that are kept: beyond that too much would be closed to the sessions without one.
const MAX_PARTS: usize = 1 << 18;

/// The first bytes of every nonce of a session.
pub(crate) type Prefix = SmallVec<[u8; 4]>;

/// Which nonces belong to which session.
///
/// Credit goes by a session's difficulty, so a nonce must not count in two sessions with different ones: who has both
/// would submit each proof where it is worth more. Parts are drawn at random, so that nobody can look for proofs in one
/// before it is given out.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    /// First and last value of the nonce's first [`MAX_LEN`] bytes.
    parts: BTreeMap<u32, u32>,
    /// Parts of sessions that have gone, oldest first, and the first job that these cannot have had. Until no older job
    /// counts, their nonces stay theirs.
    left: VecDeque<(u32, u32)>,
}

impl Prefixes {
    /// Gives out a part behind `len` bytes, at most [`MAX_LEN`]; `None` where there is no room left.
    pub(crate) fn take(&mut self, len: usize, rng: &mut impl Rng) -> Option<Prefix> {
        let free = 8 * (MAX_LEN - len.min(MAX_LEN)) as u32;
        if self.parts.len() >= MAX_PARTS {
            return None;
        }
        for _ in 0..DRAWS {
            let first = rng.next_u32() >> (32 - 8 * MAX_LEN) >> free << free;
            let last = first | ((1 << free) - 1);
            if self.part_below(last).is_none_or(|(_, end)| end < first) {
                self.parts.insert(first, last);
                return Some(Prefix::from_slice(&first.to_be_bytes()[4 - MAX_LEN..][..len]));
            }
        }
        None
    }

    /// The session with this prefix has gone; the next job will be number `next`.
    pub(crate) fn leave(&mut self, prefix: &[u8], next: u32) {
        let mut first = [0; 4];
        first[4 - MAX_LEN..][..prefix.len()].copy_from_slice(prefix);
        self.left.push_back((next, u32::from_be_bytes(first)));
    }

    /// Whether a nonce belongs to a session, or did a moment ago.
    pub(crate) fn is_taken(&self, nonce: u64) -> bool {
        let at = (nonce >> (64 - 8 * MAX_LEN)) as u32;
        self.part_below(at).is_some_and(|(_, last)| at <= last)
    }

    /// The last part that doesn't begin above `at`.
    fn part_below(&self, at: u32) -> Option<(u32, u32)> {
        self.parts
            .range(..=at)
            .next_back()
            .map(|(first, last)| (*first, *last))
    }

    /// The oldest job whose shares count is `oldest` now. Job numbers compare as distances, so that they may wrap.
    pub(crate) fn forget_before(&mut self, oldest: u32) {
        while let Some((next, first)) = self.left.front()
            && oldest.wrapping_sub(*next) as i32 >= 0
        {
            self.parts.remove(first);
            self.left.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha12Rng;
    use rand_core::SeedableRng;

    use super::*;

    fn nonce(prefix: &[u8], filler: u8) -> u64 {
        let mut bytes = [filler; 8];
        bytes[..prefix.len()].copy_from_slice(prefix);
        u64::from_be_bytes(bytes)
    }

    proptest! {
        #[test]
        fn no_part_lies_in_another(lens in prop::collection::vec(1_usize..=3, 1..200), seed: u64) {
            let mut prefixes = Prefixes::default();
            let mut rng = ChaCha12Rng::seed_from_u64(seed);
            let given: Vec<Prefix> = lens
                .iter()
                .filter_map(|len| prefixes.take(*len, &mut rng))
                .collect();
            for (index, one) in given.iter().enumerate() {
                prop_assert!(prefixes.is_taken(nonce(one, 0)) && prefixes.is_taken(nonce(one, 0xff)));
                for other in &given[..index] {
                    prop_assert!(!one.starts_with(other) && !other.starts_with(one));
                }
            }
        }
    }

    #[test]
    fn a_part_is_kept_as_long_as_its_sessions_jobs_count() {
        let mut prefixes = Prefixes::default();
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let prefix = prefixes.take(2, &mut rng).unwrap();
        let inside = nonce(&prefix, 7);
        prefixes.leave(&prefix, 1);
        for (oldest, is_taken) in [(u32::MAX, true), (0, true), (1, false)] {
            prefixes.forget_before(oldest);
            assert_eq!(prefixes.is_taken(inside), is_taken, "{oldest}");
        }
    }

    #[test]
    fn a_full_space_gives_nothing() {
        let mut prefixes = Prefixes::default();
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let given = (0..10_000).filter_map(|_| prefixes.take(1, &mut rng)).count();
        assert_eq!(given, 256);
        assert!(prefixes.take(3, &mut rng).is_none());
        assert!(prefixes.is_taken(0) && prefixes.is_taken(u64::MAX));
    }
}
