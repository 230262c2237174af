//! Epochs: 7,500 blocks that share a cache and a dataset.

use std::sync::OnceLock;

use crate::ethash::keccak::keccak256;
use crate::ethash::sizes::{CACHE, DATASET};
use crate::{Algorithm, EpochInput, EpochKey, PrepareError};

/// Blocks of an epoch.
pub(super) const EPOCH_LENGTH: u64 = 7500;
/// How many epochs are known: as many as last until the year 2076, with 33 GiB of dataset.
const EPOCHS: u32 = 4096;

/// One epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch {
    number: u32,
}

impl Epoch {
    /// The epoch of the block at `height`.
    pub(super) fn at_height(height: u64) -> Option<Self> {
        let number = u32::try_from(height / EPOCH_LENGTH).ok()?;
        (number < EPOCHS).then_some(Self { number })
    }

    /// The epoch that `at` describes; a seed that is given must be the one of the height.
    pub(super) fn at(at: EpochInput) -> Result<Self, PrepareError> {
        let epoch = Self::at_height(at.height).ok_or(unknown("the height is too great"))?;
        match at.seed {
            Some(seed) if seed != epoch.seed() => Err(unknown("the seed hash is not that of the height")),
            _ => Ok(epoch),
        }
    }

    /// The epoch whose seed hash is `key`.
    pub(super) fn of_key(key: EpochKey) -> Result<Self, PrepareError> {
        let position = seeds().iter().position(|seed| *seed == key.0);
        match position {
            Some(number) => Ok(Self {
                number: number as u32,
            }),
            None => Err(unknown("the seed hash is of none")),
        }
    }

    /// The epoch that follows.
    pub(super) fn next(self) -> Option<Self> {
        Self::at_height(self.first_height() + EPOCH_LENGTH)
    }

    /// Height of its first block.
    pub(super) fn first_height(self) -> u64 {
        u64::from(self.number) * EPOCH_LENGTH
    }

    /// Its seed hash.
    pub(super) fn seed(self) -> [u8; 32] {
        seeds().get(self.number as usize).copied().unwrap_or_default()
    }

    /// Number of its cache's nodes.
    pub(super) fn cache_nodes(self) -> u32 {
        CACHE.items(self.number).unwrap_or(u32::MAX)
    }

    /// Number of its dataset's items of 256 bytes.
    pub(super) fn dataset_items(self) -> u32 {
        DATASET.items(self.number).unwrap_or(u32::MAX) / 2
    }
}

fn unknown(reason: &'static str) -> PrepareError {
    PrepareError::UnknownEpoch {
        algorithm: Algorithm::KAWPOW,
        reason,
    }
}

/// The seed hashes of all epochs: each is the Keccak-256 of the one before. Made in about a millisecond.
fn seeds() -> &'static [[u8; 32]] {
    static SEEDS: OnceLock<Vec<[u8; 32]>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let next = |seed: &[u8; 32]| Some(keccak256(seed));
        core::iter::successors(Some([0; 32]), next)
            .take(EPOCHS as usize)
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Height, epoch, seed hash, nodes of the cache, items of the dataset; calculated by
    /// RavenProject/Ravencoin src/crypto/ethash.
    const EPOCHS_OF_RAVENCOIN: [(u64, u32, &str, u32, u32); 11] = [
        (
            0,
            0,
            "0000000000000000000000000000000000000000000000000000000000000000",
            262_139,
            4_194_296,
        ),
        (
            7499,
            0,
            "0000000000000000000000000000000000000000000000000000000000000000",
            262_139,
            4_194_296,
        ),
        (
            7500,
            1,
            "290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563",
            264_179,
            4_227_071,
        ),
        (
            30_000,
            4,
            "b903bd7696740696b2b18bd1096a2873bb8ad0c2e7f25b00a0431014edb3f539",
            270_329,
            4_325_363,
        ),
        (
            59_999,
            7,
            "6d29f6dd1270e49744bd5377ec86395b2de2abbe54bae16281b8e39b35538dcd",
            276_467,
            4_423_679,
        ),
        (
            170_915,
            22,
            "77e29faaecdca7314f4aca32b59b79ba53423722779514f80382fe5fa4042b2a",
            307_189,
            4_915_196,
        ),
        (
            1_219_736,
            162,
            "a92afa474bb50595e467a1722ed7a74fc00b3307de5022d5b76cf979490f2222",
            593_903,
            9_502_716,
        ),
        (
            2_000_000,
            266,
            "ec84f29d37543c5182d1151bd4ca723031ba8134071799e201c0ed2ff14295fd",
            806_903,
            12_910_589,
        ),
        (
            3_000_000,
            400,
            "312b6007e9a1bb08b78dad2afdce476501adb039bc29ea6c27ede523fe87d3d4",
            1_081_337,
            17_301_495,
        ),
        (
            3_500_000,
            466,
            "26ef49397f21634395c2acda2bc8c130c2912a8636fa750016dc0039dc432f93",
            1_216_507,
            19_464_185,
        ),
        (
            4_390_582,
            585,
            "45a3dc737c19ad05f3cae1eabd0d91f49e60013c1c11f7f1c7fd9e0e3dccf50d",
            1_460_213,
            23_363_571,
        ),
    ];

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn epochs_have_the_seeds_and_sizes_of_ravencoin() {
        for (height, number, seed, cache_nodes, dataset_items) in EPOCHS_OF_RAVENCOIN {
            let epoch = Epoch::at_height(height).unwrap();
            assert_eq!(epoch.number, number);
            assert_eq!(const_hex::encode(epoch.seed()), seed);
            assert_eq!(epoch.cache_nodes(), cache_nodes);
            assert_eq!(epoch.dataset_items(), dataset_items);
            assert_eq!(Epoch::of_key(EpochKey(epoch.seed())), Ok(epoch));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn heights_and_seeds_of_no_epoch_are_refused() {
        let last = u64::from(EPOCHS) * EPOCH_LENGTH - 1;
        let at = |height, seed| Epoch::at(EpochInput { height, seed });
        assert_eq!(at(last, None).unwrap().next(), None);
        for height in [last + 1, u64::MAX] {
            assert!(matches!(at(height, None), Err(PrepareError::UnknownEpoch { .. })));
        }
        let seed = at(7500, None).unwrap().seed();
        assert_eq!(at(7500, Some(seed)), at(14_999, None));
        assert!(matches!(
            at(7499, Some(seed)),
            Err(PrepareError::UnknownEpoch { .. })
        ));
        assert!(matches!(
            Epoch::of_key(EpochKey([1; 32])),
            Err(PrepareError::UnknownEpoch { .. })
        ));
    }
}
