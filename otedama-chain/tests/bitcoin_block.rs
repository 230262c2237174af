//! Blocks built on templates of real nodes, judged by the `bitcoin` crate.

mod fixture;

use std::sync::Arc;

use bitcoin::consensus::{deserialize, serialize};
use bitcoin::hashes::Hash;
use otedama_chain::{EXTRANONCE_LEN, PayoutOutput, PayoutPlan, Submission, coins, family};
use otedama_hash::sha256d::sha256d;
use serde_json::Value;

const EXTRANONCE: [u8; EXTRANONCE_LEN] = [0xe1, 0xe2, 0xe3, 0xe4, 1, 2, 3, 4, 5, 6, 7, 8];

fn check(json: &str) {
    let spec = &coins::btc::REGTEST;
    let family = family(spec);
    let template = fixture::parse(spec, json);
    let gbt: Value = serde_json::from_str(json).expect("JSON");

    let others = vec![
        PayoutOutput {
            script: [&[0x76, 0xa9, 20][..], &[1; 20], &[0x88, 0xac]].concat(),
            amount: 1_234,
        },
        PayoutOutput {
            script: vec![0x51],
            amount: 0,
        },
        PayoutOutput {
            script: [&[0x51, 32][..], &[2; 32]].concat(),
            amount: 777,
        },
    ];
    let plan = fixture::plan(template.reward, others);
    let job = family
        .build_job(spec, template.clone(), plan.clone(), b"/otedama/")
        .expect("a job");
    let submission = Submission {
        extranonce: &EXTRANONCE,
        ntime: template.time_s + 5,
        nonce: 0xdead_beef,
        version: 0x2000_e000,
    };
    let header = family.pow_input(&job, &submission).expect("a header");
    let block = family
        .assemble(&job, &submission, &otedama_hash::PowHash::default())
        .expect("a block");

    let theirs: bitcoin::Block = deserialize(&block.bytes).expect("decodes");
    assert_eq!(serialize(&theirs), block.bytes);
    assert_eq!(serialize(&theirs.header), header.to_vec());
    assert!(theirs.check_merkle_root());
    assert!(theirs.check_witness_commitment());
    assert_eq!(
        theirs.bip34_block_height(),
        Ok(gbt["height"].as_u64().expect("number"))
    );
    assert_eq!(theirs.block_hash().to_string(), block.hash.to_string());
    assert_eq!(theirs.header.prev_blockhash.to_string(), gbt["previousblockhash"]);
    assert_eq!(format!("{:08x}", theirs.header.bits.to_consensus()), gbt["bits"]);
    assert_eq!(theirs.header.version.to_consensus(), 0x2000_e000);
    assert_eq!(
        (theirs.header.time, theirs.header.nonce),
        (template.time_s + 5, 0xdead_beef)
    );

    let coinbase = &theirs.txdata[0];
    assert!(coinbase.is_coinbase());
    assert_eq!(coinbase.lock_time.to_consensus_u32(), 0);
    assert_eq!(coinbase.input[0].sequence.to_consensus_u32(), u32::MAX);
    let whole = {
        let parts = job.header_parts().expect("a coinbase");
        [parts.coinbase1, &EXTRANONCE, parts.coinbase2].concat()
    };
    assert_eq!(whole.len(), job.coinbase_len());
    assert_eq!(
        sha256d(&whole).to_le_bytes(),
        coinbase.compute_txid().to_byte_array()
    );
    let outputs: Vec<_> = coinbase
        .output
        .iter()
        .map(|o| (o.script_pubkey.to_bytes(), o.value.to_sat()))
        .collect();
    let commitment =
        const_hex::decode(gbt["default_witness_commitment"].as_str().expect("hex")).expect("hex");
    let mut expected: Vec<_> = plan
        .outputs
        .iter()
        .filter(|o| o.amount > 0)
        .map(|o| (o.script.clone(), o.amount))
        .collect();
    expected.push((commitment, 0));
    assert_eq!(outputs, expected);
    assert_eq!(
        outputs.iter().map(|o| o.1).sum::<u64>(),
        gbt["coinbasevalue"].as_u64().expect("number")
    );

    let listed = gbt["transactions"].as_array().expect("array");
    assert_eq!(theirs.txdata.len(), 1 + listed.len());
    for (transaction, entry) in theirs.txdata[1..].iter().zip(listed) {
        assert_eq!(transaction.compute_txid().to_string(), entry["txid"]);
        assert_eq!(transaction.compute_wtxid().to_string(), entry["hash"]);
    }
    let fees: u64 = listed
        .iter()
        .map(|entry| entry["fee"].as_u64().expect("number"))
        .sum();
    assert_eq!(template.fees, fees);
}

