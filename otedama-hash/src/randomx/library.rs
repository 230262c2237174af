//! Owners of the library's objects: everything that crosses into C++ does so here.
//!
//! The crate `randomx-rs` builds and links the library. Its own types neither share a cache between
//! threads nor fill a dataset by ranges, so the calls go to the C interface (`randomx.h`) directly.
#![allow(unsafe_code, reason = "calls a C library and owns what it allocates")]

use core::ffi::{c_uint, c_ulong, c_void};
use core::marker::{PhantomData, PhantomPinned};
use core::ops::{BitOr, Range};
use core::ptr::{NonNull, null_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

// Only for what its build script compiles.
use randomx_rs as _;

use super::float;
use super::pages::{self, Execution};
use crate::memory::{PagePolicy, Pages};
use crate::setup::Setup;

/// Size of a cache (`RANDOMX_ARGON_MEMORY` KiB).
pub(super) const CACHE_BYTES: u64 = 256 << 20;
/// Size of one item of the dataset.
const ITEM_BYTES: u64 = 64;
/// So many items are computed between two looks at the stop flag: 0.1 s of a slow core, about a second
/// without the compiler.
const ITEMS_PER_PART: u64 = 1 << 16;

/// An object that only the library sees into.
macro_rules! opaque {
    ($($name:ident)*) => {$(
        #[repr(C)]
        struct $name {
            _inside: [u8; 0],
            _tied: PhantomData<(*mut u8, PhantomPinned)>,
        }
    )*};
}

opaque! { RawCache RawDataset RawVm }

unsafe extern "C" {
    fn randomx_get_flags() -> c_uint;
    fn randomx_alloc_cache(flags: c_uint) -> *mut RawCache;
    fn randomx_init_cache(cache: *mut RawCache, key: *const c_void, key_len: usize);
    fn randomx_release_cache(cache: *mut RawCache);
    fn randomx_alloc_dataset(flags: c_uint) -> *mut RawDataset;
    fn randomx_dataset_item_count() -> c_ulong;
    fn randomx_init_dataset(dataset: *mut RawDataset, cache: *mut RawCache, first: c_ulong, count: c_ulong);
    fn randomx_get_dataset_memory(dataset: *mut RawDataset) -> *mut c_void;
    fn randomx_release_dataset(dataset: *mut RawDataset);
    fn randomx_create_vm(flags: c_uint, cache: *mut RawCache, dataset: *mut RawDataset) -> *mut RawVm;
    fn randomx_destroy_vm(vm: *mut RawVm);
    fn randomx_calculate_hash_first(vm: *mut RawVm, input: *const c_void, len: usize);
    fn randomx_calculate_hash_next(vm: *mut RawVm, next: *const c_void, next_len: usize, hash: *mut c_void);
    fn randomx_calculate_hash_last(vm: *mut RawVm, hash: *mut c_void);
}

/// Which of its ways the library takes (`randomx_flags`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags(c_uint);

impl Flags {
    /// The interpreter, AES and Argon2 in portable code.
    pub(super) const PORTABLE: Self = Self(0);
    const LARGE_PAGES: Self = Self(1);
    const FULL_MEM: Self = Self(4);
    const COMPILER: Self = Self(8);
    const SWITCH_PAGES: Self = Self(16);

    /// The fastest that this CPU and this system allow.
    pub(super) fn of_this_machine() -> Self {
        // SAFETY: reads what the CPU can do.
        let flags = Self(unsafe { randomx_get_flags() });
        if !flags.has_compiler() {
            return flags;
        }
        match pages::execution() {
            Execution::WhileWritable => flags,
            Execution::AfterWriting => flags | Self::SWITCH_PAGES,
            Execution::Refused => Self(flags.0 & !Self::COMPILER.0),
        }
    }

    /// Whether programs are compiled, not interpreted.
    pub(super) fn has_compiler(self) -> bool {
        self.0 & Self::COMPILER.0 != 0
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Calls `allocate` for large pages where the operator has set some aside, else for normal ones.
fn allocate<T>(policy: PagePolicy, allocate: impl Fn(Flags) -> *mut T) -> Option<(NonNull<T>, Pages)> {
    if policy == PagePolicy::Reserved
        && pages::has_reserved_mib2()
        && let Some(object) = NonNull::new(allocate(Flags::LARGE_PAGES))
    {
        return Some((object, Pages::Mib2));
    }
    Some((NonNull::new(allocate(Flags(0)))?, Pages::Normal))
}

/// Asks for huge pages for memory that has not been touched yet, if the policy allows it.
fn advise(memory: *mut u8, bytes: u64, policy: PagePolicy) -> Pages {
    match policy {
        PagePolicy::Normal => Pages::Normal,
        PagePolicy::Reserved | PagePolicy::Advised => pages::advise(memory, bytes as usize),
    }
}

/// The memory that light hashing reads, and that datasets are made from; filled for one key.
pub(super) struct Cache {
    raw: NonNull<RawCache>,
    flags: Flags,
    pages: Pages,
}

// SAFETY: the library ties a cache to no thread, and nothing else holds the pointer.
unsafe impl Send for Cache {}
// SAFETY: after `new` the library only reads a cache, its programs and its compiled code: filling a
// dataset and creating or running a VM take it unchanged, and nothing here writes it before `drop`.
unsafe impl Sync for Cache {}

impl Cache {
    /// Takes the memory and fills it (about a second); `None` when the system doesn't give it.
    pub(super) fn new(key: &[u8], flags: Flags, policy: PagePolicy) -> Option<Self> {
        // SAFETY: refuses with a null pointer whatever it can't do.
        let (raw, pages) = allocate(policy, |large| unsafe { randomx_alloc_cache((flags | large).0) })?;
        let mut cache = Self { raw, flags, pages };
        if cache.pages == Pages::Normal {
            cache.pages = advise(cache.memory(), CACHE_BYTES, policy);
        }
        // SAFETY: allocated above, and the key is as long as said; it is only read during the call.
        unsafe { randomx_init_cache(cache.raw.as_ptr(), key.as_ptr().cast(), key.len()) };
        Some(cache)
    }

    /// Where the cache's memory lies, for advice about it and for tests. This version of the C interface
    /// has no call for it; it is the first member of the object (`dataset.hpp`).
    fn memory(&self) -> *mut u8 {
        // SAFETY: the object is alive and larger than a pointer.
        unsafe { self.raw.cast::<*mut u8>().read() }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        // SAFETY: allocated by the library, and no VM refers to it: each holds its `Memory`.
        unsafe { randomx_release_cache(self.raw.as_ptr()) };
    }
}

/// Number of items in a dataset.
fn dataset_items() -> u64 {
    // SAFETY: returns a constant.
    (unsafe { randomx_dataset_item_count() }) as u64
}

/// Size of a dataset.
pub(super) fn dataset_bytes() -> u64 {
    dataset_items() * ITEM_BYTES
}

/// Why there is no dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoDataset {
    /// The system doesn't give the memory.
    NoMemory,
    /// The caller called it off.
    Stopped,
}

/// The memory that makes mining fast, filled for the key of a cache.
pub(super) struct Dataset {
    raw: NonNull<RawDataset>,
    flags: Flags,
    pages: Pages,
}

// SAFETY: the library ties a dataset to no thread, and nothing else holds the pointer.
unsafe impl Send for Dataset {}
// SAFETY: items are written in `fill` only, to disjoint ranges; VMs, which exist after it only, read them.
unsafe impl Sync for Dataset {}

impl Dataset {
    /// Takes the memory and fills it with the setup's whole crew.
    pub(super) fn new(cache: &Cache, setup: &Setup<'_>) -> Result<Self, NoDataset> {
        // SAFETY: refuses with a null pointer whatever it can't do.
        let (raw, pages) = allocate(setup.pages, |large| unsafe { randomx_alloc_dataset(large.0) })
            .ok_or(NoDataset::NoMemory)?;
        let mut dataset = Self {
            raw,
            flags: cache.flags,
            pages,
        };
        if dataset.pages == Pages::Normal {
            dataset.pages = advise(dataset.memory(), dataset_bytes(), setup.pages);
        }
        if dataset.fill(cache, 0..dataset_items(), setup) {
            Ok(dataset)
        } else {
            Err(NoDataset::Stopped)
        }
    }

    /// Fills these items. False when it was called off before all of them were.
    fn fill(&self, cache: &Cache, items: Range<u64>, setup: &Setup<'_>) -> bool {
        let parts = (items.end - items.start).div_ceil(ITEMS_PER_PART);
        // Handed out here, not by the crew's numbers: whatever a crew does, no two threads write one item.
        let next = AtomicU64::new(0);
        let filled = AtomicU64::new(0);
        setup.crew.run(parts as usize, &|_| {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= parts || setup.is_stopped() {
                return;
            }
            let first = items.start + part * ITEMS_PER_PART;
            self.fill_part(cache, first..(first + ITEMS_PER_PART).min(items.end));
            filled.fetch_add(1, Ordering::Relaxed);
        });
        filled.into_inner() == parts
    }

    fn fill_part(&self, cache: &Cache, items: Range<u64>) {
        debug_assert!(items.start < items.end && items.end <= dataset_items());
        let (first, count) = (items.start as c_ulong, (items.end - items.start) as c_ulong);
        // SAFETY: both are alive, the range lies inside, and `fill` gives it to this call alone.
        unsafe { randomx_init_dataset(self.raw.as_ptr(), cache.raw.as_ptr(), first, count) };
    }

    fn memory(&self) -> *mut u8 {
        // SAFETY: the object is alive.
        unsafe { randomx_get_dataset_memory(self.raw.as_ptr()) }.cast()
    }
}

impl Drop for Dataset {
    fn drop(&mut self) {
        // SAFETY: allocated by the library, and no VM refers to it: each holds its `Memory`.
        unsafe { randomx_release_dataset(self.raw.as_ptr()) };
    }
}

/// What VMs read.
pub(super) enum Memory {
    /// Light hashing: items are computed when they are needed.
    Cache(Cache),
    /// Full hashing.
    Dataset(Dataset),
}

impl Memory {
    /// The smallest pages that hold it.
    pub(super) fn pages(&self) -> Pages {
        match self {
            Self::Cache(cache) => cache.pages,
            Self::Dataset(dataset) => dataset.pages,
        }
    }

    /// How many bytes it holds.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Cache(_) => CACHE_BYTES,
            Self::Dataset(_) => dataset_bytes(),
        }
    }
}

