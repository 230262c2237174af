//! How much cache a thread has, which decides how many sets of hashes take turns.
#![allow(unsafe_code, reason = "asks the processor")]

use super::kernel::MEMORY_PER_HASH;

/// Two sets of `lanes` hashes where a thread's share of the caches holds most of their memory, else one.
///
/// Two hide each other's memory latency, but not the traffic of what no cache holds.
pub(super) fn sets(lanes: usize) -> usize {
    let needed = 2 * lanes * MEMORY_PER_HASH;
    match share() {
        Some(bytes) if bytes < needed / 4 * 3 => 1,
        _ => 2,
    }
}

/// A thread's share of the caches beyond the first level, in bytes, where the processor tells it.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn share() -> Option<usize> {
    // Intel's leaf first; AMD fills the same fields in one of its own.
    [4, 0x8000_001d].into_iter().find_map(|leaf| {
        let bytes: usize = (0..8).map_while(|index| cache(leaf, index)).sum();
        (bytes > 0).then_some(bytes)
    })
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn share() -> Option<usize> {
    None
}

/// A thread's share of the `index`th cache; zero for those of the first level, `None` after the last.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn cache(leaf: u32, index: u32) -> Option<usize> {
    use core::arch::x86_64::{__cpuid, __cpuid_count};
    #[allow(unused_unsafe, reason = "newer compilers know that it is safe")]
    // SAFETY: every 64-bit processor has the instruction.
    let cpuid = |leaf, index| unsafe {
        let highest = __cpuid(leaf & 0x8000_0000).eax;
        (leaf <= highest).then(|| __cpuid_count(leaf, index))
    };
    let found = cpuid(leaf, index)?;
    let level = found.eax >> 5 & 7;
    let threads = (found.eax >> 14 & 0xfff) + 1;
    let ways = (found.ebx >> 22) + 1;
    let partitions = (found.ebx >> 12 & 0x3ff) + 1;
    let line = (found.ebx & 0xfff) + 1;
    let sets = found.ecx as usize + 1;
    let bytes = (ways * partitions * line) as usize * sets;
    match found.eax & 0x1f {
        0 => None,
        _ if level < 2 => Some(0),
        _ => Some(bytes / threads as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_at_least_one_set_and_one_where_no_cache_would_hold_two() {
        assert!((1..=2).contains(&sets(1)));
        if share().is_some() {
            assert_eq!(sets(1 << 30), 1);
        }
    }
}
