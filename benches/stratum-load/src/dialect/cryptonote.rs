//! Monero's miners: `login`, `job`, `submit`.

use std::ops::Range;

use otedama_hash::{EpochInput, Target, U256};
use serde::Deserialize;

use super::{Said, Solution, Tip, Work, hex};
use crate::wire::{LineError, Raw, append, json_string, object, verdict};

/// Longest blob that miners take.
const MAX_BLOB_LEN: usize = 407;
/// Where the nonce lies in it.
const NONCE: Range<usize> = 39..43;
/// The only algorithm that this tool can hash.
const ALGORITHM: &str = "rx/0";

#[derive(Deserialize)]
struct RawJob {
    blob: String,
    job_id: String,
    target: String,
    #[serde(default)]
    algo: Option<String>,
    #[serde(default)]
    height: u64,
    seed_hash: String,
}

/// Reads one line.
pub(crate) fn parse(line: &[u8]) -> Result<Said, LineError> {
    let raw: Raw<'_> = object(line)?;
    match raw.method.as_deref() {
        Some("job") => job(object(raw.params().as_bytes())?).map(|work| Said::Work(Box::new(work))),
        Some(_) => Ok(Said::Other),
        None => Ok(raw.number().map_or(Said::Other, |id| Said::Reply {
            id,
            verdict: verdict(&raw),
        })),
    }
}

/// The result of `login`: the session's name, and the first job.
pub(crate) fn login_result(result: &str) -> Result<(String, Work), LineError> {
    #[derive(Deserialize)]
    struct Login {
        id: String,
        job: Box<serde_json::value::RawValue>,
        status: String,
    }
    let login: Login = object(result.as_bytes())?;
    if login.status != "OK" {
        return Err(LineError::Params("login: its status is not OK"));
    }
    let session = hex::name(login.id, "session id")?;
    Ok((session, job(object(login.job.get().as_bytes())?)?))
}

fn job(raw: RawJob) -> Result<Work, LineError> {
    if raw.algo.as_deref().is_some_and(|name| name != ALGORITHM) {
        return Err(LineError::Params("job: only rx/0 can be hashed"));
    }
    if raw.blob.len() > 2 * MAX_BLOB_LEN || raw.blob.starts_with("0x") {
        return Err(LineError::Params("blob"));
    }
    let blob = const_hex::decode(raw.blob.as_bytes()).map_err(|_| LineError::Params("blob"))?;
    let nonce = blob.get(NONCE).ok_or(LineError::Params("blob: too short"))?;
    Ok(Work {
        id: hex::name(raw.job_id, "job id")?,
        nonces: Some(nonces(nonce.try_into().unwrap_or_default())),
        prefix_len: 0,
        tip: tip(&blob).map_or(Tip::Height(raw.height), Tip::Hash),
        target: Some(target(&raw.target)?),
        epoch: EpochInput {
            height: raw.height,
            seed: Some(hex::bytes(&raw.seed_hash, "seed hash")?),
        },
        blob,
        clean: None,
    })
}

/// A nonce that is not zero has a last byte that is not the miner's (xmrig calls that nicehash mode).
fn nonces(nonce: [u8; 4]) -> Range<u64> {
    if nonce == [0; 4] {
        return 0..1 << 32;
    }
    let fixed = u64::from(nonce[3]) << 24;
    fixed..fixed + (1 << 24)
}

/// The previous block: behind two version numbers and the time, each of variable length.
fn tip(blob: &[u8]) -> Option<[u8; 32]> {
    let mut rest = blob;
    for _ in 0..3 {
        let last = rest.iter().take(10).position(|byte| byte & 0x80 == 0)?;
        rest = &rest[last + 1..];
    }
    rest.get(..32)?.try_into().ok()
}

