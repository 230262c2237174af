//! Ravencoin's way of mining on a header that the node builds, for whoever lets the node's wallet have the reward: a
//! template of a node that was started with `-miningaddress` names the header's hash, and `pprpcsb` takes its proof.
//!
//! Blocks with a coinbase of one's own need none of this: they go out whole by
//! [`submit_block`](super::submit_block).

use otedama_hash::Hash256;
use serde::Deserialize;

use super::reply;
use crate::node::rpc;
use crate::node::{ReplyError, SubmitOutcome};
use crate::{TemplateError, TemplateField};

/// The work in a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PprpcWork {
    /// Hash of the header without its proof; KawPow hashes it in the order in which it is displayed.
    pub header_hash: Hash256,
    /// Number of its epoch.
    pub epoch: u32,
}

/// Reads the work in the `result` of a reply to `getblocktemplate`. `None` where the node builds no header: it was
/// started without `-miningaddress`, or `KawPow` is not active yet.
///
/// # Errors
/// When the template is no JSON, or its header isn't what it should be.
pub fn pprpc_work(template: &[u8]) -> Result<Option<PprpcWork>, TemplateError> {
    #[derive(Deserialize)]
    struct Raw<'a> {
        pprpcheader: Option<&'a str>,
        pprpcepoch: Option<u32>,
    }
    let raw: Raw<'_> =
        serde_json::from_slice(template).map_err(|error| TemplateError::Json(error.to_string()))?;
    match (raw.pprpcheader, raw.pprpcepoch) {
        (None, None) => Ok(None),
        (Some(hex), Some(epoch)) => match Hash256::from_display_hex(hex) {
            Ok(header_hash) => Ok(Some(PprpcWork { header_hash, epoch })),
            Err(_) => Err(TemplateError::Hex(TemplateField::Top("pprpcheader"))),
        },
        _ => Err(TemplateError::Json(
            "one of pprpcheader and pprpcepoch is missing".into(),
        )),
    }
}

/// `pprpcsb`: a nonce for the header with this hash, and its mix in the order of its bytes.
pub fn submit_pprpc(header_hash: &Hash256, mix: &[u8; 32], nonce: u64) -> String {
    let params = [
        header_hash.to_string(),
        const_hex::encode(mix),
        format!("{nonce:016x}"),
    ];
    rpc::call("1.0", "pprpcsb", params)
}

/// Reads the reply to `pprpcsb`: `true`, or a word as `submitblock` has it.
///
/// # Errors
/// When the node reports an error or the reply is malformed: then nothing is known about the block.
pub fn pprpc_outcome(status: u16, body: &[u8]) -> Result<SubmitOutcome, ReplyError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Answer {
        Taken(bool),
        Word(String),
    }
    Ok(match reply::result::<Answer>(status, body)? {
        Answer::Taken(true) => SubmitOutcome::Accepted,
        Answer::Taken(false) => SubmitOutcome::Rejected("rejected".into()),
        Answer::Word(word) => super::submit::from_word(&word),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_of_a_real_template() {
        let json = include_bytes!("../../../tests/data/raven-4.6.1-gbt-regtest-kawpow.json");
        let work = pprpc_work(json).expect("a template").expect("work");
        assert_eq!(work.epoch, 0);
        assert_eq!(
            work.header_hash.to_string(),
            "80ecb0010248dd1756dc8b1dbd20cfc27b28d8d67b8ef13859f9692b9438e0b4"
        );
        assert_eq!(pprpc_work(b"{\"height\":1}"), Ok(None));
        for (template, says) in [
            (
                r#"{"pprpcheader":"80ec","pprpcepoch":0}"#,
                "pprpcheader is not the hex",
            ),
            (r#"{"pprpcepoch":0}"#, "one of pprpcheader and pprpcepoch"),
            (r#"{"pprpcheader":7,"pprpcepoch":0}"#, "not a block template"),
            ("", "not a block template"),
        ] {
            let error = pprpc_work(template.as_bytes()).expect_err("an error").to_string();
            assert!(error.contains(says), "{error}");
        }
        let call = submit_pprpc(&work.header_hash, &[0xab; 32], 0x12);
        let params = format!(
            r#""params":["{}","{}","0000000000000012"]}}"#,
            work.header_hash,
            "ab".repeat(32)
        );
        assert!(
            call.contains(r#""method":"pprpcsb""#) && call.ends_with(&params),
            "{call}"
        );
    }

    #[test]
    fn answers() {
        let outcome = |result: &str| {
            let body = format!(r#"{{"result":{result},"error":null,"id":"otedama"}}"#);
            pprpc_outcome(200, body.as_bytes())
        };
        assert_eq!(outcome("true"), Ok(SubmitOutcome::Accepted));
        assert_eq!(outcome("\"duplicate\""), Ok(SubmitOutcome::Duplicate));
        assert_eq!(
            outcome("\"high-hash\""),
            Ok(SubmitOutcome::Rejected("high-hash".into()))
        );
        assert!(outcome("false").is_ok_and(|outcome| !outcome.is_kept()));
        assert!(outcome("7").is_err() && outcome("null").is_err());
    }

    proptest::proptest! {
        #[test]
        fn outside_bytes_never_panic(status: u16, body: Vec<u8>) {
            let _ = pprpc_work(&body);
            let _ = pprpc_outcome(status, &body);
        }
    }
}
