//! Empty blocks ahead of the full template.

mod fixture;

use otedama_chain::{ChainSpec, Template, TipHeader, coins, family};
use otedama_hash::sha256d::sha256d;

fn tip(height: u64, bits: Option<u32>) -> TipHeader {
    TipHeader {
        hash: sha256d(b"tip"),
        height,
        bits,
        median_time_s: 1_800_000_000,
    }
}

/// A preview after Bitcoin Core's sample, which is for height 115.
fn preview(spec: &ChainSpec, tip: &TipHeader) -> Option<Template> {
    family(spec).preview(spec, &fixture::parse(&coins::btc::REGTEST, fixture::CORE), tip)
}

#[test]
fn a_preview_is_a_valid_empty_block() {
    let spec = &coins::btc::REGTEST;
    let template = std::sync::Arc::new(preview(spec, &tip(115, Some(0x1f00_ffff))).expect("possible"));
    assert!(template.is_preview);
    assert_eq!(
        (template.height, template.reward, template.fees),
        (116, 5_000_000_000, 0)
    );
    assert_eq!(
        (template.min_time_s, template.time_s),
        (1_800_000_001, 1_800_000_001)
    );
    assert_eq!(template.prev_hash, sha256d(b"tip"));
    assert_eq!(template.long_poll_id, None);
    let job = fixture::job(spec, &template, b"");
    assert_eq!(job.header_parts().expect("a header").bits, 0x1f00_ffff);
    let block = family(spec)
        .assemble(
            &job,
            &fixture::submission(&job, &[0; 12]),
            &otedama_hash::PowHash::default(),
        )
        .expect("a block");
    let theirs: bitcoin::Block = bitcoin::consensus::deserialize(&block.bytes).expect("decodes");
    assert_eq!(theirs.txdata.len(), 1);
    assert!(theirs.check_merkle_root());
    assert!(theirs.check_witness_commitment());
    assert_eq!(theirs.bip34_block_height(), Ok(116));
}

#[test]
fn subsidy_follows_the_height() {
    let reward = |height| preview(&coins::btc::REGTEST, &tip(height, Some(0x207f_ffff))).map(|t| t.reward);
    assert_eq!(reward(148), Some(5_000_000_000));
    assert_eq!(reward(149), Some(2_500_000_000));
}

#[test]
fn bits_of_the_last_template_serve_only_for_its_own_height() {
    let spec = &coins::btc::REGTEST;
    assert!(preview(spec, &tip(115, None)).is_some());
    assert!(preview(spec, &tip(114, None)).is_none());
    assert!(preview(spec, &tip(116, None)).is_none());
}

#[test]
fn no_preview_where_it_might_be_invalid() {
    let at = |spec, height| preview(spec, &tip(height, Some(0x1d00_ffff))).is_some();
    assert!(at(&coins::btc::MAINNET, 2014));
    assert!(!at(&coins::btc::MAINNET, 2015), "a retarget");
    assert!(at(&coins::btc::MAINNET, 2016));
    assert!(!at(&coins::btc::TESTNET, 2014), "late blocks are easier");
    assert!(!at(&coins::ltc::MAINNET, 2014), "no block without a HogEx");
    assert!(!at(&coins::dev::REGTEST, 2014), "a retarget at every block");
    assert!(!at(&coins::btc::MAINNET, u64::MAX));
    assert!(preview(&coins::btc::MAINNET, &tip(7, Some(0))).is_none());
    let late = TipHeader {
        median_time_s: u32::MAX,
        ..tip(7, Some(0x1d00_ffff))
    };
    assert!(preview(&coins::btc::MAINNET, &late).is_none());
}
