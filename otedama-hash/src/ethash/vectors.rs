//! Published vectors and another implementation's results, for each kernel.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::backend::EthashHasher;
use super::cache::LightCache;
use super::hashimoto::{Source, claimed};
use super::items::ETHASH_PARENTS;
use super::keccak::keccak256;
use super::kernel::kernels;
use super::modulus::Modulus;
use super::nodes::Node;
use super::schedule::{Epoch, Schedule};
use super::sizes::{CACHE, DATASET, SizeRule};
use crate::{Algorithm, Hasher, PowHash, PowInput, Setup};

/// The fields of each line of a data file.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(',').collect())
}

fn bytes32(hex: &str) -> [u8; 32] {
    const_hex::decode_to_array(hex).unwrap()
}

fn cache_of(epoch: Epoch) -> LightCache {
    let items = CACHE.items(epoch.number).unwrap();
    LightCache::build(
        Algorithm::ETHASH,
        items,
        &epoch.seed(),
        &kernels()[0],
        &Setup::default(),
    )
    .unwrap()
}

/// One line of height, header hash, nonce, mix hash and final hash.
struct Row {
    height: u64,
    header: [u8; 32],
    nonce: u64,
    mix: [u8; 32],
    hash: String,
}

impl Row {
    fn parse(fields: &[&str]) -> Self {
        Self {
            height: fields[0].parse().unwrap(),
            header: bytes32(fields[1]),
            nonce: u64::from_str_radix(fields[2], 16).unwrap(),
            mix: bytes32(fields[3]),
            hash: fields[4].into(),
        }
    }

    fn input(&self) -> PowInput<'_> {
        PowInput {
            blob: &self.header,
            nonce: self.nonce,
            height: 0,
        }
    }
}

/// Checks rows with every kernel; one cache per epoch.
fn check_rows(schedule: Schedule, rows: impl Iterator<Item = Row>) {
    let mut epochs: BTreeMap<u32, Vec<Row>> = BTreeMap::new();
    for row in rows {
        let epoch = schedule.at_height(row.height).unwrap();
        epochs.entry(epoch.seed_index).or_default().push(row);
    }
    for rows in epochs.into_values() {
        let epoch = schedule.at_height(rows[0].height).unwrap();
        let source = Source::Light(Arc::new(cache_of(epoch)));
        let page_count = Modulus::new(DATASET.items(epoch.number).unwrap());
        let inputs: Vec<_> = rows.iter().map(Row::input).collect();
        for kernel in kernels() {
            let mut out = vec![PowHash::default(); rows.len()];
            EthashHasher::new(kernel, page_count, source.clone()).hash_batch(&inputs, &mut out);
            for (row, pow) in rows.iter().zip(out) {
                assert_eq!(pow.mix, Some(row.mix), "{} at {}", kernel.name, row.height);
                assert_eq!(
                    pow.hash.to_string(),
                    row.hash,
                    "{} at {}",
                    kernel.name,
                    row.height
                );
            }
        }
        for row in &rows {
            assert_eq!(claimed(&row.header, row.nonce, &row.mix).to_string(), row.hash);
        }
    }
}

// A thousand rows from the C++ library chfast/ethash, of ten epochs from 0 to 1000.
#[test]
fn ethash_agrees_with_another_implementation() {
    let text = include_str!("../../tests/data/ethash_rows.csv");
    check_rows(Schedule::ETHASH, rows(text).map(|fields| Row::parse(&fields)));
}

// The same of five epochs of 60,000 blocks.
#[test]
fn etchash_agrees_with_another_implementation() {
    let text = include_str!("../../tests/data/etchash_rows.csv");
    check_rows(Schedule::CLASSIC, rows(text).map(|fields| Row::parse(&fields)));
}

