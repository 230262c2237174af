//! Scrypt of twenty arbitrary headers, as another implementation computes it.
#![cfg(feature = "scrypt")]

use otedama_hash::scrypt::Scrypt;
use otedama_hash::{Hasher, PowHash, PowInput};

#[test]
fn agrees_with_the_recorded_hashes() {
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
    let mut out = vec![PowHash::default(); inputs.len()];
    Scrypt.hash_batch(&inputs, &mut out);
    for ((header, hash), pow) in lines.iter().zip(&out) {
        assert_eq!(const_hex::encode(pow.hash.to_le_bytes()), *hash, "{header}");
    }
}
