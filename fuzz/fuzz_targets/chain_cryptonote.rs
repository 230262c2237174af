//! A Monero node's template and block: what parses makes blocks with the node's own bytes in place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otedama_chain::coins;
use otedama_chain::family::cryptonote::{BlockBlob, NONCE_LEN, NONCE_OFFSET, NodeTemplate};
use otedama_chain::spec::FamilyRules;

// The first byte chooses how many bytes are reserved, the second where; the rest is a template or a block.
fuzz_target!(|data: &[u8]| {
    let [reserved_len, reserved_at, rest @ ..] = data else {
        return;
    };
    let (reserved_len, reserved_at) = (usize::from(*reserved_len), usize::from(*reserved_at));
    if let FamilyRules::CryptoNote(rules) = &coins::xmr::MAINNET.family {
        let _ = NodeTemplate::parse(rules, rest, reserved_len);
    }
    let Ok(blob) = BlockBlob::parse(rest.to_vec(), reserved_at, reserved_len) else {
        return;
    };
    let reserved = vec![0xa5; reserved_len];
    let (block, _) = blob.assemble(&reserved, [7; NONCE_LEN]);
    let mut expected = rest.to_vec();
    expected[NONCE_OFFSET..NONCE_OFFSET + NONCE_LEN].fill(7);
    expected[reserved_at..reserved_at + reserved_len].fill(0xa5);
    assert_eq!(block, expected);
    let hashing = blob.hashing_blob(&reserved);
    assert_eq!(hashing[..NONCE_OFFSET], rest[..NONCE_OFFSET]);
});
