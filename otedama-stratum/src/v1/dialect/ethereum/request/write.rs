use super::{Submit, SubmitWork};
use crate::v1::dialect::ethereum::{Protocol, V1_NAME, V2_NAME};
use crate::v1::encode;
use crate::v1::fields;
use crate::v1::hex;

/// Appends `mining.hello` (2.0.0): the user agent, and the server as the client knows it.
pub fn write_hello(out: &mut Vec<u8>, id: u64, agent: &str, host: &str, port: u16) {
    encode::call(out, id, "mining.hello");
    out.extend_from_slice(b",\"params\":{\"agent\":");
    encode::text(out, agent);
    out.extend_from_slice(b",\"host\":");
    encode::text(out, host);
    out.extend_from_slice(b",\"port\":");
    hex::write_number(out, port.into());
    out.extend_from_slice(b",\"proto\":");
    encode::text(out, V2_NAME);
    out.extend_from_slice(b"}}\n");
}

/// Appends `mining.subscribe` (1.0.0).
pub fn write_subscribe(out: &mut Vec<u8>, id: u64, agent: &str) {
    crate::v1::request::write_subscribe(out, id, agent, Some(V1_NAME));
}

/// Appends `mining.subscribe` (2.0.0), with the session to resume if there is one.
pub fn write_subscribe_session(out: &mut Vec<u8>, id: u64, session: Option<&str>) {
    encode::call(out, id, "mining.subscribe");
    if let Some(session) = session {
        out.extend_from_slice(b",\"params\":");
        encode::text(out, session);
    }
    out.extend_from_slice(b"}\n");
}

/// Appends `mining.submit`, its parameters in the order of `protocol`; only 2.0.0 puts the worker last.
pub fn write_submit(out: &mut Vec<u8>, protocol: Protocol, id: u64, submit: &Submit<'_>) {
    encode::start_call(out, id, "mining.submit");
    let nonce = submit.nonce.to_string();
    let texts: [&str; 3] = match protocol {
        Protocol::V2 => [&submit.job_id, &nonce, &submit.worker],
        Protocol::V1 | Protocol::Proxy => [&submit.worker, &submit.job_id, &nonce],
    };
    for (index, text) in texts.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        encode::text(out, text);
    }
    encode::end(out);
}

/// Appends `mining.hashrate` (2.0.0): hashes per second, and the worker's id.
pub fn write_hashrate(out: &mut Vec<u8>, id: u64, rate_hz: u64, worker: &str) {
    encode::start_call(out, id, "mining.hashrate");
    hex::write_number(out, rate_hz);
    out.push(b',');
    encode::text(out, worker);
    encode::end(out);
}

/// Appends `mining.noop` (2.0.0).
pub fn write_noop(out: &mut Vec<u8>, id: u64) {
    encode::call(out, id, "mining.noop");
    out.extend_from_slice(b"}\n");
}

/// Appends `eth_submitLogin` (eth-proxy); an empty password is left out.
pub fn write_login(out: &mut Vec<u8>, id: u64, user: &str, password: &str, worker: Option<&str>) {
    start_rpc(out, id, "eth_submitLogin");
    encode::text(out, user);
    if !password.is_empty() {
        out.push(b',');
        encode::text(out, password);
    }
    end_rpc(out, worker);
}

/// Appends `eth_getWork` (eth-proxy).
pub fn write_get_work(out: &mut Vec<u8>, id: u64) {
    start_rpc(out, id, "eth_getWork");
    end_rpc(out, None);
}

/// Appends `eth_submitWork` (eth-proxy).
pub fn write_submit_work(out: &mut Vec<u8>, id: u64, submit: &SubmitWork<'_>) {
    start_rpc(out, id, "eth_submitWork");
    fields::write_solution(out, submit.nonce, &submit.header, &submit.mix);
    end_rpc(out, submit.worker.as_deref());
}

/// Appends `eth_submitHashrate`: the rate in hashes per second, and 32 bytes that name the machine.
pub fn write_submit_hashrate(
    out: &mut Vec<u8>,
    id: u64,
    rate_hz: u64,
    machine: &[u8; 32],
    worker: Option<&str>,
) {
    start_rpc(out, id, "eth_submitHashrate");
    fields::write_hashrate(out, rate_hz, machine);
    end_rpc(out, worker);
}

fn start_rpc(out: &mut Vec<u8>, id: u64, method: &str) {
    encode::rpc_call(out, id, method);
    out.extend_from_slice(b",\"params\":[");
}

fn end_rpc(out: &mut Vec<u8>, worker: Option<&str>) {
    out.push(b']');
    if let Some(worker) = worker {
        out.extend_from_slice(b",\"worker\":");
        encode::text(out, worker);
    }
    out.extend_from_slice(b"}\n");
}
