//! Ravencoin's miners: Bitcoin's methods, Ethash's contents.

use otedama_hash::EpochInput;
use serde_json::value::RawValue;

use super::{Said, Solution, Tip, Work, hex};
use crate::wire::{LineError, Raw, append, asked, json_string, object, verdict};

/// Most bytes of a nonce that xmrig and kawpowminer let a pool fix.
const MAX_PREFIX_LEN: usize = 4;

/// Reads one line.
pub(crate) fn parse(line: &[u8]) -> Result<Said, LineError> {
    let raw: Raw<'_> = object(line)?;
    match raw.method.as_deref() {
        None => Ok(raw.number().map_or(Said::Other, |id| Said::Reply {
            id,
            verdict: verdict(&raw),
        })),
        Some("mining.notify") => notify(raw.params()),
        Some("mining.set_target") => {
            let [target]: [String; 1] = serde_json::from_str(raw.params())?;
            Ok(Said::Settings {
                target: Some(hex::target(&target)?),
                prefix: None,
            })
        }
        Some("mining.set_extranonce") => {
            let list: Vec<String> = serde_json::from_str(raw.params())?;
            let prefix = list.first().ok_or(LineError::Params("extranonce"))?;
            Ok(Said::Settings {
                target: None,
                prefix: Some(hex::prefix(prefix, MAX_PREFIX_LEN)?),
            })
        }
        Some(_) => Ok(asked(&raw).map_or(Said::Other, |(id, answer)| Said::Request { id, answer })),
    }
}

/// The result of `mining.subscribe`: the first bytes of every nonce.
pub(crate) fn subscription(result: &str) -> Result<Vec<u8>, LineError> {
    let (_, prefix): (&RawValue, String) = serde_json::from_str(result)?;
    hex::prefix(&prefix, MAX_PREFIX_LEN)
}

/// Seven parameters: xmrig wants the height as a number and reads 16 characters of the target, so that "0x" in front
/// would cost it 8 bits.
fn notify(params: &str) -> Result<Said, LineError> {
    let (id, header, seed, target, clean, height, bits): (String, String, String, String, bool, u32, String) =
        serde_json::from_str(params)?;
    hex::bytes::<4>(&bits, "bits")?;
    if target.len() != 64 {
        return Err(LineError::Params("target: not 64 digits"));
    }
    Ok(Said::Work(Box::new(Work {
        id: hex::name(id, "job id")?,
        blob: hex::bytes::<32>(&header, "header hash")?.to_vec(),
        epoch: EpochInput {
            height: height.into(),
            seed: Some(hex::bytes(&seed, "seed")?),
        },
        target: Some(hex::target(&target)?),
        nonces: None,
        prefix_len: 0,
        tip: Tip::Height(height.into()),
        clean: Some(clean),
    })))
}

/// Appends `mining.submit`.
pub(crate) fn write_submit(out: &mut Vec<u8>, id: u64, quoted_user: &str, share: &Solution<'_>) {
    let job = json_string(&share.work.id);
    let (header, mix) = (
        const_hex::encode(&share.work.blob),
        const_hex::encode(share.proof),
    );
    let nonce = share.nonce;
    append(
        out,
        format_args!(
            "{{\"id\":{id},\"method\":\"mining.submit\",\"params\":[{quoted_user},{job},\"0x{nonce:016x}\",\"0x{header}\",\"0x{mix}\"]}}\n"
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: &str = "000000010346a102ff34b0000000000000000000000000000000000000000000";

    fn line(id: &str, target: &str, height: &str) -> String {
        format!(
            r#"{{"id":null,"method":"mining.notify","params":["{id}","{}","{}","{target}",true,{height},"1b00d2b9"]}}"#,
            "33".repeat(32),
            "39".repeat(32),
        )
    }

    #[test]
    fn a_job_tells_all_that_hashing_needs() {
        let Said::Work(work) = parse(line("2abc", TARGET, "3750905").as_bytes()).unwrap() else {
            panic!("no work");
        };
        assert_eq!(
            (&*work.id, work.tip, work.clean),
            ("2abc", Tip::Height(3_750_905), Some(true))
        );
        assert_eq!(
            (work.epoch.seed, &work.blob[..]),
            (Some([0x39; 32]), &[0x33; 32][..])
        );
        assert_eq!(work.target.unwrap().to_string(), TARGET);
    }

    #[test]
    fn what_miners_would_misread_is_refused() {
        for (target, height) in [
            (&*format!("0x{TARGET}"), "1"),
            (TARGET, "\"1\""),
            (&TARGET[2..], "1"),
            (TARGET, "-1"),
        ] {
            assert!(
                parse(line("j", target, height).as_bytes()).is_err(),
                "{target} {height}"
            );
        }
    }

    #[test]
    fn settings_and_subscriptions_are_read() {
        assert_eq!(subscription(r#"[null,"64290b"]"#).unwrap(), [0x64, 0x29, 0x0b]);
        assert!(subscription(r#"[null,"6429060708"]"#).is_err());
        assert!(subscription(r#"["64290b"]"#).is_err());
        let set = format!(r#"{{"id":null,"method":"mining.set_target","params":["{TARGET}"]}}"#);
        assert!(matches!(
            parse(set.as_bytes()).unwrap(),
            Said::Settings { target: Some(target), prefix: None } if target.to_string() == TARGET
        ));
    }

    #[test]
    fn shares_carry_the_whole_nonce_and_prefixes() {
        let Said::Work(work) = parse(line("j", TARGET, "1").as_bytes()).unwrap() else {
            panic!("no work");
        };
        let mut out = Vec::new();
        let share = Solution {
            work: &work,
            nonce: 0x6429_0b00_0000_0001,
            proof: [5; 32],
        };
        write_submit(&mut out, 10, "\"w\"", &share);
        let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let expected = serde_json::json!([
            "w",
            "j",
            "0x64290b0000000001",
            format!("0x{}", "33".repeat(32)),
            format!("0x{}", "05".repeat(32))
        ]);
        assert_eq!(line["params"], expected);
    }
}