// Real headers and worked examples; each one's source is in the file.
#[test]
fn published_headers_hash_as_published() {
    let text = include_str!("../../tests/data/ethash_headers.csv");
    for (name, schedule) in [("ethash", Schedule::ETHASH), ("etchash", Schedule::CLASSIC)] {
        let rows = rows(text).filter(|fields| fields[0] == name);
        check_rows(schedule, rows.map(|fields| Row::parse(&fields[1..])));
    }
}

fn bytes(rule: SizeRule, epoch: u32) -> u64 {
    rule.bytes(rule.items(epoch).unwrap())
}

// chfast/ethash, test/unittests/test_ethash.cpp.
#[test]
fn sizes_are_the_published_ones() {
    for row in rows(include_str!("../../tests/data/ethash_sizes.csv")) {
        let epoch = row[0].parse().unwrap();
        assert_eq!(bytes(CACHE, epoch), row[1].parse().unwrap(), "{epoch}");
        assert_eq!(bytes(DATASET, epoch), row[2].parse().unwrap(), "{epoch}");
    }
}

// ECIP-1099 and core-geth; see the file.
#[test]
fn epochs_of_60000_blocks_are_the_published_ones() {
    for row in rows(include_str!("../../tests/data/etchash_epochs.csv")) {
        let schedule = match row[0] {
            "classic" => Schedule::CLASSIC,
            _ => Schedule::MORDOR,
        };
        let height = row[1].parse().unwrap();
        let epoch = schedule.at_height(height).unwrap();
        assert_eq!(epoch.number, row[2].parse().unwrap(), "{height}");
        assert_eq!(epoch.seed_index, row[3].parse().unwrap(), "{height}");
        assert_eq!(epoch.seed(), bytes32(row[4]), "{height}");
        assert_eq!(bytes(CACHE, epoch.number), row[5].parse().unwrap(), "{height}");
        assert_eq!(bytes(DATASET, epoch.number), row[6].parse().unwrap(), "{height}");
    }
}

// chfast/ethash, test/unittests/test_ethash.cpp, dataset_items_epoch13.
#[test]
fn dataset_items_are_the_published_ones() {
    let cache = cache_of(Schedule::ETHASH.at_height(13 * 30_000).unwrap());
    let pages: Vec<_> = rows(include_str!("../../tests/data/ethash_items.csv")).collect();
    let first = |row: &Vec<&str>| 2 * row[0].parse::<u32>().unwrap();
    let indices: Vec<u32> = pages
        .iter()
        .flat_map(|row| [first(row), first(row) + 1])
        .collect();
    let expected: Vec<&str> = pages.iter().flat_map(|row| [row[1], row[2]]).collect();
    for kernel in kernels() {
        let mut items = vec![Node::default(); indices.len()];
        (kernel.dataset_items)(&cache, ETHASH_PARENTS, &indices, &mut items);
        let items: Vec<_> = items
            .iter()
            .map(|item| const_hex::encode(item.to_bytes()))
            .collect();
        assert_eq!(items, expected, "{}", kernel.name);
    }
}

fn check_cache(seed_index: u32, expected: &str) {
    let cache = cache_of(
        Schedule::ETHASH
            .at_height(u64::from(seed_index) * 30_000)
            .unwrap(),
    );
    let bytes: Vec<u8> = cache.nodes().iter().flat_map(|node| node.to_bytes()).collect();
    assert_eq!(const_hex::encode(keccak256(&bytes)), expected);
}

// chfast/ethash, test/unittests/test_ethash.cpp: the Keccak-256 of whole caches.
#[test]
fn caches_are_the_published_ones() {
    check_cache(
        0,
        "35ded12eecf2ce2e8da2e15c06d463aae9b84cb2530a00b932e4bbc484cde353",
    );
    check_cache(
        171,
        "468ef97519bd780a0dbd19d46c099118d6f4b777c1b8d0d4b0d6f62a5018100e",
    );
}

#[test]
fn the_cache_of_a_distant_epoch_is_the_published_one() {
    check_cache(
        2047,
        "47e5913c1f0ffffa5ba1049f6d7960259a5e7e8736e3f032cc7a04e7b29ffb42",
    );
}
