//! `KawPow`: `ProgPoW` 0.9.4 (EIP-1057) with Ravencoin's parameters.
//!
//! Its cache and dataset are those of Ethash with other parameters. A hash runs a random program, the
//! same for three blocks, in 64 rounds that each read 256 bytes of the dataset.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod epoch;
mod execute;
mod hasher;
mod keccak;
mod memory;
mod program;
mod random;
mod rounds;
mod simd;
mod soft;

use std::sync::Arc;

use self::epoch::Epoch;
use self::hasher::{KawpowHasher, NO_HASH};
use self::memory::Memory;
use self::simd::Kernel;
use crate::ethash::kernel as ethash;
use crate::{
    Algorithm, BlobLayout, EpochInput, EpochKey, Hash256, HashBackend, Hasher, MemoryPlan, MemoryReport,
    PowInput, PrepareError, Prepared, Setup,
};

/// The backends that this machine can run, in the expected order of speed.
pub(crate) fn backends() -> Vec<Arc<dyn HashBackend>> {
    let mut backends: Vec<Arc<dyn HashBackend>> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        backends.extend(avx512::Avx512::detect().and_then(Kawpow::backend));
        backends.extend(avx2::Avx2::detect().and_then(Kawpow::backend));
    }
    backends.extend(Kawpow::backend(soft::Soft));
    backends
}

/// The seed hash of the epoch of the block at `height`, which is the key of its cache and dataset; `None` beyond the
/// heights that are supported.
pub fn seed_hash(height: u64) -> Option<[u8; 32]> {
    Epoch::at_height(height).map(Epoch::seed)
}

/// The algorithm on one instruction set.
#[derive(Clone, Copy)]
struct Kawpow<K> {
    kernel: K,
    /// For the cache and the dataset.
    ethash: ethash::Kernel,
}

impl<K: Kernel + Copy + 'static> Kawpow<K> {
    /// `None` when Ethash can't run on this instruction set.
    fn new(kernel: K) -> Option<Self> {
        let mut kernels = ethash::kernels().into_iter();
        let ethash = kernels.find(|ethash| ethash.name == kernel.name())?;
        Some(Self { kernel, ethash })
    }

    fn backend(kernel: K) -> Option<Arc<dyn HashBackend>> {
        Some(Arc::new(Self::new(kernel)?))
    }
}

impl<K: Kernel + Copy + 'static> HashBackend for Kawpow<K> {
    fn algorithm(&self) -> Algorithm {
        Algorithm::KAWPOW
    }

    fn name(&self) -> &'static str {
        self.kernel.name()
    }

    fn scan_len(&self, plan: MemoryPlan) -> u64 {
        match plan {
            MemoryPlan::Light => 16,
            MemoryPlan::Full => 2048,
        }
    }

    fn layout(&self) -> BlobLayout {
        BlobLayout::HEADER_HASH
    }

    fn epoch(&self, at: EpochInput) -> Result<EpochKey, PrepareError> {
        Ok(EpochKey(Epoch::at(at)?.seed()))
    }

    fn upcoming(&self, at: EpochInput) -> Option<EpochInput> {
        let next = Epoch::at_height(at.height)?.next()?;
        Some(EpochInput {
            height: next.first_height(),
            seed: None,
        })
    }

    fn memory(&self, key: EpochKey, plan: MemoryPlan) -> Result<u64, PrepareError> {
        Ok(memory::bytes(Epoch::of_key(key)?, plan))
    }

    fn prepare(&self, key: EpochKey, setup: &Setup<'_>) -> Result<Arc<dyn Prepared>, PrepareError> {
        let memory = Memory::prepare(Epoch::of_key(key)?, setup, &self.ethash)?;
        Ok(Arc::new(PreparedKawpow {
            backend: *self,
            memory: Arc::new(memory),
        }))
    }

    fn claimed(&self, input: &PowInput<'_>, mix: &[u8; 32]) -> Option<Hash256> {
        let hash = input
            .blob
            .try_into()
            .map(|header| keccak::final_hash(header, input.nonce, mix));
        Some(hash.map_or(NO_HASH.hash, Hash256::from_be_bytes))
    }
}

/// An epoch's memory, and the backend to hash with.
struct PreparedKawpow<K> {
    backend: Kawpow<K>,
    memory: Arc<Memory>,
}

