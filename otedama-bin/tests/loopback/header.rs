//! A block header of Ethereum's family.

use serde_json::{Value, json};

use super::bytes::{Item, hex, keccak, rlp};

/// What a node keeps of a block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    pub(crate) parent: [u8; 32],
    /// The node's own address, which earns the block.
    pub(crate) coinbase: [u8; 20],
    pub(crate) state: [u8; 32],
    pub(crate) difficulty: u64,
    pub(crate) number: u64,
    pub(crate) gas_used: u64,
    pub(crate) time_s: u64,
    pub(crate) extra: Vec<u8>,
    pub(crate) mix: [u8; 32],
    pub(crate) nonce: u64,
}

/// Hash of the list of no uncles.
const NO_UNCLES: &str = "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347";
/// Root of the tree of no transactions.
const NO_TRANSACTIONS: &str = "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
const GAS_LIMIT: u64 = 8_000_000;

fn known(digits: &str) -> [u8; 32] {
    const_hex::decode_to_array(digits).unwrap()
}

impl Header {
    fn encode(&self, with_seal: bool) -> Vec<u8> {
        let (uncles, empty, bloom) = (known(NO_UNCLES), known(NO_TRANSACTIONS), [0; 256]);
        let nonce = self.nonce.to_be_bytes();
        let mut items = vec![
            Item::Bytes(&self.parent),
            Item::Bytes(&uncles),
            Item::Bytes(&self.coinbase),
            Item::Bytes(&self.state),
            Item::Bytes(&empty),
            Item::Bytes(&empty),
            Item::Bytes(&bloom),
            Item::Number(self.difficulty),
            Item::Number(self.number),
            Item::Number(GAS_LIMIT),
            Item::Number(self.gas_used),
            Item::Number(self.time_s),
            Item::Bytes(&self.extra),
        ];
        if with_seal {
            items.extend([Item::Bytes(&self.mix), Item::Bytes(&nonce)]);
        }
        rlp(&items)
    }

    /// What is mined.
    pub(crate) fn seal_hash(&self) -> [u8; 32] {
        keccak(&self.encode(false))
    }

    /// The block's own hash.
    pub(crate) fn hash(&self) -> [u8; 32] {
        keccak(&self.encode(true))
    }

    /// As the node writes it: what `eth_getBlockByNumber` adds to a header is left away by `--miner.notify.full`.
    pub(crate) fn json(&self, with_block: bool) -> Value {
        let mut json = json!({
            "parentHash": hex(&self.parent),
            "sha3Uncles": format!("0x{NO_UNCLES}"),
            "miner": hex(&self.coinbase),
            "stateRoot": hex(&self.state),
            "transactionsRoot": format!("0x{NO_TRANSACTIONS}"),
            "receiptsRoot": format!("0x{NO_TRANSACTIONS}"),
            "logsBloom": hex(&[0; 256]),
            "difficulty": format!("{:#x}", self.difficulty),
            "number": format!("{:#x}", self.number),
            "gasLimit": format!("{GAS_LIMIT:#x}"),
            "gasUsed": format!("{:#x}", self.gas_used),
            "timestamp": format!("{:#x}", self.time_s),
            "extraData": hex(&self.extra),
            "mixHash": hex(&self.mix),
            "nonce": hex(&self.nonce.to_be_bytes()),
            "baseFeePerGas": null,
            "hash": hex(&self.hash()),
        });
        if with_block {
            let fields = json.as_object_mut().unwrap();
            fields.remove("baseFeePerGas");
            fields.extend([
                ("size".to_owned(), json!("0x21a")),
                ("totalDifficulty".to_owned(), json!("0x400")),
                ("transactions".to_owned(), json!([])),
                ("uncles".to_owned(), json!([])),
            ]);
        }
        json
    }
}
