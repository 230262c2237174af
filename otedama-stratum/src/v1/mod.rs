//! Stratum version 1: JSON-RPC-like lines over TCP. Bitcoin's dialect is here, others are in [`dialect`].
//!
//! [`parse_request`] and the writers in [`response`] and [`notify`] are the server's side;
//! [`parse_server_message`] and the writers in [`request`] are the client's.

mod args;
pub mod dialect;
mod encode;
mod envelope;
mod error_code;
mod extranonce;
mod fields;
mod hex;
mod id;
pub mod notify;
pub mod password;
pub mod request;
pub mod response;
pub mod server_message;
pub mod user;

pub use error_code::ErrorCode;
pub use extranonce::{ExtranonceBytes, ExtranonceError};
pub use id::{Id, MAX_ID_LEN};
pub use notify::NotifyParts;
pub use request::{Call, Configure, Request, RequestError, Submit, VersionRolling, parse_request};
pub use response::ConfigureReply;
pub use server_message::{
    ConfigureAnswer, Notify, Reply, ReplyError, ServerMessage, ServerMessageError, SubscribeAnswer,
    parse_server_message,
};
