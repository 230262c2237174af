//! The tree keeps to its own rules: who depends on whom, no I/O below the binary, coins in one place, files of a
//! readable size.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the tree has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

/// Which of the workspace's crates each may depend on, for its code, its tests and its build.
const ARROWS: [(&str, &[&str]); 9] = [
    ("otedama-hash", &[]),
    ("otedama-rewards", &[]),
    ("otedama-stratum", &["otedama-hash"]),
    ("otedama-chain", &["otedama-hash"]),
    ("otedama-devices", &["otedama-hash"]),
    (
        "otedama-pool",
        &[
            "otedama-hash",
            "otedama-stratum",
            "otedama-chain",
            "otedama-rewards",
        ],
    ),
    ("otedama-sim", EVERYTHING),
    ("otedama-bin", EVERYTHING),
    ("stratum-load", &["otedama-hash", "otedama-stratum"]),
];

const EVERYTHING: &[&str] = &[
    "otedama-hash",
    "otedama-stratum",
    "otedama-chain",
    "otedama-rewards",
    "otedama-pool",
    "otedama-devices",
];

/// The crates that are state machines or plain functions.
const LIBRARIES: [&str; 7] = [
    "otedama-hash",
    "otedama-stratum",
    "otedama-chain",
    "otedama-rewards",
    "otedama-pool",
    "otedama-devices",
    "otedama-sim",
];

/// Crates that bring a runtime, sockets or a store.
const RUNTIMES: [&str; 13] = [
    "async-executor",
    "async-io",
    "async-std",
    "futures-executor",
    "glommio",
    "hyper",
    "mio",
    "monoio",
    "polling",
    "rusqlite",
    "smol",
    "socket2",
    "tokio",
];

/// What reads a clock, opens a socket or starts a thread.
const IMPURE: [&str; 10] = [
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "Instant::now",
    "SystemTime::now",
    "thread::spawn",
    "thread::scope",
    "thread::Builder",
];

/// The one place below the binary that may start threads: mining threads.
const THREADS_ALLOWED: &str = "otedama-devices/src/cpu";

const MAX_LINES: usize = 800;

#[test]
fn dependencies_follow_the_drawn_arrows() {
    let metadata = metadata();
    let allowed = BTreeMap::from(ARROWS);
    let members = metadata.workspace_packages();
    let names: BTreeSet<_> = members.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(
        names,
        allowed.keys().copied().collect(),
        "every crate has its arrows drawn in this test"
    );
    for package in members {
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            assert!(
                !names.contains(name) || allowed[package.name.as_str()].contains(&name),
                "{} must not depend on {name}",
                package.name,
            );
        }
    }
}

#[test]
fn libraries_bring_no_runtime() {
    let metadata = metadata();
    for package in libraries(&metadata) {
        for name in reachable(&metadata, &package.id) {
            assert!(
                !RUNTIMES.contains(&name),
                "{} depends on {name}, perhaps by way of another crate",
                package.name
            );
        }
    }
}

