//! What the system gives the library: pages for its memory, and the right to run code that it wrote.
#![allow(
    unsafe_code,
    reason = "advises on mapped memory and asks for executable pages"
)]

use crate::memory::Pages;

/// How code that was just written may be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Execution {
    /// From pages that stay writable.
    WhileWritable,
    /// From pages that are either writable or executable, and are switched.
    AfterWriting,
    /// Not at all.
    Refused,
}

#[cfg(all(target_os = "linux", not(miri)))]
mod system {
    use core::ffi::c_void;
    use core::ptr::null_mut;

    use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap};

    use super::{Execution, Pages};

    const HUGE: usize = 2 << 20;

    /// Asks for 2 MiB pages wherever one fits into the `len` bytes from `start`.
    pub(crate) fn advise(start: *mut u8, len: usize) -> Pages {
        let skip = start.addr().wrapping_neg() % HUGE;
        let inside = len.saturating_sub(skip) / HUGE * HUGE;
        // SAFETY: advice for huge pages changes no contents, whatever is mapped there.
        match unsafe { madvise(start.wrapping_add(skip).cast(), inside, Advice::LinuxHugepage) } {
            Ok(()) if inside > 0 => Pages::Advised,
            _ => Pages::Normal,
        }
    }

    /// Whether 2 MiB pages are set aside and are what a mapping gets that asks for large pages.
    ///
    /// The library asks for the system's default size; where that is 1 GiB, a scratchpad would take one,
    /// and the library could not give it back.
    pub(crate) fn has_reserved_mib2() -> bool {
        let Some(page) = map(HUGE, MapFlags::HUGETLB) else {
            return false;
        };
        // A part of a larger page can't be unmapped.
        // SAFETY: mapped above, and nothing refers to it.
        let is_mib2 = unsafe { munmap(page, HUGE) }.is_ok();
        if !is_mib2 {
            // SAFETY: as above. The page stays if it is not of 1 GiB either.
            let _ = unsafe { munmap(page, 1 << 30) };
        }
        is_mib2
    }

    /// Tries what the library's compiler does; it doesn't look at the answers itself.
    pub(crate) fn execution() -> Execution {
        const LEN: usize = 4096;
        let Some(page) = map(LEN, MapFlags::empty()) else {
            return Execution::Refused;
        };
        let run = MprotectFlags::READ | MprotectFlags::EXEC;
        // SAFETY: the page is this function's own, and holds nothing.
        let allows = |flags| unsafe { mprotect(page, LEN, flags) }.is_ok();
        let execution = if allows(run | MprotectFlags::WRITE) {
            Execution::WhileWritable
        } else if allows(run) {
            Execution::AfterWriting
        } else {
            Execution::Refused
        };
        // SAFETY: mapped above, and nothing refers to it.
        let _ = unsafe { munmap(page, LEN) };
        execution
    }

    fn map(len: usize, flags: MapFlags) -> Option<*mut c_void> {
        // SAFETY: a new private mapping at an address that the system chooses touches no other memory.
        unsafe {
            mmap_anonymous(
                null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | flags,
            )
        }
        .ok()
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod system {
    use super::{Execution, Pages};

    pub(crate) fn advise(_start: *mut u8, _len: usize) -> Pages {
        Pages::Normal
    }

    /// Elsewhere large pages need no size to be set aside, and the library is refused where there are none.
    pub(crate) fn has_reserved_mib2() -> bool {
        true
    }

    /// The library's own flags know the systems on which pages are switched.
    pub(crate) fn execution() -> Execution {
        Execution::WhileWritable
    }
}

pub(super) use system::{advise, execution, has_reserved_mib2};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_covers_whole_pages_only() {
        let mut small = vec![0_u8; 4096];
        assert_eq!(advise(small.as_mut_ptr(), small.len()), Pages::Normal);
        let mut large = vec![0_u8; 8 << 20];
        let expected = if cfg!(target_os = "linux") {
            [Pages::Advised, Pages::Normal]
        } else {
            [Pages::Normal; 2]
        };
        assert!(expected.contains(&advise(large.as_mut_ptr(), large.len())));
        assert!(large.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn asking_leaves_the_answer_as_it_was() {
        assert_eq!(execution(), execution());
        assert_eq!(has_reserved_mib2(), has_reserved_mib2());
    }
}
