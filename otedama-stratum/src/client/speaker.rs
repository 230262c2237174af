use core::fmt;

use otedama_hash::Monotonic;

use super::connection::{Ask, Connection};
use super::{ClientClose, ClientJob, Language, Solution, bitcoin, cryptonote, ethereum, kawpow};
use crate::v1::dialect::ethereum::Protocol;

/// A line that makes no sense.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nonsense;

/// Why a solution can't count.
pub(super) type Flaw = &'static str;

/// What differs from language to language: what is said, and what is made of what is heard.
pub(super) trait Speaker: fmt::Debug + Send + Sync {
    /// Says the first words on a new connection.
    fn connected(&mut self, conn: &mut Connection);

    /// Takes one line from the server.
    fn line(&mut self, conn: &mut Connection, line: &[u8]) -> Result<(), Nonsense>;

    /// Checks and sends a solution of `job` through [`Connection::submit`], or says why it can't count.
    fn submit(&mut self, conn: &mut Connection, job: &ClientJob, solution: &Solution) -> Result<(), Flaw>;

    /// The name of the call that carries a solution.
    fn submit_method(&self) -> &'static str {
        "mining.submit"
    }

    /// Goes on when a request of the handshake stays unanswered.
    fn unanswered(&mut self, conn: &mut Connection, ask: Ask) {
        conn.close(ClientClose::ReplyTimeout(ask.method()));
    }

    /// The server ended the connection while this was asked.
    fn hung_up_on(&mut self, _ask: Ask) {}

    /// When there is something to say unasked, while solutions can be submitted.
    fn next_word(&self, _conn: &Connection) -> Option<Monotonic> {
        None
    }

    /// Says it.
    fn speak_up(&mut self, _conn: &mut Connection) {}
}

pub(super) fn speaker(language: Language) -> Box<dyn Speaker> {
    match language {
        Language::Bitcoin => Box::<bitcoin::Bitcoin>::default(),
        Language::CryptoNote => Box::<cryptonote::CryptoNote>::default(),
        Language::KawPow => Box::<kawpow::KawPow>::default(),
        Language::Ethereum(Protocol::V1) => Box::<ethereum::V1>::default(),
        Language::Ethereum(Protocol::V2) => Box::<ethereum::V2>::default(),
        Language::Ethereum(Protocol::Proxy) => Box::<ethereum::Proxy>::default(),
    }
}
