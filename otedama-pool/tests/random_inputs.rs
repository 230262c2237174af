//! Whatever comes in, the pool neither panics nor grows, and the same inputs give the same outputs.

mod support;

use std::time::Duration;

use otedama_hash::{Monotonic, Now};
use otedama_pool::{Admin, ConnId, ExtranonceLease, Input, Pool, PoolConfig};
use proptest::prelude::*;
use support::{ALICE, HARD_BITS, config, one_payout, spec, template};

#[derive(Clone, Debug)]
enum Step {
    Open(u64),
    Close(u64),
    Line(u64, String),
    Raw(u64, Vec<u8>),
    Template(u8),
    Blocked(u64),
    Writable(u64),
    Persisted(u64),
    PersistFailed(u64),
    Wait(u32),
    Stop,
}

fn line() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("1"),
        Just("2"),
        Just("ff"),
        Just("00000000"),
        Just("0000000000000000")
    ];
    let submit = (word.clone(), word.clone(), word.clone(), word).prop_map(|(a, b, c, d)| {
        format!(r#"{{"id":4,"method":"mining.submit","params":["{ALICE}","{a}","{b}","{c}","{d}"]}}"#)
    });
    prop_oneof![
        Just(r#"{"id":1,"method":"mining.subscribe","params":["a/1"]}"#.to_owned()),
        Just(format!(
            r#"{{"id":2,"method":"mining.authorize","params":["{ALICE}","d=1e-9"]}}"#
        )),
        Just(r#"{"id":3,"method":"mining.configure","params":[["version-rolling"],{}]}"#.to_owned()),
        Just(r#"{"id":5,"method":"mining.suggest_difficulty","params":[1e300]}"#.to_owned()),
        submit,
        ".{0,40}",
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let conn = 0..6u64;
    prop_oneof![
        2 => conn.clone().prop_map(Step::Open),
        1 => conn.clone().prop_map(Step::Close),
        8 => (conn.clone(), line()).prop_map(|(c, l)| Step::Line(c, l)),
        2 => (conn.clone(), prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(c, b)| Step::Raw(c, b)),
        1 => (0..3u8).prop_map(Step::Template),
        1 => conn.clone().prop_map(Step::Blocked),
        1 => conn.prop_map(Step::Writable),
        1 => (0..50u64).prop_map(Step::Persisted),
        1 => (0..50u64).prop_map(Step::PersistFailed),
        2 => (0..100_000u32).prop_map(Step::Wait),
        1 => Just(Step::Stop),
    ]
}

fn run(steps: &[Step]) -> Vec<String> {
    let mut now = Now {
        mono: Monotonic::ZERO,
        unix_s: 1_700_000_200,
    };
    let mut pool = Pool::new(
        PoolConfig {
            max_connections: 4,
            max_inflight: 3,
            ..config()
        },
        spec(),
        otedama_chain::family(spec()),
        [3; 32],
    );
    pool.handle(now, Input::Extranonce(ExtranonceLease { first: 0, count: 10 }));
    let mut trace = Vec::new();
    for step in steps {
        match step {
            Step::Open(c) => pool.handle(
                now,
                Input::Opened {
                    conn: ConnId(*c),
                    peer: [10, 0, 0, *c as u8].into(),
                },
            ),
            Step::Close(c) => pool.handle(now, Input::Closed { conn: ConnId(*c) }),
            Step::Line(c, text) => {
                let bytes = format!("{text}\n");
                pool.handle(
                    now,
                    Input::Bytes {
                        conn: ConnId(*c),
                        bytes: bytes.as_bytes(),
                    },
                );
            }
            Step::Raw(c, bytes) => pool.handle(
                now,
                Input::Bytes {
                    conn: ConnId(*c),
                    bytes,
                },
            ),
            Step::Template(parent) => {
                let template = template(*parent, 200, HARD_BITS);
                pool.handle(
                    now,
                    Input::Template {
                        template,
                        payouts: one_payout(),
                    },
                );
            }
            Step::Blocked(c) => pool.handle(
                now,
                Input::Blocked {
                    conn: ConnId(*c),
                    queued: 9,
                },
            ),
            Step::Writable(c) => pool.handle(now, Input::Writable { conn: ConnId(*c) }),
            Step::Persisted(seq) => pool.handle(now, Input::Persisted { seq: *seq }),
            Step::PersistFailed(seq) => pool.handle(now, Input::PersistFailed { seq: *seq }),
            Step::Wait(ms) => {
                now.mono = now.mono + Duration::from_millis(u64::from(*ms));
                now.unix_s += u64::from(*ms) / 1000;
                pool.handle(now, Input::Tick);
            }
            Step::Stop => pool.handle(now, Input::Admin(Admin::Stop)),
        }
        while let Some(output) = pool.poll_output() {
            if let otedama_pool::Output::Verify(request) = &output {
                let hash = otedama_hash::sha256d::sha256d(&request.blob);
                let pow = Some(otedama_hash::PowHash { hash, mix: None });
                pool.handle(
                    now,
                    Input::Verified {
                        ticket: request.ticket,
                        pow,
                    },
                );
            }
            trace.push(format!("{output:?}"));
        }
        assert!(pool.stats().connections <= 4);
    }
    trace
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn same_inputs_same_outputs(steps in prop::collection::vec(step(), 0..120)) {
        prop_assert_eq!(run(&steps), run(&steps));
    }
}
