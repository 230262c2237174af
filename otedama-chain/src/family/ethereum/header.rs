//! Block headers (Yellow Paper, section 4.3; EIP-1559).

use otedama_hash::{Hash256, U256, keccak256};
use serde::Deserialize;

use super::hex;
use super::rlp::List;
use super::work::Seal;

/// Bytes of the bloom filter over a block's logs.
pub const BLOOM_LEN: usize = 256;
/// Bytes that a miner may put into a header at the most.
pub const EXTRA_MAX: usize = 32;
/// Longest JSON that is looked at: a block of that many transaction hashes is larger than any node makes.
const JSON_MAX: usize = 4 << 20;

/// A block header. Hashes are in the order in which they are displayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Hash of the block that it builds on.
    pub parent_hash: [u8; 32],
    /// Hash of the list of its uncles (`sha3Uncles`).
    pub uncles_hash: [u8; 32],
    /// The address that earns the block (`miner`).
    pub coinbase: [u8; 20],
    /// Root of the state behind it.
    pub state_root: [u8; 32],
    /// Root of its transactions.
    pub transactions_root: [u8; 32],
    /// Root of their receipts.
    pub receipts_root: [u8; 32],
    /// Bloom filter over their logs.
    pub logs_bloom: [u8; BLOOM_LEN],
    /// Number of hashes that it takes on average.
    pub difficulty: U256,
    /// Its height.
    pub number: u64,
    /// How much gas its transactions may use.
    pub gas_limit: u64,
    /// How much they use.
    pub gas_used: u64,
    /// Its time, Unix seconds.
    pub time_s: u64,
    /// What the miner put into it, at most [`EXTRA_MAX`] bytes.
    pub extra: Vec<u8>,
    /// The proof of work; zero in a block that is still to be mined.
    pub seal: Seal,
    /// Price of gas that is burnt, in the smallest unit, on chains that have one (EIP-1559).
    pub base_fee: Option<U256>,
}

/// Why JSON is no header of a proof-of-work chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// It isn't the JSON object that a header should be.
    #[error("not a block header: {0}")]
    Json(String),
    /// It is absurdly long.
    #[error("a block header of {0} bytes of JSON is too long")]
    TooLong(usize),
    /// A field isn't hex of the right length behind "0x".
    #[error("a header's {0} is not the hex that it should be")]
    Hex(&'static str),
    /// It has a field that no proof-of-work chain has.
    #[error("a header has {0}, which this version does not know; is the node of the configured coin?")]
    Unknown(&'static str),
    /// The node computes another hash of it.
    #[error("a header's hash is {computed} by its fields and {claimed} by the node")]
    Contradiction {
        /// What its fields hash to.
        computed: Hash256,
        /// What the node says.
        claimed: Hash256,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    hash: Option<&'a str>,
    parent_hash: &'a str,
    sha3_uncles: &'a str,
    miner: &'a str,
    state_root: &'a str,
    transactions_root: &'a str,
    receipts_root: &'a str,
    logs_bloom: &'a str,
    difficulty: &'a str,
    number: &'a str,
    gas_limit: &'a str,
    gas_used: &'a str,
    timestamp: &'a str,
    extra_data: &'a str,
    mix_hash: &'a str,
    nonce: &'a str,
    base_fee_per_gas: Option<&'a str>,
    withdrawals_root: Option<&'a str>,
    blob_gas_used: Option<&'a str>,
    excess_blob_gas: Option<&'a str>,
    parent_beacon_block_root: Option<&'a str>,
    requests_hash: Option<&'a str>,
}

impl Raw<'_> {
    /// A field that would change the hash in a way that is not known here.
    fn unknown(&self) -> Option<&'static str> {
        let fields = [
            ("withdrawalsRoot", self.withdrawals_root),
            ("blobGasUsed", self.blob_gas_used),
            ("excessBlobGas", self.excess_blob_gas),
            ("parentBeaconBlockRoot", self.parent_beacon_block_root),
            ("requestsHash", self.requests_hash),
        ];
        fields.into_iter().find_map(|(name, field)| field.map(|_| name))
    }
}

