//! What a line from the pool says in short, whichever the dialect: for the checkers.

use otedama_stratum::v1::dialect::cryptonote::{self, Refusal};
use otedama_stratum::v1::dialect::ethereum::{self, Protocol};
use otedama_stratum::v1::dialect::kawpow;

use crate::coin::Speech;

/// A job, a reply, or both.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The job's name.
    pub(crate) job: Option<String>,
    /// The request that is answered, and stratum v1's number for why it was refused.
    pub(crate) reply: Option<(u64, Option<i32>)>,
}

/// Reads a line that is not of Bitcoin's dialect.
pub(crate) fn outline(speech: Speech, line: &[u8]) -> Result<Outline, String> {
    match speech {
        Speech::Bitcoin => Ok(Outline::default()),
        Speech::CryptoNote => of_cryptonote(line),
        Speech::KawPow => of_kawpow(line),
        Speech::Ethereum(protocol) => of_ethereum(protocol, line),
    }
}

fn of_cryptonote(line: &[u8]) -> Result<Outline, String> {
    use cryptonote::{Reply, ServerMessage};
    Ok(
        match cryptonote::parse_server_message(line).map_err(|e| e.to_string())? {
            ServerMessage::Job(job) => Outline {
                job: Some(job.id.into_owned()),
                reply: None,
            },
            ServerMessage::Reply { id, reply } => Outline {
                reply: id.as_u64().map(|id| match &reply {
                    Reply::Error(text) => (id, Some(refusal_code(text))),
                    _ => (id, None),
                }),
                job: match reply {
                    Reply::Login { job, .. } => Some(job.id.into_owned()),
                    _ => None,
                },
            },
            other => return Err(format!("{other:?}")),
        },
    )
}

fn of_kawpow(line: &[u8]) -> Result<Outline, String> {
    use kawpow::ServerMessage;
    Ok(
        match kawpow::parse_server_message(line).map_err(|e| e.to_string())? {
            ServerMessage::Job(job) => Outline {
                job: Some(job.id.into_owned()),
                reply: None,
            },
            ServerMessage::Reply(reply) => Outline {
                job: None,
                reply: reply.id.as_u64().map(|id| (id, reply.error.map(|e| e.code))),
            },
            _ => Outline::default(),
        },
    )
}

fn of_ethereum(protocol: Protocol, line: &[u8]) -> Result<Outline, String> {
    use ethereum::ServerMessage;
    Ok(
        match ethereum::parse_server_message(protocol, line).map_err(|e| e.to_string())? {
            ServerMessage::Job(job) => Outline {
                job: Some(job.id.into_owned()),
                reply: None,
            },
            ServerMessage::Work(work) => Outline {
                job: Some(const_hex::encode(work.header)),
                // Jobs that nobody asked for are pushed under 0.
                reply: leading_id(line).filter(|id| *id != 0).map(|id| (id, None)),
            },
            ServerMessage::Reply(reply) => Outline {
                job: None,
                reply: reply.id.as_u64().map(|id| {
                    let accepted = reply.error.is_none();
                    let code = reply.error.map(|e| number_code(protocol, e.code));
                    (id, code.filter(|_| !accepted))
                }),
            },
            _ => Outline::default(),
        },
    )
}

/// The number at the start of a line: `{"id":`.
pub(super) fn leading_id(line: &[u8]) -> Option<u64> {
    let rest = std::str::from_utf8(line).ok()?.strip_prefix("{\"id\":")?;
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    rest[..end].parse().ok()
}

/// Stratum v1's number for what Monero's pools say in words.
pub(super) fn refusal_code(text: &str) -> i32 {
    let known = [
        (Refusal::Stale, 21),
        (Refusal::Duplicate, 22),
        (Refusal::LowDifficulty, 23),
        (Refusal::Unauthenticated, 24),
    ];
    known
        .iter()
        .find(|(refusal, _)| refusal.message() == text)
        .map_or(20, |(_, code)| *code)
}

/// Stratum v1's number for one of a protocol of Ethash's.
pub(super) fn number_code(protocol: Protocol, number: i32) -> i32 {
    match (protocol, number) {
        (Protocol::V2, 404) => 21,
        (Protocol::V2, 409) => 22,
        (Protocol::V2, 406) => 23,
        (Protocol::V2, 301) => 24,
        (Protocol::V2, 302) => 25,
        (Protocol::V2, _) | (Protocol::Proxy, -1) => 20,
        (_, number) => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_and_replies_of_every_dialect() {
        let hash = "11".repeat(32);
        let work =
            format!("{{\"id\":7,\"jsonrpc\":\"2.0\",\"result\":[\"0x{hash}\",\"0x{hash}\",\"0x{hash}\"]}}");
        let proxy = outline(Speech::Ethereum(Protocol::Proxy), work.as_bytes()).expect("work");
        assert_eq!((proxy.job, proxy.reply), (Some(hash), Some((7, None))));
        let v2 = br#"{"id":3,"error":{"code":409,"message":"duplicate share"}}"#;
        let v2 = outline(Speech::Ethereum(Protocol::V2), v2).expect("a reply");
        assert_eq!(v2.reply, Some((3, Some(22))));
        let monero = br#"{"id":4,"jsonrpc":"2.0","error":{"code":-1,"message":"Low difficulty share"}}"#;
        let monero = outline(Speech::CryptoNote, monero).expect("a reply");
        assert_eq!(monero.reply, Some((4, Some(23))));
        let ravencoin = br#"{"id":5,"result":true,"error":null}"#;
        assert_eq!(
            outline(Speech::KawPow, ravencoin).map(|o| o.reply),
            Ok(Some((5, None)))
        );
        assert!(outline(Speech::KawPow, b"nonsense").is_err());
    }
}
