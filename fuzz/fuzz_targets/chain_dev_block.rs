//! The development chain's reader of blocks: bytes as they are, or a valid block with edits.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use otedama_chain::dev::{DevChain, DevConfig};
use otedama_chain::{EXTRANONCE_LEN, PayoutOutput, PayoutPlan, Submission, family};
use otedama_hash::sha256d::sha256d;

const NOW_S: u64 = 1_800_000_000;

fn chain() -> DevChain {
    DevChain::new(DevConfig {
        initial_bits: 0x207f_ffff,
        ..DevConfig::default()
    })
    .expect("a usable configuration")
}

/// A block that a fresh chain takes.
static VALID: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let spec = DevConfig::default().spec;
    let family = family(spec);
    let json = chain().template_json(NOW_S);
    let template = Arc::new(
        family
            .parse_template(spec, json.as_bytes())
            .expect("its own template"),
    );
    let output = PayoutOutput {
        script: vec![0x51],
        amount: template.reward,
    };
    let plan = Arc::new(PayoutPlan {
        id: 0,
        outputs: vec![output],
    });
    let job = family
        .build_job(spec, template, plan, b"fuzz")
        .expect("a plan that pays the reward");
    let submission = |nonce| Submission {
        extranonce: &[7; EXTRANONCE_LEN],
        ntime: job.time_s(),
        nonce,
        version: job.version(),
    };
    let meets = |nonce: &u64| {
        let header = family
            .pow_input(&job, &submission(*nonce))
            .expect("the job's own fields fit");
        job.template().network_target.is_met_by(&sha256d(&header))
    };
    let nonce = (0..).find(meets).expect("every second hash does");
    let block = family
        .assemble(&job, &submission(nonce), &otedama_hash::PowHash::default())
        .expect("the job's own fields fit");
    chain().submit(&block.bytes, NOW_S).expect("a valid block");
    block.bytes
});

/// Edits of four bytes each: what to do, where (two bytes), and with which byte.
fn edited(edits: &[u8]) -> Vec<u8> {
    let mut block = VALID.clone();
    for edit in edits.chunks_exact(4) {
        let at = usize::from(u16::from_le_bytes([edit[1], edit[2]])) % (block.len() + 1);
        match edit[0] % 4 {
            0 if at < block.len() => block[at] = edit[3],
            1 => block.insert(at, edit[3]),
            2 => drop(block.drain(at..(at + usize::from(edit[3])).min(block.len()))),
            _ => block.truncate(at),
        }
    }
    block
}

fuzz_target!(|data: &[u8]| {
    let Some((how, rest)) = data.split_first() else {
        return;
    };
    let block = if how % 2 == 0 { rest.to_vec() } else { edited(rest) };
    let mut chain = chain();
    match chain.submit(&block, NOW_S) {
        Ok(accepted) => assert_eq!((accepted.hash, accepted.height), chain.tip()),
        Err(_) => assert_eq!(chain.tip().1, 0),
    }
});
