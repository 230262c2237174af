//! Work whose block headers the miner builds.

use core::fmt;

use otedama_hash::Hash256;
use otedama_hash::backend::{HEADER_LEN, NONCE_OFFSET};
use otedama_hash::sha256d::sha256d;

use super::JobError;

/// Length in bytes of the longest extranonce2 that a device can roll.
pub const MAX_EXTRANONCE2_LEN: usize = 16;

/// Everything that a device needs to build the 80-byte headers of one job.
///
/// The fields are those of stratum's `mining.notify` and of the session that it came through, in the
/// byte order of the header unless the field says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderWork {
    /// The coinbase transaction up to the extranonce.
    pub coinbase1: Vec<u8>,
    /// The coinbase transaction after the extranonce.
    pub coinbase2: Vec<u8>,
    /// The session's part of the extranonce.
    pub extranonce1: Vec<u8>,
    /// Length in bytes of the miner's part of the extranonce, at most [`MAX_EXTRANONCE2_LEN`].
    pub extranonce2_len: usize,
    /// Hashes that the coinbase's hash is joined with from the right, leaf first.
    pub merkle_branch: Vec<Hash256>,
    /// Header version as the job states it.
    pub version: u32,
    /// Version bits that the miner may change (BIP 310), zero for none.
    pub version_mask: u32,
    /// Hash of the previous block.
    pub prev_hash: Hash256,
    /// Compact network target of the header.
    pub bits: u32,
    /// Header time in Unix seconds.
    pub ntime: u32,
}

impl HeaderWork {
    pub(super) fn check(&self) -> Result<(), JobError> {
        if self.extranonce2_len > MAX_EXTRANONCE2_LEN {
            return Err(JobError::Extranonce2TooLong {
                len: self.extranonce2_len,
            });
        }
        Ok(())
    }

    /// The Merkle root of the block whose coinbase carries `extranonce2`.
    pub fn merkle_root(&self, extranonce2: &[u8]) -> Hash256 {
        let coinbase = [&self.coinbase1, &self.extranonce1, extranonce2, &self.coinbase2].concat();
        self.merkle_branch
            .iter()
            .fold(sha256d(&coinbase), |root, sibling| {
                let mut pair = [0; 64];
                pair[..32].copy_from_slice(root.as_le_bytes());
                pair[32..].copy_from_slice(sibling.as_le_bytes());
                sha256d(&pair)
            })
    }

    /// The header with this Merkle root and whole version; its nonce is zero.
    pub fn header(&self, merkle_root: &Hash256, version: u32) -> [u8; HEADER_LEN] {
        let mut header = [0; HEADER_LEN];
        header[..4].copy_from_slice(&version.to_le_bytes());
        header[4..36].copy_from_slice(self.prev_hash.as_le_bytes());
        header[36..68].copy_from_slice(merkle_root.as_le_bytes());
        header[68..72].copy_from_slice(&self.ntime.to_le_bytes());
        header[72..NONCE_OFFSET].copy_from_slice(&self.bits.to_le_bytes());
        header
    }
}

/// The miner's part of the extranonce: up to [`MAX_EXTRANONCE2_LEN`] bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Extranonce2 {
    bytes: [u8; MAX_EXTRANONCE2_LEN],
    len: u8,
}

impl Extranonce2 {
    /// `count` as a little-endian number of `len` bytes, or `None` when `count` doesn't fit or `len`
    /// is above [`MAX_EXTRANONCE2_LEN`].
    pub fn from_count(count: u128, len: usize) -> Option<Self> {
        let bytes = count.to_le_bytes();
        if len > MAX_EXTRANONCE2_LEN || bytes[len..].iter().any(|&byte| byte != 0) {
            return None;
        }
        Some(Self {
            bytes,
            len: len as u8,
        })
    }

    /// The bytes as they stand in the coinbase.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Debug for Extranonce2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.as_bytes() {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use otedama_hash::{Algorithm, Registry, Target};

    use super::*;
    use crate::job::{JobDescription, WorkDescription};

