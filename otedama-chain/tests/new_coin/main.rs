//! `docs/adding-a-coin.md` keeps its promise: the file that it shows is all that a new coin of a known family needs.

#[expect(unreachable_pub, reason = "the file is shown as it would stand in the crate")]
mod bch;

use std::sync::Arc;

use bch::MAINNET;
use otedama_chain::{PayoutOutput, PayoutPlan, Submission, family};
use otedama_hash::PowHash;
use serde_json::json;

const ADDRESS: &str = "1BoatSLRHtKNngkdXEeobR76b53LETtpyT";
const REWARD: u64 = 312_500_000;

#[test]
fn the_documentation_shows_this_file() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/adding-a-coin.md");
    let docs = std::fs::read_to_string(docs).expect("the documentation");
    // In the crate itself the same types have a shorter path.
    let shown = include_str!("bch.rs").replace("otedama_chain::", "crate::");
    assert!(docs.contains(&shown), "docs/adding-a-coin.md shows another file");
}

#[test]
fn it_is_mined_like_any_other() {
    let family = family(&MAINNET);
    let json = json!({
        "version": 0x2000_0000, "previousblockhash": "00".repeat(31) + "aa", "transactions": [],
        "coinbaseaux": {}, "coinbasevalue": REWARD, "target": "00".repeat(4) + "ffff" + &"00".repeat(26),
        "mintime": 1_700_000_000, "curtime": 1_700_000_100, "bits": "1d00ffff", "height": 900_000,
        "sizelimit": 32_000_000, "sigoplimit": 226_950
    });
    let template = family
        .parse_template(&MAINNET, json.to_string().as_bytes())
        .expect("a template");
    let script = family.payout_script(&MAINNET, ADDRESS).expect("an address");
    let outputs = vec![PayoutOutput {
        script,
        amount: REWARD,
    }];
    let job = family
        .build_job(
            &MAINNET,
            Arc::new(template),
            Arc::new(PayoutPlan { id: 1, outputs }),
            b"\x01\0\0\0/tag/",
        )
        .expect("a job");
    let submission = Submission {
        extranonce: &[7; 12],
        ntime: job.time_s(),
        nonce: 42,
        version: job.version(),
    };
    let block = family
        .assemble(&job, &submission, &PowHash::default())
        .expect("a block");
    let block: bitcoin::Block = bitcoin::consensus::deserialize(&block.bytes).expect("decodes");
    assert!(block.check_merkle_root());
    assert_eq!(block.bip34_block_height(), Ok(900_000));
    assert_eq!(block.txdata[0].output[0].value.to_sat(), REWARD);
    assert!(
        block.txdata[0].input[0].witness.is_empty(),
        "no segwit, no witness"
    );
    let address: bitcoin::Address<_> = ADDRESS.parse().expect("the same address in Bitcoin");
    assert_eq!(
        block.txdata[0].output[0].script_pubkey,
        address.assume_checked().script_pubkey()
    );
}
