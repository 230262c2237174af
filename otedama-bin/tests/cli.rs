//! The command line as a user meets it: output, messages, exit codes.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test gives up loudly, and has clocks and threads"
)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

/// Bitcoin's first block header.
const GENESIS: &str = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e\
                       67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c";
const GENESIS_HASH: &str = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
/// Litecoin's first block header.
const LITECOIN_GENESIS: &str = "010000000000000000000000000000000000000000000000000000000000000000000000d9ced4ed1130f7\
                                b7faad9be25323ffafa33232a17c3edf6cfd97bee6bafbdd97b9aa8e4ef0ff0f1ecd513f7c";

fn otedama(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_otedama"))
        .args(args)
        .env_remove("OTEDAMA_CONFIG")
        .env_remove("OTEDAMA_API")
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn hash_prints_what_explorers_show() {
    let output = otedama(&["hash", "--algorithm", "sha256d", "--header", GENESIS, "--json"]);
    assert!(output.status.success(), "{}", err(&output));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["algorithm"], "sha256d");
    assert_eq!(answer["hash"], GENESIS_HASH);
    let difficulty = answer["difficulty"].as_f64().unwrap();
    assert!((2536.4..2536.5).contains(&difficulty), "{difficulty}");
    assert_eq!(answer.as_object().unwrap().len(), 3, "{answer}");
}

#[test]
fn hash_takes_heights_and_nonces() {
    // chfast/ethash test/unittests/test_cases.hpp; Ravencoin src/crypto/ethash/progpow_test_vectors.hpp.
    for (algorithm, height, header, nonce, hash, mix) in [
        (
            "ethash",
            "0",
            "2a8de2adf89af77358250bf908bf04ba94a6e8c3ba87775564a41d269a05e4ce",
            "4242424242424242",
            "dd47fd2d98db51078356852d7c4014e6a5d6c387c35f40e2875b74a256ed7906",
            "58f759ede17a706c93f13030328bcea40c1d1341fb26f2facd21ceb0dae57017",
        ),
        (
            "kawpow",
            "49",
            "63155f732f2bf556967f906155b510c917e48e99685ead76ea83f4eca03ab12b",
            "0x7073c07",
            "e7ced124598fd2500a55ad9f9f48e3569327fe50493c77a4ac9799b96efb9463",
            "d36f7e815ee09e74eceb9c96993a3d681edf2bf0921fc7bb710364042db99777",
        ),
    ] {
        let input = ["hash", "-a", algorithm, "--header", header];
        let output = otedama(&[&input[..], &["--height", height, "--nonce", nonce, "--json"]].concat());
        assert!(output.status.success(), "{}", err(&output));
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (answer["hash"].as_str(), answer["mix"].as_str()),
            (Some(hash), Some(mix))
        );

        let zeros = "00".repeat(32);
        for (more, message) in [
            (&["--height", height][..], "--nonce: "),
            (&["--nonce", nonce], "--height: "),
            (&["--height", "7500000000", "--nonce", "0"], "--height: "),
            (
                &["--height", "90000", "--nonce", "0", "--seed", &zeros],
                "--seed: ",
            ),
        ] {
            let output = otedama(&[&input[..], more].concat());
            assert_eq!(output.status.code(), Some(2), "{more:?}");
            assert!(err(&output).contains(message), "{more:?}: {}", err(&output));
        }
    }
}

#[test]
fn bench_prints_rates_with_their_spread() {
    let output = otedama(&[
        "bench",
        "-a",
        "sha256d",
        "--backend",
        "soft",
        "--threads",
        "2",
        "--seconds",
        "0.05",
        "--json",
    ]);
    assert!(output.status.success(), "{}", err(&output));
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let modes: Vec<_> = rows.iter().map(|row| row["mode"].as_str().unwrap()).collect();
    assert_eq!(modes, ["verify", "mine"]);
    for row in &rows {
        assert_eq!(row["algorithm"], "sha256d");
        assert_eq!(row["backend"], "soft");
        assert_eq!(row["threads"], 2);
        let rate = |key: &str| row[key].as_f64().unwrap();
        assert!(0.0 < rate("min") && rate("min") <= rate("hashes_per_second"));
        assert!(rate("hashes_per_second") <= rate("max"));
    }
    let output = otedama(&["bench", "--backend", "avx1024"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("allowed: "), "{}", err(&output));
}

#[test]
fn hash_verifies_scrypt() {
    let output = otedama(&[
        "hash",
        "-a",
        "scrypt",
        "--header",
        LITECOIN_GENESIS,
        "--bits",
        "1e0ffff0",
        "--json",
    ]);
    assert!(output.status.success(), "{}", err(&output));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["meets"], true);
}

#[test]
fn hash_says_whether_it_is_enough() {
    for (goal, value, enough) in [
        ("--difficulty", "2536", true),
        ("--difficulty", "2537", false),
        ("--bits", "1d00ffff", true),
        ("--bits", "0x1b00ffff", false),
        ("--target", GENESIS_HASH, true),
        (
            "--target",
            "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26e",
            false,
        ),
    ] {
        let output = otedama(&["hash", "--algorithm", "sha256d", "--header", GENESIS, goal, value]);
        assert_eq!(output.status.code(), Some(i32::from(!enough)), "{goal} {value}");
        assert!(out(&output).contains(GENESIS_HASH));
        assert!(
            out(&output).contains(if enough {
                "meets it    yes"
            } else {
                "meets it    no"
            }),
            "{goal} {value}"
        );
    }
}

