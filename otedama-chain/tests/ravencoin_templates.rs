//! Templates of a Ravencoin node in regression test mode.

mod fixture;

use std::sync::Arc;

use otedama_chain::{ChainSpec, SubmitError, Template, TemplateError, coins, family};
use otedama_hash::{Hash256, PowHash, kawpow};

const SPEC: &ChainSpec = &coins::rvn::REGTEST;
/// Of a node with `-mocktime`, as `KawPow` begins in 2083 there.
const TEMPLATE: &str = include_str!("data/raven-4.6.1-gbt-regtest-kawpow.json");
/// When `KawPow` begins.
const SINCE_S: u32 = 3_582_830_167;

fn with(key: &str, value: u64) -> Result<Template, TemplateError> {
    let json = fixture::changed(TEMPLATE, |gbt| gbt[key] = value.into());
    family(SPEC).parse_template(SPEC, json.as_bytes())
}

#[test]
fn blocks_from_before_kawpow_are_refused() {
    let changed = |curtime: u32, mintime: u32| {
        let json = fixture::changed(TEMPLATE, |gbt| {
            gbt["curtime"] = curtime.into();
            gbt["mintime"] = mintime.into();
        });
        family(SPEC).parse_template(SPEC, json.as_bytes())
    };
    assert!(changed(SINCE_S, 1).is_ok());
    // The later one of the two counts, as it does for the node.
    assert!(changed(1, SINCE_S).is_ok());
    let error = changed(1_795_336_872, SINCE_S - 1).expect_err("refused");
    assert_eq!(
        error,
        TemplateError::BeforeKawPow {
            time_s: SINCE_S - 1,
            since_s: SINCE_S
        }
    );
    assert!(error.to_string().contains("-mocktime=3582830167"), "{error}");
}

#[test]
fn heights_of_no_epoch_are_refused() {
    let last = 4096 * 7500 - 1;
    let template = with("height", last).expect("a template");
    assert_eq!(template.epoch.seed, kawpow::seed_hash(last));
    for value in [last + 1, u64::from(u32::MAX >> 1), u64::MAX] {
        let refused = TemplateError::Range {
            field: "height",
            value,
        };
        assert_eq!(with("height", value).map(|_| ()), Err(refused));
    }
}

#[test]
fn a_proof_without_its_mix_makes_no_block() {
    let template = Arc::new(with("height", 3).expect("a template"));
    let job = fixture::job(SPEC, &template, b"/otedama/");
    let submission = fixture::submission(&job, &[0; 12]);
    let assemble = |mix| {
        let hash = Hash256::ZERO;
        family(SPEC).assemble(&job, &submission, &PowHash { hash, mix })
    };
    assert_eq!(assemble(None), Err(SubmitError::NoMix));
    let block = assemble(Some([0xab; 32])).expect("a block");
    assert_eq!(block.bytes[88..120], [0xab; 32]);
}
