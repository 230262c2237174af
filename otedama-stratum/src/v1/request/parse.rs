use otedama_hash::Target;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Call, Configure, Request, RequestError, Submit};
use crate::v1::args::{Arg, Args, HexU32, Text, cut, hex_u32};
use crate::v1::envelope::{CallParts, NO_OBJECT, refuse, request};
use crate::v1::fields::{self, MAX_AGENT_LEN, MAX_JOB_ID_LEN, MAX_METHOD_LEN, MAX_USER_LEN};
use crate::v1::{ExtranonceBytes, Id};

const SUBMIT: &str = "mining.submit";
/// A submission without fault, read in one pass.
#[derive(Deserialize)]
struct Quick<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Text<'a>,
    #[serde(borrow)]
    params: QuickParams<'a>,
}

#[derive(Deserialize)]
struct QuickParams<'a>(
    #[serde(borrow)] Text<'a>,
    #[serde(borrow)] Text<'a>,
    ExtranonceBytes,
    HexU32,
    HexU32,
    #[serde(default)] Option<HexU32>,
);

impl<'a> Quick<'a> {
    fn into_request(self) -> Option<Request<'a>> {
        let QuickParams(Text(worker), Text(job_id), extranonce2, ntime, nonce, version_bits) = self.params;
        let fits = self.method.0 == SUBMIT && worker.len() <= MAX_USER_LEN && job_id.len() <= MAX_JOB_ID_LEN;
        let submit = Submit {
            worker,
            job_id,
            extranonce2,
            ntime: ntime.0,
            nonce: nonce.0,
            version_bits: version_bits.map(|bits| bits.0),
        };
        fits.then_some(Request {
            id: Id::from_raw(self.id)?,
            call: Call::Submit(submit),
        })
    }
}

/// Reads one line from a client, borrowing from it.
///
/// Members in any order, unknown members and missing ids are taken.
///
/// # Errors
/// When the line is no JSON object, its id cannot be echoed, or the parameters do not fit the
/// method; the error holds everything that the reply needs.
pub fn parse_request(line: &[u8]) -> Result<Request<'_>, RequestError<'_>> {
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Err(NO_OBJECT);
    }
    if let Some(request) = serde_json::from_slice(line).ok().and_then(Quick::into_request) {
        return Ok(request);
    }
    // Everything else is rare, so the line may be read again, and parameters once the method is known.
    let envelope = serde_json::from_slice(line).map_err(|_| refuse(Id::Null, "malformed JSON"))?;
    request(envelope, parse_call, |text| Ok(Call::Reply(text)))
}

fn parse_call(parts: CallParts<'_>) -> Result<Call<'_>, &'static str> {
    let args = || parts.args();
    match &*parts.method {
        SUBMIT => submit(args()?).map(Call::Submit),
        "mining.subscribe" => args().map(subscribe),
        "mining.authorize" => {
            fields::credentials(args()?).map(|(user, password)| Call::Authorize { user, password })
        }
        "mining.configure" => Configure::parse(parts.params).map(Call::Configure),
        "mining.extranonce.subscribe" => Ok(Call::ExtranonceSubscribe),
        "mining.suggest_difficulty" => suggest_difficulty(args()?),
        "mining.suggest_target" => suggest_target(args()?),
        "mining.ping" => Ok(Call::Ping),
        _ => Ok(Call::Unknown(cut(parts.method, MAX_METHOD_LEN))),
    }
}

