//! Blocks of Ravencoin's networks that others mined, made once more from the templates that their nodes must have given.
//!
//! None of their coinbases has our form: our script ends in a push of the extranonce, theirs in the name of their pool or
//! in the height. So one test shows that ours is theirs but for the script, and another puts theirs in the place of ours,
//! which no public function does, and arrives at their block.
//!
//! `ravencoin_blocks.json` names the public source of each block. A `hash` of `null` means that the source doesn't tell
//! it: then header and mix decide alone. `data` of `null` means that only the transaction's id is known, which is enough
//! for the header. Of two blocks the source has neither coinbase nor the right mix; only one coinbase of the form that
//! their pool uses gives their merkle root, and only one mix the hash that the next block names. Some sources leave out
//! the coinbase's witness; from its commitment follows that it is 32 zero bytes.

use std::sync::Arc;

use ::bitcoin::consensus::{deserialize, serialize};
use ::bitcoin::hashes::Hash as _;
use ::bitcoin::transaction::Version;
use ::bitcoin::{Amount, ScriptBuf, Transaction, block};
use otedama_hash::sha256d::sha256d;
use otedama_hash::{Hash256, HashBackend, Hasher, PowHash, PowInput, Registry, Target};
use serde::Deserialize;
use serde_json::json;

use super::{COMMITMENT_PREFIX, Halves, merkle};
use crate::job::JobBody;
use crate::{ChainSpec, EXTRANONCE_LEN, Job, PayoutOutput, PayoutPlan, Submission, coins, family};

/// All of a header but nonce and mix.
const UNSEALED_LEN: usize = 80;
const HEADER_LEN: usize = 120;
/// Of a coinbase without witness: what comes before the script.
const SCRIPT_AT: usize = 42;
/// Stands for a transaction of which only the id is known: the fewest bytes that a template's reader takes.
const UNKNOWN: &str = "000000000000";

#[derive(Deserialize)]
struct Real {
    network: String,
    height: u64,
    hash: Option<String>,
    header: String,
    coinbase: String,
    transactions: Vec<Other>,
}

#[derive(Deserialize)]
struct Other {
    txid: String,
    data: Option<String>,
}

fn real_blocks() -> Vec<Real> {
    let json = include_str!("../../../tests/data/ravencoin_blocks.json");
    serde_json::from_str(json).expect("JSON")
}

fn bytes(hex: &str) -> Vec<u8> {
    const_hex::decode(hex).expect("hex")
}

impl Real {
    fn spec(&self) -> &'static ChainSpec {
        match self.network.as_str() {
            "main" => &coins::rvn::MAINNET,
            "test" => &coins::rvn::TESTNET,
            other => panic!("no network {other}"),
        }
    }

    /// Without nonce and mix; what `bitcoin` takes for the nonce is the height.
    fn header(&self) -> block::Header {
        deserialize(&bytes(&self.header)[..UNSEALED_LEN]).expect("a header")
    }

    fn nonce(&self) -> u64 {
        u64::from_le_bytes(bytes(&self.header)[80..88].try_into().expect("8 bytes"))
    }

    /// In the order in which it is shown.
    fn mix(&self) -> [u8; 32] {
        let mut mix: [u8; 32] = bytes(&self.header)[88..].try_into().expect("32 bytes");
        mix.reverse();
        mix
    }

    fn coinbase(&self) -> Transaction {
        deserialize(&bytes(&self.coinbase)).expect("a transaction")
    }

    /// All transactions but the coinbase.
    fn others(&self) -> Vec<u8> {
        self.transactions
            .iter()
            .flat_map(|other| bytes(other.data.as_deref().unwrap_or(UNKNOWN)))
            .collect()
    }

    /// The block with another header and coinbase.
    fn with(&self, header: &[u8], coinbase: &Transaction) -> Vec<u8> {
        let count = u8::try_from(1 + self.transactions.len()).expect("few transactions");
        [header, &[count], &serialize(coinbase), &self.others()].concat()
    }

    /// What the node that knew the block's transactions gave to those who mined it.
    fn block_template(&self) -> String {
        let header = self.header();
        let outputs = self.coinbase().output;
        let reward: Amount = outputs.iter().map(|output| output.value).sum();
        let commitment = outputs
            .iter()
            .find(|output| output.script_pubkey.as_bytes().starts_with(&COMMITMENT_PREFIX))
            .expect("a commitment");
        let transactions: Vec<_> = self
            .transactions
            .iter()
            .map(|other| json!({"txid": other.txid, "data": other.data.as_deref().unwrap_or(UNKNOWN)}))
            .collect();
        json!({
            "version": header.version.to_consensus(),
            "rules": [],
            "previousblockhash": header.prev_blockhash.to_string(),
            "transactions": transactions,
            "coinbasevalue": reward.to_sat(),
            "mintime": header.time,
            "curtime": header.time,
            "bits": format!("{:08x}", header.bits.to_consensus()),
            "height": self.height,
            "default_witness_commitment": commitment.script_pubkey.to_hex_string(),
        })
        .to_string()
    }

    /// Our job that pays whom the block pays.
    fn job(&self) -> Job {
        let spec = self.spec();
        let template = family(spec)
            .parse_template(spec, self.block_template().as_bytes())
            .expect("a usable template");
        let outputs = self
            .coinbase()
            .output
            .iter()
            .map(|output| PayoutOutput {
                script: output.script_pubkey.to_bytes(),
                amount: output.value.to_sat(),
            })
            .collect();
        let plan = PayoutPlan { id: 1, outputs };
        family(spec)
            .build_job(spec, Arc::new(template), Arc::new(plan), b"")
            .expect("a job")
    }

    /// Our job, but with the block's own coinbase. The twelve bytes before the sequence number are the extranonce.
    fn job_with_their_coinbase(&self) -> (Job, [u8; EXTRANONCE_LEN]) {
        let mut coinbase = self.coinbase();
        let script_end = SCRIPT_AT + coinbase.input[0].script_sig.len();
        coinbase.input[0].witness.clear();
        let whole = serialize(&coinbase);
        let (first, extranonce) = whole[..script_end].split_at(script_end - EXTRANONCE_LEN);
        let halves = Halves {
            first: first.to_vec(),
            second: whole[script_end..].to_vec(),
        };
        let job = Job {
            body: JobBody::Bitcoin(halves),
            ..self.job()
        };
        (job, extranonce.try_into().expect("12 bytes"))
    }

    fn submission<'a>(&self, extranonce: &'a [u8]) -> Submission<'a> {
        let header = self.header();
        Submission {
            extranonce,
            ntime: header.time,
            nonce: self.nonce(),
            version: header.version.to_consensus().cast_unsigned(),
        }
    }
}