    /// Bitcoin block 170, whose two transactions make a branch of one hash.
    fn block_170() -> HeaderWork {
        let bytes = |text: &str| {
            let digit = |i: usize| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap();
            (0..text.len() / 2).map(digit).collect::<Vec<_>>()
        };
        let hash = |text| Hash256::from_display_hex(text).unwrap();
        HeaderWork {
            // Split around the "02" byte of the script's extranonce push `0102`.
            coinbase1: bytes(
                "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff0704ffff001d01",
            ),
            coinbase2: bytes(
                "ffffffff0100f2052a01000000434104d46c4968bde02899d2aa0963367c7a6ce34eec332b32e42e5f3407e052d64ac625da6f0718e7b302140434bd725706957c092db53805b821a85b23a7ac61725bac00000000",
            ),
            extranonce1: Vec::new(),
            extranonce2_len: 1,
            merkle_branch: vec![hash(
                "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16",
            )],
            version: 1,
            version_mask: 0,
            prev_hash: hash("000000002a22cfee1f2c846adbd12b3e183d4f97683f85dad08a79780a84bd55"),
            bits: 0x1d00_ffff,
            ntime: 1_231_731_025,
        }
    }

    #[test]
    fn a_real_block_is_rebuilt_from_its_parts() {
        let job = block_170();
        let root = job.merkle_root(&[0x02]);
        assert_eq!(
            root.to_string(),
            "7dac2c5666815c17a3b36427de37bb9d2e2c5ccec3f8633eb91a4205cb4c10ff"
        );
        let mut header = job.header(&root, job.version);
        assert_eq!(header[NONCE_OFFSET..], [0; 4]);
        header[NONCE_OFFSET..].copy_from_slice(&1_889_418_792_u32.to_le_bytes());
        let hash = sha256d(&header);
        assert_eq!(
            hash.to_string(),
            "00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee"
        );
        assert!(Target::from_compact(job.bits).unwrap().is_met_by(&hash));
        assert_ne!(job.merkle_root(&[0x03]), root);
    }

    #[test]
    fn extranonce2_has_its_length_and_never_wraps() {
        assert_eq!(Extranonce2::from_count(0, 0).unwrap().as_bytes(), []);
        assert_eq!(Extranonce2::from_count(1, 0), None);
        assert_eq!(
            Extranonce2::from_count(0x0102, 4).unwrap().as_bytes(),
            [2, 1, 0, 0]
        );
        assert_eq!(
            Extranonce2::from_count(0xffff, 2).unwrap().as_bytes(),
            [0xff, 0xff]
        );
        assert_eq!(Extranonce2::from_count(0x1_0000, 2), None);
        assert_eq!(
            Extranonce2::from_count(u128::MAX, 16).unwrap().as_bytes(),
            [0xff; 16]
        );
        assert_eq!(Extranonce2::from_count(0, 17), None);
        assert_eq!(
            format!("{:?}", Extranonce2::from_count(0x0102, 3).unwrap()),
            "020100"
        );
    }

    #[test]
    fn a_job_with_too_long_an_extranonce_or_of_another_kind_is_refused() {
        let check = |extranonce2_len, algorithm| {
            let job = JobDescription {
                id: 170,
                target: Target::MAX,
                work: WorkDescription::Headers(HeaderWork {
                    extranonce2_len,
                    ..block_170()
                }),
            };
            let backend = Registry::with_builtin().get(algorithm).cloned()?;
            Some(job.check(&*backend))
        };
        for algorithm in [Algorithm::SHA256D, Algorithm::SCRYPT] {
            assert_eq!(check(MAX_EXTRANONCE2_LEN, algorithm), Some(Ok(())));
            assert_eq!(
                check(MAX_EXTRANONCE2_LEN + 1, algorithm),
                Some(Err(JobError::Extranonce2TooLong { len: 17 }))
            );
        }
        for algorithm in [Algorithm::ETCHASH, Algorithm::KAWPOW] {
            let refused = Err(JobError::NotOfHeaders { algorithm });
            assert_eq!(check(4, algorithm), Some(refused));
        }
    }
}
