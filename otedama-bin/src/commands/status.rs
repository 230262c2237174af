//! `otedama status`: what a running pool says about itself.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use super::{Failure, Outcome};
use crate::mine::{difficulty_text, hashrate_text};

const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BODY: usize = 16 << 20;

/// What `status` takes.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Where the pool's API is served.
    #[arg(
        long,
        env = "OTEDAMA_API",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    api: String,
    /// Print the JSON as it came.
    #[arg(long)]
    json: bool,
}

/// Asks the API and prints its answer.
///
/// # Errors
/// When the API cannot be reached or answers with anything but a status.
pub fn run(args: &StatusArgs) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let unreachable = |why: String| {
        Failure::new(format!(
            "no status from {}: {why}\n  is `otedama serve` running, and is this its api.address? Name another with --api",
            args.api
        ))
    };
    let body = runtime
        .block_on(async { tokio::time::timeout(TIMEOUT, fetch(&args.api)).await })
        .map_err(|_| unreachable(format!("no answer within {} s", TIMEOUT.as_secs())))?
        .map_err(unreachable)?;
    let mut out = io::stdout().lock();
    if args.json {
        out.write_all(&body)?;
        writeln!(out)?;
        return Ok(());
    }
    let status: Value = serde_json::from_slice(&body)
        .map_err(|error| unreachable(format!("the answer is not the JSON of a status: {error}")))?;
    out.write_all(report(&status).as_bytes())?;
    Ok(())
}

/// The body of `GET /api/status`.
async fn fetch(api: &str) -> Result<Vec<u8>, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let url: Uri = format!("{}/api/status", api.trim_end_matches('/'))
        .parse()
        .map_err(|e| text(&e))?;
    if url.scheme_str() != Some("http") {
        return Err("the address has to begin with http://".to_owned());
    }
    let host = url
        .host()
        .ok_or("the address names no host")?
        .trim_matches(['[', ']'])
        .to_owned();
    let stream = tokio::net::TcpStream::connect((host.as_str(), url.port_u16().unwrap_or(80)))
        .await
        .map_err(|e| text(&e))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| text(&e))?;
    tokio::spawn(connection);
    let request = Request::get(url.path())
        .header(header::HOST, url.authority().map_or(host, ToString::to_string))
        .header(header::ACCEPT, "application/json")
        .body(Empty::<bytes::Bytes>::new())
        .map_err(|e| text(&e))?;
    let response = sender.send_request(request).await.map_err(|e| text(&e))?;
    let status = response.status();
    if status != StatusCode::OK {
        return Err(format!("it answers {status}"));
    }
    let body = Limited::new(response.into_body(), MAX_BODY)
        .collect()
        .await
        .map_err(|e| e.to_string())?;
    Ok(body.to_bytes().to_vec())
}

/// Newest blocks that are shown per chain.
const BLOCKS_SHOWN: usize = 5;

/// Why shares are refused, as the API names it.
const REASONS: [&str; 6] = [
    "stale",
    "duplicate",
    "low_difficulty",
    "invalid",
    "unauthorized",
    "not_stored",
];

/// The status for people: a line about the program, then a paragraph per chain.
fn report(status: &Value) -> String {
    let mut text = format!(
        "{} {}, up {}",
        word(&status["name"]),
        word(&status["version"]),
        uptime(status)
    );
    text.push_str(if status["healthy"] == true {
        ", healthy\n"
    } else {
        ", NOT HEALTHY\n"
    });
    for problem in list(&status["problems"]) {
        line(&mut text, "problem", &word(problem));
    }
    for chain in list(&status["chains"]) {
        text.push_str(&format!(
            "\n{} {}, {}\n",
            word(&chain["coin"]),
            word(&chain["network"]),
            word(&chain["algorithm"])
        ));
        line(&mut text, "mining on", &work(chain));
        let rate = hashrate_text(chain["hashrate"].as_f64().unwrap_or(0.0));
        line(
            &mut text,
            "miners",
            &format!("{rate} by {} connections", word(&chain["workers"])),
        );
        line(&mut text, "shares", &shares(&chain["shares"]));
        for node in list(&chain["nodes"]) {
            let (name, problem) = (word(&node["node"]), word(&node["problem"]));
            let state = if node["healthy"] == true {
                format!("{name}, healthy")
            } else {
                format!("{name}: {problem}")
            };
            line(&mut text, "node", &state);
        }
        for block in list(&chain["blocks"]).iter().take(BLOCKS_SHOWN) {
            let [height, state, reward, hash] =
                ["height", "status", "reward", "hash"].map(|key| word(&block[key]));
            line(&mut text, "block", &format!("{height} {state}, {reward}, {hash}"));
        }
    }
    text
}

