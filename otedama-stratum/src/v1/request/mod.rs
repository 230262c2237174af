//! What a client asks: parsed by the server ([`parse_request`]), written by the client (the `write_` functions).

mod configure;
mod parse;
mod write;

use std::borrow::Cow;

use otedama_hash::Target;

pub use configure::{Configure, MAX_UNKNOWN_EXTENSIONS, VersionRolling};
pub use parse::parse_request;
pub use write::{
    write_authorize, write_configure, write_extranonce_subscribe, write_ping, write_submit, write_subscribe,
    write_suggest_difficulty, write_suggest_target, write_text_reply, write_unknown_method,
};

use super::{ErrorCode, ExtranonceBytes, Id};

/// One line from a client; each dialect has calls of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a, C = Call<'a>> {
    /// To be echoed in the reply.
    pub id: Id<'a>,
    /// What is asked.
    pub call: C,
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Call<'a> {
    /// `mining.subscribe`.
    Subscribe {
        /// The user agent, cut to 256 bytes.
        agent: Option<Cow<'a, str>>,
        /// The session that the client would like to resume, at most 64 bytes.
        session: Option<Cow<'a, str>>,
    },
    /// `mining.authorize`.
    Authorize {
        /// Usually "address.worker"; see [`user`](super::user). 1 to 256 bytes.
        user: Cow<'a, str>,
        /// Empty if there is none; see [`password`](super::password). At most 512 bytes.
        password: Cow<'a, str>,
    },
    /// `mining.submit`.
    Submit(Submit<'a>),
    /// `mining.configure` (BIP 310).
    Configure(Configure),
    /// `mining.extranonce.subscribe`: the client can take `mining.set_extranonce`.
    ExtranonceSubscribe,
    /// `mining.suggest_difficulty`: a positive, finite, normal number.
    SuggestDifficulty(f64),
    /// `mining.suggest_target`.
    SuggestTarget(Target),
    /// `mining.ping`.
    Ping,
    /// The client's answer to something that the server asked, such as `client.get_version`: its
    /// result if that is a string. It wants no reply.
    Reply(Option<Cow<'a, str>>),
    /// Any other method, its name cut to 64 bytes.
    Unknown(Cow<'a, str>),
}

/// `mining.submit`: a share.
#[derive(Clone, Debug, PartialEq)]
pub struct Submit<'a> {
    /// The name given to `mining.authorize`, at most 256 bytes.
    pub worker: Cow<'a, str>,
    /// The job, at most 64 bytes.
    pub job_id: Cow<'a, str>,
    /// The client's part of the extranonce.
    pub extranonce2: ExtranonceBytes,
    /// Block time, Unix seconds.
    pub ntime: u32,
    /// Header nonce.
    pub nonce: u32,
    /// The header version's bits under the negotiated mask (BIP 310), if the client rolls them.
    pub version_bits: Option<u32>,
}

/// A line that cannot be answered with a result; the reply is always
/// `write_error(out, e.id, e.code, e.message)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RequestError<'a> {
    /// To be echoed; `Null` where it could not be read.
    pub id: Id<'a>,
    /// The code of the reply.
    pub code: ErrorCode,
    /// The message of the reply.
    pub message: &'static str,
}