fn submit(mut args: Args<'_>) -> Result<Submit<'_>, &'static str> {
    if !(5..=6).contains(&args.len()) {
        return Err("mining.submit takes 5 or 6 parameters");
    }
    let worker = args.take(0).into_text().ok_or("worker name must be a string")?;
    let job_id = args.take(1).into_text().ok_or("job id must be a string")?;
    let extranonce2 = args.take(2).into_text().ok_or("extranonce2 must be a string")?;
    if worker.len() > MAX_USER_LEN {
        return Err("worker name is longer than 256 bytes");
    }
    if job_id.len() > MAX_JOB_ID_LEN {
        return Err("job id is longer than 64 bytes");
    }
    let version_bits = match args.take(5) {
        Arg::Null => None,
        arg => Some(eight_digits(arg, "version bits must be 8 hex digits")?),
    };
    Ok(Submit {
        worker,
        job_id,
        extranonce2: ExtranonceBytes::from_hex(&extranonce2)
            .map_err(|_| "extranonce2 must be an even number of hex digits, at most 32")?,
        ntime: eight_digits(args.take(3), "ntime must be 8 hex digits")?,
        nonce: eight_digits(args.take(4), "nonce must be 8 hex digits")?,
        version_bits,
    })
}

fn eight_digits(arg: Arg<'_>, message: &'static str) -> Result<u32, &'static str> {
    arg.into_text().and_then(|text| hex_u32(&text)).ok_or(message)
}

