//! Reading serialised blocks.

use otedama_hash::Hash256;
use otedama_hash::sha256d::sha256d;
use sha2::{Digest, Sha256};

/// Length of a block header.
pub(super) const HEADER_LEN: usize = 80;
/// Longest block; its weight is at least its length.
const BLOCK_MAX: usize = 4_000_000;
/// Fewest bytes of a transaction, an input, an output and a witness item.
const TRANSACTION_MIN: usize = 10;
const INPUT_MIN: usize = 41;
const OUTPUT_MIN: usize = 9;
const WITNESS_ITEM_MIN: usize = 1;

/// A block, taken apart.
#[derive(Debug)]
pub(super) struct Block<'a> {
    pub(super) header: Header,
    pub(super) header_bytes: &'a [u8],
    pub(super) transactions: Vec<Transaction<'a>>,
    /// By BIP 141.
    pub(super) weight: u64,
}

#[derive(Debug)]
pub(super) struct Header {
    pub(super) hash: Hash256,
    pub(super) version: i32,
    pub(super) prev_hash: Hash256,
    pub(super) merkle_root: Hash256,
    pub(super) time_s: u32,
    pub(super) bits: u32,
}

#[derive(Debug)]
pub(super) struct Transaction<'a> {
    pub(super) id: Hash256,
    pub(super) witness_id: Hash256,
    pub(super) inputs: Vec<Input<'a>>,
    pub(super) outputs: Vec<Output<'a>>,
    /// Items of the first input's witness; empty if there is none.
    pub(super) first_witness: Vec<&'a [u8]>,
    pub(super) has_witness: bool,
    pub(super) weight: u64,
}

#[derive(Debug)]
pub(super) struct Input<'a> {
    pub(super) previous_id: Hash256,
    pub(super) previous_index: u32,
    pub(super) script: &'a [u8],
}

impl Input<'_> {
    pub(super) fn is_null(&self) -> bool {
        self.previous_id == Hash256::ZERO && self.previous_index == u32::MAX
    }
}

#[derive(Debug)]
pub(super) struct Output<'a> {
    pub(super) amount: u64,
    pub(super) script: &'a [u8],
}

/// Takes a block apart; `None` if it isn't one.
pub(super) fn block(bytes: &[u8]) -> Option<Block<'_>> {
    if bytes.len() > BLOCK_MAX {
        return None;
    }
    let mut reader = Reader { rest: bytes };
    let header_bytes = reader.take(HEADER_LEN)?;
    let header = header(header_bytes)?;
    let before_count = reader.rest.len();
    let count = reader.count(TRANSACTION_MIN)?;
    let count_len = before_count - reader.rest.len();
    let mut transactions = Vec::with_capacity(count);
    for _ in 0..count {
        transactions.push(reader.transaction()?);
    }
    let weight = 4 * (HEADER_LEN + count_len) as u64 + transactions.iter().map(|t| t.weight).sum::<u64>();
    reader.rest.is_empty().then_some(Block {
        header,
        header_bytes,
        transactions,
        weight,
    })
}

/// Takes a single transaction apart; `None` if it isn't one.
pub(super) fn transaction(bytes: &[u8]) -> Option<Transaction<'_>> {
    let mut reader = Reader { rest: bytes };
    let transaction = reader.transaction()?;
    reader.rest.is_empty().then_some(transaction)
}

