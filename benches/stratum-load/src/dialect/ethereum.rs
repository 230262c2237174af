//! `EthereumStratum`, versions 1.0.0 (`NiceHash`) and 2.0.0 (EIP-1571).

use otedama_hash::{Algorithm, Difficulty, EpochInput};
use serde::Deserialize;

use super::{Said, Solution, Tip, Work, hex};
use crate::wire::{LineError, Raw, Verdict, append, asked, json_string, object, verdict};

/// The name of version 1.0.0.
const V1: &str = "EthereumStratum/1.0.0";
/// The name of version 2.0.0.
const V2: &str = "EthereumStratum/2.0.0";
/// Most bytes of a nonce that a pool may fix.
const MAX_PREFIX_LEN_V1: usize = 3;
const MAX_PREFIX_LEN_V2: usize = 6;
const AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Reads one line of version 1.0.0.
pub(crate) fn parse_v1(line: &[u8]) -> Result<Said, LineError> {
    let raw: Raw<'_> = object(line)?;
    match raw.method.as_deref() {
        None => Ok(raw.number().map_or(Said::Other, |id| Said::Reply {
            id,
            verdict: verdict(&raw),
        })),
        Some("mining.notify") => {
            let (id, seed, header, clean): (String, String, String, bool) =
                serde_json::from_str(raw.params())?;
            let header: [u8; 32] = hex::bytes(&header, "header hash")?;
            Ok(Said::Work(Box::new(Work {
                id: hex::name(id, "job id")?,
                blob: header.to_vec(),
                epoch: EpochInput {
                    height: 0,
                    seed: Some(hex::bytes(&seed, "seed")?),
                },
                target: None,
                nonces: None,
                prefix_len: 0,
                // No height: whatever voids older jobs counts as a block.
                tip: Tip::Hash(header),
                clean: Some(clean),
            })))
        }
        Some("mining.set_difficulty") => {
            let [difficulty]: [f64; 1] = serde_json::from_str(raw.params())?;
            let difficulty = Difficulty::new(difficulty).map_err(|_| LineError::Params("difficulty"))?;
            Ok(Said::Settings {
                target: Some(difficulty.to_target(Algorithm::ETHASH.diff1())),
                prefix: None,
            })
        }
        Some("mining.set_extranonce") => {
            let [prefix]: [String; 1] = serde_json::from_str(raw.params())?;
            Ok(Said::Settings {
                target: None,
                prefix: Some(hex::prefix(&prefix, MAX_PREFIX_LEN_V1)?),
            })
        }
        Some(_) => Ok(asked(&raw).map_or(Said::Other, |(id, answer)| Said::Request { id, answer })),
    }
}

/// The result of `mining.subscribe` in version 1.0.0: the first bytes of every nonce.
pub(crate) fn subscription(result: &str) -> Result<Vec<u8>, LineError> {
    let (names, prefix): (Vec<String>, String) = serde_json::from_str(result)?;
    if names.get(2).is_none_or(|name| name != V1) {
        return Err(LineError::Params("subscription: not of EthereumStratum/1.0.0"));
    }
    hex::prefix(&prefix, MAX_PREFIX_LEN_V1)
}

/// Reads one line of version 2.0.0.
pub(crate) fn parse_v2(line: &[u8]) -> Result<Said, LineError> {
    let raw: Raw<'_> = object(line)?;
    match raw.method.as_deref() {
        None => Ok(raw.number().map_or(Said::Other, |id| Said::Reply {
            id,
            verdict: verdict_v2(&raw),
        })),
        Some("mining.notify") => {
            let (id, height, header, clean): (String, String, String, String) =
                serde_json::from_str(raw.params())?;
            let height = hex::number(&height, "height")?;
            let clean = match &*clean {
                "0" => false,
                "1" => true,
                _ => return Err(LineError::Params("notify: neither clean nor not")),
            };
            Ok(Said::Work(Box::new(Work {
                id: hex::name(id, "job id")?,
                blob: hex::bytes::<32>(&header, "header hash")?.to_vec(),
                epoch: EpochInput { height, seed: None },
                target: None,
                nonces: None,
                prefix_len: 0,
                tip: Tip::Height(height),
                clean: Some(clean),
            })))
        }
        Some("mining.set") => {
            #[derive(Deserialize)]
            struct Set {
                #[serde(default)]
                target: Option<String>,
                #[serde(default)]
                extranonce: Option<String>,
            }
            let set: Set = object(raw.params().as_bytes())?;
            let prefix = set.extranonce.map(|text| hex::prefix(&text, MAX_PREFIX_LEN_V2));
            Ok(Said::Settings {
                target: set.target.map(|text| hex::target(&text)).transpose()?,
                prefix: prefix.transpose()?,
            })
        }
        Some(_) => Ok(asked(&raw).map_or(Said::Other, |(id, answer)| Said::Request { id, answer })),
    }
}