impl Header {
    /// Reads the object in the `result` of a reply to `eth_getBlockByNumber`, or the one that a node posts with
    /// `--miner.notify.full`.
    ///
    /// # Errors
    /// When it is malformed, of a kind that this crate doesn't know, or doesn't have the hash that the node says.
    pub fn parse(json: &[u8]) -> Result<Self, HeaderError> {
        if json.len() > JSON_MAX {
            return Err(HeaderError::TooLong(json.len()));
        }
        // A list of the fields would be read as well.
        if json.trim_ascii_start().first() != Some(&b'{') {
            return Err(HeaderError::Json("no JSON object".into()));
        }
        let raw: Raw<'_> =
            serde_json::from_slice(json).map_err(|error| HeaderError::Json(error.to_string()))?;
        if let Some(field) = raw.unknown() {
            return Err(HeaderError::Unknown(field));
        }
        let base_fee = raw.base_fee_per_gas.map(|text| number("baseFeePerGas", text));
        let header = Self {
            parent_hash: data("parentHash", raw.parent_hash)?,
            uncles_hash: data("sha3Uncles", raw.sha3_uncles)?,
            coinbase: data("miner", raw.miner)?,
            state_root: data("stateRoot", raw.state_root)?,
            transactions_root: data("transactionsRoot", raw.transactions_root)?,
            receipts_root: data("receiptsRoot", raw.receipts_root)?,
            logs_bloom: data("logsBloom", raw.logs_bloom)?,
            difficulty: number("difficulty", raw.difficulty)?,
            number: quantity("number", raw.number)?,
            gas_limit: quantity("gasLimit", raw.gas_limit)?,
            gas_used: quantity("gasUsed", raw.gas_used)?,
            time_s: quantity("timestamp", raw.timestamp)?,
            extra: hex::bytes(raw.extra_data, EXTRA_MAX).ok_or(HeaderError::Hex("extraData"))?,
            seal: Seal {
                nonce: u64::from_be_bytes(data("nonce", raw.nonce)?),
                mix: data("mixHash", raw.mix_hash)?,
            },
            base_fee: base_fee.transpose()?,
        };
        // The node's own hash tells whether the header is understood as the node understands it.
        if let Some(hash) = raw.hash {
            let claimed = data("hash", hash)?;
            let computed = header.hash();
            if computed != claimed {
                return Err(HeaderError::Contradiction {
                    computed: Hash256::from_be_bytes(computed),
                    claimed: Hash256::from_be_bytes(claimed),
                });
            }
        }
        Ok(header)
    }

    /// What miners hash: the header without its seal. It names a block before and after it is mined.
    pub fn seal_hash(&self) -> [u8; 32] {
        let mut list = self.unsealed();
        self.put_base_fee(&mut list);
        keccak256(&list.finish())
    }

    /// The block's own hash, seal included.
    pub fn hash(&self) -> [u8; 32] {
        let mut list = self.unsealed();
        list.bytes(&self.seal.mix);
        list.bytes(&self.seal.nonce.to_be_bytes());
        self.put_base_fee(&mut list);
        keccak256(&list.finish())
    }

    /// The fields before the seal.
    fn unsealed(&self) -> List {
        let mut list = List::default();
        list.bytes(&self.parent_hash);
        list.bytes(&self.uncles_hash);
        list.bytes(&self.coinbase);
        list.bytes(&self.state_root);
        list.bytes(&self.transactions_root);
        list.bytes(&self.receipts_root);
        list.bytes(&self.logs_bloom);
        list.number(self.difficulty);
        for field in [self.number, self.gas_limit, self.gas_used, self.time_s] {
            list.number(U256::from(field));
        }
        list.bytes(&self.extra);
        list
    }

    /// The field behind the seal.
    fn put_base_fee(&self, list: &mut List) {
        if let Some(base_fee) = self.base_fee {
            list.number(base_fee);
        }
    }
}

fn data<const N: usize>(field: &'static str, text: &str) -> Result<[u8; N], HeaderError> {
    hex::data(text).ok_or(HeaderError::Hex(field))
}

fn number(field: &'static str, text: &str) -> Result<U256, HeaderError> {
    hex::number(text).ok_or(HeaderError::Hex(field))
}

fn quantity(field: &'static str, text: &str) -> Result<u64, HeaderError> {
    hex::quantity(text).ok_or(HeaderError::Hex(field))
}
