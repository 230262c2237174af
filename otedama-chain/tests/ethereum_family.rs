//! Real blocks of Ethereum Classic, from the template that a node would have handed out to the block that it would have
//! taken.

use std::sync::Arc;

use otedama_chain::coins::etc;
use otedama_chain::family::ethereum::{Seal, Solution};
use otedama_chain::{ChainSpec, Job, PayoutOutput, PayoutPlan, Submission, SubmitError, Template, family};
use otedama_hash::{Algorithm, Hash256, PowHash, PowInput, Registry};
use serde_json::{Value, json};

const SPEC: &ChainSpec = &etc::MAINNET;
const ADDRESS: &str = "0xdf7d7e053933b5cc24372f878c90e62dadad5d42";

fn blocks() -> Vec<Value> {
    let blocks: Vec<Value> = serde_json::from_str(include_str!("data/etc_blocks.json")).expect("JSON");
    // One has no published hash.
    blocks
        .into_iter()
        .filter(|block| block["hash"].is_string())
        .collect()
}

fn hash(value: &Value) -> Hash256 {
    Hash256::from_be_bytes(bytes(value))
}

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
    const_hex::decode_to_array(value.as_str().expect("a string")).expect("hex")
}

fn template(json: &Value) -> Template {
    let family = family(SPEC);
    family
        .parse_template(SPEC, json.to_string().as_bytes())
        .expect("a template")
}

/// A job on a template, all of which goes to one address.
fn job(template: Template) -> Job {
    let family = family(SPEC);
    let outputs = vec![PayoutOutput {
        script: family.payout_script(SPEC, ADDRESS).expect("an address"),
        amount: template.reward,
    }];
    let plan = Arc::new(PayoutPlan { id: 0, outputs });
    family
        .build_job(SPEC, Arc::new(template), plan, b"tag")
        .expect("a job")
}

#[test]
fn real_blocks_are_assembled_bit_for_bit() {
    let family = family(SPEC);
    let registry = Registry::with_builtin();
    let backend = registry.get(Algorithm::ETCHASH).expect("built in");
    let blocks = blocks();
    assert_eq!(
        blocks.len(),
        6,
        "from before the epochs were doubled (ECIP-1099), and from after"
    );
    for mined in blocks {
        let height = mined["number"].as_str().expect("a string");
        // What the node posted before anybody had found the seal.
        let mut posted = mined.clone();
        posted["nonce"] = json!(const_hex::encode_prefixed([0; 8]));
        posted["mixHash"] = json!(const_hex::encode_prefixed([0; 32]));
        posted["hash"] = Value::Null;
        let template_of_header = template(&posted);
        assert_eq!(template_of_header.prev_hash, hash(&mined["parentHash"]));
        assert_eq!(format!("{:#x}", template_of_header.height), height);

        let nonce = u64::from_be_bytes(bytes(&mined["nonce"]));
        let submission = Submission {
            extranonce: &[],
            ntime: 0,
            nonce,
            version: 0,
        };
        let job_of_header = job(template_of_header.clone());
        let blob = family.pow_input(&job_of_header, &submission).expect("a blob");
        let key = backend.epoch(template_of_header.epoch).expect("an epoch");
        let mut hasher = backend.verifier(key).expect("enough memory");
        let input = PowInput {
            blob: &blob,
            nonce,
            height: template_of_header.height,
        };
        let mut pow = [PowHash::default()];
        hasher.hash_batch(&[input], &mut pow);
        assert_eq!(pow[0].mix, Some(bytes(&mined["mixHash"])), "{height}");
        assert!(
            template_of_header.network_target.is_met_by(&pow[0].hash),
            "{height}"
        );
        let block = family
            .assemble(&job_of_header, &submission, &pow[0])
            .expect("a block");
        assert_eq!(block.hash, hash(&mined["hash"]), "{height}");
        let no_mix = PowHash { mix: None, ..pow[0] };
        assert_eq!(
            family.assemble(&job_of_header, &submission, &no_mix),
            Err(SubmitError::NoMix)
        );
        let solution = Solution {
            seal_hash: blob[..].try_into().expect("32 bytes"),
            seal: Seal {
                nonce,
                mix: bytes(&mined["mixHash"]),
            },
        };
        assert_eq!(block.bytes, solution.to_bytes());

        // The four strings tell no more than what is hashed, and so it names the block.
        let strings = json!([
            const_hex::encode_prefixed(&blob),
            const_hex::encode_prefixed(key.0),
            format!("0x{}", template_of_header.network_target),
            height,
        ]);
        let template_of_strings = template(&strings);
        assert!(template_of_strings.is_same_work(&template_of_header));
        assert_eq!(template_of_strings.reward, template_of_header.reward);
        let job_of_strings = job(template_of_strings);
        let same = family.pow_input(&job_of_strings, &submission).expect("a blob");
        assert_eq!(same, blob);
        let block = family
            .assemble(&job_of_strings, &submission, &pow[0])
            .expect("a block");
        assert_eq!(block.hash, Hash256::from_be_bytes(solution.seal_hash));
        assert_eq!(block.bytes, solution.to_bytes());
    }
}