/// Silence is consent, and errors from 200 to 299 are remarks.
fn verdict_v2(raw: &Raw<'_>) -> Verdict {
    let yes = |result: &str| Verdict::Yes {
        result: result.to_owned(),
    };
    match (raw.error, raw.result) {
        (None, None) => yes("null"),
        (Some(_), _) => match verdict(raw) {
            Verdict::No { code, .. } if code.len() == 3 && code.starts_with('2') => yes("null"),
            other => other,
        },
        _ => verdict(raw),
    }
}

/// The result of `mining.hello`.
pub(crate) fn check_hello(result: &str) -> Result<(), LineError> {
    #[derive(Deserialize)]
    struct Hello {
        proto: String,
        encoding: String,
    }
    let hello: Hello = object(result.as_bytes())?;
    if hello.proto != V2 || hello.encoding != "plain" {
        return Err(LineError::Params("hello: another protocol or encoding"));
    }
    Ok(())
}

/// The name of a session or a worker, which version 2.0.0 answers with.
pub(crate) fn token(result: &str) -> Result<String, LineError> {
    hex::name(serde_json::from_str(result)?, "session or worker id")
}

/// Appends `mining.subscribe` of version 1.0.0.
pub(crate) fn write_subscribe_v1(out: &mut Vec<u8>, id: u64) {
    append(
        out,
        format_args!("{{\"id\":{id},\"method\":\"mining.subscribe\",\"params\":[\"{AGENT}\",\"{V1}\"]}}\n"),
    );
}

/// Appends `mining.submit` of version 1.0.0; the pool's part of the nonce stays out.
pub(crate) fn write_submit_v1(
    out: &mut Vec<u8>,
    id: u64,
    quoted_user: &str,
    prefix_len: usize,
    share: &Solution<'_>,
) {
    let (job, nonce) = (json_string(&share.work.id), own_nonce(share.nonce, prefix_len));
    append(
        out,
        format_args!(
            "{{\"id\":{id},\"method\":\"mining.submit\",\"params\":[{quoted_user},{job},\"{nonce}\"]}}\n"
        ),
    );
}

/// The digits of a nonce that are the miner's own.
fn own_nonce(nonce: u64, prefix_len: usize) -> String {
    let mut digits = format!("{nonce:016x}");
    digits.split_off(2 * prefix_len.min(8))
}

/// Appends `mining.hello`.
pub(crate) fn write_hello(out: &mut Vec<u8>, id: u64, port: u16) {
    append(
        out,
        format_args!(
            "{{\"id\":{id},\"method\":\"mining.hello\",\"params\":{{\"agent\":\"{AGENT}\",\"host\":\"localhost\",\
             \"port\":\"{port:x}\",\"proto\":\"{V2}\"}}}}\n"
        ),
    );
}

/// Appends `mining.subscribe` of version 2.0.0.
pub(crate) fn write_subscribe_v2(out: &mut Vec<u8>, id: u64) {
    append(
        out,
        format_args!("{{\"id\":{id},\"method\":\"mining.subscribe\"}}\n"),
    );
}