#[test]
fn libraries_have_no_sockets_clocks_or_threads() {
    let mut found = Vec::new();
    for file in library_sources() {
        let threads_allowed = file.starts_with(root().join(THREADS_ALLOWED));
        for (number, line) in code_lines(&fs::read_to_string(&file).unwrap()) {
            for word in IMPURE {
                let allowed = threads_allowed && word.starts_with("thread::");
                if line.contains(word) && !allowed {
                    found.push(format!("{}:{number}: {word}", relative(&file)));
                }
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn every_crate_has_the_shared_lints() {
    for package in metadata().workspace_packages() {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        let mut lines = manifest
            .lines()
            .map(str::trim)
            .skip_while(|line| *line != "[lints]")
            .skip(1);
        assert_eq!(
            lines.next(),
            Some("workspace = true"),
            "[lints] of {}",
            package.name
        );
    }
}

#[test]
fn coins_are_named_in_one_place() {
    let coins = root().join("otedama-chain/src/coins");
    let symbols: Vec<_> = rust_files(&coins)
        .iter()
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_uppercase())
        .filter(|stem| stem != "MOD")
        .collect();
    assert!(symbols.contains(&"BTC".to_owned()), "{symbols:?}");
    let mut found = Vec::new();
    let programs =
        ["otedama-bin/src", "benches/stratum-load/src"].map(|folder| rust_files(&root().join(folder)));
    let everywhere = library_sources()
        .into_iter()
        .chain(programs.into_iter().flatten());
    for file in everywhere.filter(|file| !file.starts_with(&coins)) {
        for (number, line) in code_lines(without_tests(&fs::read_to_string(&file).unwrap())) {
            for symbol in symbols
                .iter()
                .filter(|symbol| line.contains(&format!("\"{symbol}\"")))
            {
                found.push(format!("{}:{number}: {symbol}", relative(&file)));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn files_that_the_quirks_name_are_there() {
    let quirks = fs::read_to_string(root().join("docs/quirks.md")).unwrap();
    // What stands between backquotes; crates are called by their short names in the table.
    let named = quirks.split('`').skip(1).step_by(2).filter(|code| {
        Path::new(code)
            .extension()
            .is_some_and(|extension| extension == "rs")
    });
    let named: BTreeSet<_> = named.map(|path| path.trim_start_matches("otedama-")).collect();
    assert!(named.len() > 20, "only {} files found", named.len());
    let is_missing = |path: &&&str| !root().join(format!("otedama-{path}")).exists();
    let missing: Vec<_> = named.iter().filter(is_missing).collect();
    assert_eq!(missing, Vec::<&&str>::new());
}

#[test]
fn no_source_file_is_two_ideas() {
    let mut long = Vec::new();
    for package in metadata().workspace_packages() {
        for file in rust_files(package.manifest_path.parent().unwrap().as_std_path()) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            if lines > MAX_LINES {
                long.push(format!("{}: {lines} lines", relative(&file)));
            }
        }
    }
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn test_code_is_told_from_the_rest() {
    let source = "use a;\n#[cfg(test)]\nuse b;\nfn f() {}\n\n#[cfg(test)]\nmod tests {\n    const C: &str = \"BTC\";\n}\n";
    assert_eq!(
        without_tests(source),
        "use a;\n#[cfg(test)]\nuse b;\nfn f() {}\n\n"
    );
    let lines: Vec<_> = code_lines("//! a\nlet b = 1; // c\n/// d\n").collect();
    assert_eq!(lines, [(2, "let b = 1; ")]);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn relative(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}

/// What cargo knows of the workspace. Only this machine's dependencies are looked at, as others may not be downloaded.
fn metadata() -> Metadata {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(rustc.stdout).unwrap();
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(["--filter-platform".to_owned(), host.to_owned()])
        .exec()
        .unwrap()
}

fn libraries(metadata: &Metadata) -> Vec<&Package> {
    let mut packages = metadata.workspace_packages();
    packages.retain(|package| LIBRARIES.contains(&package.name.as_str()));
    assert_eq!(packages.len(), LIBRARIES.len());
    packages
}

/// Names of everything that is linked into `package` or run to build it.
fn reachable<'a>(metadata: &'a Metadata, package: &'a PackageId) -> BTreeSet<&'a str> {
    let nodes: BTreeMap<_, _> = metadata
        .resolve
        .as_ref()
        .unwrap()
        .nodes
        .iter()
        .map(|node| (&node.id, node))
        .collect();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![package];
    while let Some(id) = waiting.pop() {
        if seen.insert(id) {
            let linked = nodes[id].deps.iter().filter(|dep| {
                dep.dep_kinds
                    .iter()
                    .any(|kind| kind.kind != DependencyKind::Development)
            });
            waiting.extend(linked.map(|dep| &dep.pkg));
        }
    }
    seen.into_iter().map(|id| metadata[id].name.as_str()).collect()
}

fn library_sources() -> Vec<PathBuf> {
    let files: Vec<_> = LIBRARIES
        .iter()
        .flat_map(|name| rust_files(&root().join(name).join("src")))
        .collect();
    assert!(files.len() > 20, "only {} files found", files.len());
    files
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Everything before the tests at the bottom of a file; files that hold nothing but tests are left as they are.
fn without_tests(source: &str) -> &str {
    source
        .match_indices("#[cfg(test)]\n")
        .find(|(at, marker)| source[at + marker.len()..].starts_with("mod "))
        .map_or(source, |(at, _)| &source[..at])
}

/// Lines with their number from 1, without comments.
fn code_lines(source: &str) -> impl Iterator<Item = (usize, &str)> {
    source
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.find("//").map_or(line, |at| &line[..at])))
        .filter(|(_, code)| !code.trim().is_empty())
}