/// Four or eight bytes, least significant first: the limit of the hash's highest 64 bits.
fn target(text: &str) -> Result<Target, LineError> {
    if text.len() != 8 {
        return below(u64::from_le_bytes(hex::bytes(text, "target")?));
    }
    let short = u32::from_le_bytes(hex::bytes(text, "target")?);
    let difficulty = u64::from(u32::MAX.checked_div(short).unwrap_or(0));
    below(u64::MAX.checked_div(difficulty).unwrap_or(0))
}

fn below(limit: u64) -> Result<Target, LineError> {
    if limit == 0 {
        return Err(LineError::Params("target: no hash is below zero"));
    }
    Ok(Target::from_u256((U256::from(limit) << 192) - U256::from(1)))
}

/// Appends `login`.
pub(crate) fn write_login(out: &mut Vec<u8>, id: u64, user: &str, password: &str) {
    let (user, password) = (json_string(user), json_string(password));
    let agent = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
    append(
        out,
        format_args!(
            "{{\"id\":{id},\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{{\"login\":{user},\"pass\":{password},\
             \"agent\":\"{agent}\",\"algo\":[\"{ALGORITHM}\"]}}}}\n"
        ),
    );
}

/// Appends `submit`.
pub(crate) fn write_submit(out: &mut Vec<u8>, id: u64, session: &str, share: &Solution<'_>) {
    let (session, job) = (json_string(session), json_string(&share.work.id));
    let nonce = const_hex::encode((share.nonce as u32).to_le_bytes());
    let result = const_hex::encode(share.proof);
    append(
        out,
        format_args!(
            "{{\"id\":{id},\"jsonrpc\":\"2.0\",\"method\":\"submit\",\"params\":{{\"id\":{session},\"job_id\":{job},\
             \"nonce\":\"{nonce}\",\"result\":\"{result}\",\"algo\":\"{ALGORITHM}\"}}}}\n"
        ),
    );
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::Verdict;

    /// A blob on the previous block `[prev; 32]`, with this nonce.
    pub(crate) fn blob(prev: u8, nonce: [u8; 4]) -> Vec<u8> {
        [
            &[16, 16, 0x80, 0x80, 0x80, 0xe0, 6][..],
            &[prev; 32],
            &nonce,
            &[7; 32],
            &[1],
        ]
        .concat()
    }

    pub(crate) fn job_json(id: &str, prev: u8, nonce: [u8; 4], target: &str) -> String {
        format!(
            r#"{{"blob":"{}","job_id":"{id}","target":"{target}","algo":"rx/0","height":77,"seed_hash":"{}"}}"#,
            const_hex::encode(blob(prev, nonce)),
            const_hex::encode([9; 32]),
        )
    }

    fn work(json: &str) -> Result<Work, LineError> {
        let line = format!(r#"{{"jsonrpc":"2.0","method":"job","params":{json}}}"#);
        match parse(line.as_bytes())? {
            Said::Work(work) => Ok(*work),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_job_tells_all_that_hashing_needs() {
        let work = work(&job_json("j1", 5, [0; 4], "b88d0600")).unwrap();
        assert_eq!(
            (&*work.id, work.epoch.height, work.epoch.seed),
            ("j1", 77, Some([9; 32]))
        );
        assert_eq!((work.nonces, work.tip), (Some(0..1 << 32), Tip::Hash([5; 32])));
        assert_eq!(work.blob, blob(5, [0; 4]));
        // Difficulty 10,000, as in a session of xmrig.
        assert_eq!(
            work.target,
            Some(Target::from_u256(
                (U256::from(u64::MAX / 10_000) << 192) - U256::from(1)
            ))
        );
    }

    #[test]
    fn the_last_byte_of_a_nonce_that_is_not_zero_stays() {
        for (nonce, nonces) in [
            ([0, 0, 0, 0x80], 0x8000_0000..0x8100_0000),
            ([1, 0, 0, 0], 0..0x0100_0000),
            ([0, 0, 0, 0xff], 0xff00_0000..0x1_0000_0000),
        ] {
            let work = work(&job_json("j", 5, nonce, "ffffffff")).unwrap();
            assert_eq!(work.nonces, Some(nonces), "{nonce:?}");
        }
    }

    #[test]
    fn what_miners_would_not_take_is_refused() {
        let good = job_json("j", 5, [0; 4], "ffffffff");
        assert!(work(&good).is_ok());
        for (from, to) in [
            ("ffffffff", "00000000"),
            ("ffffffff", "0000000000000000"),
            ("ffffffff", "0xffffff"),
            ("ffffffff", "ffffff"),
            ("rx/0", "rx/2"),
            ("\"seed_hash\"", "\"seed\""),
            ("\"blob\":\"", "\"blob\":\"0x"),
        ] {
            assert!(work(&good.replace(from, to)).is_err(), "{to}");
        }
        let long = good.replace("\"blob\":\"", &format!("\"blob\":\"{}", "00".repeat(400)));
        assert!(work(&long).is_err());
        let short = good.replace(&const_hex::encode(blob(5, [0; 4])), "1010");
        assert!(work(&short).is_err());
        assert!(work("[1,2,3,4,5,6]").is_err(), "a list is no object");
    }

    #[test]
    fn logins_and_replies_are_read() {
        let job = job_json("j", 5, [0; 4], "ffffffffffffff7f");
        let (session, work) = login_result(&format!(r#"{{"id":"s1","job":{job},"status":"OK"}}"#)).unwrap();
        assert_eq!(session, "s1");
        assert_eq!(work.target, Some(below(u64::MAX >> 1).unwrap()));
        assert!(login_result(&format!(r#"{{"id":"s1","job":{job},"status":"NO"}}"#)).is_err());
        assert_eq!(
            parse(br#"{"id":2,"jsonrpc":"2.0","error":{"code":-1,"message":"Low difficulty share"}}"#)
                .unwrap(),
            Said::Reply {
                id: 2,
                verdict: Verdict::No {
                    code: "-1".to_owned(),
                    message: "Low difficulty share".to_owned()
                }
            }
        );
        assert!(matches!(
            parse(br#"{"id":3,"jsonrpc":"2.0","error":null,"result":{"status":"OK"}}"#).unwrap(),
            Said::Reply {
                id: 3,
                verdict: Verdict::Yes { .. }
            }
        ));
    }

    #[test]
    fn requests_are_json() {
        let mut out = Vec::new();
        write_login(&mut out, 1, "a\"b", "x");
        let work = work(&job_json("j", 5, [0; 4], "ffffffff")).unwrap();
        let share = Solution {
            work: &work,
            nonce: 0x8000_0102,
            proof: [3; 32],
        };
        write_submit(&mut out, 11, "s", &share);
        let lines: Vec<serde_json::Value> = out
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .map(|l| serde_json::from_slice(l).unwrap())
            .collect();
        assert_eq!(lines[0]["params"]["login"], "a\"b");
        let params = &lines[1]["params"];
        assert_eq!(
            (&params["nonce"], &params["job_id"]),
            (&"02010080".into(), &"j".into())
        );
        assert_eq!(params["result"], "03".repeat(32));
    }

    proptest! {
        #[test]
        fn the_short_target_is_expanded_as_xmrig_does(short in 1_u32..) {
            let read = target(&const_hex::encode(short.to_le_bytes())).unwrap();
            let limit = u64::MAX / u64::from(u32::MAX / short);
            prop_assert_eq!(read, below(limit).unwrap());
        }

        #[test]
        fn no_blob_panics(bytes in proptest::collection::vec(any::<u8>(), 0..420)) {
            let json = job_json("j", 1, [0; 4], "ffffffff")
                .replace(&const_hex::encode(blob(1, [0; 4])), &const_hex::encode(&bytes));
            prop_assert_eq!(work(&json).is_ok(), (43..=407).contains(&bytes.len()));
        }
    }
}