/// Appends `mining.submit` of version 2.0.0; `worker` is the name that the pool gave.
pub(crate) fn write_submit_v2(
    out: &mut Vec<u8>,
    id: u64,
    worker: &str,
    prefix_len: usize,
    share: &Solution<'_>,
) {
    let (job, worker) = (json_string(&share.work.id), json_string(worker));
    let nonce = own_nonce(share.nonce, prefix_len);
    append(
        out,
        format_args!(
            "{{\"id\":{id},\"method\":\"mining.submit\",\"params\":[{job},\"{nonce}\",{worker}]}}\n"
        ),
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> String {
        "64".repeat(32)
    }

    #[test]
    fn jobs_of_both_versions_are_read() {
        let seed = "ab".repeat(32);
        let v1 = format!(
            r#"{{"id":null,"method":"mining.notify","params":["bf0488aa","{seed}","{}",true]}}"#,
            header()
        );
        let Said::Work(work) = parse_v1(v1.as_bytes()).unwrap() else {
            panic!("no work");
        };
        assert_eq!((work.epoch.seed, work.clean), (Some([0xab; 32]), Some(true)));
        assert_eq!(work.blob, [0x64; 32]);
        let v2 = format!(
            r#"{{"method":"mining.notify","params":["bf0488aa","6526d5","{}","0"]}}"#,
            header()
        );
        let Said::Work(work) = parse_v2(v2.as_bytes()).unwrap() else {
            panic!("no work");
        };
        assert_eq!((work.tip, work.clean), (Tip::Height(0x65_26d5), Some(false)));
        assert!(parse_v1(v2.as_bytes()).is_err() && parse_v2(v1.as_bytes()).is_err());
        assert!(parse_v2(v2.replace("\"0\"", "\"x\"").as_bytes()).is_err());
    }

    #[test]
    fn the_difficulty_of_nicehash_s_example_lets_its_share_pass() {
        let Said::Settings {
            target: Some(target), ..
        } = parse_v1(br#"{"id":null,"method":"mining.set_difficulty","params":[1.863]}"#).unwrap()
        else {
            panic!("no target");
        };
        let hash = otedama_hash::Hash256::from_display_hex(
            "000000008967835bc523bf58c952df82be871ba937996c86b9419bcc967028a0",
        )
        .unwrap();
        assert!(target.is_met_by(&hash));
        let harder = Difficulty::new(1.864)
            .unwrap()
            .to_target(Algorithm::ETHASH.diff1());
        assert!(!harder.is_met_by(&hash));
        assert!(parse_v1(br#"{"id":null,"method":"mining.set_difficulty","params":[0]}"#).is_err());
    }

    #[test]
    fn settings_change_what_they_name() {
        let set = |text: &str| {
            let line = format!(r#"{{"method":"mining.set","params":{text}}}"#);
            parse_v2(line.as_bytes())
        };
        assert!(matches!(
            set(r#"{"epoch":"dc","target":"0112e0be82","algo":"ethash","extranonce":"af4c"}"#).unwrap(),
            Said::Settings { target: Some(_), prefix: Some(prefix) } if prefix == [0xaf, 0x4c]
        ));
        assert_eq!(
            set("{}").unwrap(),
            Said::Settings {
                target: None,
                prefix: None
            }
        );
        assert!(set(r#"{"extranonce":"af4c000000000000"}"#).is_err());
        assert!(set(r#"["00","01"]"#).is_err(), "a list is no object");
    }

    #[test]
    fn silence_and_remarks_are_consent_in_version_2() {
        let is_yes = |line: &str| match parse_v2(line.as_bytes()).unwrap() {
            Said::Reply { verdict, .. } => matches!(verdict, Verdict::Yes { .. }),
            other => panic!("{other:?}"),
        };
        assert!(is_yes(r#"{"id":31}"#));
        assert!(is_yes(r#"{"id":31,"error":{"code":202,"message":"Stale"}}"#));
        assert!(is_yes(r#"{"id":2,"result":"w-123"}"#));
        assert!(!is_yes(
            r#"{"id":31,"error":{"code":404,"message":"Job not found"}}"#
        ));
        assert!(!is_yes(r#"{"id":31,"result":false}"#));
    }

    #[test]
    fn logins_are_checked() {
        let names = |name: &str| format!(r#"[["mining.notify","ae68","{name}"],"080c"]"#);
        assert_eq!(subscription(&names(V1)).unwrap(), [8, 12]);
        assert!(subscription(&names(V2)).is_err());
        assert!(check_hello(r#"{"proto":"EthereumStratum/2.0.0","encoding":"plain"}"#).is_ok());
        assert!(check_hello(r#"{"proto":"EthereumStratum/2.0.0","encoding":"gzip"}"#).is_err());
        assert_eq!(token("\"w-123\"").unwrap(), "w-123");
        assert!(token("7").is_err());
    }

    proptest! {
        #[test]
        fn prefix_and_own_digits_are_the_nonce(nonce: u64, prefix_len in 0_usize..7) {
            let own = own_nonce(nonce, prefix_len);
            let prefix = const_hex::encode(&nonce.to_be_bytes()[..prefix_len]);
            prop_assert_eq!(format!("{prefix}{own}"), format!("{nonce:016x}"));
        }
    }
}
