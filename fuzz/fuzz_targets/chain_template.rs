//! A node's template, of every chain: what parses makes a job that pays it all, a header and a block.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use otedama_chain::spec::Dialect;
use otedama_chain::{EXTRANONCE_LEN, PayoutOutput, PayoutPlan, Submission, TipHeader, coins, family};
use otedama_hash::{Hash256, PowHash, sha256d::sha256d};

// The first byte chooses the chain, the rest is the template.
fuzz_target!(|data: &[u8]| {
    let Some((chain, json)) = data.split_first() else {
        return;
    };
    let spec = coins::all()[usize::from(*chain) % coins::all().len()];
    let family = family(spec);
    let Ok(template) = family.parse_template(spec, json) else {
        return;
    };
    let tip = TipHeader {
        hash: Hash256::ZERO,
        height: template.height,
        bits: None,
        median_time_s: template.min_time_s,
    };
    let _ = family.preview(spec, &template, &tip);
    let output = PayoutOutput {
        script: vec![0x51],
        amount: template.reward,
    };
    let plan = Arc::new(PayoutPlan {
        id: 0,
        outputs: vec![output],
    });
    let Ok(job) = family.build_job(spec, Arc::new(template), plan, b"fuzz") else {
        return;
    };
    let submission = Submission {
        extranonce: &[7; EXTRANONCE_LEN],
        ntime: job.time_s(),
        nonce: 1,
        version: job.version(),
    };
    let header = family
        .pow_input(&job, &submission)
        .expect("the job's own fields fit");
    let block = family
        .assemble(&job, &submission, &PowHash::default())
        .expect("the job's own fields fit");
    if spec.dialect == Dialect::Bitcoin {
        assert_eq!(header.len(), 80);
        assert_eq!(block.bytes[..80], header[..]);
        assert_eq!(block.hash, sha256d(&header));
    }
});
