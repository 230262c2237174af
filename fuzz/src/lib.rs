//! Every backend of an algorithm against the portable one, on inputs that a fuzzer makes up.

use std::sync::Mutex;

use otedama_hash::{
    Algorithm, EpochInput, Hash256, Hasher, Hit, Hits, PowHash, PowInput, Registry, ScanWork, Target,
};

/// Hashers of one algorithm under the same key; the last one is the portable one.
pub struct Arena {
    blob_len: usize,
    /// Hashes per input at the most, so that an input takes some milliseconds.
    budget: u64,
    hashers: Mutex<Vec<(&'static str, Box<dyn Hasher>)>>,
}

impl Arena {
    /// Prepares every backend that this machine runs, in light mode.
    ///
    /// # Panics
    /// When one of them can't be prepared.
    pub fn new(algorithm: Algorithm, blob_len: usize, budget: u64) -> Self {
        let registry = Registry::with_builtin();
        let at = EpochInput {
            height: 0,
            seed: (algorithm == Algorithm::RANDOMX).then_some([7; 32]),
        };
        let ready = |backend: &std::sync::Arc<dyn otedama_hash::HashBackend>| {
            let key = backend.epoch(at).expect("the first epoch");
            (backend.name(), backend.verifier(key).expect("enough memory"))
        };
        let hashers: Vec<_> = registry.of(algorithm).map(ready).collect();
        assert!(!hashers.is_empty(), "{algorithm} is not in this build");
        Self {
            blob_len,
            budget,
            hashers: Mutex::new(hashers),
        }
    }

    /// Hashes what `data` says with every backend.
    ///
    /// # Panics
    /// When two backends disagree, or one breaks the contract of a scan.
    pub fn check(&self, data: &[u8]) {
        // What is missing of a short input are bytes of 0xff: a target that every hash meets.
        let mut head = [0xff; 50];
        let (given, rest) = data.split_at(data.len().min(head.len()));
        head[..given.len()].copy_from_slice(given);
        let count = u64::from(head[0]) % (self.budget + 1);
        let exact = head[1] >= 16;
        let number = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("8 bytes"));
        // KawPow's blocks of the first epoch, and some of the next, for which the key is wrong.
        let (nonce, height) = (number(2), number(10) % 8000);
        let target = Target::from_le_bytes(head[18..].try_into().expect("32 bytes"));
        let mut blob = rest.to_vec();
        if exact {
            blob.resize(self.blob_len, 0x5a);
        }
        let batch: Vec<_> = (0..count)
            .map(|index| PowInput {
                blob: &blob[..blob.len() - usize::from(!exact && index % 2 == 1 && !blob.is_empty())],
                nonce: nonce.wrapping_add(index * 0x0101),
                height: height.wrapping_add(index % 5),
            })
            .collect();
        let work = ScanWork {
            blob: &blob,
            height,
            target,
            stop: None,
        };
        // Headers with a 4-byte nonce are searched up to its end at most.
        let start = if self.blob_len == 32 { nonce.min(u64::MAX - count) } else { nonce >> 32 };
        let capacity = 1 + usize::from(head[1] % 8);
        let mut answers = Vec::new();
        for (name, hasher) in self.hashers.lock().expect("no panic before").iter_mut() {
            let mut out = vec![PowHash::default(); batch.len()];
            hasher.hash_batch(&batch, &mut out);
            let mut hits = Hits::with_capacity(capacity);
            let done = hasher.scan(&work, start..start + count, &mut hits);
            let hits = hits.as_slice().to_vec();
            assert!(done <= count, "{name} counted {done} of {count}");
            assert!(hits.windows(2).all(|pair| pair[0].nonce < pair[1].nonce), "{name}: {hits:?}");
            let inside = |hit: &Hit| (start..start + done).contains(&hit.nonce) && target.is_met_by(&hit.pow.hash);
            assert!(hits.iter().all(inside), "{name}: {hits:?}");
            answers.push((*name, out, done, hits));
        }
        let (_, out, done, hits) = answers.pop().expect("at least one backend");
        for (name, other_out, other_done, other_hits) in answers {
            assert_eq!(other_out, out, "{name}: batch");
            assert_eq!(other_done, done, "{name}: hashes counted");
            assert_eq!(other_hits, hits, "{name}: hits");
        }
        if exact && count > 0 {
            assert!(out.iter().all(|pow| pow.hash != Hash256::ZERO));
        }
    }
}
