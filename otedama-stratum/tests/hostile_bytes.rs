//! No bytes from a peer cause a panic or get past a limit.

use otedama_hash::{Monotonic, Now};
use otedama_stratum::client::{Client, ClientConfig, ClientInput, MAX_SERVER_LINE};
use otedama_stratum::v1::{Call, ServerMessage, parse_request, parse_server_message};
use proptest::prelude::*;

/// Valid lines of both sides, to be damaged.
const LINES: [&str; 24] = [
    r#"{"id":1,"method":"mining.subscribe","params":["cgminer/4.11.1","5f3a"]}"#,
    r#"{"id":2,"method":"mining.authorize","params":["bc1qexample.rig","x,d=1024"]}"#,
    r#"{"params": ["bc1qexample.rig", "bf", "00000001", "504e86ed", "b2957c02", "04000000"], "id": 4, "method": "mining.submit"}"#,
    r#"{"id":3,"method":"mining.configure","params":[["version-rolling","minimum-difficulty"],{"version-rolling.mask":"1fffe000","version-rolling.min-bit-count":2,"minimum-difficulty.value":0.5}]}"#,
    r#"{"id":5,"method":"mining.suggest_difficulty","params":[1024.5]}"#,
    r#"{"id":5,"method":"mining.suggest_target","params":["00000000ffff0000000000000000000000000000000000000000000000000000"]}"#,
    r#"{"id":6,"method":"mining.extranonce.subscribe","params":[]}"#,
    r#"{"id":9,"result":"cgminer/4.11.1","error":null}"#,
    r#"{"id":1,"result":[[["mining.set_difficulty","b4b6"],["mining.notify","ae68"]],"08000002",4],"error":null}"#,
    r#"{"id":1,"result":[["mining.notify","ae68"],"08000002",4],"error":null}"#,
    r#"{"id":3,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000","minimum-difficulty":false},"error":null}"#,
    r#"{"id":4,"result":true,"error":null}"#,
    r#"{"id":4,"result":null,"error":[21,"Job not found",null]}"#,
    r#"{"id":4,"result":null,"error":{"code":-3,"message":"Method not found"}}"#,
    r#"{"id":4,"result":false,"error":"nope"}"#,
    r#"{"reject-reason":"Above target","result":false,"error":null,"id":4}"#,
    r#"{"id":null,"method":"mining.set_difficulty","params":[0.0001]}"#,
    r#"{"id":null,"method":"mining.set_extranonce","params":["08000002",4]}"#,
    r#"{"id":null,"method":"mining.set_version_mask","params":["1fffe000"]}"#,
    r#"{"id":null,"method":"client.reconnect","params":["pool.example",3333,10]}"#,
    r#"{"id":null,"method":"client.show_message","params":["maintenance\n at noon"]}"#,
    r#"{"id":7,"method":"client.get_version","params":[]}"#,
    r#"{"id":8,"method":"mining.ping"}"#,
    r#"{"id":null,"method":"mining.notify","params":["bf","4d16b6f85af6e2198f44ae2a6de67f78487ae5611b77c6c0440b921e00000000","01000000010000ffff20020862062f503253482f04b8864e5008","072f736c7573682f000000000100f2052a01000000",["c2fee1ee8b8dc2b4bc2a8b8dc2b4bc2ac2fee1ee8b8dc2b4bc2a8b8dc2b4bc2a"],"00000002","1c2ac4af","504e86b9",false]}"#,
];

#[derive(Clone, Debug)]
enum Damage {
    Replace(usize, u8),
    Remove(usize, usize),
    Repeat(usize, usize),
    Insert(usize, &'static str),
    Splice(usize, usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let pieces = vec![
        "\"", "[", "]", "{", "}", ",", ":", "null", "\\u0000", "\\ud800", "-1", "1e999", "é", "\u{0}", "true",
    ];
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Damage::Replace(at, byte)),
        (any::<usize>(), 1usize..20).prop_map(|(at, len)| Damage::Remove(at, len)),
        (any::<usize>(), 1usize..40).prop_map(|(at, len)| Damage::Repeat(at, len)),
        (any::<usize>(), prop::sample::select(pieces)).prop_map(|(at, piece)| Damage::Insert(at, piece)),
        (any::<usize>(), 0..LINES.len(), any::<usize>())
            .prop_map(|(at, with, from)| Damage::Splice(at, with, from)),
    ]
}

fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (0..LINES.len(), prop::collection::vec(damage(), 1..6)).prop_map(|(line, damages)| {
        let mut bytes = LINES[line].as_bytes().to_vec();
        for damage in damages {
            let place = |at: usize| at % (bytes.len() + 1);
            match damage {
                Damage::Replace(at, byte) => {
                    let at = place(at);
                    if let Some(old) = bytes.get_mut(at) {
                        *old = byte;
                    }
                }
                Damage::Remove(at, len) => {
                    let at = place(at);
                    bytes.drain(at..(at + len).min(bytes.len()));
                }
                Damage::Repeat(at, len) => {
                    let at = place(at);
                    let piece = bytes[at..(at + len).min(bytes.len())].to_vec();
                    bytes.splice(at..at, piece);
                }
                Damage::Insert(at, piece) => {
                    let at = place(at);
                    bytes.splice(at..at, piece.bytes());
                }
                Damage::Splice(at, with, from) => {
                    let at = place(at);
                    let other = LINES[with].as_bytes();
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from % other.len()..]);
                }
            }
        }
        bytes
    })
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..200), 4 => damaged()]
}

#[test]
fn the_lines_are_valid_before_they_are_damaged() {
    for line in &LINES[..8] {
        assert!(
            !matches!(parse_request(line.as_bytes()).unwrap().call, Call::Unknown(_)),
            "{line}"
        );
    }
    for line in &LINES[8..] {
        let message = parse_server_message(line.as_bytes()).unwrap();
        assert!(!matches!(message, ServerMessage::Unknown { .. }), "{line}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn requests_keep_to_their_limits(line in bytes()) {
        match parse_request(&line) {
            Ok(request) => {
                prop_assert!(request.id.as_str().len() <= 64);
                if let Call::Submit(submit) = request.call {
                    prop_assert!(submit.worker.len() <= 256 && submit.job_id.len() <= 64);
                    prop_assert!(submit.extranonce2.len() <= 16);
                }
            }
            Err(error) => prop_assert!(error.id.as_str().len() <= 64 && !error.message.is_empty()),
        }
    }

    #[test]
    fn server_messages_keep_to_their_limits(line in bytes()) {
        match parse_server_message(&line) {
            Ok(ServerMessage::Notify(notify)) => {
                prop_assert!(notify.merkle_branch.len() <= 32 && notify.job_id.len() <= 64);
                prop_assert!(notify.coinbase1.len() <= 65536 && notify.coinbase2.len() <= 65536);
            }
            Ok(ServerMessage::Reply(reply)) => {
                let _ = (reply.is_true(), reply.configure(), reply.text());
                if let Ok(answer) = reply.subscribe() {
                    prop_assert!(answer.extranonce2_len <= 16);
                    prop_assert!(answer.session.is_none_or(|session| session.len() <= 64));
                }
            }
            Ok(ServerMessage::ShowMessage(text)) => prop_assert!(text.len() <= 512),
            Ok(ServerMessage::Reconnect { wait_s, .. }) => prop_assert!(wait_s <= 3600),
            _ => {}
        }
    }

    #[test]
    fn a_client_survives_any_server(
        lines in prop::collection::vec(bytes(), 0..60),
        cut in 1usize..300,
        step_s in 0u64..40,
    ) {
        let mut client = Client::new(ClientConfig { user: "u".to_owned(), ..ClientConfig::default() });
        let mut at = 0;
        let mut now = || {
            at += step_s * 1_000_000_000;
            Now { mono: Monotonic::from_nanos(at), unix_s: 0 }
        };
        client.handle(now(), ClientInput::Connected);
        let stream = lines.join(&b'\n');
        for chunk in stream.chunks(cut) {
            client.handle(now(), ClientInput::Bytes(chunk));
            client.handle(now(), ClientInput::Tick);
            let mut outputs = 0;
            while client.poll_output().is_some() {
                outputs += 1;
            }
            prop_assert!(outputs <= 1100);
        }
        client.handle(now(), ClientInput::Closed);
        prop_assert_eq!(client.next_timeout(), None);
        prop_assert_eq!(client.pending(), 0);
    }
}

#[test]
fn a_coinbase_or_branch_beyond_the_limit_is_refused() {
    let notify = |coinbase1: usize, branch: usize| {
        let hash = format!("\"{}\"", "00".repeat(32));
        let branch = vec![hash.as_str(); branch].join(",");
        format!(
            r#"{{"id":null,"method":"mining.notify","params":["j",{hash},"{}","",[{branch}],"00000002","1d00ffff","00000001",true]}}"#,
            "00".repeat(coinbase1)
        )
    };
    assert!(parse_server_message(notify(65536, 32).as_bytes()).is_ok());
    assert!(notify(65536, 32).len() < MAX_SERVER_LINE);
    assert!(parse_server_message(notify(65537, 1).as_bytes()).is_err());
    assert!(parse_server_message(notify(1, 33).as_bytes()).is_err());
}
