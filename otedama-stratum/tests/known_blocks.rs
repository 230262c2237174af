//! Blocks of Bitcoin's main chain, sent as jobs and put together again as a miner does it.

use otedama_hash::{Hash256, sha256d::sha256d};
use otedama_stratum::v1::{NotifyParts, ServerMessage, notify, parse_server_message};

struct Block {
    id: &'static str,
    prev_hash: &'static str,
    coinbase: &'static str,
    /// The other transaction's id, if there is one.
    other: Option<&'static str>,
    version: u32,
    ntime: u32,
    bits: u32,
    nonce: u32,
}

const BLOCKS: [Block; 3] = [
    // Block 0.
    Block {
        id: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
        prev_hash: "0000000000000000000000000000000000000000000000000000000000000000",
        coinbase: "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000",
        other: None,
        version: 1,
        ntime: 1_231_006_505,
        bits: 0x1d00_ffff,
        nonce: 2_083_236_893,
    },
    // Block 1.
    Block {
        id: "00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048",
        prev_hash: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
        coinbase: "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff0704ffff001d0104ffffffff0100f2052a0100000043410496b538e853519c726a2c91e61ec11600ae1390813a627c66fb8be7947be63c52da7589379515d4e0a604f8141781e62294721166bf621e73a82cbf2342c858eeac00000000",
        other: None,
        version: 1,
        ntime: 1_231_469_665,
        bits: 0x1d00_ffff,
        nonce: 2_573_394_689,
    },
    // Block 170, the first with a payment in it.
    Block {
        id: "00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee",
        prev_hash: "000000002a22cfee1f2c846adbd12b3e183d4f97683f85dad08a79780a84bd55",
        coinbase: "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff0704ffff001d0102ffffffff0100f2052a01000000434104d46c4968bde02899d2aa0963367c7a6ce34eec332b32e42e5f3407e052d64ac625da6f0718e7b302140434bd725706957c092db53805b821a85b23a7ac61725bac00000000",
        other: Some("f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"),
        version: 1,
        ntime: 1_231_731_025,
        bits: 0x1d00_ffff,
        nonce: 1_889_418_792,
    },
];

/// Rebuilds the header from the text of the job alone.
fn header_of(line: &[u8], extranonce: &[u8], nonce: u32) -> [u8; 80] {
    let Ok(ServerMessage::Notify(job)) = parse_server_message(line) else {
        panic!("no job")
    };
    let coinbase = [job.coinbase1.as_slice(), extranonce, &job.coinbase2].concat();
    let mut root = sha256d(&coinbase);
    for hash in &job.merkle_branch {
        root = sha256d(&[root.to_le_bytes(), hash.to_le_bytes()].concat());
    }
    let mut header = [0; 80];
    header[..4].copy_from_slice(&job.version.to_le_bytes());
    header[4..36].copy_from_slice(job.prev_hash.as_le_bytes());
    header[36..68].copy_from_slice(root.as_le_bytes());
    header[68..72].copy_from_slice(&job.ntime.to_le_bytes());
    header[72..76].copy_from_slice(&job.bits.to_le_bytes());
    header[76..].copy_from_slice(&nonce.to_le_bytes());
    header
}

#[test]
fn jobs_made_of_known_blocks_hash_to_their_ids() {
    for block in &BLOCKS {
        let coinbase = const_hex::decode(block.coinbase).unwrap();
        // The extranonce takes the place of the scriptSig's last three bytes before the sequence.
        let script_end = 42 + usize::from(coinbase[41]);
        let (coinbase1, extranonce, coinbase2) = (
            &coinbase[..script_end - 3],
            &coinbase[script_end - 3..script_end],
            &coinbase[script_end..],
        );
        let merkle_branch: Vec<Hash256> = block
            .other
            .iter()
            .map(|id| Hash256::from_display_hex(id).unwrap())
            .collect();
        let parts = NotifyParts {
            prev_hash: &Hash256::from_display_hex(block.prev_hash).unwrap(),
            coinbase1,
            coinbase2,
            merkle_branch: &merkle_branch,
            version: block.version,
            bits: block.bits,
            ntime: block.ntime,
        };
        let mut line = Vec::new();
        notify::write_notify(&mut line, "1", &parts, true);
        let header = header_of(&line, extranonce, block.nonce);
        assert_eq!(sha256d(&header).to_string(), block.id);
    }
}

/// The job as text, worked out by hand from block 1's fields.
#[test]
fn the_previous_hash_has_its_words_swapped() {
    let prev_hash = Hash256::from_display_hex(BLOCKS[1].prev_hash).unwrap();
    let parts = NotifyParts {
        prev_hash: &prev_hash,
        coinbase1: &[1, 2],
        coinbase2: &[0xab],
        merkle_branch: &[Hash256::ZERO, prev_hash],
        version: 0x2000_0000,
        bits: 0x1d00_ffff,
        ntime: 0x4966_bc61,
    };
    let mut line = Vec::new();
    notify::write_notify(&mut line, "a1", &parts, false);
    let zeros = "0".repeat(64);
    let expected = format!(
        "{{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"a1\",\
         \"0a8ce26f72b3f1b646a2a6c14ff763ae65831e939c085ae10019d66800000000\",\"0102\",\"ab\",\
         [\"{zeros}\",\"6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000\"],\
         \"20000000\",\"1d00ffff\",\"4966bc61\",false]}}\n"
    );
    assert_eq!(String::from_utf8(line).unwrap(), expected);
}
