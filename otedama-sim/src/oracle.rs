//! Proof of work without the work.
//!
//! A simulated miner does not search: it draws when it finds a share and what its hash is, and writes that down here
//! under what is hashed. Whoever asks for the hash of exactly that, pool or node, gets that answer; everything else
//! hashes to what SHA-256d says, so a header that differs in one bit, or a key of another epoch, proves nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use otedama_chain::PowBlob;
use otedama_hash::sha256d::sha256d;
use otedama_hash::{Algorithm, Hash256, Monotonic, PowHash};
use otedama_pool::VerifyRequest;

/// How long a proof is known that solves no block.
const KEPT: Duration = Duration::from_secs(1800);

/// What is hashed: the bytes, the nonce where it is no part of them, and the epoch's seed where there is one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hashed {
    blob: PowBlob,
    nonce: u64,
    seed: [u8; 32],
}

/// The shared table of found proofs.
#[derive(Clone, Debug)]
pub(crate) struct Oracle {
    algorithm: Algorithm,
    table: Arc<Mutex<Table>>,
}

#[derive(Debug)]
struct Table {
    found: HashMap<Hashed, PowHash, FixedState>,
    /// Mixes that are not the right ones, with hashes that meet a target all the same.
    forged: HashMap<(Hashed, [u8; 32]), Hash256, FixedState>,
    /// All of them; those that were made up with their mix.
    oldest: VecDeque<(Monotonic, Hashed, Option<[u8; 32]>)>,
}

impl Oracle {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            table: Arc::new(Mutex::new(Table {
                found: HashMap::with_hasher(FixedState::with_seed(0)),
                forged: HashMap::with_hasher(FixedState::with_seed(0)),
                oldest: VecDeque::new(),
            })),
        }
    }

    /// Names what is hashed. A nonce or a seed that the algorithm does not take is left out.
    pub(crate) fn name(&self, blob: &[u8], nonce: u64, seed: Option<[u8; 32]>) -> Hashed {
        let is_slow = self.has_seed();
        Hashed {
            blob: PowBlob::from_slice(blob),
            nonce: if self.has_mix() { nonce } else { 0 },
            seed: seed.filter(|_| is_slow).unwrap_or_default(),
        }
    }

    /// What a pool asks to have hashed.
    pub(crate) fn asked(&self, request: &VerifyRequest) -> Hashed {
        self.name(&request.blob, request.nonce, request.epoch.seed)
    }

    /// Whether proofs of the algorithm have a mix hash.
    pub(crate) fn has_mix(&self) -> bool {
        [Algorithm::KAWPOW, Algorithm::ETCHASH].contains(&self.algorithm)
    }

    fn has_seed(&self) -> bool {
        self.has_mix() || self.algorithm == Algorithm::RANDOMX
    }

    /// A miner found this; the whole proof.
    pub(crate) fn register(&self, now: Monotonic, what: Hashed, hash: Hash256) -> PowHash {
        let mut table = self.lock();
        while table.oldest.front().is_some_and(|(at, ..)| now.since(*at) > KEPT) {
            match table.oldest.pop_front() {
                Some((_, old, None)) => {
                    table.found.remove(&old);
                }
                Some((_, old, Some(mix))) => {
                    table.found.remove(&old);
                    table.forged.remove(&(old, mix));
                }
                None => {}
            }
        }
        let mix = self.has_mix().then(|| what.mix());
        let pow = PowHash { hash, mix };
        table.found.insert(what.clone(), pow);
        table.oldest.push_back((now, what, None));
        pow
    }

    /// Somebody made up a mix that leads to `hash`. The true one is no luckier than it would be at a real difficulty: it
    /// meets no target.
    pub(crate) fn forge(&self, now: Monotonic, what: &Hashed, mix: [u8; 32], hash: Hash256) {
        let mut table = self.lock();
        let truth = PowHash {
            hash: Hash256::from_le_bytes([0xff; 32]),
            mix: self.has_mix().then(|| what.mix()),
        };
        table.found.insert(what.clone(), truth);
        table.forged.insert((what.clone(), mix), hash);
        table.oldest.push_back((now, what.clone(), Some(mix)));
    }

    /// The proof of work.
    pub(crate) fn hash(&self, what: &Hashed) -> PowHash {
        if let Some(pow) = self.lock().found.get(what) {
            return *pow;
        }
        PowHash {
            hash: if self.has_seed() {
                sha256d(&what.bytes(&[]))
            } else {
                sha256d(&what.blob)
            },
            mix: self.has_mix().then(|| what.mix()),
        }
    }

    /// The hash that a claimed mix leads to, which is cheap.
    pub(crate) fn claimed(&self, what: &Hashed, mix: [u8; 32]) -> Hash256 {
        if mix == what.mix() {
            return self.hash(what).hash;
        }
        let forged = self.lock().forged.get(&(what.clone(), mix)).copied();
        forged.unwrap_or_else(|| sha256d(&what.bytes(&mix)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hashed {
    fn bytes(&self, more: &[u8]) -> Vec<u8> {
        [&self.blob[..], &self.nonce.to_le_bytes(), &self.seed, more].concat()
    }

    /// The one right mix.
    fn mix(&self) -> [u8; 32] {
        sha256d(&self.bytes(b"mix")).to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_header_has_the_registered_hash() {
        let oracle = Oracle::new(Algorithm::SHA256D);
        let name = |header: &[u8; 80]| oracle.name(header, 0, None);
        let header = [7; 80];
        oracle.register(Monotonic::ZERO, name(&header), Hash256::ZERO);
        assert_eq!(oracle.hash(&name(&header)).hash, Hash256::ZERO);
        let mut other = header;
        other[79] ^= 1;
        assert_eq!(oracle.hash(&name(&other)).hash, sha256d(&other));
        oracle.register(Monotonic::ZERO + KEPT * 2, name(&other), Hash256::ZERO);
        let forgotten = oracle.hash(&name(&header)).hash;
        assert_eq!(forgotten, sha256d(&header), "old headers are forgotten");
    }

    #[test]
    fn a_nonce_a_seed_and_a_mix_belong_to_the_proof() {
        let oracle = Oracle::new(Algorithm::KAWPOW);
        let name = |nonce, seed| oracle.name(&[7; 32], nonce, Some(seed));
        let right = name(1, [1; 32]);
        let pow = oracle.register(Monotonic::ZERO, right.clone(), Hash256::ZERO);
        let mix = pow.mix.expect("the algorithm has one");
        assert_eq!(oracle.hash(&right), pow);
        assert_eq!(oracle.claimed(&right, mix), Hash256::ZERO);
        for other in [name(2, [1; 32]), name(1, [2; 32])] {
            assert_ne!(oracle.hash(&other).hash, Hash256::ZERO);
            assert_ne!(oracle.claimed(&other, mix), Hash256::ZERO);
        }
        assert_ne!(oracle.claimed(&right, [9; 32]), Hash256::ZERO);
        oracle.forge(Monotonic::ZERO, &right, [9; 32], Hash256::ZERO);
        assert_eq!(oracle.claimed(&right, [9; 32]), Hash256::ZERO);
        assert_ne!(oracle.hash(&right).mix, Some([9; 32]));
    }
}
