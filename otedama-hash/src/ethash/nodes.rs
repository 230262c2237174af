//! Cache nodes and dataset items in large memory.
#![allow(unsafe_code, reason = "views a region of bytes as nodes")]

use core::ops::{Deref, DerefMut};

use crate::memory::{Pages, Region};
use crate::{Algorithm, PrepareError, Setup};

/// A cache node or a dataset item: 64 bytes as 16 little-endian words.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node(pub [u32; 16]);

/// Bytes of a node.
pub(crate) const NODE_BYTES: u64 = size_of::<Node>() as u64;

impl Node {
    /// The node's bytes.
    pub(crate) fn to_bytes(self) -> [u8; 64] {
        let mut bytes = [0; 64];
        for (out, word) in bytes.chunks_exact_mut(4).zip(self.0) {
            out.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// Asks for the cache line of `nodes[index]`, so that a later read doesn't wait for it.
#[inline(always)]
#[allow(clippy::inline_always, reason = "one instruction in the hottest loops")]
pub(crate) fn prefetch(nodes: &[Node], index: u32) {
    let node = nodes.as_ptr().wrapping_add(index as usize);
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch of any address reads nothing that the program can see, and never faults.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(node.cast());
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: as above.
    unsafe {
        core::arch::asm!("prfm pldl1keep, [{}]", in(reg) node, options(nostack, readonly, preserves_flags));
    }
    #[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
    let _ = node;
}

/// The same, only as near as the second-level cache: a CPU can wait for more lines there than in the first,
/// which counts where every read comes from main memory.
#[inline(always)]
#[allow(clippy::inline_always, reason = "one instruction in the hottest loops")]
pub(crate) fn prefetch_l2(nodes: &[Node], index: u32) {
    let node = nodes.as_ptr().wrapping_add(index as usize);
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: as above.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(node.cast());
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: as above.
    unsafe {
        core::arch::asm!("prfm pldl2keep, [{}]", in(reg) node, options(nostack, readonly, preserves_flags));
    }
    #[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
    let _ = node;
}

/// Zeroed nodes on the pages that the caller wants.
#[derive(Debug)]
pub(crate) struct Nodes {
    region: Region,
    len: usize,
}

impl Nodes {
    /// Takes room for `len` nodes.
    pub(crate) fn new(algorithm: Algorithm, len: u64, setup: &Setup<'_>) -> Result<Self, PrepareError> {
        let region = setup.region(algorithm, len.saturating_mul(NODE_BYTES))?;
        let len = region.len() / size_of::<Node>();
        Ok(Self { region, len })
    }

    /// The pages that they lie on.
    pub(crate) fn pages(&self) -> Pages {
        self.region.pages()
    }
}

impl Deref for Nodes {
    type Target = [Node];

    fn deref(&self) -> &[Node] {
        // SAFETY: the region has at least 64 * len initialised bytes, is aligned to at least 64, and any
        // bytes are a valid node.
        unsafe { core::slice::from_raw_parts(self.region.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Nodes {
    fn deref_mut(&mut self) -> &mut [Node] {
        // SAFETY: as above, and `self` is borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(self.region.as_mut_ptr().cast(), self.len) }
    }
}
