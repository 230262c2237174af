//! Block headers as the node describes them.

use otedama_hash::Hash256;
use serde::Deserialize;

use super::reply;
use crate::TipHeader;
use crate::node::ReplyError;

/// What a node knows about a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// Its id.
    pub hash: Hash256,
    /// How deep it lies in the best chain, the tip being 1; -1 if it isn't in the best chain.
    pub confirmations: i64,
    /// Its height.
    pub height: u64,
    /// Its compact target.
    pub bits: u32,
    /// Its own time, Unix seconds.
    pub time_s: u32,
    /// Median time of the eleven blocks that end with it (BIP 113), Unix seconds.
    pub median_time_s: u32,
    /// The block it builds on; `None` for the first block.
    pub prev_hash: Option<Hash256>,
}

impl BlockHeader {
    /// Whether another branch replaced it.
    pub fn is_orphaned(&self) -> bool {
        self.confirmations < 0
    }

    /// What [`Family::preview`](crate::Family::preview) needs.
    pub fn tip(&self) -> TipHeader {
        TipHeader {
            hash: self.hash,
            height: self.height,
            bits: Some(self.bits),
            median_time_s: self.median_time_s,
        }
    }
}

#[derive(Deserialize)]
struct Verbose<'a> {
    hash: &'a str,
    confirmations: i64,
    height: u64,
    bits: &'a str,
    time: u32,
    mediantime: u32,
    previousblockhash: Option<&'a str>,
}

/// Reads the reply to `getblockheader`.
///
/// # Errors
/// When the node reports an error (-5: it doesn't know the block) or the reply is malformed.
pub fn block_header(status: u16, body: &[u8]) -> Result<BlockHeader, ReplyError> {
    let verbose: Verbose<'_> = reply::result(status, body)?;
    let mut bits = [0; 4];
    const_hex::decode_to_slice(verbose.bits, &mut bits).map_err(|_| ReplyError::Malformed {
        status,
        reason: "bits is not 8 hex digits".into(),
    })?;
    Ok(BlockHeader {
        hash: reply::hash(status, verbose.hash)?,
        confirmations: verbose.confirmations,
        height: verbose.height,
        bits: u32::from_be_bytes(bits),
        time_s: verbose.time,
        median_time_s: verbose.mediantime,
        prev_hash: verbose
            .previousblockhash
            .map(|hex| reply::hash(status, hex))
            .transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first two blocks of Bitcoin, as `getblockheader` shows them.
    const BLOCK_1: &str = r#"{"result":{"hash":"00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048",
        "confirmations":920000,"height":1,"version":1,"versionHex":"00000001",
        "merkleroot":"0e3e2357e806b6cdb1f70b54c3a3a17b6714ee1f0e68bebb44a74b1efd512098",
        "time":1231469665,"mediantime":1231469665,"nonce":2573394689,"bits":"1d00ffff","difficulty":1,
        "chainwork":"0000000000000000000000000000000000000000000000000000000200020002","nTx":1,
        "previousblockhash":"000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
        "nextblockhash":"000000006a625f06636b8bb6ac7b960a8d03705d1ace08b1a19da3fdcc99ddbd"},"error":null,"id":"x"}"#;

    #[test]
    fn header_of_block_1() {
        let header = block_header(200, BLOCK_1.as_bytes()).expect("well-formed");
        assert_eq!(
            header.hash.to_string(),
            "00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048"
        );
        assert_eq!(header.height, 1);
        assert_eq!(header.bits, 0x1d00_ffff);
        assert_eq!(
            (header.time_s, header.median_time_s),
            (1_231_469_665, 1_231_469_665)
        );
        assert!(header.prev_hash.is_some());
        assert!(!header.is_orphaned());
        assert_eq!(header.tip().bits, Some(0x1d00_ffff));
    }

    #[test]
    fn orphans_and_the_first_block() {
        let orphan = BLOCK_1.replace("920000", "-1");
        assert!(
            block_header(200, orphan.as_bytes())
                .expect("well-formed")
                .is_orphaned()
        );
        let start = BLOCK_1.find("\"previousblockhash\"").expect("present");
        let end = BLOCK_1.find("\"nextblockhash\"").expect("present");
        let first = [&BLOCK_1[..start], &BLOCK_1[end..]].concat();
        assert_eq!(
            block_header(200, first.as_bytes())
                .expect("well-formed")
                .prev_hash,
            None
        );
    }

    #[test]
    fn unknown_blocks_and_nonsense() {
        let unknown = br#"{"result":null,"error":{"code":-5,"message":"Block not found"},"id":1}"#;
        assert!(matches!(block_header(500, unknown), Err(ReplyError::Rpc(e)) if e.code == -5));
        let bad_bits = BLOCK_1.replace("1d00ffff", "1d00fff");
        assert!(block_header(200, bad_bits.as_bytes()).is_err());
    }
}
