//! The merkle tree of transaction ids.

use otedama_hash::Hash256;
use otedama_hash::sha256d::sha256d;

fn parent(left: &Hash256, right: &Hash256) -> Hash256 {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(left.as_le_bytes());
    bytes[32..].copy_from_slice(right.as_le_bytes());
    sha256d(&bytes)
}

/// The hashes that lead from the first leaf to the root, given all leaves but the first.
pub(crate) fn branch(others: &[Hash256]) -> Vec<Hash256> {
    let mut branch = Vec::new();
    // All nodes of a level but its first, which depends on the missing leaf.
    let mut level = others.to_vec();
    while let Some((&sibling, rest)) = level.split_first() {
        branch.push(sibling);
        // A node without a partner is paired with itself.
        level = rest
            .chunks(2)
            .map(|pair| parent(&pair[0], &pair[pair.len() - 1]))
            .collect();
    }
    branch
}

/// The root, from the first leaf and its branch.
pub(crate) fn root(first: Hash256, branch: &[Hash256]) -> Hash256 {
    branch.iter().fold(first, |node, sibling| parent(&node, sibling))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook form, level by level.
    fn whole_tree(leaves: &[Hash256]) -> Hash256 {
        let mut level = leaves.to_vec();
        while level.len() > 1 {
            level = level
                .chunks(2)
                .map(|pair| parent(&pair[0], &pair[pair.len() - 1]))
                .collect();
        }
        level[0]
    }

    #[test]
    fn branch_leads_to_the_root_of_the_whole_tree() {
        let leaves: Vec<_> = (0_u32..40).map(|i| sha256d(&i.to_le_bytes())).collect();
        for n in 1..leaves.len() {
            let branch = branch(&leaves[1..n]);
            assert_eq!(root(leaves[0], &branch), whole_tree(&leaves[..n]), "{n} leaves");
        }
    }

    #[test]
    fn block_100_000_of_bitcoin() {
        // Its four transactions and its merkle root, as block explorers show them.
        let ids = [
            "8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87",
            "fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4",
            "6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4",
            "e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d",
        ]
        .map(|id| Hash256::from_display_hex(id).expect("hex"));
        let expected = "f3e94742aca4b5ef85488dc37c06c3282295ffec960994b2c0d5ac2a25a95766";
        assert_eq!(root(ids[0], &branch(&ids[1..])).to_string(), expected);
    }
}
