//! A node's notifications: only three frames of the right form are taken, and nothing is lost of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otedama_chain::node::bitcoind::hash_block;
use otedama_chain::node::monerod::publication;

// Frames, each behind a byte that holds its length; or one frame.
fuzz_target!(|data: &[u8]| {
    let _ = publication(data);
    let mut frames = Vec::new();
    let mut rest = data;
    while let Some((len, tail)) = rest.split_first() {
        let (frame, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        frames.push(frame);
        rest = tail;
    }
    if let Ok(seen) = hash_block(&frames) {
        assert_eq!(frames[0], b"hashblock");
        let mut hash = seen.hash.to_le_bytes();
        hash.reverse();
        assert_eq!(frames[1], hash);
        assert_eq!(frames[2], seen.sequence.to_le_bytes());
    }
});
