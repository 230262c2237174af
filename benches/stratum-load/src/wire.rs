//! The lines that a stratum client writes and reads, as far as a load generator needs them.
//!
//! Written apart from the pool's own codec, so that the two check each other.

use std::borrow::Cow;
use std::io::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::job::Job;

/// A line from the pool.
#[derive(Debug, PartialEq)]
pub(crate) enum Line {
    /// The answer to the request with this number.
    Reply { id: u64, verdict: Verdict },
    /// `mining.notify`.
    Notify(Box<Job>),
    /// `mining.set_difficulty`.
    SetDifficulty(f64),
    /// `mining.set_extranonce`.
    SetExtranonce {
        extranonce1: Vec<u8>,
        extranonce2_len: usize,
    },
    /// A request that wants an answer: its id as it stands, and what to answer.
    Request { id: String, answer: &'static str },
    /// Anything else.
    Other,
}

/// What a reply says.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// `result` holds something other than null and false.
    Yes { result: String },
    /// An error, by its code where it has one and by its text otherwise.
    No { code: String, message: String },
}

/// A line that is no JSON object of the expected shape.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    /// No JSON, or a member of the wrong type.
    #[error("unreadable line: {0}")]
    Json(#[from] serde_json::Error),
    /// Fields of a known method don't fit.
    #[error("unreadable {0}")]
    Params(&'static str),
}

/// One line, before its parameters are looked at.
#[derive(Deserialize)]
pub(crate) struct Raw<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) error: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "reject-reason")]
    reject_reason: Option<Cow<'a, str>>,
}

/// Reads a JSON object; a list of its members' values, which serde would take as well, is none.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, LineError> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(LineError::Params("line: not a JSON object"));
    }
    Ok(serde_json::from_slice(json)?)
}

impl Raw<'_> {
    /// The parameters' JSON; an empty list where there are none.
    pub(crate) fn params(&self) -> &str {
        self.params.map_or("[]", RawValue::get)
    }

    /// The number of the request that this answers.
    pub(crate) fn number(&self) -> Option<u64> {
        let id = self.id.map_or("", RawValue::get);
        id.trim_matches('"').parse().ok()
    }
}

/// Reads one line.
pub(crate) fn parse_line(line: &[u8]) -> Result<Line, LineError> {
    let raw: Raw<'_> = object(line)?;
    let params = raw.params();
    match raw.method.as_deref() {
        None => Ok(raw.number().map_or(Line::Other, |id| Line::Reply {
            id,
            verdict: verdict(&raw),
        })),
        Some("mining.notify") => parse_notify(params).map(|job| Line::Notify(Box::new(job))),
        Some("mining.set_difficulty") => {
            let [difficulty]: [f64; 1] = serde_json::from_str(params)?;
            Ok(Line::SetDifficulty(difficulty))
        }
        Some("mining.set_extranonce") => {
            let (hex, len): (String, usize) = serde_json::from_str(params)?;
            let (extranonce1, extranonce2_len) = check_extranonce(&hex, len)?;
            Ok(Line::SetExtranonce {
                extranonce1,
                extranonce2_len,
            })
        }
        Some(_) => Ok(asked(&raw).map_or(Line::Other, |(id, answer)| Line::Request { id, answer })),
    }
}

/// The pool's own request: its id as it stands, and what to answer. `None` where no answer is wanted.
pub(crate) fn asked(raw: &Raw<'_>) -> Option<(String, &'static str)> {
    let answer = match raw.method.as_deref()? {
        "mining.ping" => "\"pong\"",
        "client.get_version" => concat!("\"", env!("CARGO_PKG_NAME"), "\""),
        _ => return None,
    };
    Some((raw.id?.get().to_owned(), answer))
}

/// Reads the result of `mining.subscribe`: extranonce1 and the length of extranonce2.
pub(crate) fn parse_subscription(result: &str) -> Result<(Vec<u8>, usize), LineError> {
    let (_, hex, len): (&RawValue, String, usize) = serde_json::from_str(result)?;
    check_extranonce(&hex, len)
}

fn check_extranonce(hex: &str, len: usize) -> Result<(Vec<u8>, usize), LineError> {
    let bytes = const_hex::decode(hex).map_err(|_| LineError::Params("extranonce1"))?;
    // Eight bytes are counted up; a longer extranonce2 is padded with zeros.
    if bytes.len() > 32 || !(1..=32).contains(&len) {
        return Err(LineError::Params("extranonce length"));
    }
    Ok((bytes, len))
}

