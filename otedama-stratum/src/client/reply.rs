//! What the languages with Bitcoin's methods make of replies.

use super::ClientClose;
use super::connection::{Ask, Connection};
use crate::v1::{ErrorCode, Reply, ServerMessageError, request};

/// What a server fixes of the jobs that follow its answer to `mining.subscribe`, and the job that came before it.
#[derive(Debug)]
pub(super) struct Subscribed<E, J> {
    pub(super) extranonce: Option<E>,
    early: Option<J>,
}

impl<E, J> Default for Subscribed<E, J> {
    fn default() -> Self {
        Self {
            extranonce: None,
            early: None,
        }
    }
}

impl<E: Copy, J> Subscribed<E, J> {
    /// The newest job, which may be this one, with the extranonce that counts at this moment. Before that is known the
    /// job is kept for later.
    pub(super) fn newest(&mut self, job: Option<J>) -> Option<(E, J)> {
        self.early = job.or(self.early.take());
        Some((self.extranonce?, self.early.take()?))
    }
}

/// Takes a reply; `subscribed` reads that to `mining.subscribe`.
pub(super) fn take_reply(
    conn: &mut Connection,
    reply: &Reply<'_>,
    subscribed: impl FnOnce(&mut Connection) -> Result<(), ServerMessageError>,
) {
    let Some(id) = reply.id.as_u64() else { return };
    match conn.asked(id) {
        Some(Ask::Subscribe) => {
            let answer = match &reply.error {
                Some(error) => Err(error.message.to_string()),
                None => subscribed(conn).map_err(|e| e.to_string()),
            };
            match answer {
                Ok(()) => authorize(conn),
                Err(why) => conn.close(ClientClose::SubscribeRefused(why)),
            }
        }
        Some(_) => authorized(conn, reply),
        None => {
            conn.settle(id, verdict(reply));
        }
    }
}

/// Sends the user, and asks to be told of new extranonces, which servers may refuse.
fn authorize(conn: &mut Connection) {
    conn.ask(Ask::Authorize, |out, id, config| {
        request::write_authorize(out, id, &config.user, &config.password);
    });
    if let Some(difficulty) = conn.config.suggest_difficulty {
        conn.request(|out, id, _| request::write_suggest_difficulty(out, id, difficulty));
    }
    conn.request(|out, id, _| request::write_extranonce_subscribe(out, id));
}

fn authorized(conn: &mut Connection, reply: &Reply<'_>) {
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