/// Computes the proof of work anew: it has to have the block's mix and hash and to meet the block's target, and with
/// another nonce it must not.
pub(super) fn check_proof(
    backend: &dyn HashBackend,
    hasher: &mut dyn Hasher,
    input: PowInput<'_>,
    mix: [u8; 32],
    hash: Option<&str>,
    target: Target,
) -> PowHash {
    let nonce = input.nonce ^ 1;
    let mut out = [PowHash::default(); 2];
    hasher.hash_batch(&[input, PowInput { nonce, ..input }], &mut out);
    let [pow, other] = out;
    let at = input.height;
    assert_eq!(pow.mix, Some(mix), "mix of {at}");
    if let Some(hash) = hash {
        assert_eq!(pow.hash.to_string(), hash, "hash of {at}");
    }
    assert_eq!(backend.claimed(&input, &mix), Some(pow.hash), "{at}");
    assert!(target.is_met_by(&pow.hash), "{at}");
    assert_ne!(other.mix, Some(mix), "{at}");
    assert!(!target.is_met_by(&other.hash), "{at}");
    pow
}

#[test]
fn our_coinbase_is_theirs_but_for_the_script() {
    let extranonce = [7; EXTRANONCE_LEN];
    for real in real_blocks() {
        let at = real.height;
        let (header, theirs) = (bytes(&real.header), real.coinbase());
        let job = real.job();
        let template = job.template();
        assert_eq!(template.height, at);
        // Blocks of 5000 and of 2500 coins; where there are no transactions the subsidy is all, elsewhere nearly so.
        let rules = real.spec().bitcoin().expect("rules of the family");
        let fees = template.reward - rules.subsidy.at(at);
        let possible = if real.transactions.is_empty() {
            0..=0
        } else {
            1..=99_999_999
        };
        assert!(possible.contains(&fees), "fees of {at}: {fees}");
        assert_eq!(template.fees, fees, "{at}");

        let parts = job.header_parts().expect("a coinbase");
        let id = Hash256::from_le_bytes(theirs.compute_txid().to_byte_array());
        let root = merkle::root(id, parts.merkle_branch);
        assert_eq!(header[36..68], root.to_le_bytes(), "{at}");

        // One miner puts the commitment first, one writes version 2.
        let mut ours = theirs;
        ours.version = Version::ONE;
        ours.output.sort_by_key(|output| output.value == Amount::ZERO);
        let script = ours.input[0].script_sig.to_bytes();
        let height_push = &script[..=usize::from(script[0])];
        ours.input[0].script_sig =
            ScriptBuf::from([height_push, &[EXTRANONCE_LEN as u8], &extranonce].concat());
        let id = Hash256::from_le_bytes(ours.compute_txid().to_byte_array());
        let our_root = merkle::root(id, parts.merkle_branch).to_le_bytes();
        let our_header = [&header[..36], &our_root, &header[68..]].concat();

        let pow = PowHash {
            mix: Some(real.mix()),
            ..PowHash::default()
        };
        let block = family(real.spec())
            .assemble(&job, &real.submission(&extranonce), &pow)
            .expect("a block");
        assert!(block.bytes == real.with(&our_header, &ours), "{at}");
    }
}

#[test]
fn with_their_coinbase_it_is_their_block() {
    let blocks = real_blocks();
    assert_eq!(blocks.iter().filter(|real| real.network == "main").count(), 6);
    let registry = Registry::with_builtin();
    for real in blocks {
        let (at, spec) = (real.height, real.spec());
        let header = bytes(&real.header);
        assert_eq!(header.len(), HEADER_LEN);
        let (job, extranonce) = real.job_with_their_coinbase();
        let submission = real.submission(&extranonce);
        let blob = family(spec)
            .pow_input(&job, &submission)
            .expect("a header's hash");
        let shown = sha256d(&header[..UNSEALED_LEN]).to_string();
        assert_eq!(const_hex::encode(&blob), shown, "{at}");

        let backend = registry.get(spec.algorithm).expect("built in");
        let template = job.template();
        let key = backend.epoch(template.epoch).expect("an epoch");
        let mut hasher = backend.verifier(key).expect("enough memory");
        let input = PowInput {
            blob: &blob,
            nonce: submission.nonce,
            height: template.height,
        };
        let pow = check_proof(
            &**backend,
            &mut *hasher,
            input,
            real.mix(),
            real.hash.as_deref(),
            template.network_target,
        );

        let block = family(spec).assemble(&job, &submission, &pow).expect("a block");
        assert_eq!(block.hash, pow.hash, "{at}");
        assert!(block.bytes == real.with(&header, &real.coinbase()), "{at}");
    }
}