/// A virtual machine: runs programs over a scratchpad of its own, for one thread at a time.
pub(super) struct Vm {
    raw: NonNull<RawVm>,
    // Outlives `raw`, which is destroyed in `drop`, before the fields are.
    _memory: Arc<Memory>,
}

// SAFETY: a VM owns its scratchpad, registers and code, is tied to no thread between two calls, and only
// reads the memory that it shares. It is not `Sync`: every call changes it.
unsafe impl Send for Vm {}

impl Vm {
    /// Size of the scratchpad.
    pub(super) const BYTES: u64 = 2 << 20;

    /// A VM over `memory`; `None` when the system doesn't give the scratchpad or the code pages.
    pub(super) fn new(memory: Arc<Memory>, policy: PagePolicy) -> Option<Self> {
        let (flags, cache, dataset) = match &*memory {
            Memory::Cache(cache) => (cache.flags, cache.raw.as_ptr(), null_mut()),
            Memory::Dataset(dataset) => (dataset.flags | Flags::FULL_MEM, null_mut(), dataset.raw.as_ptr()),
        };
        // SAFETY: what the flags ask for is there and filled, and stays so while `_memory` is held; what
        // the system refuses comes back as a null pointer.
        let create = |large| unsafe { randomx_create_vm((flags | large).0, cache, dataset) };
        let (raw, _) = allocate(policy, create)?;
        Some(Self { raw, _memory: memory })
    }

