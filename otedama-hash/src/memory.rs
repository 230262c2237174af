//! Large regions of memory on the largest pages that the system gives.
#![allow(unsafe_code, reason = "maps memory and hands it out as a slice")]

use core::fmt;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

const MIB: usize = 1 << 20;
/// Size of a huge page on every system that has them by advice.
const HUGE: usize = 2 * MIB;

/// Which pages to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PagePolicy {
    /// 1 GiB pages and 2 MiB pages where the system has some set aside, else as `Advised`.
    #[default]
    Reserved,
    /// 2 MiB pages by advice, which needs no privilege and no set-up, else normal pages.
    Advised,
    /// Normal pages only.
    Normal,
}

/// The pages that a region got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pages {
    /// The system's smallest.
    Normal,
    /// 2 MiB where the system has some free, by advice.
    Advised,
    /// 2 MiB, set aside by the operator.
    Mib2,
    /// 1 GiB, set aside by the operator.
    Gib1,
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "normal pages",
            Self::Advised => "2 MiB pages by advice",
            Self::Mib2 => "2 MiB pages",
            Self::Gib1 => "1 GiB pages",
        })
    }
}

/// The system has no room for a region.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the system does not give {bytes} bytes of memory")]
pub struct NoMemory {
    /// How many were asked for.
    pub bytes: usize,
}

/// What a prepared algorithm holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryReport {
    /// Bytes shared by all threads.
    pub bytes: u64,
    /// The smallest pages among its regions.
    pub pages: Pages,
}

impl MemoryReport {
    /// For algorithms that share nothing worth counting.
    pub const NONE: Self = Self {
        bytes: 0,
        pages: Pages::Normal,
    };
}

/// Zeroed memory, aligned to at least 64 bytes.
pub struct Region {
    start: NonNull<u8>,
    len: usize,
    pages: Pages,
    mapping: system::Mapping,
}

// SAFETY: a region owns its memory, and gives out references under the usual rules of borrowing.
unsafe impl Send for Region {}
// SAFETY: as above; a shared region can only be read.
unsafe impl Sync for Region {}

impl Region {
    /// Takes `len` bytes; tries larger pages first, in the order of [`PagePolicy`].
    ///
    /// # Errors
    /// When the system refuses even normal pages.
    pub fn new(len: usize, policy: PagePolicy) -> Result<Self, NoMemory> {
        let no_memory = NoMemory { bytes: len };
        if len > isize::MAX as usize - HUGE {
            return Err(no_memory);
        }
        system::map(len.max(1), policy)
            .map(|(mapping, start, pages)| Self {
                start,
                len,
                pages,
                mapping,
            })
            .ok_or(no_memory)
    }

    /// Which pages the region got.
    pub fn pages(&self) -> Pages {
        self.pages
    }
}

