//! The nodes on loopback refuse what real ones would refuse: their consent to a block means something.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of real processes in real time"
)]

mod loopback;
mod support;

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::Hash as _;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};
use loopback::bytes::{Item, hex, keccak, rlp};
use loopback::geth::{DIFFICULTY, Geth, Seal};
use loopback::raven_block::{
    RavenBlock, Rules, Waiting, clock_s, commitment_script, height_push, merkle_root, sha256d, target,
};
use loopback::{Light, bytes};
use otedama_hash::Algorithm;
use serde_json::{Value, json};
use support::rpc::Rpc;

#[test]
fn lists_and_divisions() {
    // Yellow Paper, appendix B: ["cat", "dog"], and numbers without their zeros.
    let list = rlp(&[Item::Bytes(b"cat"), Item::Bytes(b"dog")]);
    assert_eq!(list, b"\xc8\x83cat\x83dog");
    let list = rlp(&[Item::Number(0), Item::Number(15), Item::Number(1024)]);
    assert_eq!(list, b"\xc5\x80\x0f\x82\x04\x00");
    assert_eq!(
        hex(&keccak(&rlp(&[]))),
        "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
    );
    assert_eq!(bytes::target(2)[..2], [0x80, 0]);
    assert_eq!(bytes::target(3), [0x55; 32]);
}

#[test]
fn heights_and_compact_targets() {
    assert_eq!(height_push(12), [0x5c]);
    assert_eq!(height_push(17), [1, 17]);
    assert_eq!(height_push(128), [2, 0x80, 0]);
    assert_eq!(height_push(256), [2, 0, 1]);
    assert_eq!(target(0x207f_ffff)[..4], [0x7f, 0xff, 0xff, 0]);
    assert_eq!(target(0x1b00_c7e9)[4..9], [0, 0, 0xc7, 0xe9, 0]);
}

#[test]
fn seals_are_judged() {
    let (node, mut light) = (Geth::start(), Light::new(Algorithm::ETCHASH));
    let rpc = Rpc {
        address: node.address,
        user: String::new(),
        password: String::new(),
        path: String::new(),
    };
    let work = node.work();
    let header = work.seal_hash();
    let strings = rpc.call("eth_getWork", &json!([]));
    assert_eq!(strings[0], hex(&header));
    let mut first = |is_good: bool| {
        let is_met = |hash: [u8; 32]| hash <= bytes::target(DIFFICULTY);
        (0..u64::MAX)
            .map(|nonce| (nonce, light.hash(&header, nonce, 1)))
            .find(|(_, (hash, _))| is_met(*hash) == is_good)
            .map(|(nonce, (_, mix))| (nonce, mix))
            .unwrap()
    };
    let (bad, good) = (first(false), first(true));
    let submit = |(nonce, mix): (u64, [u8; 32]), header: [u8; 32]| {
        let params = [hex(&nonce.to_be_bytes()), hex(&header), hex(&mix)];
        rpc.call("eth_submitWork", &json!(params))
    };
    assert_eq!(submit(bad, header), false);
    assert_eq!(submit((good.0, bad.1), header), false);
    assert_eq!(submit(good, keccak(&header)), false);
    assert_eq!(node.height(), 0);
    assert_eq!(submit(good, header), true);
    let block = node.blocks()[0].clone();
    let verdicts = [
        Seal::HighHash,
        Seal::WrongMix,
        Seal::UnknownWork,
        Seal::Accepted(block.hash()),
    ];
    assert_eq!(node.seals(), verdicts);
    assert_ne!(node.work().seal_hash(), header);
    // Work is taken for seven blocks more, beside the chain.
    assert_eq!(submit(good, header), true);
    assert_eq!(node.height(), 1);
    let shown = rpc.call("eth_getBlockByNumber", &json!(["latest", false]));
    assert_eq!(shown["hash"], hex(&block.hash()));
    assert_eq!(
        rpc.call("eth_getBlockByNumber", &json!(["0x2", false])),
        Value::Null
    );
}

const HEIGHT: u32 = 12;
const SUBSIDY: u64 = 5000;

/// A block in the making.
#[derive(Clone)]
struct Draft {
    version: u32,
    prev: [u8; 32],
    time_s: u32,
    bits: u32,
    height: u32,
    coinbase: Transaction,
    others: Vec<Transaction>,
    /// Instead of the root of these transactions.
    root: Option<[u8; 32]>,
}

fn rules() -> Rules {
    Rules {
        version: 0x2000_0000,
        prev: [9; 32],
        height: HEIGHT,
        bits: 0x207f_ffff,
        median_time_s: clock_s() as u32 - 100,
        subsidy: SUBSIDY,
    }
}

fn spending(txid: [u8; 32], witness: Witness) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(Txid::from_byte_array(txid), 0),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness,
        }],
        output: vec![TxOut {
            value: Amount::from_sat(3),
            script_pubkey: ScriptBuf::from_bytes(vec![0x51]),
        }],
    }
}

fn waiting() -> Vec<Waiting> {
    let witness = Witness::from_slice(&[[1; 40]]);
    vec![
        (spending([1; 32], Witness::new()), 7),
        (spending([2; 32], witness), 8),
    ]
}

fn output(value: u64, script: Vec<u8>) -> TxOut {
    TxOut {
        value: Amount::from_sat(value),
        script_pubkey: ScriptBuf::from_bytes(script),
    }
}

