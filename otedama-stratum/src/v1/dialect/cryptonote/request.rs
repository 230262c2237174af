//! What a miner asks: parsed by the server ([`parse_request`]), written by the client (the `write_` functions).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::v1::args::{Text, cut, hex_bytes};
use crate::v1::dialect::object;
use crate::v1::envelope::{CallParts, MAX_WORKER_LEN, NO_METHOD, NO_OBJECT, request};
use crate::v1::fields::{
    MAX_AGENT_LEN, MAX_JOB_ID_LEN, MAX_METHOD_LEN, MAX_PASSWORD_LEN, MAX_SESSION_LEN, MAX_USER_LEN,
};
use crate::v1::{RequestError, encode};

pub(super) const MAX_ALGORITHM_LEN: usize = 32;
/// xmrig names about 40.
const MAX_ALGORITHMS: usize = 128;

/// One line from a miner.
pub type Request<'a> = crate::v1::Request<'a, Call<'a>>;

/// What a miner asks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call<'a> {
    /// `login`.
    Login(Login<'a>),
    /// `submit`: a share.
    Submit(Submit<'a>),
    /// `keepalived`.
    KeepAlive,
    /// Any other method, its name cut to 64 bytes.
    Unknown(Cow<'a, str>),
}

/// `login`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login<'a> {
    /// The address, often with a fixed difficulty or a worker: "address+20000", "address.worker". 1 to 256 bytes.
    pub user: Cow<'a, str>,
    /// Empty if there is none. At most 512 bytes.
    pub password: Cow<'a, str>,
    /// The user agent, cut to 256 bytes.
    pub agent: Option<Cow<'a, str>>,
    /// Name of the rig, at most 128 bytes.
    pub rig: Option<Cow<'a, str>>,
    /// Algorithms that the miner knows, at most 128 of them; empty if it didn't say.
    pub algorithms: Vec<Cow<'a, str>>,
}

/// `submit`: a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit<'a> {
    /// The session that `login` was answered with, at most 64 bytes.
    pub session: Cow<'a, str>,
    /// The job, at most 64 bytes.
    pub job_id: Cow<'a, str>,
    /// The nonce as it stands in the blob.
    pub nonce: [u8; 4],
    /// The hash that the miner found, in the order of its bytes.
    pub result: [u8; 32],
    /// Name of the algorithm, at most 32 bytes.
    pub algorithm: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct LoginParams<'a> {
    #[serde(borrow, default)]
    login: Option<Text<'a>>,
    #[serde(borrow, default)]
    pass: Option<Text<'a>>,
    #[serde(borrow, default)]
    agent: Option<Text<'a>>,
    #[serde(borrow, default)]
    rigid: Option<Text<'a>>,
    #[serde(borrow, default)]
    algo: Option<Vec<Text<'a>>>,
}

#[derive(Deserialize)]
struct SubmitParams<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    job_id: Text<'a>,
    #[serde(borrow)]
    nonce: Text<'a>,
    #[serde(borrow)]
    result: Text<'a>,
    #[serde(borrow, default)]
    algo: Option<Text<'a>>,
}

/// Reads one line from a miner, borrowing from it.
///
/// Members in any order, unknown members and missing ids are taken.
///
/// # Errors
/// When the line is no JSON object, its id can't be echoed, or the parameters do not fit the method.
pub fn parse_request(line: &[u8]) -> Result<Request<'_>, RequestError<'_>> {
    request(object(line).ok_or(NO_OBJECT)?, parse_call, |_| Err(NO_METHOD))
}

fn parse_call(parts: CallParts<'_>) -> Result<Call<'_>, &'static str> {
    let params = parts.params.map_or("{}", RawValue::get).as_bytes();
    match &*parts.method {
        "login" => login(params).map(Call::Login),
        "submit" => submit(params).map(Call::Submit),
        "keepalived" => Ok(Call::KeepAlive),
        _ => Ok(Call::Unknown(cut(parts.method, MAX_METHOD_LEN))),
    }
}

