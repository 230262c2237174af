//! What a node makes of a submitted block.

use super::reply;
use crate::node::{ReplyError, SubmitOutcome};

/// Reads the reply to `submitblock` (BIP 22, section "Block Submission").
///
/// # Errors
/// When the node reports an error (-22: it can't read the block) or the reply is malformed: then
/// nothing is known about the block.
pub fn submit_outcome(status: u16, body: &[u8]) -> Result<SubmitOutcome, ReplyError> {
    let word: Option<String> = reply::result(status, body)?;
    Ok(word.map_or(SubmitOutcome::Accepted, |word| from_word(&word)))
}

pub(super) fn from_word(word: &str) -> SubmitOutcome {
    match word {
        "duplicate" => SubmitOutcome::Duplicate,
        "inconclusive" | "duplicate-inconclusive" => SubmitOutcome::Inconclusive,
        "stale-prevblk" | "stale-work" | "bad-prevblk" => SubmitOutcome::Stale(word.into()),
        _ => SubmitOutcome::Rejected(word.chars().take(100).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(result: &str) -> Result<SubmitOutcome, ReplyError> {
        submit_outcome(
            200,
            format!(r#"{{"result":{result},"error":null,"id":"otedama"}}"#).as_bytes(),
        )
    }

    #[test]
    fn every_answer_has_its_meaning() {
        assert_eq!(outcome("null"), Ok(SubmitOutcome::Accepted));
        assert_eq!(outcome("\"duplicate\""), Ok(SubmitOutcome::Duplicate));
        assert_eq!(outcome("\"inconclusive\""), Ok(SubmitOutcome::Inconclusive));
        assert_eq!(
            outcome("\"duplicate-inconclusive\""),
            Ok(SubmitOutcome::Inconclusive)
        );
        assert_eq!(
            outcome("\"stale-prevblk\""),
            Ok(SubmitOutcome::Stale("stale-prevblk".into()))
        );
        for word in [
            "high-hash",
            "bad-cb-amount",
            "duplicate-invalid",
            "unexpected-witness",
        ] {
            assert_eq!(
                outcome(&format!("\"{word}\"")),
                Ok(SubmitOutcome::Rejected(word.into()))
            );
        }
        assert!(outcome("7").is_err());
    }

    #[test]
    fn a_reply_without_result_is_no_acceptance() {
        assert!(submit_outcome(200, b"{}").is_err());
        assert!(submit_outcome(200, b"").is_err());
        let undecodable = br#"{"result":null,"error":{"code":-22,"message":"Block decode failed"},"id":1}"#;
        assert!(matches!(submit_outcome(500, undecodable), Err(ReplyError::Rpc(e)) if e.code == -22));
    }
}
