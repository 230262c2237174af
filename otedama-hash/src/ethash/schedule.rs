//! Which epoch a block or a seed hash belongs to.

use super::keccak::keccak256;

/// Blocks of an epoch where nothing doubles them, and blocks from one seed hash to the next.
const SEED_BLOCKS: u64 = 30_000;
/// Seed hashes that are looked through: heights up to 122,880,000.
const SEED_LIMIT: u32 = 4096;

/// How long the epochs of a chain are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    /// Height from which an epoch has 60,000 blocks instead of 30,000 (ECIP-1099), if there is one: an even
    /// multiple of 30,000.
    pub doubled_from: Option<u64>,
}

/// An epoch of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    /// What the sizes grow with.
    pub number: u32,
    /// How often the seed hash is hashed.
    pub seed_index: u32,
}

impl Schedule {
    /// Epochs of 30,000 blocks throughout.
    pub const ETHASH: Self = Self { doubled_from: None };
    /// Ethereum Classic.
    pub const CLASSIC: Self = Self {
        doubled_from: Some(11_700_000),
    };
    /// Mordor, Ethereum Classic's test network.
    pub const MORDOR: Self = Self {
        doubled_from: Some(2_520_000),
    };

    /// Number of the epoch of the block at `height`. `None` beyond the heights that are supported.
    pub fn epoch_number(self, height: u64) -> Option<u32> {
        self.at_height(height).map(|epoch| epoch.number)
    }

    /// The epoch of a block. `None` beyond the heights that are supported.
    pub(crate) fn at_height(self, height: u64) -> Option<Epoch> {
        let step = u32::try_from(height / SEED_BLOCKS).ok()?;
        let doubled = self.doubled_from.is_some_and(|from| height >= from);
        self.of_seed_index(if doubled { step & !1 } else { step })
    }

    /// The epoch with a seed hash. `None` where there is none.
    pub(crate) fn of_seed(self, seed: &[u8; 32]) -> Option<Epoch> {
        self.of_seed_index(seeds().position(|s| s == *seed)? as u32)
    }

    /// The first block of the epoch that follows.
    pub(crate) fn end(self, epoch: Epoch) -> u64 {
        let steps = if self.is_doubled(epoch.seed_index) { 2 } else { 1 };
        (u64::from(epoch.seed_index) + steps) * SEED_BLOCKS
    }

    fn of_seed_index(self, seed_index: u32) -> Option<Epoch> {
        let doubled = self.is_doubled(seed_index);
        let exists = seed_index < SEED_LIMIT && !(doubled && seed_index % 2 == 1);
        exists.then_some(Epoch {
            number: if doubled { seed_index / 2 } else { seed_index },
            seed_index,
        })
    }

    fn is_doubled(self, seed_index: u32) -> bool {
        self.doubled_from
            .is_some_and(|from| u64::from(seed_index) * SEED_BLOCKS >= from)
    }
}

impl Epoch {
    /// The hash that the cache grows from.
    pub(crate) fn seed(self) -> [u8; 32] {
        (0..self.seed_index).fold([0; 32], |seed, _| keccak256(&seed))
    }
}

/// All seed hashes in order.
fn seeds() -> impl Iterator<Item = [u8; 32]> {
    core::iter::successors(Some([0; 32]), |seed| Some(keccak256(seed))).take(SEED_LIMIT as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed_hex(seed_index: u32) -> String {
        let epoch = Epoch {
            number: seed_index,
            seed_index,
        };
        const_hex::encode(epoch.seed())
    }

    // chfast/ethash, test/unittests/test_ethash.cpp.
    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn seeds_are_the_published_ones() {
        for (seed_index, hex) in [
            (
                0,
                "0000000000000000000000000000000000000000000000000000000000000000",
            ),
            (
                1,
                "290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563",
            ),
            (
                171,
                "a9b0e0c9aca72c07ba06b5bbdae8b8f69e61878301508473379bb4f71807d707",
            ),
            (
                2048,
                "20a7678ca7b50829183baac2e1e3c43fa3c4bcbc171b11cf5a9f30bebd172920",
            ),
            (
                29_998,
                "1222b1faed7f93098f8ae498621fb3479805a664b70186063861c46596c66164",
            ),
            (
                29_999,
                "ee1d0f61b054dff0f3025ebba821d405c8dc19a983e582e9fa5436fc3e7a07d8",
            ),
        ] {
            assert_eq!(seed_hex(seed_index), hex);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn a_seed_leads_back_to_its_epoch() {
        for schedule in [Schedule::ETHASH, Schedule::CLASSIC, Schedule::MORDOR] {
            for height in [
                0,
                29_999,
                30_000,
                2_519_999,
                2_520_000,
                11_699_999,
                11_700_000,
                60_030_000,
                122_879_999,
            ] {
                let epoch = schedule.at_height(height).unwrap();
                assert_eq!(schedule.of_seed(&epoch.seed()), Some(epoch), "{height}");
                let end = schedule.end(epoch);
                assert_eq!(schedule.at_height(end - 1), Some(epoch), "{height}");
                assert_ne!(schedule.at_height(end), Some(epoch), "{height}");
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn unknown_seeds_and_distant_heights_have_no_epoch() {
        let schedule = Schedule::CLASSIC;
        assert_eq!(schedule.at_height(122_880_000), None);
        assert_eq!(schedule.at_height(u64::MAX), None);
        assert_eq!(schedule.of_seed(&[1; 32]), None);
        // The seed between two doubled epochs starts none.
        let between = Epoch {
            number: 0,
            seed_index: 391,
        }
        .seed();
        assert_eq!(schedule.of_seed(&between), None);
        assert_eq!(
            Schedule::ETHASH.of_seed(&between).map(|epoch| epoch.number),
            Some(391)
        );
    }
}
