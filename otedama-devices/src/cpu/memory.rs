//! How much memory may be taken without the system killing something for it.

use std::fs;
use std::path::Path;

use otedama_hash::PagePolicy;

/// Left for everything else that runs here.
const RESERVE_BYTES: u64 = 256 << 20;

/// Bytes that a dataset may take: what is available on the machine and within the limits of the control
/// group, less a reserve, or what is free of the 2 MiB pages that were set aside, if `pages` takes those and
/// they are more. `None` where the system doesn't say.
pub fn available_bytes(pages: PagePolicy) -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| mem_available(&text));
    let group = fs::read_to_string("/proc/self/cgroup")
        .ok()
        .and_then(|text| group_room(&text, Path::new("/sys/fs/cgroup")));
    let least = [machine, group].into_iter().flatten().min()?;
    let set_aside = match pages {
        PagePolicy::Reserved => set_aside(Path::new("/sys/kernel/mm/hugepages")),
        PagePolicy::Advised | PagePolicy::Normal => 0,
    };
    Some(least.saturating_sub(RESERVE_BYTES).max(set_aside))
}

/// Free bytes of the huge pages of 2 MiB; neither `MemAvailable` nor a control group's memory counts them. Those of 1 GiB
/// don't count here, since not every algorithm takes them: what went to normal pages instead would have no room.
fn set_aside(pools: &Path) -> u64 {
    let read = |file: &str| -> Option<u64> {
        let path = pools.join("hugepages-2048kB").join(file);
        fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    // Promised to mappings that haven't touched them yet.
    let promised = read("resv_hugepages").unwrap_or(0);
    let pages = read("free_hugepages").unwrap_or(0).saturating_sub(promised);
    pages.saturating_mul(2 << 20)
}

/// `MemAvailable` of `/proc/meminfo`.
fn mem_available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// What the tightest control group (version 2) on the way up to `root` leaves free.
fn group_room(membership: &str, root: &Path) -> Option<u64> {
    let path = membership.lines().find_map(|line| line.strip_prefix("0::"))?;
    let read = |path: &Path| -> Option<u64> { fs::read_to_string(path).ok()?.trim().parse().ok() };
    let own = root.join(path.trim_start_matches('/'));
    own.ancestors()
        .take_while(|group| group.starts_with(root))
        .filter_map(|group| {
            let limit = read(&group.join("memory.max"))?;
            Some(limit.saturating_sub(read(&group.join("memory.current")).unwrap_or(0)))
        })
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_meminfo_is_read() {
        let text = "MemTotal:       24684196 kB\nMemFree:         100 kB\nMemAvailable:   23068672 kB\n";
        assert_eq!(mem_available(text), Some(22 << 30));
        for text in ["", "MemAvailable: x kB", "MemAvailable: 1 MB", "MemAvailable:"] {
            assert_eq!(mem_available(text), None, "{text}");
        }
    }

    #[test]
    fn huge_pages_set_aside_count_but_not_those_promised() {
        let root = std::env::temp_dir().join(format!("otedama-hugepages-{}", std::process::id()));
        assert_eq!(set_aside(&root), 0);
        let write = |pool: &str, free: &str, promised: &str| {
            let pool = root.join(pool);
            fs::create_dir_all(&pool).unwrap();
            fs::write(pool.join("free_hugepages"), free).unwrap();
            fs::write(pool.join("resv_hugepages"), promised).unwrap();
        };
        write("hugepages-2048kB", "1200\n", "30\n");
        write("hugepages-1048576kB", "1\n", "0\n");
        assert_eq!(set_aside(&root), 1170 << 21);
        write("hugepages-1048576kB", "3\n", "0\n");
        assert_eq!(set_aside(&root), 1170 << 21);
        write("hugepages-2048kB", "many", "0\n");
        assert_eq!(set_aside(&root), 0);
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn the_tightest_group_counts() {
        let root = std::env::temp_dir().join(format!("otedama-cgroup-{}", std::process::id()));
        let write = |path: &str, max: &str, current: &str| {
            let group = root.join(path);
            fs::create_dir_all(&group).unwrap();
            fs::write(group.join("memory.max"), max).unwrap();
            fs::write(group.join("memory.current"), current).unwrap();
        };
        write("pool/miner", "max\n", "5\n");
        write("pool", "1000\n", "300\n");
        write("", "5000\n", "4900\n");
        assert_eq!(group_room("1:cpu:/x\n0::/pool/miner\n", &root), Some(100));
        fs::write(root.join("memory.max"), "9000").unwrap();
        assert_eq!(group_room("0::/pool/miner", &root), Some(700));
        assert_eq!(group_room("0::/elsewhere", &root), Some(4100));
        assert_eq!(group_room("1:cpu:/x\n", &root), None);
        fs::remove_dir_all(&root).unwrap();
    }
}
