//! A tree of blocks of one difficulty: the longest branch is the best chain, the first one seen where several are as
//! long.

use std::collections::BTreeMap;

use otedama_hash::sha256d::sha256d;
use otedama_hash::{Hash256, PowHash, Target};

use super::{Ledger, Refusal, Taken};
use crate::coin::Coin;

/// The block that a template is for.
pub(super) struct Next {
    pub(super) prev_hash: Hash256,
    pub(super) height: u64,
    pub(super) unix_s: u64,
}

/// A block as its family reads it.
pub(super) struct Read {
    pub(super) hash: Hash256,
    pub(super) prev_hash: Hash256,
    pub(super) height: u64,
    pub(super) pow: Hash256,
}

/// What differs from family to family.
pub(super) trait Rules {
    fn template_json(&self, next: &Next) -> String;
    /// Reads a block and checks what it says of itself.
    fn read(&self, block: &[u8]) -> Result<Read, &'static str>;
    fn block_id(&self, blob: &[u8], nonce: u64, pow: &PowHash) -> Option<Hash256>;
}

struct Entry {
    prev_hash: Hash256,
    height: u64,
}

pub(super) struct Tree<R> {
    rules: R,
    target: Target,
    entries: BTreeMap<Hash256, Entry>,
    /// The best chain from the block that everybody starts from.
    best: Vec<Hash256>,
    first_height: u64,
}

impl<R: Rules> Tree<R> {
    pub(super) fn new(coin: &Coin, target: Target, rules: R) -> Self {
        let hash = sha256d(coin.spec.name.as_bytes());
        let first = Entry {
            prev_hash: Hash256::ZERO,
            height: coin.first_height,
        };
        Self {
            rules,
            target,
            entries: BTreeMap::from([(hash, first)]),
            best: vec![hash],
            first_height: coin.first_height,
        }
    }

    fn is_best(&self, hash: &Hash256, height: u64) -> bool {
        let index = height.checked_sub(self.first_height);
        index.and_then(|index| self.best.get(index as usize)) == Some(hash)
    }

    /// Makes the branch that ends with `tip` the best chain.
    fn reorganise(&mut self, tip: Hash256) {
        let mut joining = Vec::new();
        let mut hash = tip;
        while let Some(entry) = self.entries.get(&hash).filter(|e| !self.is_best(&hash, e.height)) {
            joining.push(hash);
            hash = entry.prev_hash;
        }
        let fork = self.entries.get(&hash).map_or(self.first_height, |e| e.height);
        self.best.truncate((fork - self.first_height) as usize + 1);
        self.best.extend(joining.into_iter().rev());
    }
}

impl<R: Rules> Ledger for Tree<R> {
    fn tip(&self) -> (Hash256, u64) {
        let index = self.best.len() - 1;
        (self.best[index], self.first_height + index as u64)
    }

    fn template_json(&self, unix_s: u64) -> String {
        let (prev_hash, height) = self.tip();
        self.rules.template_json(&Next {
            prev_hash,
            height: height + 1,
            unix_s,
        })
    }

    fn submit(&mut self, block: &[u8], _unix_s: u64) -> Result<Taken, Refusal> {
        let block = self
            .rules
            .read(block)
            .map_err(|why| Refusal::Invalid(why.to_owned()))?;
        if self.entries.contains_key(&block.hash) {
            return Err(Refusal::Duplicate);
        }
        let parent = self.entries.get(&block.prev_hash).ok_or(Refusal::UnknownParent)?;
        if block.height != parent.height + 1 {
            return Err(Refusal::Invalid("bad-height".to_owned()));
        }
        if !self.target.is_met_by(&block.pow) {
            return Err(Refusal::Invalid("high-hash".to_owned()));
        }
        let entry = Entry {
            prev_hash: block.prev_hash,
            height: block.height,
        };
        self.entries.insert(block.hash, entry);
        let is_tip = block.height > self.tip().1;
        if is_tip {
            self.reorganise(block.hash);
        }
        Ok(Taken {
            hash: block.hash,
            is_tip,
        })
    }

    fn contains(&self, hash: &Hash256) -> bool {
        self.entries.contains_key(hash)
    }

    fn is_in_best_chain(&self, hash: &Hash256) -> bool {
        self.entries
            .get(hash)
            .is_some_and(|entry| self.is_best(hash, entry.height))
    }

    fn best_chain(&self) -> Box<dyn Iterator<Item = Hash256> + '_> {
        Box::new(self.best.iter().rev().copied())
    }

    fn network_work(&self) -> u128 {
        self.target.work().get()
    }

    fn network_target(&self, _blob: &[u8]) -> Option<Target> {
        Some(self.target)
    }

    fn block_id(&self, blob: &[u8], nonce: u64, pow: &PowHash) -> Option<Hash256> {
        self.rules.block_id(blob, nonce, pow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of three bytes: id, parent, height.
    struct Plain;

    fn id(byte: u8) -> Hash256 {
        if byte == 0 {
            sha256d(crate::coin::DEV.spec.name.as_bytes())
        } else {
            Hash256::from_le_bytes([byte; 32])
        }
    }

    impl Rules for Plain {
        fn template_json(&self, next: &Next) -> String {
            format!("{} {}", next.prev_hash, next.height)
        }

        fn read(&self, block: &[u8]) -> Result<Read, &'static str> {
            let &[hash, prev, height] = block else {
                return Err("length");
            };
            Ok(Read {
                hash: id(hash),
                prev_hash: id(prev),
                height: height.into(),
                pow: Hash256::ZERO,
            })
        }

        fn block_id(&self, _blob: &[u8], _nonce: u64, _pow: &PowHash) -> Option<Hash256> {
            None
        }
    }

    #[test]
    fn the_longest_branch_wins_and_the_first_of_two_as_long() {
        let mut tree = Tree::new(&crate::coin::DEV, Target::MAX, Plain);
        let mut submit = |block: [u8; 3]| tree.submit(&block, 0).map(|taken| taken.is_tip);
        assert_eq!(submit([1, 0, 1]), Ok(true));
        assert_eq!(submit([2, 0, 1]), Ok(false));
        assert_eq!(submit([1, 0, 1]), Err(Refusal::Duplicate));
        assert_eq!(submit([9, 8, 2]), Err(Refusal::UnknownParent));
        assert_eq!(submit([3, 2, 3]), Err(Refusal::Invalid("bad-height".into())));
        assert_eq!(submit([3, 2, 2]), Ok(true));
        assert_eq!(tree.tip(), (id(3), 2));
        assert!(tree.is_in_best_chain(&id(2)) && !tree.is_in_best_chain(&id(1)));
        assert!(tree.contains(&id(1)) && !tree.contains(&id(9)));
        let chain: Vec<_> = tree.best_chain().collect();
        assert_eq!(chain, [id(3), id(2), id(0)]);
    }
}
