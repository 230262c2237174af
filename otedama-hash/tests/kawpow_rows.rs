//! A thousand random KawPow hashes in ten epochs, as Ravencoin's own code computes them.
#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use otedama_hash::{Algorithm, EpochInput, Hash256, PowHash, PowInput, Registry};

struct Row {
    height: u64,
    header: [u8; 32],
    nonce: u64,
    pow: PowHash,
}

fn rows() -> Vec<Row> {
    let decode = |hex| const_hex::decode_to_array(hex).unwrap();
    include_str!("data/kawpow_rows.csv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<_> = line.split(',').collect();
            let &[height, header, nonce, mix, hash] = fields.as_slice() else {
                panic!("{line}");
            };
            Row {
                height: height.parse().unwrap(),
                header: decode(header),
                nonce: u64::from_str_radix(nonce, 16).unwrap(),
                pow: PowHash {
                    hash: Hash256::from_be_bytes(decode(hash)),
                    mix: Some(decode(mix)),
                },
            }
        })
        .collect()
}

#[test]
fn agrees_with_the_recorded_hashes() {
    let registry = Registry::with_builtin();
    let backend = registry.get(Algorithm::KAWPOW).unwrap();
    let key = |height| backend.epoch(EpochInput { height, seed: None }).unwrap();
    let rows = rows();
    assert_eq!(rows.len(), 1000);
    let epochs: Vec<_> = rows.chunk_by(|a, b| key(a.height) == key(b.height)).collect();
    assert_eq!(epochs.len(), 10);
    for rows in epochs {
        let mut hasher = backend.verifier(key(rows[0].height)).unwrap();
        let inputs: Vec<_> = rows
            .iter()
            .map(|row| PowInput {
                blob: &row.header,
                nonce: row.nonce,
                height: row.height,
            })
            .collect();
        let mut out = vec![PowHash::default(); rows.len()];
        hasher.hash_batch(&inputs, &mut out);
        for ((row, input), pow) in rows.iter().zip(&inputs).zip(out) {
            assert_eq!(pow, row.pow, "height {}, nonce {:x}", row.height, row.nonce);
            assert_eq!(backend.claimed(input, &pow.mix.unwrap()), Some(pow.hash));
        }
    }
}
