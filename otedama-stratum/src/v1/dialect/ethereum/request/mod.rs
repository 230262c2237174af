//! What a miner asks: parsed by the server ([`parse_request`]), written by the client (the `write_` functions).

mod write;

use std::borrow::Cow;

use serde::Deserialize;

use super::{MinerNonce, Protocol, V2_NAME};
use crate::v1::RequestError;
use crate::v1::args::{Arg, Args, Text, cut};
use crate::v1::dialect::object;
use crate::v1::envelope::{CallParts, NO_OBJECT, request};
use crate::v1::fields::{self, MAX_AGENT_LEN, MAX_METHOD_LEN};
use crate::v1::hex;

pub use write::{
    write_get_work, write_hashrate, write_hello, write_login, write_noop, write_submit,
    write_submit_hashrate, write_submit_work, write_subscribe, write_subscribe_session,
};

pub use super::notify::write_bye;
pub use crate::v1::request::{
    write_authorize, write_extranonce_subscribe, write_text_reply, write_unknown_method,
};

const MAX_HOST_LEN: usize = 256;

/// One line from a miner.
pub type Request<'a> = crate::v1::Request<'a, Call<'a>>;

/// What a miner asks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call<'a> {
    /// `mining.hello` (2.0.0).
    Hello {
        /// The user agent, cut to 256 bytes.
        agent: Option<Cow<'a, str>>,
        /// The name under which the client looked for the server, cut to 256 bytes.
        host: Option<Cow<'a, str>>,
        /// The port that the client connected to.
        port: Option<u16>,
    },
    /// `mining.subscribe` (1.0.0 and 2.0.0).
    Subscribe {
        /// The user agent, cut to 256 bytes (1.0.0).
        agent: Option<Cow<'a, str>>,
        /// The session that the client would like to resume, at most 64 bytes (2.0.0).
        session: Option<Cow<'a, str>>,
    },
    /// `mining.authorize` (1.0.0 and 2.0.0).
    Authorize {
        /// Usually "address.worker"; see [`user`](crate::v1::user). 1 to 256 bytes.
        user: Cow<'a, str>,
        /// Empty if there is none; see [`password`](crate::v1::password). At most 512 bytes.
        password: Cow<'a, str>,
    },
    /// `mining.extranonce.subscribe` (1.0.0): the client can take `mining.set_extranonce`.
    ExtranonceSubscribe,
    /// `mining.submit` (1.0.0 and 2.0.0): a share.
    Submit(Submit<'a>),
    /// `mining.hashrate` (2.0.0).
    Hashrate {
        /// Hashes per second, if it can be read.
        rate_hz: Option<u64>,
        /// The worker's id, at most 256 bytes.
        worker: Cow<'a, str>,
    },
    /// `mining.noop` (2.0.0): a sign of life.
    Noop,
    /// `mining.bye` (2.0.0): the client is about to leave for good.
    Bye,
    /// `eth_submitLogin` or `eth_login` (eth-proxy).
    Login {
        /// "address" or "address.worker". 1 to 256 bytes.
        user: Cow<'a, str>,
        /// Empty if there is none. At most 512 bytes.
        password: Cow<'a, str>,
        /// The member `worker`, cut to 128 bytes.
        worker: Option<Cow<'a, str>>,
    },
    /// `eth_getWork` (eth-proxy).
    GetWork,
    /// `eth_submitWork` (eth-proxy): a share.
    SubmitWork(SubmitWork<'a>),
    /// `eth_submitHashrate` (eth-proxy, and 1.0.0 for want of its own), in hashes per second if it can be read. It is
    /// answered `true`.
    SubmitHashrate(Option<u64>),
    /// The client's answer to something that the server sent: its result if that is a string. It wants no reply.
    Reply(Option<Cow<'a, str>>),
    /// Any other method, its name cut to 64 bytes.
    Unknown(Cow<'a, str>),
}

/// `mining.submit`: a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit<'a> {
    /// The name given to `mining.authorize` (1.0.0), or the id that it was answered with (2.0.0). At most 256 bytes.
    pub worker: Cow<'a, str>,
    /// The job, at most 64 bytes.
    pub job_id: Cow<'a, str>,
    /// The miner's part of the nonce; see [`full_nonce`](super::full_nonce).
    pub nonce: MinerNonce,
}

/// `eth_submitWork`: a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitWork<'a> {
    /// The whole nonce.
    pub nonce: u64,
    /// The job's header hash.
    pub header: [u8; 32],
    /// The mix hash that the miner found.
    pub mix: [u8; 32],
    /// The member `worker`, cut to 128 bytes.
    pub worker: Option<Cow<'a, str>>,
}

impl Call<'_> {
    /// The protocol that a miner speaks whose first line is this one; `None` if that does not tell.
    pub const fn protocol(&self) -> Option<Protocol> {
        match self {
            Self::Subscribe { .. } => Some(Protocol::V1),
            Self::Hello { .. } => Some(Protocol::V2),
            Self::Login { .. } | Self::GetWork | Self::SubmitWork(_) => Some(Protocol::Proxy),
            _ => None,
        }
    }
}

