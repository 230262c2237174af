//! Nodes of coins whose own software can't be installed here: JSON-RPC on loopback in front of a chain of their own.
//! They judge what they are given with code of their own. One thing they share with the program: the hash functions of
//! `otedama_hash`, [`Light`], which published vectors and real blocks test there. Headers, Keccak, targets and encodings
//! are theirs, so that an error of the program's is not one of theirs too.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod bytes;
pub(crate) mod geth;
pub(crate) mod header;
pub(crate) mod http;
pub(crate) mod listening;
pub(crate) mod raven_block;
pub(crate) mod ravend;

use otedama_hash::{Algorithm, EpochInput, Hasher, PowHash, PowInput, Registry};

/// Seconds since 1970.
pub(crate) fn unix_s() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// Hashes on the light cache of an algorithm's first epoch, with the program's own code.
pub(crate) struct Light(Box<dyn Hasher>);

impl Light {
    /// Builds the cache.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let registry = Registry::with_builtin();
        let backend = registry.get(algorithm).unwrap();
        let first = EpochInput {
            height: 0,
            seed: None,
        };
        Self(backend.verifier(backend.epoch(first).unwrap()).unwrap())
    }

    /// Final hash and mix.
    pub(crate) fn hash(&mut self, header: &[u8; 32], nonce: u64, height: u64) -> ([u8; 32], [u8; 32]) {
        let input = PowInput {
            blob: header,
            nonce,
            height,
        };
        let mut out = [PowHash::default()];
        self.0.hash_batch(&[input], &mut out);
        let mut hash = out[0].hash.to_le_bytes();
        hash.reverse();
        (hash, out[0].mix.unwrap())
    }

    /// The hasher itself.
    pub(crate) fn hasher(&mut self) -> &mut dyn Hasher {
        &mut *self.0
    }
}