fn login(params: &[u8]) -> Result<Login<'_>, &'static str> {
    let params: LoginParams<'_> =
        object(params).ok_or("login takes an object of texts and a list of algorithms")?;
    let user = params.login.map_or_else(Cow::default, |Text(user)| user);
    let password = params.pass.map_or_else(Cow::default, |Text(password)| password);
    if user.is_empty() || user.len() > MAX_USER_LEN {
        return Err("login must be 1 to 256 bytes");
    }
    if password.len() > MAX_PASSWORD_LEN {
        return Err("pass is longer than 512 bytes");
    }
    let algorithms = params.algo.unwrap_or_default();
    if algorithms.len() > MAX_ALGORITHMS || algorithms.iter().any(|Text(name)| name.len() > MAX_ALGORITHM_LEN)
    {
        return Err("algo must be at most 128 names of at most 32 bytes");
    }
    Ok(Login {
        user,
        password,
        agent: params.agent.map(|Text(agent)| cut(agent, MAX_AGENT_LEN)),
        rig: params
            .rigid
            .map(|Text(rig)| cut(rig, MAX_WORKER_LEN))
            .filter(|rig| !rig.is_empty()),
        algorithms: algorithms.into_iter().map(|Text(name)| name).collect(),
    })
}

fn submit(params: &[u8]) -> Result<Submit<'_>, &'static str> {
    let params: SubmitParams<'_> =
        object(params).ok_or("submit takes an object of id, job_id, nonce and result")?;
    if params.id.0.len() > MAX_SESSION_LEN {
        return Err("id is longer than 64 bytes");
    }
    if params.job_id.0.len() > MAX_JOB_ID_LEN {
        return Err("job_id is longer than 64 bytes");
    }
    let algorithm = params.algo.map(|Text(name)| name);
    if algorithm
        .as_ref()
        .is_some_and(|name| name.len() > MAX_ALGORITHM_LEN)
    {
        return Err("algo is longer than 32 bytes");
    }
    Ok(Submit {
        session: params.id.0,
        job_id: params.job_id.0,
        nonce: hex_bytes(&params.nonce.0).ok_or("nonce must be 8 hex digits")?,
        result: hex_bytes(&params.result.0).ok_or("result must be 64 hex digits")?,
        algorithm,
    })
}

/// Appends `login`.
pub fn write_login(out: &mut Vec<u8>, id: u64, login: &Login<'_>) {
    start(out, id, "login");
    out.extend_from_slice(b"\"login\":");
    encode::text(out, &login.user);
    out.extend_from_slice(b",\"pass\":");
    encode::text(out, &login.password);
    for (name, value) in [("agent", &login.agent), ("rigid", &login.rig)] {
        if let Some(value) = value {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            encode::text(out, value);
        }
    }
    if !login.algorithms.is_empty() {
        out.extend_from_slice(b",\"algo\":[");
        for (index, name) in login.algorithms.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            encode::text(out, name);
        }
        out.push(b']');
    }
    out.extend_from_slice(b"}}\n");
}

/// Appends `submit`.
pub fn write_submit(out: &mut Vec<u8>, id: u64, submit: &Submit<'_>) {
    start(out, id, "submit");
    out.extend_from_slice(b"\"id\":");
    encode::text(out, &submit.session);
    out.extend_from_slice(b",\"job_id\":");
    encode::text(out, &submit.job_id);
    out.extend_from_slice(b",\"nonce\":");
    encode::hex_text(out, &submit.nonce);
    out.extend_from_slice(b",\"result\":");
    encode::hex_text(out, &submit.result);
    if let Some(algorithm) = &submit.algorithm {
        out.extend_from_slice(b",\"algo\":");
        encode::text(out, algorithm);
    }
    out.extend_from_slice(b"}}\n");
}

/// Appends `keepalived`.
pub fn write_keepalived(out: &mut Vec<u8>, id: u64, session: &str) {
    start(out, id, "keepalived");
    out.extend_from_slice(b"\"id\":");
    encode::text(out, session);
    out.extend_from_slice(b"}}\n");
}

fn start(out: &mut Vec<u8>, id: u64, method: &str) {
    encode::rpc_call(out, id, method);
    out.extend_from_slice(b",\"params\":{");
}
