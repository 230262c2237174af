//! The 64 rounds of hashes that go side by side.

use std::sync::atomic::{AtomicBool, Ordering};

use super::memory::{ITEM_NODES, Memory, PARENTS, items_of};
use super::program::{Program, REGISTERS};
use super::simd::{DagItem, GROUP, Kernel, LANES, Mixes, Row};
use crate::ethash::cache::LightCache;
use crate::ethash::items::DatasetItems;
use crate::ethash::nodes::Node;

/// Rounds of a hash.
const ROUNDS: usize = 64;

/// Some hashes of a batch that run the same program.
pub(super) struct Group {
    pub program: Program,
    /// Where its first hash is in the batch.
    pub first: usize,
    /// How many hashes it has, at most [`GROUP`]. Registers beyond them hold anything.
    pub count: usize,
    pub mixes: Box<Mixes>,
}

impl Group {
    /// A group without hashes.
    pub(super) fn new(program: Program) -> Self {
        let mixes = Box::new(Mixes([[Row::default(); GROUP]; REGISTERS]));
        Self {
            program,
            first: 0,
            count: 0,
            mixes,
        }
    }

    /// Index of the dataset item that a hash reads in a round.
    fn item(&self, memory: &Memory, hash: usize, round: usize) -> u32 {
        memory.items.reduce(self.mixes.0[0][hash].0[round % LANES])
    }
}

/// Room for the dataset items of one round.
pub(super) struct Computed {
    compute: DatasetItems,
    indices: Vec<u32>,
    nodes: Vec<Node>,
}

impl Computed {
    /// Room for the items of `hashes` hashes, which `compute` computes.
    pub(super) fn new(compute: DatasetItems, hashes: usize) -> Self {
        Self {
            compute,
            indices: Vec::with_capacity(hashes * ITEM_NODES),
            nodes: vec![Node::default(); hashes * ITEM_NODES],
        }
    }

    /// Computes the items that the groups read in a round: one for each hash, in their order.
    fn items(&mut self, groups: &[Group], memory: &Memory, cache: &LightCache, round: usize) -> &[DagItem] {
        self.indices.clear();
        for group in groups {
            for hash in 0..group.count {
                let first = group.item(memory, hash, round) * ITEM_NODES as u32;
                self.indices.extend(first..first + ITEM_NODES as u32);
            }
        }
        let nodes = &mut self.nodes[..self.indices.len()];
        (self.compute)(cache, PARENTS, &self.indices, nodes);
        items_of(nodes)
    }
}

/// Runs all rounds of the groups with items computed from the light cache. `None` when stopped.
pub(super) fn light<K: Kernel>(
    kernel: &K,
    groups: &mut [Group],
    memory: &Memory,
    cache: &LightCache,
    computed: &mut Computed,
    stop: Option<&AtomicBool>,
) -> Option<()> {
    for round in 0..ROUNDS {
        if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return None;
        }
        let mut left = computed.items(groups, memory, cache, round);
        for group in &mut *groups {
            let (own, others) = left.split_at(group.count);
            left = others;
            let items = core::array::from_fn(|hash| &own[hash % own.len()]);
            kernel.round(
                &group.program,
                &memory.step_cache,
                round,
                &items,
                &items,
                &mut group.mixes,
            );
        }
    }
    Some(())
}

/// Runs all rounds of the groups with items from the full dataset.
///
/// The groups take turns: while one works, the items of the next come nearer.
pub(super) fn full<K: Kernel>(kernel: &K, groups: &mut [Group], memory: &Memory, dataset: &[Node]) {
    let dataset = items_of(dataset);
    let (Some(first), Some(any)) = (groups.first(), dataset.first()) else {
        return;
    };
    let find = |group: &Group, round| {
        let mut items = [any; GROUP];
        for (hash, item) in items.iter_mut().enumerate() {
            *item = &dataset[group.item(memory, hash, round) as usize];
        }
        items
    };
    let mut items = find(first, 0);
    for turn in 0..ROUNDS * groups.len() {
        let (round, number) = (turn / groups.len(), turn % groups.len());
        let (next_round, next) = ((turn + 1) / groups.len(), (turn + 1) % groups.len());
        // A group alone has to finish its round before it knows what it reads in the next.
        let ahead = if next == number {
            items
        } else {
            find(&groups[next], next_round)
        };
        let group = &mut groups[number];
        kernel.round(
            &group.program,
            &memory.step_cache,
            round,
            &items,
            &ahead,
            &mut group.mixes,
        );
        items = if next == number {
            find(&groups[next], next_round)
        } else {
            ahead
        };
    }
}
