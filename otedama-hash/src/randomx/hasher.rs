//! Hashing with one virtual machine.

use std::sync::atomic::Ordering;

use super::library::Vm;
use crate::backend::{Hasher, Hit, Hits, NonceRange, PowHash, PowInput, ScanWork};
use crate::layout::BlobLayout;
use crate::primitives::Hash256;

const LAYOUT: BlobLayout = BlobLayout::HASHING_BLOB;

/// A hasher for one thread.
pub(super) struct VmHasher {
    vm: Vm,
}

impl VmHasher {
    pub(super) fn new(vm: Vm) -> Self {
        Self { vm }
    }
}

fn pow_hash(hash: [u8; 32]) -> PowHash {
    PowHash {
        hash: Hash256::from_le_bytes(hash),
        mix: None,
    }
}

impl Hasher for VmHasher {
    /// An input's scratchpad is filled in the pass that reads the one before a last time.
    fn hash_batch(&mut self, inputs: &[PowInput<'_>], out: &mut [PowHash]) {
        let mut slots = out.iter_mut();
        let mut inputs = inputs.iter().take(slots.len());
        let Some(first) = inputs.next() else {
            return;
        };
        self.vm.first(first.blob);
        for (input, slot) in inputs.zip(slots.by_ref()) {
            *slot = pow_hash(self.vm.next(input.blob));
        }
        if let Some(slot) = slots.next() {
            *slot = pow_hash(self.vm.last());
        }
    }

    /// The stop flag is looked at after every hash, which is after a few milliseconds.
    fn scan(&mut self, work: &ScanWork<'_>, nonces: NonceRange, hits: &mut Hits) -> u64 {
        let stopped = || work.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        let end = nonces.end.min(LAYOUT.nonce_end());
        if !LAYOUT.has_len(work.blob.len()) || nonces.start >= end || hits.is_full() || stopped() {
            return 0;
        }
        let mut copy = [0; LAYOUT.longest];
        let blob = &mut copy[..work.blob.len()];
        blob.copy_from_slice(work.blob);
        LAYOUT.put_nonce(blob, nonces.start);
        self.vm.first(blob);
        let mut done = 0;
        for nonce in nonces.start..end {
            let next = nonce + 1;
            let hash = if next == end {
                self.vm.last()
            } else {
                LAYOUT.put_nonce(blob, next);
                self.vm.next(blob)
            };
            done += 1;
            let pow = pow_hash(hash);
            if (work.target.is_met_by(&pow.hash) && !hits.push(Hit { nonce, pow })) || stopped() {
                break;
            }
        }
        done
    }
}