fn header(bytes: &[u8]) -> Option<Header> {
    let mut reader = Reader { rest: bytes };
    Some(Header {
        hash: sha256d(bytes),
        version: reader.u32()?.cast_signed(),
        prev_hash: reader.hash()?,
        merkle_root: reader.hash()?,
        time_s: reader.u32()?,
        bits: reader.u32()?,
    })
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn hash(&mut self) -> Option<Hash256> {
        self.array().map(Hash256::from_le_bytes)
    }

    /// A compact size in its shortest form.
    fn compact_size(&mut self) -> Option<u64> {
        let [first] = self.array()?;
        let (value, least) = match first {
            0xfd => (self.array().map(u16::from_le_bytes)?.into(), 0xfd),
            0xfe => (self.u32()?.into(), 0x1_0000),
            0xff => (self.array().map(u64::from_le_bytes)?, 0x1_0000_0000),
            small => (small.into(), 0),
        };
        (value >= least).then_some(value)
    }

    /// A number of things of at least `each` bytes; more than what is left can hold is no number.
    fn count(&mut self, each: usize) -> Option<usize> {
        let count = usize::try_from(self.compact_size()?).ok()?;
        (count <= self.rest.len() / each).then_some(count)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.count(1)?;
        self.take(len)
    }

    fn transaction(&mut self) -> Option<Transaction<'a>> {
        let start = self.rest;
        let version = self.take(4)?;
        // No inputs is how an extended transaction starts (BIP 144).
        let extended = self.rest.starts_with(&[0]);
        if extended && self.take(2)? != [0, 1] {
            return None;
        }
        let before = self.rest;
        let inputs = self.list(INPUT_MIN, Self::input)?;
        let outputs = self.list(OUTPUT_MIN, Self::output)?;
        let stripped = &before[..before.len() - self.rest.len()];
        let mut witnesses = Vec::new();
        if extended {
            for _ in &inputs {
                witnesses.push(self.list(WITNESS_ITEM_MIN, Self::bytes)?);
            }
        }
        let has_witness = witnesses.iter().any(|items| !items.is_empty());
        if extended != has_witness {
            return None;
        }
        let lock_time = self.take(4)?;
        let whole = &start[..start.len() - self.rest.len()];
        let mut id = Sha256::new();
        id.update(version);
        id.update(stripped);
        id.update(lock_time);
        Some(Transaction {
            id: Hash256::from_le_bytes(Sha256::digest(id.finalize()).into()),
            witness_id: sha256d(whole),
            inputs,
            outputs,
            first_witness: witnesses.into_iter().next().unwrap_or_default(),
            has_witness,
            weight: (3 * (8 + stripped.len()) + whole.len()) as u64,
        })
    }

    fn list<T>(&mut self, each: usize, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count(each)?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(item(self)?);
        }
        Some(list)
    }

    fn input(&mut self) -> Option<Input<'a>> {
        let input = Input {
            previous_id: self.hash()?,
            previous_index: self.u32()?,
            script: self.bytes()?,
        };
        self.take(4)?;
        Some(input)
    }

    fn output(&mut self) -> Option<Output<'a>> {
        Some(Output {
            amount: self.array().map(u64::from_le_bytes)?,
            script: self.bytes()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use proptest::prelude::*;

    use super::*;

    /// Bitcoin's block 1.
    const BLOCK_1: &str = "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000\
        982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299\
        0101000000010000000000000000000000000000000000000000000000000000000000000000ffffffff07\
        04ffff001d0104ffffffff0100f2052a0100000043410496b538e853519c726a2c91e61ec11600ae1390813a62\
        7c66fb8be7947be63c52da7589379515d4e0a604f8141781e62294721166bf621e73a82cbf2342c858eeac00000000";

    #[test]
    fn block_1_of_bitcoin() {
        let bytes = const_hex::decode(BLOCK_1).expect("hex");
        let block = block(&bytes).expect("decodes");
        let id = "0e3e2357e806b6cdb1f70b54c3a3a17b6714ee1f0e68bebb44a74b1efd512098";
        assert_eq!(
            block.header.hash.to_string(),
            "00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048"
        );
        assert_eq!(block.header.merkle_root.to_string(), id);
        assert_eq!(block.transactions[0].id.to_string(), id);
        assert_eq!(
            (block.header.version, block.header.time_s, block.header.bits),
            (1, 1_231_469_665, 0x1d00_ffff)
        );
        assert_eq!(block.transactions[0].outputs[0].amount, 5_000_000_000);
        assert!(block.transactions[0].inputs[0].is_null());
        assert_eq!(block.weight, 4 * 215);
    }

    #[test]
    fn what_is_no_block() {
        let bytes = const_hex::decode(BLOCK_1).expect("hex");
        for len in 0..bytes.len() {
            assert!(block(&bytes[..len]).is_none(), "cut at {len}");
        }
        assert!(block(&[&bytes[..], &[0]].concat()).is_none(), "a byte too many");
        let longer_count = [&bytes[..80], &[0xfd, 1, 0], &bytes[81..]].concat();
        assert!(
            block(&longer_count).is_none(),
            "a compact size that could be shorter"
        );
        let many = [&bytes[..80], &[0xff; 9], &bytes[81..]].concat();
        assert!(block(&many).is_none(), "more transactions than bytes");
    }

    #[test]
    fn extended_form_without_witness_is_no_transaction() {
        let plain = bitcoin::consensus::serialize(&theirs(1, 1, &[], &[]));
        assert!(transaction(&plain).is_some());
        let (outside, lock_time) = plain.split_at(plain.len() - 4);
        let extended = [&outside[..4], &[0, 1], &outside[4..], &[0], lock_time].concat();
        assert!(transaction(&extended).is_none());
        assert!(bitcoin::consensus::deserialize::<bitcoin::Transaction>(&extended).is_err());
    }

    /// A transaction of the `bitcoin` crate with the given shape.
    fn theirs(inputs: usize, outputs: usize, witness: &[Vec<u8>], script: &[u8]) -> bitcoin::Transaction {
        use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, TxIn, TxOut, Txid, Witness};
        bitcoin::Transaction {
            version: bitcoin::transaction::Version::TWO,
            lock_time: bitcoin::absolute::LockTime::from_consensus(77),
            input: (0..inputs)
                .map(|i| TxIn {
                    previous_output: OutPoint::new(Txid::from_byte_array([i as u8; 32]), i as u32),
                    script_sig: ScriptBuf::from_bytes(script.to_vec()),
                    sequence: Sequence::MAX,
                    witness: if i == 0 {
                        Witness::from_slice(witness)
                    } else {
                        Witness::new()
                    },
                })
                .collect(),
            output: (0..outputs)
                .map(|i| TxOut {
                    value: Amount::from_sat(i as u64),
                    script_pubkey: ScriptBuf::from_bytes(script.to_vec()),
                })
                .collect(),
        }
    }

    proptest! {
        #[test]
        fn transactions_decode_as_the_bitcoin_crate_decodes_them(
            inputs in 1_usize..5,
            outputs in 0_usize..5,
            witness in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..4),
            script in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let theirs = theirs(inputs, outputs, &witness, &script);
            let bytes = bitcoin::consensus::serialize(&theirs);
            let ours = transaction(&bytes).expect("decodes");
            prop_assert_eq!(ours.id.to_le_bytes(), theirs.compute_txid().to_byte_array());
            prop_assert_eq!(ours.witness_id.to_le_bytes(), theirs.compute_wtxid().to_byte_array());
            prop_assert_eq!(ours.weight, theirs.weight().to_wu());
            prop_assert_eq!(ours.has_witness, !witness.is_empty());
            prop_assert_eq!(ours.first_witness, witness);
            prop_assert_eq!((ours.inputs.len(), ours.outputs.len()), (inputs, outputs));
            prop_assert!(ours.inputs.iter().all(|input| input.script == script));
        }

        #[test]
        fn outside_bytes_never_panic(bytes: Vec<u8>) {
            let _ = block(&bytes);
            let _ = transaction(&bytes);
        }

        #[test]
        fn changed_blocks_never_panic(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
            let mut bytes = const_hex::decode(BLOCK_1).expect("hex");
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = block(&bytes);
            let _ = block(&bytes[..cut.index(bytes.len())]);
        }

        /// What the decoder takes, the `bitcoin` crate takes too, and reads the same from it.
        #[test]
        fn what_decodes_is_a_transaction(at: prop::sample::Index, byte: u8) {
            let mut bytes = bitcoin::consensus::serialize(&theirs(2, 2, &[vec![1; 30]], &[5; 10]));
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Some(ours) = transaction(&bytes) {
                let theirs: bitcoin::Transaction = bitcoin::consensus::deserialize(&bytes).expect("decodes");
                prop_assert_eq!(ours.id.to_le_bytes(), theirs.compute_txid().to_byte_array());
            }
        }
    }
}