#[test]
fn bitcoin_core_template() {
    check(fixture::CORE);
}

#[test]
fn bitcoin_knots_template() {
    check(fixture::KNOTS);
}

#[test]
fn bcoin_template_with_coinbaseaux() {
    let json = fixture::bcoin();
    check(&json);
    let job = fixture::job(
        &coins::btc::REGTEST,
        &fixture::parse(&coins::btc::REGTEST, &json),
        b"tag",
    );
    let script = &job.header_parts().expect("a coinbase").coinbase1[42..];
    // Height 434, the node's data, the tag, and the push of 12 bytes.
    let expected = [&[2, 0xb2, 1, 14][..], b"mined by bcoin", &[3], b"tag", &[12]].concat();
    assert_eq!(script, expected);
}

#[test]
fn any_tag_fits_the_coinbase_script() {
    let spec = &coins::btc::REGTEST;
    for json in [fixture::CORE, &fixture::bcoin()] {
        let template = fixture::parse(spec, json);
        for len in 0..300 {
            let job = fixture::job(spec, &template, &vec![b'x'; len]);
            let block = family(spec)
                .assemble(
                    &job,
                    &fixture::submission(&job, &EXTRANONCE),
                    &otedama_hash::PowHash::default(),
                )
                .expect("a block");
            let theirs: bitcoin::Block = deserialize(&block.bytes).expect("decodes");
            let script = &theirs.txdata[0].input[0].script_sig;
            assert!(
                (2..=100).contains(&script.len()),
                "tag of {len}: {}",
                script.len()
            );
            assert!(script.instructions().all(|i| i.is_ok()), "tag of {len}");
            assert!(script.as_bytes().ends_with(&EXTRANONCE));
        }
    }
}

#[test]
fn lowest_heights_are_opcodes() {
    let spec = &coins::btc::REGTEST;
    for height in [1_u64, 15, 16, 17, 127, 128] {
        let json = fixture::changed(fixture::KNOTS, |gbt| gbt["height"] = height.into());
        let job = fixture::job(spec, &fixture::parse(spec, &json), b"");
        let expected = bitcoin::script::Builder::new()
            .push_int(height.cast_signed())
            .into_script();
        assert!(
            job.header_parts().expect("a coinbase").coinbase1[42..].starts_with(expected.as_bytes()),
            "height {height}"
        );
    }
}

#[test]
fn plans_that_do_not_pay_the_reward_are_refused() {
    let spec = &coins::btc::REGTEST;
    let template = fixture::parse(spec, fixture::CORE);
    let build = |amounts: &[u64]| {
        let outputs = amounts
            .iter()
            .map(|&amount| PayoutOutput {
                script: vec![0x51],
                amount,
            })
            .collect();
        family(spec).build_job(
            spec,
            template.clone(),
            Arc::new(PayoutPlan { id: 0, outputs }),
            b"",
        )
    };
    let reward = template.reward;
    assert!(build(&[reward - 1, 1, 0]).is_ok());
    for (amounts, message) in [
        (&[][..], "pays nobody"),
        (&[0, 0], "pays nobody"),
        (&[reward - 1], "where the block's reward is 5000013000"),
        (&[reward, 1], "where the block's reward is 5000013000"),
        (&[u64::MAX, reward + 1], "where the block's reward is 5000013000"),
    ] {
        let error = build(amounts).expect_err("refused").to_string();
        assert!(error.contains(message), "{amounts:?}: {error}");
    }
}

