//! Scrypt of twenty arbitrary headers, as another implementation computes it.
#![cfg(feature = "scrypt")]

use otedama_hash::{Algorithm, EpochKey, PowHash, PowInput, Registry};

#[test]
fn every_backend_agrees_with_the_recorded_hashes() {
    let lines: Vec<_> = include_str!("data/scrypt_1024_1_1.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    assert_eq!(lines.len(), 20);
    let headers: Vec<_> = lines
        .iter()
        .map(|(header, _)| const_hex::decode(header).unwrap())
        .collect();
    let inputs: Vec<_> = headers.iter().map(|blob| PowInput::of(blob)).collect();
    for backend in Registry::with_builtin().of(Algorithm::SCRYPT) {
        let mut out = vec![PowHash::default(); inputs.len()];
        let mut hasher = backend.verifier(EpochKey::default()).unwrap();
        hasher.hash_batch(&inputs, &mut out);
        for ((header, hash), pow) in lines.iter().zip(&out) {
            let computed = const_hex::encode(pow.hash.to_le_bytes());
            assert_eq!(computed, *hash, "{header} with {}", backend.name());
        }
    }
}
