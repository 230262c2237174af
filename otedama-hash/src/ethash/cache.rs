//! The light cache: the nodes that every dataset item is computed from.

use core::fmt;

use super::keccak::{HashPair, keccak512};
use super::kernel::Kernel;
use super::modulus::Modulus;
use super::nodes::{Node, Nodes, prefetch};
use crate::memory::Pages;
use crate::{Algorithm, PrepareError, Setup};

/// Rounds of mixing after the first fill.
const CACHE_ROUNDS: usize = 3;
/// Nodes between two looks at the caller's stop flag: a few milliseconds.
const STOP_INTERVAL: usize = 1 << 14;

/// How many nodes ahead the second input of a hash is asked for: longer than memory takes to answer.
const PREFETCH_DISTANCE: usize = 4;

/// The cache of one epoch.
pub(crate) struct LightCache {
    nodes: Nodes,
    modulus: Modulus,
}

impl fmt::Debug for LightCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LightCache")
            .field("items", &self.modulus.divisor)
            .finish_non_exhaustive()
    }
}

impl LightCache {
    /// Builds the cache of `items` nodes from a seed hash. Slow: one long chain of hashes.
    pub(crate) fn build(
        algorithm: Algorithm,
        items: u32,
        seed: &[u8; 32],
        kernel: &Kernel,
        setup: &Setup<'_>,
    ) -> Result<Self, PrepareError> {
        let modulus = Modulus::new(items);
        let mut nodes = Nodes::new(algorithm, u64::from(modulus.divisor), setup)?;
        fill(&mut nodes, modulus, seed, kernel.hash_pair, setup)
            .ok_or(PrepareError::Stopped { algorithm })?;
        Ok(Self { nodes, modulus })
    }

    /// The nodes; never empty.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Reduces a number to the index of a node.
    pub(crate) fn modulus(&self) -> Modulus {
        self.modulus
    }

    /// The pages that the nodes lie on.
    pub(crate) fn pages(&self) -> Pages {
        self.nodes.pages()
    }
}

/// `None` when the caller called it off.
fn fill(
    nodes: &mut [Node],
    modulus: Modulus,
    seed: &[u8; 32],
    hash_pair: HashPair,
    setup: &Setup<'_>,
) -> Option<()> {
    let zero = Node::default();
    let mut previous = keccak512(seed);
    let (first, rest) = nodes.split_first_mut()?;
    *first = previous;
    for nodes in rest.chunks_mut(STOP_INTERVAL) {
        if setup.is_stopped() {
            return None;
        }
        for node in nodes {
            previous = hash_pair(&previous, &zero);
            *node = previous;
        }
    }
    for _ in 0..CACHE_ROUNDS {
        for i in 0..nodes.len() {
            if i % STOP_INTERVAL == 0 && setup.is_stopped() {
                return None;
            }
            if let Some(later) = nodes.get(i + PREFETCH_DISTANCE) {
                prefetch(nodes, modulus.reduce(later.0[0]));
            }
            let other = modulus.reduce(nodes[i].0[0]) as usize;
            previous = hash_pair(&previous, &nodes[other]);
            nodes[i] = previous;
        }
    }
    Some(())
}
