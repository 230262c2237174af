//! The tree of a block's transaction hashes (`CryptoNote` Standard 3, section "Merkle root hash calculation").
//!
//! With n leaves, the largest power of two below n is the size of the first full level: as many leaves as needed stay
//! what they are, from the left, and the others are hashed in pairs. From there on it is a binary tree.

use otedama_hash::keccak256;

/// A hash as its bytes stand in blobs.
pub(super) type Hash = [u8; 32];

/// The hashes that lead from the first leaf to the root, for a tree of that leaf and `others`.
pub(super) fn branch(others: &[Hash]) -> Vec<Hash> {
    let count = others.len() + 1;
    // Leaves with the first one blank: nothing that is kept depends on it.
    let mut level: Vec<Hash> = [[0; 32]].into_iter().chain(others.iter().copied()).collect();
    let mut branch = Vec::new();
    let mut size = count.next_power_of_two() / 2;
    while level.len() > 1 {
        let kept = 2 * size - level.len();
        if kept == 0 {
            branch.push(level[1]);
        }
        let (first, pairs) = level.split_at(kept);
        let hashed = pairs.chunks_exact(2).map(|pair| keccak256(pair.as_flattened()));
        level = first.iter().copied().chain(hashed).collect();
        size /= 2;
    }
    branch
}

/// The root of the tree whose first leaf is `leaf`.
pub(super) fn root(leaf: Hash, branch: &[Hash]) -> Hash {
    branch
        .iter()
        .fold(leaf, |hash, sibling| keccak256([hash, *sibling].as_flattened()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Roots and leaves, from the tests of Monero (`tests/hash/tests-tree.txt`).
    const VECTORS: &str = include_str!("../../../tests/data/cryptonote-tree.txt");

    #[test]
    fn published_trees_of_one_to_sixteen_leaves() {
        let hashes = |hex: &str| -> Vec<Hash> {
            let bytes = const_hex::decode(hex).expect("hex");
            bytes.as_chunks().0.to_vec()
        };
        assert_eq!(VECTORS.lines().count(), 16);
        for (index, line) in VECTORS.lines().enumerate() {
            let (expected, leaves) = line.split_once(' ').expect("two fields");
            let leaves = hashes(leaves);
            let (first, others) = leaves.split_first().expect("a leaf");
            assert_eq!(vec![root(*first, &branch(others))], hashes(expected));
            assert_eq!(others.len(), index);
        }
    }
}