fn draft() -> Draft {
    let rules = rules();
    let others: Vec<_> = waiting()
        .into_iter()
        .map(|(transaction, _)| transaction)
        .collect();
    let mut coinbase = spending([0; 32], Witness::from_slice(&[[0; 32]]));
    coinbase.input[0].previous_output = OutPoint::null();
    coinbase.input[0].script_sig = ScriptBuf::from_bytes([height_push(HEIGHT), vec![0x51; 8]].concat());
    coinbase.output = vec![
        output(SUBSIDY + 15, vec![0x51]),
        output(0, commitment_script(others.iter())),
    ];
    Draft {
        version: rules.version,
        prev: rules.prev,
        time_s: rules.median_time_s + 50,
        bits: rules.bits,
        height: HEIGHT,
        coinbase,
        others,
        root: None,
    }
}

impl Draft {
    /// With the first nonce whose hash meets the target, or doesn't.
    fn seal(&self, is_good: bool, light: &mut Light) -> Vec<u8> {
        let transactions: Vec<_> = std::iter::once(&self.coinbase).chain(&self.others).collect();
        let ids = transactions.iter().map(|t| t.compute_txid().to_byte_array());
        let mut prev = self.prev;
        prev.reverse();
        let first = [
            &self.version.to_le_bytes()[..],
            &prev,
            &self.root.unwrap_or_else(|| merkle_root(ids.collect())),
            &self.time_s.to_le_bytes(),
            &self.bits.to_le_bytes(),
            &self.height.to_le_bytes(),
        ]
        .concat();
        let mut header = sha256d(&first);
        header.reverse();
        let (nonce, mut mix) = (0..u64::MAX)
            .map(|nonce| (nonce, light.hash(&header, nonce, self.height.into())))
            .find(|(_, (hash, _))| (*hash <= target(self.bits)) == is_good)
            .map(|(nonce, (_, mix))| (nonce, mix))
            .unwrap();
        mix.reverse();
        let body: Vec<u8> = transactions.into_iter().flat_map(serialize).collect();
        let count = [1 + self.others.len() as u8];
        [&first[..], &nonce.to_le_bytes(), &mix, &count, &body].concat()
    }
}

#[test]
fn blocks_are_judged() {
    let mut light = Light::new(Algorithm::KAWPOW);
    let (rules, waiting) = (rules(), waiting());
    let good = draft().seal(true, &mut light);
    let block = RavenBlock::decode(&good).unwrap();
    let id = block.check(&rules, &waiting, &mut light).unwrap();
    assert_eq!(id, light.hash(&block.header_hash(), block.nonce, HEIGHT.into()).0);
    assert!(RavenBlock::decode(&good[..good.len() - 1]).is_none());
    assert!(RavenBlock::decode(&[&good[..], &[0]].concat()).is_none());

    let mut judge = |bytes: &[u8]| {
        let block = RavenBlock::decode(bytes).unwrap();
        block.check(&rules, &waiting, &mut light).unwrap_err()
    };
    let mut other_mix = good.clone();
    other_mix[100] ^= 1;
    assert_eq!(judge(&other_mix), "invalid-mix-hash");
    let high = draft().seal(false, &mut Light::new(Algorithm::KAWPOW));
    assert_eq!(judge(&high), "high-hash");

    let mut light = Light::new(Algorithm::KAWPOW);
    let mut refused = |change: fn(&mut Draft)| {
        let mut draft = draft();
        change(&mut draft);
        judge(&draft.seal(true, &mut light))
    };
    assert_eq!(refused(|draft| draft.version = 4), "bad-version");
    assert_eq!(refused(|draft| draft.prev[31] = 1), "bad-prevblk");
    assert_eq!(refused(|draft| draft.height += 1), "bad-height");
    assert_eq!(refused(|draft| draft.bits = 0x207f_fffe), "bad-diffbits");
    assert_eq!(refused(|draft| draft.time_s -= 60), "time-too-old");
    assert_eq!(refused(|draft| draft.time_s += 8000), "time-too-new");
    assert_eq!(refused(|draft| draft.root = Some([3; 32])), "bad-txnmrklroot");
    assert_eq!(
        refused(|draft| draft.coinbase.input[0].previous_output.vout = 0),
        "bad-cb-missing"
    );
    assert_eq!(
        refused(|draft| draft.coinbase.input[0].script_sig = ScriptBuf::from_bytes(vec![0x5c])),
        "bad-cb-length"
    );
    // The height as a byte, where an opcode can name it.
    assert_eq!(
        refused(|draft| draft.coinbase.input[0].script_sig = ScriptBuf::from_bytes(vec![1, 12, 0x51])),
        "bad-cb-height"
    );
    assert_eq!(
        refused(|draft| draft.coinbase.output[0].value += Amount::from_sat(1)),
        "bad-cb-amount"
    );
    assert_eq!(
        refused(|draft| draft.others.truncate(1)),
        "bad-txns-inputs-missingorspent"
    );
    assert_eq!(
        refused(|draft| draft.others.swap(0, 1)),
        "bad-txns-inputs-missingorspent"
    );
    assert_eq!(
        refused(|draft| draft.coinbase.output.truncate(1)),
        "unexpected-witness"
    );
    assert_eq!(
        refused(|draft| draft.coinbase.output[1].script_pubkey = commitment_script([].iter()).into()),
        "bad-witness-merkle-match"
    );
    assert_eq!(
        refused(|draft| draft.coinbase.input[0].witness = Witness::new()),
        "bad-witness-nonce-size"
    );
    // Less than all is no fault.
    let mut modest = draft();
    modest.coinbase.output[0].value = Amount::from_sat(1);
    let mut light = Light::new(Algorithm::KAWPOW);
    let block = RavenBlock::decode(&modest.seal(true, &mut light)).unwrap();
    assert!(block.check(&rules, &waiting, &mut light).is_ok());
}
