//! The protocols of Ethash's miners: lines of specifications and real software, what each side makes of the other's,
//! and hostile bytes.

mod eth_proxy;
mod properties;
mod refusals;
mod version_1;
mod version_2;

use otedama_hash::Target;
use otedama_stratum::v1::dialect::ethereum::Protocol::{Proxy, V1, V2};
use otedama_stratum::v1::dialect::ethereum::{
    Call, MinerNonce, Protocol, ServerMessage, SubmitWork, Work, parse_request, parse_server_message,
};
use otedama_stratum::v1::{ErrorCode, ExtranonceBytes, Reply};

const HEADER: &str = "645cf20198c2f3861e947d4f67e3ab63b7b2e24dcc9095bd9123e7b33371f6cc";
const SEED: &str = "abad8f99f3918bf903c6a909d9bbc0fdfa5a2f4b9cb1196175ec825c6610126c";
const TARGET: &str = "0000000394427b08175efa9a9eb59b9123e2969bf19bf272b20787ed022fbe6c";
const ADDRESS: &str = "0xb85150eb365e7df0941f0cf08235f987ba91506a";

fn call_of(protocol: Protocol, line: &str) -> Call<'_> {
    parse_request(line.as_bytes(), Some(protocol)).expect(line).call
}

fn first(line: &str) -> Call<'_> {
    parse_request(line.as_bytes(), None).expect(line).call
}

fn refused(protocol: Protocol, line: &str) -> (&str, &'static str) {
    let error = parse_request(line.as_bytes(), Some(protocol)).expect_err("no request");
    assert_eq!(error.code, ErrorCode::Other);
    (error.id.as_str(), error.message)
}

fn message(protocol: Protocol, line: &str) -> ServerMessage<'_> {
    parse_server_message(protocol, line.as_bytes()).expect(line)
}

fn answer(protocol: Protocol, line: &str) -> Reply<'_> {
    match message(protocol, line) {
        ServerMessage::Reply(reply) => reply,
        other => panic!("{line}: {other:?}"),
    }
}

fn line(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    assert_eq!(out.pop(), Some(b'\n'));
    assert!(!out.contains(&b'\n'));
    String::from_utf8(out).expect("UTF-8")
}

fn bytes(hex: &str) -> [u8; 32] {
    const_hex::decode_to_array(hex).expect("64 digits")
}

fn target(hex: &str) -> Target {
    Target::from_be_hex(hex).expect("64 digits")
}

fn digits(hex: &str) -> MinerNonce {
    MinerNonce::from_hex(hex).expect("digits")
}

fn extranonce(hex: &str) -> ExtranonceBytes {
    ExtranonceBytes::from_hex(hex).expect("bytes")
}

fn work() -> Work {
    Work {
        header: bytes(HEADER),
        seed: bytes(SEED),
        target: target(TARGET),
        height: None,
    }
}

fn solution() -> SubmitWork<'static> {
    SubmitWork {
        nonce: 0xe05d_1fd4_002d_962f,
        header: bytes(HEADER),
        mix: bytes(SEED),
        worker: Some("rig-1".into()),
    }
}

#[test]
fn the_first_line_tells_the_protocol() {
    for (line, protocol) in [
        (
            r#"{"id":1,"method":"mining.subscribe","params":["MinerName/1.0.0","EthereumStratum/1.0.0"]}"#,
            Some(V1),
        ),
        (
            r#"{"id":1,"method":"mining.subscribe","params":["lolMiner 1.98a"]}"#,
            Some(V1),
        ),
        (r#"{"id":1,"method":"mining.subscribe"}"#, Some(V1)),
        (
            r#"{"id":0,"method":"mining.hello","params":{"agent":"ethminer-0.17","host":"somemininigpool.com","port":"4d2","proto":"EthereumStratum/2.0.0"}}"#,
            Some(V2),
        ),
        (
            r#"{"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["0xb85150eb365e7df0941f0cf08235f987ba91506a"],"worker":"rig-1"}"#,
            Some(Proxy),
        ),
        (
            r#"{"id":1,"method":"eth_login","params":["0xb8","x"]}"#,
            Some(Proxy),
        ),
        (r#"{"id":1,"jsonrpc":"2.0","method":"eth_getWork"}"#, Some(Proxy)),
        (r#"{"id":1,"method":"mining.authorize","params":["a","b"]}"#, None),
        (r#"{"id":1,"method":"login","params":{"login":"a"}}"#, None),
    ] {
        assert_eq!(first(line).protocol(), protocol, "{line}");
    }
}