impl<K: Kernel + Copy + 'static> Prepared for PreparedKawpow<K> {
    fn hasher(&self) -> Result<Box<dyn Hasher>, PrepareError> {
        let Kawpow { kernel, ethash } = self.backend;
        Ok(Box::new(KawpowHasher::new(
            kernel,
            Arc::clone(&self.memory),
            ethash.dataset_items,
        )))
    }

    fn plan(&self) -> MemoryPlan {
        self.memory.plan()
    }

    fn memory(&self) -> MemoryReport {
        self.memory.report()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PowHash;

    #[derive(Clone, Copy)]
    struct Published {
        height: u64,
        header: &'static str,
        nonce: u64,
        mix: &'static str,
        hash: &'static str,
    }

    /// RavenProject/Ravencoin `src/crypto/ethash/progpow_test_vectors.hpp` and `src/test/kawpow_tests.cpp`.
    const PUBLISHED: [Published; 11] = [
        Published {
            height: 0,
            header: "0000000000000000000000000000000000000000000000000000000000000000",
            nonce: 0x0,
            mix: "6e97b47b134fda0c7888802988e1a373affeb28bcd813b6e9a0fc669c935d03a",
            hash: "e601a7257a70dc48fccc97a7330d704d776047623b92883d77111fb36870f3d1",
        },
        Published {
            height: 49,
            header: "63155f732f2bf556967f906155b510c917e48e99685ead76ea83f4eca03ab12b",
            nonce: 0x0707_3c07,
            mix: "d36f7e815ee09e74eceb9c96993a3d681edf2bf0921fc7bb710364042db99777",
            hash: "e7ced124598fd2500a55ad9f9f48e3569327fe50493c77a4ac9799b96efb9463",
        },
        Published {
            height: 50,
            header: "9e7248f20914913a73d80a70174c331b1d34f260535ac3631d770e656b5dd922",
            nonce: 0x076e_482e,
            mix: "d6dc634ae837e2785b347648ea515e25e5d8821ae0b95e1c2a9c2d497e0dcfbd",
            hash: "ab0ad7ef8d8ee317dd12d10310aceed7321d34fb263791c2de5776a6658d177e",
        },
        Published {
            height: 99,
            header: "de37e1824c86d35d154cf65a88de6d9286aec4f7f10c3fc9f0fa1bcc2687188d",
            nonce: 0x3917_afab,
            mix: "fa706860e5e0e830d5d1d7157e5bea7f5f8a350c7c8612ac1d1fcf2974d64244",
            hash: "aa85340690f2e907054324a5021937910e15edfd1ef1577231843e7d32ec3a61",
        },
        Published {
            height: 29_999,
            header: "e43d7e0bdc8a4a3f6e291a5ed790b9fa1a0948a2b9e33c844888690847de19f5",
            nonce: 0x005d_b5fa_4c2a_3d03,
            mix: "d15de3f9bfedd9b6d0f498273eb3b437115bdc8326c96c6457ac06deb5c9f389",
            hash: "4e93630b81198752f876b24380999189b7b9366c08222ac05e4237b87114f305",
        },
        Published {
            height: 30_000,
            header: "d34519f72c97cae8892c277776259db3320820cb5279a299d0ef1e155e5c6454",
            nonce: 0x005d_b860_7994_ff30,
            mix: "de0348b69bf91dfe2c3d3dba6f0132e9048a5284e57b8d9d20adc5f3dc0d3236",
            hash: "c7953d848cda6e304f77b4c6d735645c8e8508a5e74c9e9814ef37b19087cd6c",
        },
        Published {
            height: 30_050,
            header: "c2c46173481b9ced61123d2e293b42ede5a1b323210eb2a684df0874ffe09047",
            nonce: 0x005e_3089_9481_055e,
            mix: "362f2fabdb9699d3634b6499703f939f378ee4eac803396c2b0ed0fe1d154972",
            hash: "4cd7e6e79e0b63d42b2b06716a919ccc7834077ec727a9ea94edcdaff2fefab8",
        },
        Published {
            height: 59_950,
            header: "49e15ba4bf501ce8fe8876101c808e24c69a859be15de554bf85dbc095491bd6",
            nonce: 0x02eb_e050_3bd7_b1da,
            mix: "df3dbb1669fd35dbb0ae96bbea2d498f0c6992cbddd092aeace42dd933505f95",
            hash: "b8984cf4021c4433f753654848d721f33a0792b4417241f0cf7c7c2db011a54a",
        },
        Published {
            height: 30_000,
            header: "ffeeddccbbaa9988776655443322110000112233445566778899aabbccddeeff",
            nonce: 0x1234_5678_9abc_def0,
            mix: "177b565752a375501e11b6d9d3679c2df6197b2cab3a1ba2d6b10b8c71a3d459",
            hash: "c824bee0418e3cfb7fae56e0d5b3b8b14ba895777feea81c70c0ba947146da69",
        },
        Published {
            height: 1,
            header: "0000000000000000000000000000000000000000000000000000000000000000",
            nonce: 0x0,
            mix: "6e97b47b134fda0c7888802988e1a373affeb28bcd813b6e9a0fc669c935d03a",
            hash: "e601a7257a70dc48fccc97a7330d704d776047623b92883d77111fb36870f3d1",
        },
        Published {
            height: 0,
            header: "0000000000000000000000000000000000000000000000000000000000000000",
            nonce: 0x18b,
            mix: "4c23617276b7c38a69ee1c21d87d4804148b51e8ff135a88829490e66060cde2",
            hash: "00f7cc2aa8db7098ea0ae0d99fef082dac94cb40d29ca22432a501bff00d5e61",
        },
    ];

    impl Published {
        fn header(&self) -> [u8; 32] {
            decode(self.header)
        }

        fn pow(&self) -> PowHash {
            PowHash {
                hash: Hash256::from_be_bytes(decode(self.hash)),
                mix: Some(decode(self.mix)),
            }
        }
    }

    fn decode(hex: &str) -> [u8; 32] {
        const_hex::decode_to_array(hex).unwrap()
    }

    fn check<K: Kernel + Copy + 'static>(kernel: K, memory: &Arc<Memory>, published: &[Published]) {
        let Some(Kawpow { ethash, .. }) = Kawpow::new(kernel) else {
            return;
        };
        let name = kernel.name();
        let mut hasher = KawpowHasher::new(kernel, Arc::clone(memory), ethash.dataset_items);
        let headers: Vec<_> = published.iter().map(Published::header).collect();
        let inputs: Vec<_> = published
            .iter()
            .zip(&headers)
            .map(|(p, header)| PowInput {
                blob: header,
                nonce: p.nonce,
                height: p.height,
            })
            .collect();
        let mut out = vec![PowHash::default(); inputs.len()];
        hasher.hash_batch(&inputs, &mut out);
        for (published, out) in published.iter().zip(out) {
            assert_eq!(out, published.pow(), "{name}, block {}", published.height);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn published_hashes() {
        let soft = Kawpow::new(soft::Soft).unwrap();
        for number in [0, 3, 4, 7] {
            let epoch = Epoch::at_height(number * epoch::EPOCH_LENGTH).unwrap();
            let memory = Memory::prepare(epoch, &Setup::default(), &soft.ethash).unwrap();
            if number == 0 {
                // RavenCommunity/cpp-kawpow test/unittests/test_progpow.cpp.
                assert_eq!(
                    memory.step_cache.0[..20],
                    [
                        0x9494_54d3,
                        0x19ac_56dd,
                        0x78f4_0043,
                        0xb882_cf11,
                        0xd59c_4c4a,
                        0xb44f_2827,
                        0x300a_5e5d,
                        0xf5ac_0c99,
                        0x8a4e_3b51,
                        0xe051_9cb6,
                        0x3bf8_4b1b,
                        0x5842_5862,
                        0x9a8d_104f,
                        0x9ae9_3130,
                        0xb515_3e09,
                        0xa42a_c85c,
                        0xaaef_2310,
                        0x8ba0_d642,
                        0x1be1_9000,
                        0x0ea9_b99b
                    ]
                );
            }
            let memory = Arc::new(memory);
            let published: Vec<_> = PUBLISHED
                .into_iter()
                .filter(|p| Epoch::at_height(p.height) == Some(epoch))
                .collect();
            check(soft::Soft, &memory, &published);
            #[cfg(target_arch = "x86_64")]
            {
                if let Some(kernel) = avx2::Avx2::detect() {
                    check(kernel, &memory, &published);
                }
                if let Some(kernel) = avx512::Avx512::detect() {
                    check(kernel, &memory, &published);
                }
            }
        }
    }

    #[test]
    fn a_claimed_mix_gives_its_final_hash() {
        for backend in backends() {
            for published in PUBLISHED {
                let header = published.header();
                let input = PowInput {
                    blob: &header,
                    nonce: published.nonce,
                    height: published.height,
                };
                let mut mix = decode(published.mix);
                assert_eq!(backend.claimed(&input, &mix), Some(published.pow().hash));
                mix[31] ^= 1;
                assert_ne!(backend.claimed(&input, &mix), Some(published.pow().hash));
            }
            assert_eq!(
                backend.claimed(&PowInput::of(&[0; 31]), &[0; 32]),
                Some(NO_HASH.hash)
            );
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn backends_name_epochs_and_what_they_take() {
        let names: Vec<_> = backends().iter().map(|backend| backend.name()).collect();
        assert_eq!(names.last(), Some(&"soft"));
        for backend in backends() {
            let at = |height| EpochInput { height, seed: None };
            let key = backend.epoch(at(7499)).unwrap();
            assert_eq!(key, EpochKey::default());
            assert_eq!(backend.memory(key, MemoryPlan::Light), Ok(16_776_896));
            assert_eq!(
                backend.memory(key, MemoryPlan::Full),
                Ok(16_776_896 + 1_073_739_776)
            );
            assert_eq!(backend.upcoming(at(7499)), Some(at(7500)));
            assert_ne!(backend.epoch(at(7500)).unwrap(), key);
            let unknown = EpochKey([1; 32]);
            assert!(matches!(
                backend.prepare(unknown, &Setup::default()),
                Err(PrepareError::UnknownEpoch { .. })
            ));
            let small = Setup {
                limit_bytes: Some(1 << 20),
                ..Setup::default()
            };
            assert!(matches!(
                backend.prepare(key, &small),
                Err(PrepareError::OutOfMemory { .. })
            ));
        }
    }
}