/// What a reply says.
pub(crate) fn verdict(raw: &Raw<'_>) -> Verdict {
    match (raw.error, raw.result.map(RawValue::get)) {
        (Some(error), _) => parse_error(error.get()),
        (None, Some("false") | None) => {
            let reason = raw.reject_reason.as_deref().unwrap_or("false without a reason");
            Verdict::No {
                code: reason.to_owned(),
                message: reason.to_owned(),
            }
        }
        (None, Some(result)) => Verdict::Yes {
            result: result.to_owned(),
        },
    }
}

/// `[code, message, data]`, `{"code":..,"message":..}` or a bare text.
fn parse_error(error: &str) -> Verdict {
    #[derive(Deserialize)]
    struct Object {
        code: i64,
        #[serde(default)]
        message: String,
    }
    if let Ok(list) = serde_json::from_str::<Vec<serde_json::Value>>(error)
        && let Some(code) = list.first().and_then(serde_json::Value::as_i64)
    {
        let message = list
            .get(1)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default();
        return Verdict::No {
            code: code.to_string(),
            message: message.to_owned(),
        };
    }
    if let Ok(object) = serde_json::from_str::<Object>(error) {
        return Verdict::No {
            code: object.code.to_string(),
            message: object.message,
        };
    }
    let text = error.trim_matches('"').to_owned();
    Verdict::No {
        code: text.clone(),
        message: text,
    }
}

#[allow(clippy::type_complexity, reason = "the tuple is the wire format")]
fn parse_notify(params: &str) -> Result<Job, LineError> {
    let (id, prev_hash, coinbase1, coinbase2, branch, version, bits, ntime, clean): (
        String,
        String,
        String,
        String,
        Vec<String>,
        String,
        String,
        String,
        bool,
    ) = serde_json::from_str(params)?;
    let bytes = |hex: &str| const_hex::decode(hex).map_err(|_| LineError::Params("notify"));
    let hash = |hex: &str| -> Result<[u8; 32], LineError> {
        const_hex::decode_to_array(hex).map_err(|_| LineError::Params("notify"))
    };
    let word = |hex: &str| u32::from_str_radix(hex, 16).map_err(|_| LineError::Params("notify"));
    let mut prev_hash = hash(&prev_hash)?;
    // On the wire every 4-byte word is reversed.
    for chunk in prev_hash.chunks_exact_mut(4) {
        chunk.reverse();
    }
    Ok(Job {
        id,
        prev_hash,
        coinbase1: bytes(&coinbase1)?,
        coinbase2: bytes(&coinbase2)?,
        branch: branch.iter().map(|h| hash(h)).collect::<Result<_, _>>()?,
        version: word(&version)?,
        bits: word(&bits)?,
        ntime: word(&ntime)?,
        clean,
    })
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Appends `mining.subscribe`.
pub(crate) fn write_subscribe(out: &mut Vec<u8>, id: u64) {
    let agent = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
    append(
        out,
        format_args!("{{\"id\":{id},\"method\":\"mining.subscribe\",\"params\":[\"{agent}\"]}}\n"),
    );
}

/// Appends `mining.authorize`.
pub(crate) fn write_authorize(out: &mut Vec<u8>, id: u64, user: &str, password: &str) {
    let (user, password) = (quoted(user), quoted(password));
    append(
        out,
        format_args!("{{\"id\":{id},\"method\":\"mining.authorize\",\"params\":[{user},{password}]}}\n"),
    );
}

/// Appends `mining.suggest_difficulty`.
pub(crate) fn write_suggest_difficulty(out: &mut Vec<u8>, id: u64, difficulty: f64) {
    append(
        out,
        format_args!("{{\"id\":{id},\"method\":\"mining.suggest_difficulty\",\"params\":[{difficulty}]}}\n"),
    );
}

/// Appends an answer to the pool's own request.
pub(crate) fn write_answer(out: &mut Vec<u8>, id: &str, answer: &str) {
    append(
        out,
        format_args!("{{\"id\":{id},\"result\":{answer},\"error\":null}}\n"),
    );
}

/// What `mining.submit` says.
pub(crate) struct Share<'a> {
    pub(crate) quoted_user: &'a str,
    pub(crate) quoted_job_id: &'a str,
    pub(crate) extranonce2: &'a [u8],
    pub(crate) ntime: u32,
    pub(crate) nonce: u32,
}

