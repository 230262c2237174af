//! What the languages with Bitcoin's methods make of replies.

use super::ClientClose;
use super::connection::{Ask, Connection};
use crate::v1::{ErrorCode, Reply, request};

/// Sends the user, and asks to be told of new extranonces, which servers may refuse.
pub(super) fn authorize(conn: &mut Connection) {
    conn.ask(Ask::Authorize, |out, id, config| {
        request::write_authorize(out, id, &config.user, &config.password);
    });
    if let Some(difficulty) = conn.config.suggest_difficulty {
        conn.request(|out, id, _| request::write_suggest_difficulty(out, id, difficulty));
    }
    conn.request(|out, id, _| request::write_extranonce_subscribe(out, id));
}

pub(super) fn authorized(conn: &mut Connection, reply: &Reply<'_>) {
    match verdict(reply) {
        Ok(()) => conn.run(),
        Err((_, reason)) => conn.close(ClientClose::Unauthorized(reason)),
    }
}

/// `Ok` for a plain `true`.
pub(super) fn verdict(reply: &Reply<'_>) -> Result<(), (i32, String)> {
    if reply.is_true() {
        Ok(())
    } else {
        Err(refusal(reply))
    }
}

/// The number and the words of a refusal.
pub(super) fn refusal(reply: &Reply<'_>) -> (i32, String) {
    reply.error.as_ref().map_or_else(
        || (ErrorCode::Other.code(), "no reason given".to_owned()),
        |error| (error.code, error.message.to_string()),
    )
}
