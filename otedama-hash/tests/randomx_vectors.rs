//! RandomX of a thousand blobs, as a real monerod computes it.
#![cfg(feature = "randomx")]
#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use otedama_hash::{Algorithm, EpochInput, HashBackend, Hasher, Hits, PowHash, PowInput, Registry};
use otedama_hash::{ScanWork, Target, U256};

const ROWS: &str = include_str!("data/randomx.csv");
const ROWS_PER_SEED: usize = 200;

struct Row {
    blob: Vec<u8>,
    hash: [u8; 32],
}

/// The rows of the seed hash that comes at this place in the file.
fn rows(place: usize) -> ([u8; 32], Vec<Row>) {
    let mut seed = None;
    let rows = ROWS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .skip(place * ROWS_PER_SEED)
        .take(ROWS_PER_SEED)
        .map(|line| {
            let fields: Vec<_> = line
                .split(',')
                .map(|hex| const_hex::decode(hex).unwrap())
                .collect();
            assert_eq!(*seed.get_or_insert_with(|| fields[0].clone()), fields[0]);
            Row {
                blob: fields[1].clone(),
                hash: fields[2].as_slice().try_into().unwrap(),
            }
        })
        .collect();
    (seed.unwrap().try_into().unwrap(), rows)
}

fn preferred() -> Arc<dyn HashBackend> {
    Arc::clone(Registry::with_builtin().get(Algorithm::RANDOMX).unwrap())
}

fn verifier(backend: &dyn HashBackend, seed: [u8; 32]) -> Box<dyn Hasher> {
    let at = EpochInput {
        height: 0,
        seed: Some(seed),
    };
    backend.verifier(backend.epoch(at).unwrap()).unwrap()
}

fn agree(hasher: &mut dyn Hasher, rows: &[Row]) {
    let inputs: Vec<_> = rows.iter().map(|row| PowInput::of(&row.blob)).collect();
    let mut out = vec![PowHash::default(); rows.len()];
    hasher.hash_batch(&inputs, &mut out);
    for (row, pow) in rows.iter().zip(out) {
        let blob = const_hex::encode(&row.blob);
        assert_eq!((pow.hash.to_le_bytes(), pow.mix), (row.hash, None), "{blob}");
    }
}

/// The rows of a seed in batches of all lengths: 0, 1, 2, ...
fn agrees_with_monerod(place: usize) {
    let (seed, rows) = rows(place);
    assert_eq!(rows.len(), ROWS_PER_SEED);
    let mut hasher = verifier(&*preferred(), seed);
    let mut rest = &rows[..];
    for len in 0.. {
        let (batch, after) = rest.split_at(rest.len().min(len));
        agree(&mut *hasher, batch);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
}

// One test per seed, so that they run side by side.
#[test]
fn agrees_with_monerod_at_the_first_seed() {
    agrees_with_monerod(0);
}

#[test]
fn agrees_with_monerod_at_the_second_seed() {
    agrees_with_monerod(1);
}

#[test]
fn agrees_with_monerod_at_the_third_seed() {
    agrees_with_monerod(2);
}

#[test]
fn agrees_with_monerod_at_the_fourth_seed() {
    agrees_with_monerod(3);
}

#[test]
fn agrees_with_monerod_at_the_fifth_seed() {
    agrees_with_monerod(4);
}

#[test]
fn every_backend_agrees_on_a_few() {
    let (seed, rows) = rows(0);
    for backend in Registry::with_builtin().of(Algorithm::RANDOMX) {
        agree(&mut *verifier(&**backend, seed), &rows[..3]);
    }
}

fn nonces(hits: &Hits) -> Vec<u64> {
    hits.as_slice().iter().map(|hit| hit.nonce).collect()
}

#[test]
fn scans_find_what_monerod_computes() {
    let (seed, rows) = rows(0);
    let row = rows.iter().find(|row| row.blob.len() == 77).unwrap();
    let nonce = u64::from(u32::from_le_bytes(row.blob[39..43].try_into().unwrap()));
    assert!((2..u64::from(u32::MAX)).contains(&nonce), "another row will do");
    let mut hasher = verifier(&*preferred(), seed);
    // Whatever nonce the blob has is ignored; the target is the very hash.
    let mut blob = row.blob.clone();
    blob[39..43].fill(0xa5);
    let target = Target::from_le_bytes(row.hash);
    let work = ScanWork {
        blob: &blob,
        height: 0,
        target,
        stop: None,
    };
    for range in [nonce..nonce + 1, nonce..nonce + 2, nonce - 2..nonce + 1] {
        let mut hits = Hits::with_capacity(9);
        assert_eq!(
            hasher.scan(&work, range.clone(), &mut hits),
            range.end - range.start
        );
        let hit = hits.drain().find(|hit| hit.nonce == nonce).unwrap();
        assert_eq!(hit.pow.hash.to_le_bytes(), row.hash);
    }
}

#[test]
fn scans_end_where_they_should() {
    let (seed, _) = rows(0);
    let mut hasher = verifier(&*preferred(), seed);
    let stop = AtomicBool::new(false);
    let scan = |hasher: &mut dyn Hasher, blob: &[u8], target, nonces, capacity| {
        let work = ScanWork {
            blob,
            height: 0,
            target,
            stop: Some(&stop),
        };
        let mut hits = Hits::with_capacity(capacity);
        (hasher.scan(&work, nonces, &mut hits), hits)
    };
    let none = Target::from_u256(U256::ZERO);
    for len in [0, 39, 42, 409] {
        assert_eq!(
            scan(&mut *hasher, &vec![1; len], Target::MAX, 0..4, 9).0,
            0,
            "{len}"
        );
    }
    for len in [43, 408] {
        let (done, hits) = scan(&mut *hasher, &vec![1; len], Target::MAX, 7..10, 9);
        assert_eq!((done, nonces(&hits)), (3, vec![7, 8, 9]), "{len}");
    }
    let blob = [1; 76];
    // A full list, the last nonce that there is, an empty range, no hits.
    let (done, hits) = scan(&mut *hasher, &blob, Target::MAX, 7..10, 2);
    assert_eq!((done, nonces(&hits)), (2, vec![7, 8]));
    let end = 1 << 32;
    assert_eq!(scan(&mut *hasher, &blob, Target::MAX, end - 2..end + 9, 9).0, 2);
    assert_eq!(scan(&mut *hasher, &blob, Target::MAX, 7..7, 9).0, 0);
    assert_eq!(scan(&mut *hasher, &blob, Target::MAX, end..end + 5, 9).0, 0);
    let (done, hits) = scan(&mut *hasher, &blob, none, 7..9, 9);
    assert_eq!((done, nonces(&hits)), (2, vec![]));
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(scan(&mut *hasher, &blob, Target::MAX, 7..10, 9).0, 0);
}