#[test]
fn hash_explains_what_it_needs() {
    let short = &GENESIS[..158];
    for (args, message) in [
        (
            ["--algorithm", "sha256d", "--header", short],
            "otedama: --header: 79 bytes; a header has exactly 80 bytes, 160 hexadecimal digits\n",
        ),
        (
            ["--algorithm", "x11", "--header", GENESIS],
            "otedama: --algorithm: \"x11\" is not in this build; allowed: sha256d, scrypt, ethash, etchash, kawpow",
        ),
    ] {
        let output = otedama(&[&["hash"], &args[..]].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(err(&output).starts_with(message), "{}", err(&output));
    }
    let output = otedama(&["hash", "--algorithm", "sha256d", "--header", "zz"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        err(&output).starts_with("otedama: --header: not hexadecimal"),
        "{}",
        err(&output)
    );
    for (option, value) in [
        ("--difficulty", "0"),
        ("--difficulty", "nan"),
        ("--bits", "zz"),
        ("--target", "1"),
    ] {
        let output = otedama(&[
            "hash",
            "--algorithm",
            "sha256d",
            "--header",
            GENESIS,
            option,
            value,
        ]);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{option} {value}: {}",
            err(&output)
        );
        assert!(err(&output).contains("allowed:"), "{}", err(&output));
    }
}

#[test]
fn what_is_typed_wrongly_is_usage() {
    for args in [&["mien"][..], &["serve", "--confg", "x"], &["hash"], &[]] {
        let output = otedama(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(out(&output), "");
        assert!(err(&output).contains("otedama"), "{args:?}");
    }
    assert!(err(&otedama(&["mien"])).contains("'mine'"));
}

#[test]
fn version_and_help_are_no_failures() {
    let output = otedama(&["version"]);
    assert!(output.status.success());
    assert_eq!(
        out(&output).lines().next().unwrap(),
        concat!("otedama ", env!("CARGO_PKG_VERSION"))
    );
    assert!(out(&output).contains("algorithms: sha256d, scrypt"));
    for args in [
        &["--help"][..],
        &["--version"],
        &["mine", "--help"],
        &["serve", "--help"],
    ] {
        assert!(otedama(args).status.success(), "{args:?}");
    }
    assert!(
        !out(&otedama(&["mine", "--help"])).contains("exit-after"),
        "hidden options stay hidden"
    );
}

#[test]
fn config_check_says_good_or_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    let path = file.to_str().unwrap();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../config.example.yaml");

    let output = otedama(&["config", "check", example]);
    assert!(output.status.success(), "{}", err(&output));
    assert!(out(&output).ends_with(": good\n"), "{}", out(&output));

    std::fs::write(&file, "pool:\n  fee_percentage: 101\n").unwrap();
    let output = otedama(&["config", "check", path]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        err(&output),
        format!("otedama: {path}:2:19: pool.fee_percentage: 101 is out of range\n  allowed: 0 to 100\n")
    );

    std::fs::write(&file, "app: { mode: production }\nlogging:\n  file:\n").unwrap();
    let output = otedama(&["config", "check", path]);
    assert!(output.status.success(), "{}", err(&output));
    assert!(
        out(&output).contains("will refuse it: the config names no chain"),
        "{}",
        out(&output)
    );
    let output = otedama(&["serve", "--config", path]);
    assert_eq!(output.status.code(), Some(1));
    let message = err(&output);
    assert!(
        message.contains("otedama: the config names no chain"),
        "{message}"
    );

    let output = otedama(&["config", "check", "/nowhere/config.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("/nowhere/config.yaml: cannot be read"),
        "{}",
        err(&output)
    );
}

#[test]
fn config_show_hides_passwords_and_heeds_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, "pool: { shards: 3 }\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_otedama"))
        .args(["config", "show", file.to_str().unwrap()])
        .env("OTEDAMA_POOL__FEE_PERCENTAGE", "1.5")
        .env(
            "OTEDAMA_CHAINS",
            "[{ coin: DEV, network: regtest, nodes: [{ password: hunter2 }] }]",
        )
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", err(&output));
    let text = out(&output);
    assert!(
        text.contains("fee_percentage: 1.5") && text.contains("shards: 3"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn serve_stops_at_a_wrong_config() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, "pol: {}\n").unwrap();
    let output = otedama(&["serve", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("pol: unknown key; did you mean pool?"),
        "{}",
        err(&output)
    );
}

#[test]
fn status_shows_a_report_or_the_json() {
    let body = r#"{"name":"Ours","version":"9","uptime_s":61,"healthy":true,"chains":[]}"#;
    let output = otedama(&["status", "--api", &serve_once("200 OK", body)]);
    assert!(output.status.success(), "{}", err(&output));
    assert_eq!(out(&output), "Ours 9, up 1 min, healthy\n");
    let output = otedama(&["status", "--json", "--api", &serve_once("200 OK", body)]);
    assert_eq!(out(&output).trim_end(), body);
}

#[test]
fn status_says_when_nobody_answers() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let output = otedama(&["status", "--api", &format!("http://127.0.0.1:{port}")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("is `otedama serve` running"),
        "{}",
        err(&output)
    );

    let output = otedama(&["status", "--api", &serve_once("503 Service Unavailable", "{}")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("503"), "{}", err(&output));

    let output = otedama(&["status", "--api", "https://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("http://"), "{}", err(&output));
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_otedama"))
        .args(["config", "show"])
        .env_remove("OTEDAMA_CONFIG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(text, "");
}

/// An HTTP server that answers one request. Returns its address.
fn serve_once(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
            request.push(byte[0]);
        }
        assert!(request.starts_with(b"GET /api/status HTTP/1.1\r\n"));
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
    });
    url
}