#[test]
fn plans_that_do_not_fit_the_block_are_refused() {
    let spec = &coins::btc::REGTEST;
    let family = family(spec);
    let p2pkh = [&[0x76, 0xa9, 20][..], &[1; 20], &[0x88, 0xac]].concat();
    let many = |script: &[u8], n: u64| {
        vec![
            PayoutOutput {
                script: script.to_vec(),
                amount: 1
            };
            n as usize
        ]
    };

    let with_limit = |limit: u64| {
        let json = fixture::changed(fixture::CORE, |gbt| gbt["weightlimit"] = limit.into());
        let template = fixture::parse(spec, &json);
        let plan = fixture::plan(template.reward, many(&p2pkh, 300));
        family.build_job(spec, template, plan, b"")
    };
    let job = with_limit(4_000_000).expect("fits");
    let block = family
        .assemble(
            &job,
            &fixture::submission(&job, &EXTRANONCE),
            &otedama_hash::PowHash::default(),
        )
        .expect("a block");
    let weight = deserialize::<bitcoin::Block>(&block.bytes)
        .expect("decodes")
        .weight()
        .to_wu();
    assert!(with_limit(weight).is_ok());
    let error = with_limit(weight - 1).expect_err("too heavy").to_string();
    assert!(error.contains("heavy"), "{error}");

    // 21 of the node's 80,000 signature operations are used, 40 more are allowed here.
    let tight = fixture::changed(fixture::CORE, |gbt| gbt["sigoplimit"] = 61.into());
    let template = fixture::parse(spec, &tight);
    let build = |n| {
        family
            .build_job(
                spec,
                template.clone(),
                fixture::plan(template.reward, many(&p2pkh, n)),
                b"",
            )
            .is_ok()
    };
    assert!(build(10));
    assert!(!build(11));
}

#[test]
fn submissions_that_fit_no_block_are_refused() {
    let spec = &coins::btc::REGTEST;
    let family = family(spec);
    let json = fixture::changed(fixture::CORE, |gbt| gbt["vbrequired"] = 0x2000_0000.into());
    let job = fixture::job(spec, &fixture::parse(spec, &json), b"");
    let good = fixture::submission(&job, &EXTRANONCE);
    assert!(family.pow_input(&job, &good).is_ok());
    for (bad, message) in [
        (
            Submission {
                extranonce: &EXTRANONCE[1..],
                ..good
            },
            "11 bytes",
        ),
        (
            Submission {
                nonce: 1 << 32,
                ..good
            },
            "does not fit",
        ),
        (
            Submission {
                ntime: job.template().min_time_s - 1,
                ..good
            },
            "before the earliest",
        ),
        (
            Submission {
                version: 0x0000_e004,
                ..good
            },
            "lacks bits",
        ),
    ] {
        for error in [
            family.pow_input(&job, &bad).expect_err("refused"),
            family
                .assemble(&job, &bad, &otedama_hash::PowHash::default())
                .expect_err("refused"),
        ] {
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}

#[test]
fn without_segwit_the_coinbase_has_no_witness() {
    let spec = &coins::btc::REGTEST;
    let json = fixture::changed(&fixture::bcoin(), |gbt| gbt["rules"] = serde_json::json!(["csv"]));
    let job = fixture::job(spec, &fixture::parse(spec, &json), b"");
    let block = family(spec)
        .assemble(
            &job,
            &fixture::submission(&job, &EXTRANONCE),
            &otedama_hash::PowHash::default(),
        )
        .expect("a block");
    let theirs: bitcoin::Block = deserialize(&block.bytes).expect("decodes");
    assert!(theirs.txdata[0].input[0].witness.is_empty());
    assert_eq!(theirs.txdata[0].output.len(), 1);
    assert!(theirs.check_merkle_root());
}

#[test]
fn first_blocks_have_the_ids_that_nodes_are_checked_for() {
    use bitcoin::constants::genesis_block;
    use bitcoin::params::Params;

    for (params, spec) in [
        (Params::BITCOIN, &coins::btc::MAINNET),
        (Params::TESTNET3, &coins::btc::TESTNET),
        (Params::TESTNET4, &coins::btc::TESTNET),
        (Params::REGTEST, &coins::btc::REGTEST),
    ] {
        let id = genesis_block(params).block_hash().to_string();
        assert!(spec.genesis_hashes.contains(&id.as_str()), "{id}");
    }
}