fn subscribe(mut args: Args<'_>) -> Call<'_> {
    Call::Subscribe {
        agent: args.take(0).into_text().map(|agent| cut(agent, MAX_AGENT_LEN)),
        session: fields::token(args.take(1)),
    }
}

fn suggest_difficulty(mut args: Args<'_>) -> Result<Call<'_>, &'static str> {
    args.take(0)
        .as_number()
        .filter(|d| d.is_normal() && *d > 0.0)
        .map(Call::SuggestDifficulty)
        .ok_or("difficulty must be a positive number")
}

fn suggest_target(mut args: Args<'_>) -> Result<Call<'_>, &'static str> {
    args.take(0)
        .into_text()
        .and_then(|hex| Target::from_be_hex(&hex).ok())
        .map(Call::SuggestTarget)
        .ok_or("target must be 64 hex digits")
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::v1::{ErrorCode, VersionRolling};

    const BAD_ID: &str = "id must be null, a number or a string, at most 64 bytes long";

    fn call(line: &str) -> Call<'_> {
        parse_request(line.as_bytes()).unwrap().call
    }

    fn refusal(line: &str) -> (&str, &'static str) {
        let error = parse_request(line.as_bytes()).unwrap_err();
        assert_eq!(error.code, ErrorCode::Other);
        (error.id.as_str(), error.message)
    }

    #[test]
    fn submit_borrows_from_the_line() {
        let line = r#"{"params": ["addr.rig", "bf", "00000001", "504e86ED", "b2957c02", "04000000"], "id": 4, "method": "mining.submit"}"#;
        let request = parse_request(line.as_bytes()).unwrap();
        assert_eq!(request.id, Id::Raw("4"));
        let Call::Submit(submit) = request.call else {
            panic!("{request:?}")
        };
        assert!(matches!(
            (&submit.worker, &submit.job_id),
            (Cow::Borrowed(_), Cow::Borrowed(_))
        ));
        assert_eq!((&*submit.worker, &*submit.job_id), ("addr.rig", "bf"));
        assert_eq!(submit.extranonce2.as_slice(), [0, 0, 0, 1]);
        assert_eq!(
            (submit.ntime, submit.nonce, submit.version_bits),
            (0x504e_86ed, 0xb295_7c02, Some(0x0400_0000))
        );
    }

    #[test]
    fn submit_takes_five_or_six_parameters_of_exact_width() {
        let submit = |params: &str| format!(r#"{{"id":1,"method":"mining.submit","params":[{params}]}}"#);
        let five = r#""w","j","00","00000001","00000002""#;
        assert!(matches!(
            call(&submit(five)),
            Call::Submit(Submit {
                version_bits: None,
                ..
            })
        ));
        assert!(matches!(
            call(&submit(&format!("{five},null"))),
            Call::Submit(Submit {
                version_bits: None,
                ..
            })
        ));
        for (params, message) in [
            (
                r#""w","j","00","00000001""#,
                "mining.submit takes 5 or 6 parameters",
            ),
            (
                r#""w","j","00","00000001","00000002",null,null"#,
                "mining.submit takes 5 or 6 parameters",
            ),
            (
                r#"7,"j","00","00000001","00000002""#,
                "worker name must be a string",
            ),
            (r#""w",7,"00","00000001","00000002""#, "job id must be a string"),
            (
                r#""w","j",null,"00000001","00000002""#,
                "extranonce2 must be a string",
            ),
            (
                r#""w","j","0","00000001","00000002""#,
                "extranonce2 must be an even number of hex digits, at most 32",
            ),
            (r#""w","j","00","1","00000002""#, "ntime must be 8 hex digits"),
            (
                r#""w","j","00","0x000001","00000002""#,
                "ntime must be 8 hex digits",
            ),
            (
                r#""w","j","00","+0000001","00000002""#,
                "ntime must be 8 hex digits",
            ),
            (r#""w","j","00","00000001","2""#, "nonce must be 8 hex digits"),
            (r#""w","j","00","00000001",2"#, "nonce must be 8 hex digits"),
            (
                r#""w","j","00","00000001","00000002","4""#,
                "version bits must be 8 hex digits",
            ),
        ] {
            assert_eq!(refusal(&submit(params)), ("1", message), "{params}");
        }
        let long = "x".repeat(257);
        assert_eq!(
            refusal(&submit(&format!(r#""{long}","j","00","00000001","00000002""#))).1,
            "worker name is longer than 256 bytes"
        );
        let long = "x".repeat(65);
        assert_eq!(
            refusal(&submit(&format!(r#""w","{long}","00","00000001","00000002""#))).1,
            "job id is longer than 64 bytes"
        );
    }

    #[test]
    fn subscribe_takes_whatever_clients_send() {
        for (params, agent, session) in [
            ("", None, None),
            (r#","params":null"#, None, None),
            (r#","params":[]"#, None, None),
            (r#","params":["cgminer/4.11.1"]"#, Some("cgminer/4.11.1"), None),
            (r#","params":["a\"b","5f"]"#, Some("a\"b"), Some("5f")),
            (r#","params":["a",null,"pool.example",3333]"#, Some("a"), None),
            (r#","params":[null,""]"#, None, None),
            (r#","params":[["nested"],{"x":[1]}]"#, None, None),
        ] {
            let line = format!(r#"{{"id":1,"method":"mining.subscribe"{params}}}"#);
            let Call::Subscribe { agent: a, session: s } = call(&line) else {
                panic!("{line}")
            };
            assert_eq!((a.as_deref(), s.as_deref()), (agent, session), "{line}");
        }
        let long = format!(
            r#"{{"method":"mining.subscribe","params":["{}","{}"]}}"#,
            "é".repeat(300),
            "s".repeat(65)
        );
        let Call::Subscribe { agent, session } = call(&long) else {
            panic!("{long}")
        };
        assert_eq!((agent.unwrap().len(), session), (256, None));
        assert_eq!(
            refusal(r#"{"id":1,"method":"mining.subscribe","params":{}}"#).1,
            "params must be an array"
        );
    }

    #[test]
    fn authorize_has_an_optional_password() {
        for (params, user, password) in [
            (r#"["addr.rig"]"#, "addr.rig", ""),
            (r#"["addr.rig",null]"#, "addr.rig", ""),
            (r#"["addr.rig","x,d=0.5"]"#, "addr.rig", "x,d=0.5"),
            (r#"["addr.rig",123,"more"]"#, "addr.rig", ""),
        ] {
            let line = format!(r#"{{"id":1,"method":"mining.authorize","params":{params}}}"#);
            let Call::Authorize { user: u, password: p } = call(&line) else {
                panic!("{line}")
            };
            assert_eq!((&*u, &*p), (user, password), "{line}");
        }
        for params in ["[]", "[null]", "[7]", r#"[""]"#] {
            refusal(&format!(
                r#"{{"id":1,"method":"mining.authorize","params":{params}}}"#
            ));
        }
        let long = format!(
            r#"{{"id":1,"method":"mining.authorize","params":["u","{}"]}}"#,
            "p".repeat(513)
        );
        assert_eq!(refusal(&long).1, "password is longer than 512 bytes");
    }

    #[test]
    fn configure_follows_bip_310() {
        let line = r#"{"id":1,"method":"mining.configure","params":[["minimum-difficulty","version-rolling","subscribe-extranonce","info","shiny"],{"version-rolling.mask":"1fffe000","version-rolling.min-bit-count":16,"minimum-difficulty.value":2048,"info.hw-id":"x"}]}"#;
        let Call::Configure(configure) = call(line) else {
            panic!("{line}")
        };
        let rolling = VersionRolling {
            mask: 0x1fff_e000,
            min_bit_count: Some(16),
        };
        assert_eq!(
            configure,
            Configure {
                version_rolling: Some(rolling),
                minimum_difficulty: Some(2048.0),
                subscribe_extranonce: true,
                info: true,
                unknown: vec!["shiny".to_owned()],
            }
        );
        let answer = configure.answer(0x1fff_0000);
        assert_eq!(answer.version_mask, Some(0x1fff_0000));
        assert_eq!(answer.unknown, ["shiny"]);
    }

    #[test]
    fn configure_without_values_has_defaults_and_bounds() {
        let configure = |params: &str| {
            let line = format!(r#"{{"id":1,"method":"mining.configure","params":{params}}}"#);
            match parse_request(line.as_bytes()) {
                Ok(Request {
                    call: Call::Configure(configure),
                    ..
                }) => Ok(configure),
                Ok(other) => panic!("{other:?}"),
                Err(e) => Err(e.message),
            }
        };
        let rolling = |mask| {
            Some(VersionRolling {
                mask,
                min_bit_count: None,
            })
        };
        for params in [
            r#"[["version-rolling"]]"#,
            r#"[["version-rolling"],null]"#,
            r#"[["version-rolling"],{}]"#,
        ] {
            assert_eq!(
                configure(params).unwrap().version_rolling,
                rolling(u32::MAX),
                "{params}"
            );
        }
        let short = r#"[["version-rolling"],{"version-rolling.mask":"0xe000"}]"#;
        assert_eq!(configure(short).unwrap().version_rolling, rolling(0xe000));
        assert_eq!(configure("[[]]").unwrap(), Configure::default());
        // Asked for without the value that it needs: to be answered "false".
        let missing = configure(r#"[["minimum-difficulty"],{"minimum-difficulty.value":-1}]"#).unwrap();
        assert_eq!(
            (missing.minimum_difficulty, &*missing.unknown),
            (None, &["minimum-difficulty".to_owned()][..])
        );

        let names: Vec<String> = (0..20).map(|i| format!("\"x{i}\"")).collect();
        let many = format!("[[\"{}\",\"x1\",{}]]", "y".repeat(65), names.join(","));
        assert_eq!(
            configure(&many).unwrap().unknown,
            ["x1", "x0", "x2", "x3", "x4", "x5", "x6", "x7"]
        );

        for bad in [
            "null",
            "[]",
            "{}",
            "[{}]",
            "[[7]]",
            r#"[["version-rolling"],[]]"#,
            r#"[["version-rolling"],{"version-rolling.mask":"1fffe00000"}]"#,
            r#"[["version-rolling"],{"version-rolling.mask":7}]"#,
        ] {
            assert!(configure(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn suggestions_come_in_several_shapes() {
        for params in [
            "[1024]",
            r#"["1024"]"#,
            "1024",
            r#""1024""#,
            "[1024.0]",
            "[1.024e3, 7]",
        ] {
            let line = format!(r#"{{"id":1,"method":"mining.suggest_difficulty","params":{params}}}"#);
            assert_eq!(call(&line), Call::SuggestDifficulty(1024.0), "{params}");
        }
        for params in [
            "[]",
            "null",
            "[0]",
            "[-1]",
            r#"["x"]"#,
            r#"["nan"]"#,
            r#"["inf"]"#,
            "[1e999]",
            "[[1]]",
            "{}",
        ] {
            refusal(&format!(
                r#"{{"id":1,"method":"mining.suggest_difficulty","params":{params}}}"#
            ));
        }
        let hex = "00000000ffff0000000000000000000000000000000000000000000000000000";
        let line = format!(r#"{{"id":1,"method":"mining.suggest_target","params":["{hex}"]}}"#);
        assert_eq!(
            call(&line),
            Call::SuggestTarget(Target::from_be_hex(hex).unwrap())
        );
        refusal(r#"{"id":1,"method":"mining.suggest_target","params":["ff"]}"#);
    }

    #[test]
    fn other_methods_and_replies() {
        assert_eq!(
            call(r#"{"id":1,"method":"mining.extranonce.subscribe","params":[]}"#),
            Call::ExtranonceSubscribe
        );
        assert_eq!(call(r#"{"id":1,"method":"mining.ping"}"#), Call::Ping);
        assert_eq!(
            call(r#"{"id":1,"method":"mining.get_transactions","params":["bf"]}"#),
            Call::Unknown("mining.get_transactions".into())
        );
        let long = format!(r#"{{"id":1,"method":"{}"}}"#, "m".repeat(100));
        assert_eq!(call(&long), Call::Unknown("m".repeat(64).into()));
        assert_eq!(
            call(r#"{"id":9,"result":"cgminer/4.11.1","error":null}"#),
            Call::Reply(Some("cgminer/4.11.1".into()))
        );
        assert_eq!(
            call(r#"{"id":9,"result":null,"error":[20,"what?",null]}"#),
            Call::Reply(None)
        );
    }

    #[test]
    fn ids_are_echoed_verbatim_or_refused() {
        for (id, echoed) in [
            (r#""id":7,"#, "7"),
            (r#""id": -1.5e3 ,"#, "-1.5e3"),
            (r#""id":"a\u00e9\n","#, r#""a\u00e9\n""#),
            (r#""id":null,"#, "null"),
            ("", "null"),
        ] {
            let line = format!(r#"{{{id}"method":"mining.ping"}}"#);
            assert_eq!(parse_request(line.as_bytes()).unwrap().id.as_str(), echoed);
        }
        for id in [
            "[1]",
            "{}",
            "true",
            &format!("\"{}\"", "x".repeat(63)),
            &"1".repeat(65),
        ] {
            let line = format!(r#"{{"id":{id},"method":"mining.ping"}}"#);
            assert_eq!(refusal(&line), ("null", BAD_ID), "{id}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for line in [
            "",
            "x",
            "[]",
            "null",
            "7",
            "{",
            r#"{"id":1,"method":7}"#,
            r#"{"id":1,"id":2,"method":"mining.ping"}"#,
        ] {
            assert_eq!(refusal(line).0, "null", "{line}");
        }
        assert_eq!(refusal("{}").1, "method is missing");
        assert_eq!(refusal(r#"{"id":3,"params":[]}"#), ("3", "method is missing"));
        assert_eq!(
            refusal(r#"{"id":3,"method":"mining.submit","params":"x"}"#).0,
            "3"
        );
        assert!(parse_request(b"{\"id\":1,\"method\":\"mining.authorize\",\"params\":[\"\xff\"]}").is_err());
        let deep = format!(
            r#"{{"id":1,"method":"mining.subscribe","params":{}}}"#,
            "[".repeat(4000)
        );
        refusal(&deep);
    }
}