fn line(text: &mut String, label: &str, value: &str) {
    text.push_str(&format!("  {label:10} {value}\n"));
}

fn uptime(status: &Value) -> String {
    let seconds = status["uptime_s"].as_u64().unwrap_or(0);
    match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

fn work(chain: &Value) -> String {
    if chain["height"].is_null() {
        return "nothing: no node has sent a template yet".to_owned();
    }
    let difficulty = difficulty_text(chain["network_difficulty"].as_f64().unwrap_or(0.0));
    let [height, reward, age] = ["height", "reward", "template_age_s"].map(|key| word(&chain[key]));
    format!("height {height}, difficulty {difficulty}, {reward}, template {age} s old")
}

fn shares(shares: &Value) -> String {
    let mut text = format!(
        "{} accepted, {} rejected",
        word(&shares["accepted"]),
        word(&shares["rejected"])
    );
    let count = |reason: &&&str| shares[**reason].as_u64().unwrap_or(0);
    let reasons: Vec<String> = REASONS
        .iter()
        .filter(|reason| count(reason) > 0)
        .map(|reason| format!("{} {}", count(&reason), reason.replace('_', " ")))
        .collect();
    if !reasons.is_empty() {
        text.push_str(&format!(" ({})", reasons.join(", ")));
    }
    text
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> String {
    match value {
        // What a pool or a miner calls itself must not steer the terminal.
        Value::String(text) => text.chars().filter(|c| !c.is_control()).collect(),
        Value::Number(number) => number.to_string(),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_well() {
        let status = serde_json::json!({
            "name": "Otedama", "version": "0.1.0", "uptime_s": 7500, "healthy": false, "problems": ["storage fails"],
            "chains": [{
                "coin": "BTC", "network": "mainnet", "algorithm": "sha256d", "height": 101, "reward": "3.125 BTC",
                "network_difficulty": 1.5, "template_age_s": 3, "hashrate": 1.234e6, "workers": 2,
                "shares": { "accepted": 5, "rejected": 3, "stale": 2, "low_difficulty": 1 },
                "nodes": [{ "node": "a", "healthy": true }, { "node": "b", "healthy": false, "problem": "asleep" }],
                "blocks": [{ "height": 100, "status": "accepted", "reward": "3.2 BTC", "hash": "00ab" }],
            }],
        });
        let expected = "Otedama 0.1.0, up 2 h 5 min, NOT HEALTHY\n  problem    storage fails\n\nBTC mainnet, sha256d\n  \
                        mining on  height 101, difficulty 1.5, 3.125 BTC, template 3 s old\n  miners     1.23 MH/s by \
                        2 connections\n  shares     5 accepted, 3 rejected (2 stale, 1 low difficulty)\n  node       a, \
                        healthy\n  node       b: asleep\n  block      100 accepted, 3.2 BTC, 00ab\n";
        assert_eq!(report(&status), expected);
    }

    #[test]
    fn a_terminal_is_not_steered() {
        assert_eq!(word(&serde_json::json!("a\u{1b}[2Jb")), "a[2Jb");
    }

    proptest::proptest! {
        #[test]
        fn no_json_panics(text in "[\\[\\]{}\"a,:1]{0,30}") {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let _ = report(&value);
            }
        }
    }
}
