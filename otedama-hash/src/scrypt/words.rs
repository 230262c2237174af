//! scryptROMix (RFC 7914, section 5) with a vector for each word of Salsa20's square, as AVX2 and
//! AVX-512 do it: no round moves words between lanes, and the quarter rounds of one group of hashes are
//! enough to keep the processor busy.

use super::kernel::{self, MEMORY_PER_HASH};
use super::lanes::Lanes;
use super::pbkdf2::{Header, Key, expand, finish};

/// What an instruction set does for a group of hashes, one in each lane.
pub(super) trait Steps: Lanes {
    /// Room that the steps need for themselves.
    type Spare;
    /// That room, empty.
    const SPARE: Self::Spare;

    /// Fills the group's memory: writes its rows side by side and mixes its blocks, again and again.
    ///
    /// A row is `input` and then `second`: the first block is never needed alone, and not kept.
    fn write(cpu: Self::Cpu, group: &mut Group<Self>, memory: &mut [u8]);
    /// Mixes the blocks of `group`, which has fetched its rows, and fetches those of `other` meanwhile.
    fn read_with(cpu: Self::Cpu, group: &mut Group<Self>, other: &mut Group<Self>, memory: &[u8]);
    /// Mixes the blocks of `group`, which has fetched its rows.
    fn read(cpu: Self::Cpu, group: &mut Group<Self>);
    /// Fetches the rows that `next` names from the group's memory.
    fn fetch(cpu: Self::Cpu, group: &mut Group<Self>, memory: &[u8]);
}

/// The hashes of all lanes between steps.
#[repr(C, align(64))]
pub(super) struct Group<L: Steps> {
    /// What a step's first salsa takes: the first block xor the second one xor what was read.
    pub(super) input: [L::Words; 16],
    /// The first block's words.
    pub(super) first: [L::Words; 16],
    /// The second block's words.
    pub(super) second: [L::Words; 16],
    /// What its second salsa takes.
    pub(super) middle: [L::Words; 16],
    pub(super) spare: L::Spare,
    /// Where in the memory the rows begin among which each hash's next one is. Only [`find_next`] sets
    /// it, to what lies within the memory.
    pub(super) next: L::Words,
}

/// Computes the hashes of `headers`, which are one group or two that take turns.
#[inline(always)]
pub(super) fn hash<L: Steps>(
    cpu: L::Cpu,
    memory: &mut [u8],
    headers: &[Header],
    midstate: Option<&[u32; 8]>,
    out: &mut [[u32; 8]],
) {
    let lanes = L::ZERO.as_ref().len();
    let memory_len = lanes * MEMORY_PER_HASH;
    let (a, b) = headers.split_at(headers.len().min(lanes));
    let (out_a, out_b) = out.split_at_mut(a.len());
    let (memory_a, memory_b) = memory.split_at_mut(memory_len);
    let (key_a, mut group_a) = start::<L>(cpu, a, midstate);
    write_all(cpu, &mut group_a, memory_a);
    if b.is_empty() {
        for _ in 0..kernel::ROWS {
            L::fetch(cpu, &mut group_a, memory_a);
            L::read(cpu, &mut group_a);
            find_next(&mut group_a);
        }
    } else {
        let memory_b = &mut memory_b[..memory_len];
        let (key_b, mut group_b) = start::<L>(cpu, b, midstate);
        write_all(cpu, &mut group_b, memory_b);
        L::fetch(cpu, &mut group_a, memory_a);
        for _ in 0..kernel::ROWS {
            L::read_with(cpu, &mut group_a, &mut group_b, memory_b);
            find_next(&mut group_a);
            L::read_with(cpu, &mut group_b, &mut group_a, memory_a);
            find_next(&mut group_b);
        }
        end(cpu, &key_b, &group_b, out_b);
    }
    end(cpu, &key_a, &group_a, out_a);
}

/// A group that is ready to write its rows.
#[inline(always)]
fn start<L: Steps>(cpu: L::Cpu, headers: &[Header], midstate: Option<&[u32; 8]>) -> (Key<L>, Box<Group<L>>) {
    let (key, x) = expand::<L>(cpu, headers, midstate);
    let mut group = Box::new(Group {
        input: [L::ZERO; 16],
        first: [L::ZERO; 16],
        second: [L::ZERO; 16],
        middle: [L::ZERO; 16],
        spare: L::SPARE,
        next: L::ZERO,
    });
    for i in 0..16 {
        group.input[i] = x[i].xor(x[16 + i]).to_words();
        group.second[i] = x[16 + i].to_words();
    }
    (key, group)
}

/// Fills the group's memory, and finds what it reads first.
#[inline(always)]
fn write_all<L: Steps>(cpu: L::Cpu, group: &mut Group<L>, memory: &mut [u8]) {
    L::write(cpu, group, memory);
    for i in 0..16 {
        let input = L::from_words(cpu, group.input[i]);
        let second = L::from_words(cpu, group.second[i]);
        group.first[i] = input.xor(second).to_words();
    }
    find_next(group);
}

/// Integerify.
#[inline(always)]
fn find_next<L: Steps>(group: &mut Group<L>) {
    let next = group.next.as_mut();
    let rows = next.len() * 128;
    let words = group.second[0].as_ref();
    for lane in 0..next.len() {
        next[lane] = words[lane] % kernel::ROWS as u32 * rows as u32;
    }
}

/// The hashes of a group that has read all its rows.
#[inline(always)]
fn end<L: Steps>(cpu: L::Cpu, key: &Key<L>, group: &Group<L>, out: &mut [[u32; 8]]) {
    let mut x = [L::splat(cpu, 0); 32];
    for i in 0..16 {
        x[i] = L::from_words(cpu, group.first[i]);
        x[16 + i] = L::from_words(cpu, group.second[i]);
    }
    finish(cpu, key, &x, out);
}
