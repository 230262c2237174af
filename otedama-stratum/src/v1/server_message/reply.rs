use core::fmt;
use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{ServerMessageError, cut, extranonce_pair};
use crate::v1::args::{Arg, Args, Text, short_hex_u32};
use crate::v1::{ExtranonceBytes, Id};

const MAX_SESSION_LEN: usize = 64;

/// The reply to a request. What its result means depends on the request.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply<'a> {
    /// The request's id.
    pub id: Id<'a>,
    /// The server's refusal, in whichever of its forms: `error` as a list, an object or a text, or
    /// ckpool's `reject-reason`.
    pub error: Option<ReplyError<'a>>,
    result: Option<&'a str>,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyError<'a> {
    /// The number on the wire, 20 if there is none; see [`ErrorCode`](crate::v1::ErrorCode).
    pub code: i32,
    /// The server's words, cut to 512 bytes.
    pub message: Cow<'a, str>,
}

/// The answer to `mining.subscribe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeAnswer<'a> {
    /// What to subscribe with after a reconnect; at most 64 bytes.
    pub session: Option<Cow<'a, str>>,
    /// The server's part of the extranonce.
    pub extranonce1: ExtranonceBytes,
    /// Bytes that the client appends to it.
    pub extranonce2_len: usize,
}

/// The answer to `mining.configure` (BIP 310).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConfigureAnswer {
    /// Header version bits that may be rolled; 0 if none.
    pub version_mask: u32,
    /// Whether the server keeps to the minimum difficulty.
    pub minimum_difficulty: bool,
    /// Whether `mining.set_extranonce` may follow.
    pub subscribe_extranonce: bool,
}

impl<'a> Reply<'a> {
    pub(in crate::v1) fn new(
        id: Id<'a>,
        result: Option<&'a RawValue>,
        error: Option<&'a RawValue>,
        reject_reason: Option<Cow<'a, str>>,
    ) -> Self {
        let error = error
            .map(|raw| ReplyError::parse(raw.get()))
            .or(reject_reason.map(|message| ReplyError { code: 20, message }));
        Self {
            id,
            error,
            result: result.map(RawValue::get),
        }
    }

    /// Whether the result is `true` and nothing speaks against it; how `mining.authorize` and
    /// `mining.submit` are answered.
    pub fn is_true(&self) -> bool {
        self.error.is_none() && self.result == Some("true")
    }

    /// The result's JSON, if there is one.
    pub(in crate::v1) const fn result(&self) -> Option<&'a str> {
        self.result
    }

    /// The result of `mining.subscribe`.
    ///
    /// # Errors
    /// When it is no list of subscriptions, extranonce1 and the length of extranonce2.
    pub fn subscribe(&self) -> Result<SubscribeAnswer<'a>, ServerMessageError> {
        const SHAPE: ServerMessageError = ServerMessageError("subscribe's result has another shape");
        let answer: RawSubscribe<'a> = serde_json::from_str(self.result.ok_or(SHAPE)?).map_err(|_| SHAPE)?;
        let (extranonce1, extranonce2_len) =
            extranonce_pair(answer.extranonce1.into_text().as_deref(), &answer.extranonce2_len)?;
        Ok(SubscribeAnswer {
            session: answer.session,
            extranonce1,
            extranonce2_len,
        })
    }

    /// The result of `mining.configure`; `None` where it is no object.
    pub fn configure(&self) -> Option<ConfigureAnswer> {
        serde_json::from_str(self.result?).ok()
    }

    /// The result if it is a string.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        let Text(text) = serde_json::from_str(self.result?).ok()?;
        Some(cut(text))
    }
}

impl<'a> ReplyError<'a> {
    /// `[code, "message", ..]`, `{"code": .., "message": ..}`, or `"message"`.
    fn parse(raw: &'a str) -> Self {
        #[derive(Deserialize)]
        struct Object<'a> {
            #[serde(borrow, default)]
            code: Option<Arg<'a>>,
            #[serde(borrow, default)]
            message: Option<Arg<'a>>,
        }
        let (code, message) = if raw.starts_with('{') {
            serde_json::from_str::<Object<'a>>(raw).map_or((Arg::Null, Arg::Null), |o| {
                (o.code.unwrap_or(Arg::Null), o.message.unwrap_or(Arg::Null))
            })
        } else {
            let mut args: Args<'a> = serde_json::from_str(raw).unwrap_or_default();
            match args.take(0) {
                text @ Arg::Text(_) => (Arg::Null, text),
                code => (code, args.take(1)),
            }
        };
        Self {
            code: code.as_number().map_or(20, |n| n as i32),
            message: cut(message.into_text().unwrap_or(Cow::Borrowed("no reason given"))),
        }
    }
}

/// `[subscriptions, extranonce1, extranonce2_len]`.
struct RawSubscribe<'a> {
    session: Option<Cow<'a, str>>,
    extranonce1: Arg<'a>,
    extranonce2_len: Arg<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for RawSubscribe<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SubscribeVisitor;
        impl<'de> Visitor<'de> for SubscribeVisitor {
            type Value = RawSubscribe<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the result of mining.subscribe")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let subscriptions: Option<&'de RawValue> = seq.next_element()?;
                let answer = RawSubscribe {
                    session: subscriptions
                        .and_then(|raw| serde_json::from_str(raw.get()).ok())
                        .and_then(|Session(id)| id),
                    extranonce1: seq.next_element()?.unwrap_or(Arg::Null),
                    extranonce2_len: seq.next_element()?.unwrap_or(Arg::Null),
                };
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(answer)
            }
        }
        deserializer.deserialize_seq(SubscribeVisitor)
    }
}

