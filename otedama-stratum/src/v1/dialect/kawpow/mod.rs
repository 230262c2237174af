//! The dialect of Ravencoin's miners (kawpowminer, T-Rex, xmrig): Bitcoin's methods, Ethash's contents.
//!
//! [`parse_request`] and the writers in [`reply`] are the server's side; [`parse_server_message`] and the writers in
//! [`request`] are the client's. A nonce has 8 bytes, of which the server fixes the first ones, the extranonce;
//! shares carry all of it. Hashes are written in the order of their bytes, targets most significant first.

pub mod reply;
pub mod request;
pub mod server_message;

use std::borrow::Cow;

use otedama_hash::Target;

pub use request::{Call, Request, Submit, parse_request};
pub use server_message::{ServerMessage, Subscription, parse_server_message, subscription};

pub use crate::v1::RequestError;

/// Most bytes of the nonce that a server may fix: xmrig and kawpowminer take no more.
pub const MAX_EXTRANONCE_LEN: usize = 4;

/// Work for a miner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job<'a> {
    /// The job's name, at most 64 bytes.
    pub id: Cow<'a, str>,
    /// Hash of the header without nonce and mix, in the order in which KawPow takes it in.
    pub header: [u8; 32],
    /// The epoch's seed.
    pub seed: [u8; 32],
    /// What a share's hash has to meet. kawpowminer misreads targets of 2^248 and above.
    pub target: Target,
    /// Whether every older job is void.
    pub clean: bool,
    /// Height of the block, which the algorithm needs.
    pub height: u32,
    /// The network target's compact form, if the server said.
    pub bits: Option<u32>,
}

impl Job<'_> {
    /// The same job, borrowing nothing.
    pub fn into_owned(self) -> Job<'static> {
        Job {
            id: Cow::Owned(self.id.into_owned()),
            ..self
        }
    }
}