/// The parameters of `mining.hello`.
#[derive(Deserialize)]
struct RawHello<'a> {
    #[serde(borrow, default)]
    agent: Option<Text<'a>>,
    #[serde(borrow, default)]
    host: Option<Text<'a>>,
    #[serde(borrow, default)]
    port: Option<Arg<'a>>,
    #[serde(borrow, default)]
    proto: Option<Text<'a>>,
}

/// Reads one line from a miner, borrowing from it.
///
/// `protocol` is what the connection's first line told; it is only looked at where both versions of `EthereumStratum`
/// have a method of the same name. Members in any order, unknown members and missing ids are taken, and hex with and
/// without "0x".
///
/// # Errors
/// When the line is no JSON object, its id can't be echoed, the parameters do not fit the method, or `mining.hello`
/// asks for another protocol; the error holds everything that the reply needs.
pub fn parse_request(line: &[u8], protocol: Option<Protocol>) -> Result<Request<'_>, RequestError<'_>> {
    request(
        object(line).ok_or(NO_OBJECT)?,
        |parts| parse_call(parts, protocol),
        |text| Ok(Call::Reply(text)),
    )
}

fn parse_call(parts: CallParts<'_>, protocol: Option<Protocol>) -> Result<Call<'_>, &'static str> {
    let second = protocol == Some(Protocol::V2);
    match &*parts.method {
        "mining.submit" => submit(parts.args()?, second).map(Call::Submit),
        "eth_submitWork" => submit_work(parts).map(Call::SubmitWork),
        "eth_getWork" => Ok(Call::GetWork),
        "eth_submitHashrate" => Ok(Call::SubmitHashrate(fields::hashrate(&parts))),
        "mining.hashrate" => hashrate(&parts),
        "mining.noop" => Ok(Call::Noop),
        "mining.bye" => Ok(Call::Bye),
        "mining.hello" => hello(&parts),
        "mining.subscribe" => parts.args().map(|args| subscribe(args, second)),
        "mining.authorize" => {
            fields::credentials(parts.args()?).map(|(user, password)| Call::Authorize { user, password })
        }
        "mining.extranonce.subscribe" => Ok(Call::ExtranonceSubscribe),
        "eth_submitLogin" | "eth_login" => {
            let (user, password) = fields::credentials(parts.args()?)?;
            Ok(Call::Login {
                user,
                password,
                worker: parts.worker,
            })
        }
        _ => Ok(Call::Unknown(cut(parts.method, MAX_METHOD_LEN))),
    }
}

fn hello<'a>(parts: &CallParts<'a>) -> Result<Call<'a>, &'static str> {
    let params = parts.params.map_or("", |raw| raw.get());
    let raw: RawHello<'a> = object(params.as_bytes()).ok_or("mining.hello takes an object")?;
    if raw.proto.is_none_or(|Text(proto)| proto != V2_NAME) {
        return Err("proto must be EthereumStratum/2.0.0");
    }
    let port = raw
        .port
        .and_then(Arg::into_text)
        .and_then(|port| hex::number(&port));
    Ok(Call::Hello {
        agent: raw.agent.map(|Text(agent)| cut(agent, MAX_AGENT_LEN)),
        host: raw.host.map(|Text(host)| cut(host, MAX_HOST_LEN)),
        port: port.and_then(|port| u16::try_from(port).ok()),
    })
}

fn subscribe(mut args: Args<'_>, second: bool) -> Call<'_> {
    if second {
        return Call::Subscribe {
            agent: None,
            session: fields::token(args.take(0)),
        };
    }
    Call::Subscribe {
        agent: args.take(0).into_text().map(|agent| cut(agent, MAX_AGENT_LEN)),
        session: None,
    }
}

fn submit(mut args: Args<'_>, second: bool) -> Result<Submit<'_>, &'static str> {
    if args.len() != 3 {
        return Err("mining.submit takes 3 parameters");
    }
    let (worker, job_id, nonce) = if second { (2, 0, 1) } else { (0, 1, 2) };
    let worker = fields::worker(args.take(worker))?;
    let job_id = fields::share_job_id(args.take(job_id))?;
    let nonce = args
        .take(nonce)
        .into_text()
        .and_then(|digits| MinerNonce::from_hex(&digits).ok())
        .ok_or("nonce must be 1 to 16 hex digits")?;
    Ok(Submit {
        worker,
        job_id,
        nonce,
    })
}

fn submit_work(parts: CallParts<'_>) -> Result<SubmitWork<'_>, &'static str> {
    let mut args = parts.args()?;
    if args.len() < 3 {
        return Err("eth_submitWork takes 3 parameters");
    }
    let (nonce, header, mix) = fields::solution(&mut args, 0)?;
    Ok(SubmitWork {
        nonce,
        header,
        mix,
        worker: parts.worker,
    })
}

fn hashrate<'a>(parts: &CallParts<'a>) -> Result<Call<'a>, &'static str> {
    Ok(Call::Hashrate {
        rate_hz: fields::hashrate(parts),
        worker: fields::worker(parts.args()?.take(1))?,
    })
}