/// What to resume with: the id of the last subscription that has a usable one. Subscriptions are
/// `[[method, id], ..]`, from some servers a single `[method, id]`.
struct Session<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Session<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SessionVisitor;
        impl<'de> Visitor<'de> for SessionVisitor {
            type Value = Session<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of subscriptions")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut session = None;
                let mut in_pair = false;
                // In a bare pair both elements are texts, and the second is the id.
                while let Some(mut item) = seq.next_element::<Args<'_>>()? {
                    let id = match item.len() {
                        1 if in_pair => item.take(0),
                        1 => Arg::Null,
                        _ => item.take(1),
                    };
                    in_pair = true;
                    let usable = |id: &Cow<'_, str>| !id.is_empty() && id.len() <= MAX_SESSION_LEN;
                    session = id.into_text().filter(usable).or(session);
                }
                Ok(Session(session))
            }
        }
        deserializer.deserialize_seq(SessionVisitor)
    }
}

impl<'de> Deserialize<'de> for ConfigureAnswer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnswerVisitor;
        impl<'de> Visitor<'de> for AnswerVisitor {
            type Value = ConfigureAnswer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the result of mining.configure")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut answer = ConfigureAnswer::default();
                let (mut rolling, mut mask) = (false, None);
                while let Some(Text(name)) = map.next_key()? {
                    let value: Arg<'_> = map.next_value()?;
                    let yes = value == Arg::Bool(true);
                    match &*name {
                        "version-rolling" => rolling = yes,
                        "version-rolling.mask" => mask = value.into_text().and_then(|h| short_hex_u32(&h)),
                        "minimum-difficulty" => answer.minimum_difficulty = yes,
                        "subscribe-extranonce" => answer.subscribe_extranonce = yes,
                        _ => {}
                    }
                }
                answer.version_mask = mask.filter(|_| rolling).unwrap_or(0);
                Ok(answer)
            }
        }
        deserializer.deserialize_map(AnswerVisitor)
    }
}

#[cfg(test)]
mod tests {
    use crate::v1::{Reply, ServerMessage, parse_server_message};

    fn reply(line: &str) -> Reply<'_> {
        match parse_server_message(line.as_bytes()) {
            Ok(ServerMessage::Reply(reply)) => reply,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_session_is_found_in_every_shape_of_subscriptions() {
        for (subscriptions, session) in [
            (
                r#"[["mining.set_difficulty","b4"],["mining.notify","ae"]]"#,
                Some("ae"),
            ),
            (r#"[["mining.notify","ae"]]"#, Some("ae")),
            (r#"["mining.notify","ae"]"#, Some("ae")),
            (
                r#"[["mining.notify","ae"],["mining.set_difficulty",null]]"#,
                Some("ae"),
            ),
            (r#"[["mining.notify",""]]"#, None),
            (r#"["mining.notify"]"#, None),
            ("[]", None),
            ("null", None),
            ("7", None),
            (&format!(r#"[["mining.notify","{}"]]"#, "x".repeat(65)), None),
        ] {
            let line = format!(r#"{{"id":1,"result":[{subscriptions},"08000002",4],"error":null}}"#);
            let answer = reply(&line).subscribe().unwrap();
            assert_eq!(answer.session.as_deref(), session, "{line}");
            assert_eq!(
                (answer.extranonce1.as_slice(), answer.extranonce2_len),
                (&[8, 0, 0, 2][..], 4)
            );
        }
    }

    #[test]
    fn errors_come_in_several_shapes() {
        for (error, code, message) in [
            (r#"[21,"stale",null]"#, 21, "stale"),
            (r#"["21","stale"]"#, 20, "21"),
            (r#"{"code":-3,"message":"no method","data":[1]}"#, -3, "no method"),
            (r#"{"message":7}"#, 20, "no reason given"),
            (r#""plain""#, 20, "plain"),
            ("[]", 20, "no reason given"),
            ("false", 20, "no reason given"),
        ] {
            let line = format!(r#"{{"id":1,"result":true,"error":{error}}}"#);
            let reply = reply(&line);
            let found = reply.error.as_ref().unwrap();
            assert_eq!((found.code, &*found.message), (code, message), "{line}");
            assert!(!reply.is_true(), "{line}");
        }
        let long = format!(
            r#"{{"id":1,"result":null,"error":[20,"{}",null]}}"#,
            "é".repeat(400)
        );
        assert_eq!(reply(&long).error.unwrap().message.len(), 512);
    }

    #[test]
    fn what_is_no_subscription_is_refused() {
        for result in [
            "true",
            "null",
            "[]",
            r#"[[],"0800000",4]"#,
            r#"[[],"08",-1]"#,
            r#"[[],"08"]"#,
            r"[[],8,4]",
        ] {
            let line = format!(r#"{{"id":1,"result":{result},"error":null}}"#);
            assert!(reply(&line).subscribe().is_err(), "{line}");
        }
    }
}
