//! The languages of Ethash's pools, with the lines of their specifications.

mod proxy;
mod v1;
mod v2;

use otedama_stratum::client::{
    BlobWork, ClientConfig, ClientInput, ClientJob, ClientOutput, Language, Proof, Solution,
};
use otedama_stratum::v1::dialect::ethereum::Protocol;

use crate::script::Script;

fn config(protocol: Protocol) -> ClientConfig {
    ClientConfig {
        language: Language::Ethereum(protocol),
        user: "test".to_owned(),
        password: "password".to_owned(),
        host: "somemininigpool.com".to_owned(),
        port: 0x4d2,
        agent: "ethminer-0.17".to_owned(),
        algorithms: vec!["ethash".to_owned(), "etchash".to_owned()],
        ..ClientConfig::default()
    }
}

fn submit(script: &mut Script, job_id: &str, tag: u64, nonce: u64) {
    script.input(ClientInput::Submit(Solution {
        job_id: job_id.into(),
        tag,
        proof: Proof::Nonce {
            nonce,
            hash: [9; 32],
            mix: Some([0x3d; 32]),
        },
    }));
}

fn rejected(tag: u64, code: i32, message: &str) -> ClientOutput {
    ClientOutput::Rejected {
        tag,
        code,
        message: message.to_owned(),
    }
}

/// The job behind a change of difficulty.
fn job(script: &mut Script) -> ClientJob {
    let outputs = script.outputs();
    match outputs.last() {
        Some(ClientOutput::Job(job)) => ClientJob::clone(job),
        _ => panic!("no job: {outputs:?}"),
    }
}

fn blob(job: &ClientJob) -> &BlobWork {
    job.work.blob().expect("a blob")
}

fn hash(byte: u8) -> String {
    const_hex::encode([byte; 32])
}
