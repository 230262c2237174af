//! What `Hasher::scan` promises, kept by every backend that searches 80-byte headers.
#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use std::sync::atomic::{AtomicBool, Ordering};

use otedama_hash::{
    Algorithm, EpochKey, HashBackend, Hasher, Hits, NonceRange, PowHash, PowInput, Registry, ScanWork,
    Target, U256,
};

const BLOB: [u8; 80] = [7; 80];

fn each(check: impl Fn(&dyn HashBackend, &mut dyn Hasher)) {
    let registry = Registry::with_builtin();
    for algorithm in [Algorithm::SHA256D, Algorithm::SCRYPT] {
        for backend in registry.of(algorithm) {
            let mut hasher = backend.verifier(EpochKey::default()).unwrap();
            check(backend.as_ref(), hasher.as_mut());
        }
    }
}

fn work(target: Target) -> ScanWork<'static> {
    ScanWork {
        blob: &BLOB,
        height: 0,
        target,
        stop: None,
    }
}

/// One hash in four meets it.
fn quarter() -> Target {
    Target::from_u256(U256::MAX >> 2)
}

/// The nonces whose headers, hashed one by one, meet the target.
fn expected(hasher: &mut dyn Hasher, target: Target, nonces: NonceRange) -> Vec<(u64, PowHash)> {
    let hash = |nonce: u64| {
        let mut header = BLOB;
        header[76..].copy_from_slice(&(nonce as u32).to_le_bytes());
        let mut out = [PowHash::default()];
        hasher.hash_batch(&[PowInput::of(&header)], &mut out);
        (nonce, out[0])
    };
    let met = |found: &(u64, PowHash)| target.is_met_by(&found.1.hash);
    nonces.map(hash).filter(met).collect()
}

fn found(hits: &Hits) -> Vec<(u64, PowHash)> {
    hits.as_slice().iter().map(|hit| (hit.nonce, hit.pow)).collect()
}

#[test]
fn a_range_is_covered_in_order() {
    each(|backend, hasher| {
        for range in [0..100, 17..75, 1000..1001, 5..5] {
            let expected = expected(hasher, quarter(), range.clone());
            let mut hits = Hits::with_capacity(200);
            let done = hasher.scan(&work(quarter()), range.clone(), &mut hits);
            assert_eq!(done, range.end - range.start, "{backend:?}");
            assert_eq!(found(&hits), expected, "{backend:?}");
        }
    });
}

#[test]
fn a_full_list_ends_the_scan_where_the_next_one_goes_on() {
    each(|backend, hasher| {
        let expected = expected(hasher, quarter(), 10..90);
        let (mut next, mut all) = (10, Vec::new());
        while next < 90 {
            let mut hits = Hits::with_capacity(3);
            let done = hasher.scan(&work(quarter()), next..90, &mut hits);
            if hits.is_full() {
                assert_eq!(hits.as_slice()[2].nonce + 1, next + done, "{backend:?}");
                assert_eq!(
                    hasher.scan(&work(quarter()), next..90, &mut hits),
                    0,
                    "{backend:?}"
                );
            } else {
                assert_eq!(next + done, 90, "{backend:?}");
            }
            next += done;
            all.extend(found(&hits));
        }
        assert_eq!(all, expected, "{backend:?}");
    });
}

#[test]
fn a_scan_ends_at_the_last_nonce_of_a_header() {
    each(|backend, hasher| {
        let last = u64::from(u32::MAX);
        let mut hits = Hits::with_capacity(100);
        assert_eq!(
            hasher.scan(&work(Target::MAX), last - 1..last + 50, &mut hits),
            2,
            "{backend:?}"
        );
        let nonces: Vec<_> = hits.drain().map(|hit| hit.nonce).collect();
        assert_eq!(nonces, [last - 1, last], "{backend:?}");
        for beyond in [last + 1..last + 50, u64::MAX - 1..u64::MAX] {
            let done = hasher.scan(&work(Target::MAX), beyond, &mut hits);
            assert_eq!(done, 0, "{backend:?}");
        }
    });
}

#[test]
fn the_stop_flag_ends_a_scan_before_its_first_hash() {
    let stop = AtomicBool::new(true);
    each(|backend, hasher| {
        let work = ScanWork {
            stop: Some(&stop),
            ..work(Target::MAX)
        };
        assert_eq!(
            hasher.scan(&work, 0..100, &mut Hits::with_capacity(1)),
            0,
            "{backend:?}"
        );
    });
}

/// Without the flag, the whole range would take minutes.
#[test]
fn the_stop_flag_ends_a_scan_under_way() {
    each(|backend, hasher| {
        let stop = AtomicBool::new(false);
        let work = ScanWork {
            stop: Some(&stop),
            ..work(Target::from_u256(U256::ZERO))
        };
        let done = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::yield_now();
                stop.store(true, Ordering::Relaxed);
            });
            hasher.scan(&work, 0..1 << 32, &mut Hits::with_capacity(1))
        });
        assert!(done < 1 << 32, "{backend:?}");
    });
}

#[test]
fn a_blob_of_another_length_yields_no_hashes() {
    each(|backend, hasher| {
        for blob in [&[0; 79][..], &[0; 81], &[]] {
            let work = ScanWork {
                blob,
                ..work(Target::MAX)
            };
            let mut hits = Hits::with_capacity(1);
            assert_eq!(hasher.scan(&work, 0..10, &mut hits), 0, "{backend:?}");
            assert!(hits.as_slice().is_empty());
        }
    });
}