/// Appends `mining.submit`.
pub(crate) fn write_submit(out: &mut Vec<u8>, id: u64, share: &Share<'_>) {
    let mut hex = [0; 64];
    let digits = &mut hex[..2 * share.extranonce2.len().min(32)];
    let extranonce2 = match const_hex::encode_to_str(&share.extranonce2[..digits.len() / 2], digits) {
        Ok(text) => &*text,
        Err(_) => "",
    };
    let Share {
        quoted_user,
        quoted_job_id,
        ntime,
        nonce,
        ..
    } = share;
    append(
        out,
        format_args!(
            "{{\"id\":{id},\"method\":\"mining.submit\",\"params\":[{quoted_user},{quoted_job_id},\"{extranonce2}\",\"{ntime:08x}\",\"{nonce:08x}\"]}}\n"
        ),
    );
}

/// JSON string of `text`, to be kept and written many times.
pub(crate) fn json_string(text: &str) -> String {
    quoted(text)
}

pub(crate) fn append(out: &mut Vec<u8>, line: std::fmt::Arguments<'_>) {
    out.write_fmt(line).expect("writing to a Vec does not fail");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn replies_of_every_shape_are_read() {
        let no = |line: &str| match parse_line(line.as_bytes()).unwrap() {
            Line::Reply {
                id,
                verdict: Verdict::No { code, message },
            } => (id, code, message),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            no(r#"{"id":7,"result":null,"error":[21,"stale",null]}"#),
            (7, "21".to_owned(), "stale".to_owned())
        );
        assert_eq!(
            no(r#"{"id":"8","result":null,"error":{"code":23,"message":"low"}}"#),
            (8, "23".to_owned(), "low".to_owned())
        );
        assert_eq!(
            no(r#"{"reject-reason":"Above target","result":false,"error":null,"id":9}"#).1,
            "Above target"
        );
        assert_eq!(
            parse_line(br#"{"id":3,"result":true,"error":null}"#).unwrap(),
            Line::Reply {
                id: 3,
                verdict: Verdict::Yes {
                    result: "true".to_owned()
                }
            }
        );
    }

    #[test]
    fn pushes_are_read() {
        assert_eq!(
            parse_line(br#"{"id":null,"method":"mining.set_difficulty","params":[0.001]}"#).unwrap(),
            Line::SetDifficulty(0.001)
        );
        assert_eq!(
            parse_line(br#"{"id":null,"method":"mining.set_extranonce","params":["0a0b",4]}"#).unwrap(),
            Line::SetExtranonce {
                extranonce1: vec![10, 11],
                extranonce2_len: 4
            }
        );
        assert!(matches!(
            parse_line(br#"{"id":5,"method":"mining.ping","params":[]}"#).unwrap(),
            Line::Request { .. }
        ));
        assert!(parse_line(br#"{"id":null,"method":"mining.notify","params":["1"]}"#).is_err());
        assert_eq!(
            parse_subscription(r#"[[["mining.notify","1"]],"00000007",8]"#).unwrap(),
            (vec![0, 0, 0, 7], 8)
        );
    }

    #[test]
    fn requests_are_json() {
        let mut out = Vec::new();
        write_subscribe(&mut out, 1);
        write_authorize(&mut out, 2, "a\"b", "x,d=1");
        write_suggest_difficulty(&mut out, 3, 1e-9);
        let share = Share {
            quoted_user: &json_string("a.b"),
            quoted_job_id: &json_string("j"),
            extranonce2: &[0, 1, 2, 255],
            ntime: 0x6000_0000,
            nonce: 15,
        };
        write_submit(&mut out, 4, &share);
        let lines: Vec<serde_json::Value> = out
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .map(|l| serde_json::from_slice(l).unwrap())
            .collect();
        assert_eq!(lines[1]["params"][0], "a\"b");
        assert_eq!(lines[2]["params"][0].as_f64(), Some(1e-9));
        assert_eq!(
            lines[3]["params"],
            serde_json::json!(["a.b", "j", "000102ff", "60000000", "0000000f"])
        );
    }

    proptest! {
        #[test]
        fn no_line_panics(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_line(&line);
        }

        #[test]
        fn no_params_panic(method in "mining\\.(notify|set_difficulty|set_extranonce|ping)", params in "[\\[\\]\",0-9a-f{}:. ]{0,80}") {
            let _ = parse_line(format!("{{\"id\":1,\"method\":\"{method}\",\"params\":{params}}}").as_bytes());
        }
    }
}
