//! What a miner asks: parsed by the server ([`parse_request`]), written by the client (the `write_` functions).

use std::borrow::Cow;

use crate::v1::args::{Args, cut};
use crate::v1::dialect::object;
use crate::v1::envelope::{CallParts, NO_OBJECT, request};
use crate::v1::fields::{self, MAX_AGENT_LEN, MAX_METHOD_LEN};
use crate::v1::{RequestError, encode};

pub use crate::v1::request::{
    write_authorize, write_extranonce_subscribe, write_subscribe, write_text_reply, write_unknown_method,
};

/// One line from a miner.
pub type Request<'a> = crate::v1::Request<'a, Call<'a>>;

/// What a miner asks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call<'a> {
    /// `mining.subscribe`.
    Subscribe {
        /// The user agent, cut to 256 bytes.
        agent: Option<Cow<'a, str>>,
        /// The session that the client would like to resume, at most 64 bytes. From `NiceHash` it can be a time stamp.
        session: Option<Cow<'a, str>>,
    },
    /// `mining.authorize`.
    Authorize {
        /// Usually "address.worker"; see [`user`](crate::v1::user). 1 to 256 bytes.
        user: Cow<'a, str>,
        /// Empty if there is none; see [`password`](crate::v1::password). At most 512 bytes.
        password: Cow<'a, str>,
    },
    /// `mining.extranonce.subscribe`: the client can take `mining.set_extranonce`.
    ExtranonceSubscribe,
    /// `mining.submit`: a share.
    Submit(Submit<'a>),
    /// `eth_submitHashrate`, in hashes per second if it can be read. It is answered `true`.
    SubmitHashrate(Option<u64>),
    /// The client's answer to something that the server sent: its result if that is a string. It wants no reply.
    Reply(Option<Cow<'a, str>>),
    /// Any other method, its name cut to 64 bytes. kawpowminer tries `mining.hello` and `eth_submitLogin` first, and
    /// reads an error as "another dialect".
    Unknown(Cow<'a, str>),
}

/// `mining.submit`: a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit<'a> {
    /// The name given to `mining.authorize`, at most 256 bytes.
    pub worker: Cow<'a, str>,
    /// The job, at most 64 bytes.
    pub job_id: Cow<'a, str>,
    /// The whole nonce, its first bytes the server's.
    pub nonce: u64,
    /// The job's header hash.
    pub header: [u8; 32],
    /// The mix hash that the miner found.
    pub mix: [u8; 32],
}

/// Reads one line from a miner, borrowing from it.
///
/// Members in any order, unknown members and missing ids are taken, and hex with and without "0x".
///
/// # Errors
/// When the line is no JSON object, its id can't be echoed, or the parameters do not fit the method; the error holds
/// everything that the reply needs.
pub fn parse_request(line: &[u8]) -> Result<Request<'_>, RequestError<'_>> {
    request(object(line).ok_or(NO_OBJECT)?, parse_call, |text| {
        Ok(Call::Reply(text))
    })
}

fn parse_call(parts: CallParts<'_>) -> Result<Call<'_>, &'static str> {
    match &*parts.method {
        "mining.submit" => submit(parts.args()?).map(Call::Submit),
        "mining.subscribe" => parts.args().map(subscribe),
        "mining.authorize" => {
            fields::credentials(parts.args()?).map(|(user, password)| Call::Authorize { user, password })
        }
        "mining.extranonce.subscribe" => Ok(Call::ExtranonceSubscribe),
        "eth_submitHashrate" => Ok(Call::SubmitHashrate(fields::hashrate(&parts))),
        _ => Ok(Call::Unknown(cut(parts.method, MAX_METHOD_LEN))),
    }
}

fn subscribe(mut args: Args<'_>) -> Call<'_> {
    Call::Subscribe {
        agent: args.take(0).into_text().map(|agent| cut(agent, MAX_AGENT_LEN)),
        // kawpowminer asks for Ethash's dialect in this place before it tries ours.
        session: fields::token(args.take(1)).filter(|session| !session.starts_with("EthereumStratum/")),
    }
}

fn submit(mut args: Args<'_>) -> Result<Submit<'_>, &'static str> {
    if args.len() != 5 {
        return Err("mining.submit takes 5 parameters");
    }
    let worker = fields::worker(args.take(0))?;
    let job_id = fields::share_job_id(args.take(1))?;
    let (nonce, header, mix) = fields::solution(&mut args, 2)?;
    Ok(Submit {
        worker,
        job_id,
        nonce,
        header,
        mix,
    })
}

/// Appends `mining.submit`; nonce and hashes carry "0x", as they do from other miners.
pub fn write_submit(out: &mut Vec<u8>, id: u64, submit: &Submit<'_>) {
    encode::start_call(out, id, "mining.submit");
    encode::text(out, &submit.worker);
    out.push(b',');
    encode::text(out, &submit.job_id);
    out.push(b',');
    fields::write_solution(out, submit.nonce, &submit.header, &submit.mix);
    encode::end(out);
}

/// Appends `eth_submitHashrate`: the rate in hashes per second, and 32 bytes that name the machine.
pub fn write_submit_hashrate(out: &mut Vec<u8>, id: u64, rate_hz: u64, machine: &[u8; 32]) {
    encode::start_call(out, id, "eth_submitHashrate");
    fields::write_hashrate(out, rate_hz, machine);
    encode::end(out);
}