impl Deref for Region {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `start` points to `len` initialised bytes that live as long as `self`.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for Region {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `self` is borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map`, and nothing can borrow from it any more.
        unsafe { system::unmap(&self.mapping) };
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes on {}", self.len, self.pages)
    }
}

#[cfg(all(unix, not(miri)))]
mod system {
    use core::ptr::{NonNull, null_mut};

    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

    use super::{HUGE, PagePolicy, Pages};

    /// What `munmap` wants back.
    pub(super) struct Mapping {
        address: NonNull<u8>,
        len: usize,
    }

    /// Maps at least `len` bytes.
    pub(super) fn map(len: usize, policy: PagePolicy) -> Option<(Mapping, NonNull<u8>, Pages)> {
        #[cfg(target_os = "linux")]
        if policy == PagePolicy::Reserved {
            // A pool of huge pages that has too few left refuses here, not when they are touched.
            const GIB: usize = 1 << 30;
            let huge = MapFlags::PRIVATE | MapFlags::HUGETLB;
            let sizes = [
                (GIB, MapFlags::HUGE_1GB, Pages::Gib1),
                (HUGE, MapFlags::HUGE_2MB, Pages::Mib2),
            ];
            for (page, flag, pages) in sizes {
                // A region that leaves most of its last page empty isn't worth that page.
                let whole = len.next_multiple_of(page);
                if whole - len <= whole / 4
                    && let Some(mapping) = map_with(whole, huge | flag)
                {
                    let start = mapping.address;
                    return Some((mapping, start, pages));
                }
            }
        }
        if policy != PagePolicy::Normal && len >= HUGE {
            let whole = len.next_multiple_of(HUGE) + HUGE;
            let mapping = map_with(whole, MapFlags::PRIVATE)?;
            let start = align(mapping.address, HUGE);
            let pages = advise(start, len.next_multiple_of(HUGE));
            return Some((mapping, start, pages));
        }
        let mapping = map_with(len, MapFlags::PRIVATE)?;
        let start = mapping.address;
        Some((mapping, start, Pages::Normal))
    }

    fn map_with(len: usize, flags: MapFlags) -> Option<Mapping> {
        // SAFETY: a new private mapping at an address that the system chooses touches no other memory.
        let address = unsafe { mmap_anonymous(null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, flags) };
        let address = NonNull::new(address.ok()?.cast::<u8>())?;
        Some(Mapping { address, len })
    }

    /// The first multiple of `to` at or after `address`, which the caller knows to be mapped.
    fn align(address: NonNull<u8>, to: usize) -> NonNull<u8> {
        let skip = address.addr().get().wrapping_neg() % to;
        // SAFETY: the mapping is longer than what is used of it by `to`.
        unsafe { address.add(skip) }
    }

    #[cfg(target_os = "linux")]
    fn advise(start: NonNull<u8>, len: usize) -> Pages {
        use rustix::mm::{Advice, madvise};
        // SAFETY: the range is mapped, and the advice changes no contents.
        match unsafe { madvise(start.as_ptr().cast(), len, Advice::LinuxHugepage) } {
            Ok(()) => Pages::Advised,
            Err(_) => Pages::Normal,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn advise(_start: NonNull<u8>, _len: usize) -> Pages {
        Pages::Normal
    }

    /// # Safety
    /// Nothing may refer to the mapping any more.
    pub(super) unsafe fn unmap(mapping: &Mapping) {
        // SAFETY: by the caller's promise. An error could only mean that nothing is mapped there.
        let _ = unsafe { munmap(mapping.address.as_ptr().cast(), mapping.len) };
    }
}

#[cfg(any(not(unix), miri))]
mod system {
    use core::ptr::NonNull;
    use std::alloc::{Layout, alloc_zeroed, dealloc};

    use super::{PagePolicy, Pages};

    pub(super) struct Mapping {
        address: NonNull<u8>,
        layout: Layout,
    }

    pub(super) fn map(len: usize, _policy: PagePolicy) -> Option<(Mapping, NonNull<u8>, Pages)> {
        let layout = Layout::from_size_align(len, 4096).ok()?;
        // SAFETY: the caller asks for at least one byte.
        let address = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some((Mapping { address, layout }, address, Pages::Normal))
    }

    /// # Safety
    /// Nothing may refer to the mapping any more.
    pub(super) unsafe fn unmap(mapping: &Mapping) {
        // SAFETY: allocated in `map` with this layout.
        unsafe { dealloc(mapping.address.as_ptr(), mapping.layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_zeroed_aligned_and_writable() {
        for policy in [PagePolicy::Reserved, PagePolicy::Advised, PagePolicy::Normal] {
            // Miri takes seconds to touch a page.
            let lens = [0, 1, 4097, HUGE, 3 * HUGE + 5];
            for len in lens.into_iter().filter(|len| cfg!(not(miri)) || *len < 4096) {
                let mut region = Region::new(len, policy).unwrap();
                assert_eq!(region.len(), len);
                assert_eq!(region.as_ptr() as usize % 64, 0);
                assert!(region.iter().all(|&byte| byte == 0));
                region.fill(7);
                assert!(region.iter().all(|&byte| byte == 7));
            }
        }
    }

    #[test]
    fn small_regions_and_the_normal_policy_take_normal_pages() {
        assert_eq!(
            Region::new(4 * HUGE, PagePolicy::Normal).unwrap().pages(),
            Pages::Normal
        );
        assert_eq!(
            Region::new(1, PagePolicy::Advised).unwrap().pages(),
            Pages::Normal
        );
    }

    #[test]
    #[cfg_attr(miri, ignore = "ends the run there")]
    fn what_no_machine_has_is_refused() {
        for len in [1 << 60, isize::MAX as usize, usize::MAX] {
            assert_eq!(
                Region::new(len, PagePolicy::default()).unwrap_err(),
                NoMemory { bytes: len }
            );
        }
    }
}
