//! eth-proxy: a node's `eth_getWork` and `eth_submitWork` over a line, and jobs pushed as results.

use otedama_hash::EpochInput;
use serde_json::value::RawValue;

use super::{Said, Solution, Tip, Work, hex};
use crate::wire::{LineError, Raw, append, json_string, object, verdict};

/// Reads one line. A job is whatever has a list for its result: pools push with any id.
pub(crate) fn parse(line: &[u8]) -> Result<Said, LineError> {
    let raw: Raw<'_> = object(line)?;
    if raw.method.is_some() {
        return Ok(Said::Other);
    }
    match raw.result.map(RawValue::get) {
        Some(list) if raw.error.is_none() && list.starts_with('[') => {
            work(list).map(|work| Said::Work(Box::new(work)))
        }
        _ => Ok(raw.number().map_or(Said::Other, |id| Said::Reply {
            id,
            verdict: verdict(&raw),
        })),
    }
}

fn work(list: &str) -> Result<Work, LineError> {
    let items: Vec<String> = serde_json::from_str(list)?;
    let [header, seed, target, height @ ..] = &items[..] else {
        return Err(LineError::Params("work: fewer than three items"));
    };
    let digits = |text: &str| text.strip_prefix("0x").map(str::to_owned);
    let target = digits(target).ok_or(LineError::Params("target"))?;
    let header: [u8; 32] = hex::prefixed(header, "header hash")?;
    let height = match height.first() {
        Some(text) => {
            let text = digits(text).ok_or(LineError::Params("height"))?;
            Some(hex::number(&text, "height")?)
        }
        None => None,
    };
    Ok(Work {
        id: String::new(),
        blob: header.to_vec(),
        epoch: EpochInput {
            height: height.unwrap_or(0),
            seed: Some(hex::prefixed(seed, "seed")?),
        },
        target: Some(hex::target(&target)?),
        nonces: None,
        prefix_len: 0,
        // Without a height every new header may be a new block.
        tip: height.map_or(Tip::Hash(header), Tip::Height),
        clean: None,
    })
}

/// Appends `eth_submitLogin`.
pub(crate) fn write_login(out: &mut Vec<u8>, id: u64, user: &str, password: &str) {
    let (user, password) = (json_string(user), json_string(password));
    append(
        out,
        format_args!(
            "{{\"id\":{id},\"jsonrpc\":\"2.0\",\"method\":\"eth_submitLogin\",\"params\":[{user},{password}]}}\n"
        ),
    );
}

/// Appends `eth_getWork`.
pub(crate) fn write_get_work(out: &mut Vec<u8>, id: u64) {
    append(
        out,
        format_args!("{{\"id\":{id},\"jsonrpc\":\"2.0\",\"method\":\"eth_getWork\",\"params\":[]}}\n"),
    );
}

/// Appends `eth_submitWork`.
pub(crate) fn write_submit(out: &mut Vec<u8>, id: u64, share: &Solution<'_>) {
    let (header, mix) = (
        const_hex::encode(&share.work.blob),
        const_hex::encode(share.proof),
    );
    let nonce = share.nonce;
    append(
        out,
        format_args!(
            "{{\"id\":{id},\"jsonrpc\":\"2.0\",\"method\":\"eth_submitWork\",\"params\":[\"0x{nonce:016x}\",\"0x{header}\",\"0x{mix}\"]}}\n"
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Verdict;

    fn line(id: &str, height: &str) -> String {
        format!(
            r#"{{{id}"jsonrpc":"2.0","result":["0x{}","0x{}","0x{}"{height}]}}"#,
            "11".repeat(32),
            "00".repeat(32),
            "0f".repeat(32),
        )
    }

    #[test]
    fn work_is_read_with_any_id_and_with_a_height() {
        for (id, height, tip) in [
            ("", "", Tip::Hash([0x11; 32])),
            ("\"id\":0,", "", Tip::Hash([0x11; 32])),
            ("\"id\":2,", ",\"0x1f\"", Tip::Height(31)),
        ] {
            let Said::Work(work) = parse(line(id, height).as_bytes()).unwrap() else {
                panic!("no work");
            };
            assert_eq!((work.tip, work.epoch.seed), (tip, Some([0; 32])));
            assert_eq!(work.target.unwrap().to_string(), "0f".repeat(32));
        }
        assert!(parse(line("", "").replace("0x11", "11").as_bytes()).is_err());
        assert!(parse(br#"{"id":1,"result":["0x00"]}"#).is_err());
    }

    #[test]
    fn other_results_are_replies() {
        let parse = |line: &str| parse(line.as_bytes()).unwrap();
        assert!(matches!(
            parse(r#"{"id":10,"jsonrpc":"2.0","result":true}"#),
            Said::Reply {
                id: 10,
                verdict: Verdict::Yes { .. }
            }
        ));
        let Said::Reply {
            verdict: Verdict::No { code, message },
            ..
        } = parse(
            r#"{"id":11,"jsonrpc":"2.0","result":null,"error":{"code":22,"message":"Duplicate share"}}"#,
        )
        else {
            panic!("no refusal");
        };
        assert_eq!((&*code, &*message), ("22", "Duplicate share"));
    }
}