    /// Begins with `input`, forgetting what was begun before.
    pub(super) fn first(&mut self, input: &[u8]) {
        // SAFETY: the VM is this thread's, and the input is as long as said.
        float::restored(|| unsafe {
            randomx_calculate_hash_first(self.raw.as_ptr(), input.as_ptr().cast(), input.len());
        });
    }

    /// The hash of the input begun last; begins with `input` in the same pass over the scratchpad.
    pub(super) fn next(&mut self, input: &[u8]) -> [u8; 32] {
        let mut hash = [0; 32];
        // SAFETY: as above, and there is room for the hash.
        float::restored(|| unsafe {
            let (data, len) = (input.as_ptr().cast(), input.len());
            randomx_calculate_hash_next(self.raw.as_ptr(), data, len, hash.as_mut_ptr().cast());
        });
        hash
    }

    /// The hash of the input begun last.
    pub(super) fn last(&mut self) -> [u8; 32] {
        let mut hash = [0; 32];
        // SAFETY: as above.
        float::restored(|| unsafe {
            randomx_calculate_hash_last(self.raw.as_ptr(), hash.as_mut_ptr().cast());
        });
        hash
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // SAFETY: created by the library; its memory is still held.
        unsafe { randomx_destroy_vm(self.raw.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::setup::Crew;

    /// A key, and what its inputs hash to; all in hexadecimal.
    type Vectors = (&'static str, &'static [(&'static str, &'static str)]);

    /// From RandomX's own tests (`src/tests/tests.cpp`, "Hash test" a to f).
    const PUBLISHED: [Vectors; 3] = [
        (
            "74657374206b657920303030", // "test key 000"
            &[
                (
                    "5468697320697320612074657374", // "This is a test"
                    "639183aae1bf4c9a35884cb46b09cad9175f04efd7684e7262a0ac1c2f0b4e3f",
                ),
                (
                    // "Lorem ipsum dolor sit amet"
                    "4c6f72656d20697073756d20646f6c6f722073697420616d6574",
                    "300a0adb47603dedb42228ccb2b211104f4da45af709cd7547cd049e9489c969",
                ),
                (
                    // "sed do eiusmod tempor incididunt ut labore et dolore magna aliqua"
                    "73656420646f20656975736d6f642074656d706f7220696e6369646964756e74207574206c61626f726520657420646f6c6f7265206d61676e6120616c69717561",
                    "c36d4ed4191e617309867ed66a443be4075014e2b061bcdaf9ce7b721d2b77a8",
                ),
            ],
        ),
        (
            "74657374206b657920303031", // "test key 001"
            &[
                (
                    "73656420646f20656975736d6f642074656d706f7220696e6369646964756e74207574206c61626f726520657420646f6c6f7265206d61676e6120616c69717561",
                    "e9ff4503201c0c2cca26d285c93ae883f9b1d30c9eb240b820756f2d5a7905fc",
                ),
                (
                    "0b0b98bea7e805e0010a2126d287a2a0cc833d312cb786385a7c2f9de69d25537f584a9bc9977b00000000666fd8753bf61a8631f12984e3fd44f4014eca629276817b56f32e9b68bd82f416",
                    "c56414121acda1713c2f2a819d8ae38aed7c80c35c2a769298d34f03833cd5f1",
                ),
            ],
        ),
        (
            "7797373ea4633194640bf8d8c3b66724d6aa7bd2dc20e009df2f8f1710abe8",
            &[(
                "1010e1eaf8cf067b37b5f0ee031ab23ed1755e090a3af4415830145853e2be3e1f6821fed84dae58d00e00da5214d6c1f2d0622e0abd51f9373d04e0b0f8e6d6514d90689721c4aac5a9bb0d",
                "78af2a1864c42abce36d2e8983e13df99b2af0ce1362999af09fab004d4435a8",
            )],
        ),
    ];

    fn cache(key: &str, flags: Flags) -> Cache {
        Cache::new(&const_hex::decode(key).unwrap(), flags, PagePolicy::default()).unwrap()
    }

    fn vm(memory: &Arc<Memory>) -> Vm {
        Vm::new(Arc::clone(memory), PagePolicy::default()).unwrap()
    }

    /// The inputs one after the other in a pipeline.
    fn hashes_as_published(vm: &mut Vm, vectors: &[(&str, &str)]) {
        let input = |index: usize| const_hex::decode(vectors[index].0).unwrap();
        vm.first(&input(0));
        for index in 1..vectors.len() {
            assert_eq!(const_hex::encode(vm.next(&input(index))), vectors[index - 1].1);
        }
        assert_eq!(const_hex::encode(vm.last()), vectors[vectors.len() - 1].1);
    }

    #[test]
    fn several_keys_side_by_side_hash_as_published() {
        let flags = Flags::of_this_machine();
        let mut vms = PUBLISHED.map(|(key, _)| vm(&Arc::new(Memory::Cache(cache(key, flags)))));
        for (vm, (_, vectors)) in vms.iter_mut().zip(PUBLISHED) {
            hashes_as_published(vm, vectors);
        }
        leaves_the_rounding_mode_as_it_was(&mut vms[0]);
    }

    fn leaves_the_rounding_mode_as_it_was(vm: &mut Vm) {
        let third = || core::hint::black_box(1.0_f64) / core::hint::black_box(3.0);
        let subnormal = || core::hint::black_box(f64::MIN_POSITIVE) / core::hint::black_box(4.0);
        let before = third();
        for input in 0..8_u8 {
            vm.first(&[input]);
            vm.next(&[input, 1]);
            assert!(third().to_bits() == before.to_bits() && subnormal() > 0.0);
        }
    }

    #[test]
    fn pages_that_are_switched_run_the_same_programs() {
        let flags = Flags::of_this_machine();
        if flags.has_compiler() {
            let (key, vectors) = PUBLISHED[0];
            let cache = cache(key, flags | Flags::SWITCH_PAGES);
            hashes_as_published(&mut vm(&Arc::new(Memory::Cache(cache))), vectors);
        }
    }

    /// A dataset of which nothing is filled. Memory that stays untouched costs nothing.
    fn blank(cache: &Cache) -> Dataset {
        // SAFETY: as in `Dataset::new`.
        let allocated = allocate(PagePolicy::Normal, |_| unsafe { randomx_alloc_dataset(0) });
        Dataset {
            raw: allocated.unwrap().0,
            flags: cache.flags,
            pages: Pages::Normal,
        }
    }

    fn items(cache: &Cache, range: Range<u64>) -> Vec<u8> {
        let dataset = blank(cache);
        assert!(dataset.fill(cache, range.clone(), &Setup::default()));
        let (first, end) = (range.start * ITEM_BYTES, range.end * ITEM_BYTES);
        // SAFETY: inside the dataset, and just filled.
        unsafe { core::slice::from_raw_parts(dataset.memory().add(first as usize), (end - first) as usize) }
            .to_vec()
    }

    /// From RandomX's own tests: words of the cache and of the dataset of "test key 000".
    fn has_the_published_words(cache: &Cache) {
        let words = [
            (0, 0x191e_0e1d_23c0_2186_u64),
            (1_568_413, 0xf1b6_2fe6_210b_f8b1),
            (33_554_431, 0x1f47_f056_d05c_d99b),
        ];
        for (index, word) in words {
            // SAFETY: a cache has 2^25 words.
            let found: [u8; 8] = unsafe { cache.memory().add(8 * index).cast::<[u8; 8]>().read() };
            assert_eq!(found, word.to_le_bytes());
        }
        let first_words = [
            (0, 0x6805_88a8_5ae2_22db_u64),
            (10_000_000, 0x7943_a1f6_186f_fb72),
            (20_000_000, 0x9035_244d_7180_95e1),
            (30_000_000, 0x145a_5091_f785_3099),
        ];
        for (item, word) in first_words {
            assert_eq!(items(cache, item..item + 1)[..8], word.to_le_bytes());
        }
    }

    #[test]
    fn the_portable_flags_agree_with_the_published_vectors_and_with_the_fast_ones() {
        let (key, vectors) = PUBLISHED[0];
        let (fast, portable) = (cache(key, Flags::of_this_machine()), cache(key, Flags::PORTABLE));
        has_the_published_words(&fast);
        has_the_published_words(&portable);
        let end = dataset_items();
        for range in [0..2000, 77_777..77_779, end - 500..end] {
            assert!(items(&fast, range.clone()) == items(&portable, range));
        }
        hashes_as_published(&mut vm(&Arc::new(Memory::Cache(portable))), vectors);
    }

    #[test]
    fn every_part_is_filled_whatever_the_crew_does_and_none_after_the_stop() {
        let cache = cache(PUBLISHED[0].0, Flags::of_this_machine());
        let dataset = blank(&cache);
        let fills = |crew: &dyn Crew, stop: bool| {
            let stop = AtomicBool::new(stop);
            let setup = Setup {
                crew,
                stop: Some(&stop),
                ..Setup::default()
            };
            dataset.fill(&cache, 5..2 * ITEMS_PER_PART + 6, &setup)
        };
        assert!(fills(&Calls(3), false));
        assert!(fills(&Calls(20), false));
        assert!(!fills(&Calls(2), false));
        assert!(!fills(&Calls(3), true));
    }

    /// A crew that calls as often as it likes, with one and the same number.
    struct Calls(usize);

    impl Crew for Calls {
        fn size(&self) -> usize {
            1
        }

        fn run(&self, _: usize, work: &(dyn Fn(usize) + Sync)) {
            (0..self.0).for_each(|_| work(0));
        }
    }
}
