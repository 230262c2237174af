//! `otedama status`: what a running pool says about itself.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};

use super::{Failure, Outcome};

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
    out.write_all(table(&status).as_bytes())?;
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

/// Plain values first, then a heading for each section, and columns for lists of sections.
fn table(status: &Value) -> String {
    let mut text = String::new();
    match status {
        Value::Object(section) => write_section(&mut text, "", section),
        other => {
            text.push_str(&word(other));
            text.push('\n');
        }
    }
    text
}

fn write_section(text: &mut String, path: &str, section: &Map<String, Value>) {
    let plain: Vec<(&String, String)> = section
        .iter()
        .filter(|(_, value)| !nested(value))
        .map(|(key, value)| (key, word(value)))
        .collect();
    let width = plain.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    for (key, value) in plain {
        text.extend([&format!("{key:width$}"), "  ", &value, "\n"]);
    }
    for (key, value) in section.iter().filter(|(_, value)| nested(value)) {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        text.extend(["\n", &path, "\n"]);
        match value {
            Value::Object(inner) => write_section(text, &path, inner),
            Value::Array(rows) => write_rows(text, &path, rows),
            _ => {}
        }
    }
}

fn write_rows(text: &mut String, path: &str, rows: &[Value]) {
    let mut columns: Vec<&String> = Vec::new();
    for row in rows.iter().filter_map(Value::as_object) {
        for key in row.iter().filter(|(_, value)| !nested(value)).map(|(key, _)| key) {
            if !columns.contains(&key) {
                columns.push(key);
            }
        }
    }
    let cells: Vec<Vec<String>> = std::iter::once(columns.iter().map(|key| (*key).clone()).collect())
        .chain(rows.iter().map(|row| {
            columns
                .iter()
                .map(|key| row.get(key.as_str()).map_or_else(String::new, word))
                .collect()
        }))
        .collect();
    let widths: Vec<usize> = (0..columns.len())
        .map(|column| {
            cells
                .iter()
                .map(|row: &Vec<String>| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for row in &cells {
        let line: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    for (index, row) in rows.iter().enumerate() {
        let Some(row) = row.as_object() else { continue };
        let inner: Map<String, Value> = row
            .iter()
            .filter(|(_, value)| nested(value))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        write_section(text, &format!("{path}[{index}]"), &inner);
    }
}

/// Whether a value needs lines of its own.
fn nested(value: &Value) -> bool {
    match value {
        Value::Object(section) => !section.is_empty(),
        Value::Array(items) => items.iter().any(Value::is_object),
        _ => false,
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::Null | Value::Object(_) => "-".to_owned(),
        // What a pool or a miner calls itself must not steer the terminal.
        Value::String(text) => text.chars().filter(|c| !c.is_control()).collect(),
        Value::Array(items) => items.iter().map(word).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_as_a_table() {
        let status = serde_json::json!({
            "name": "Otedama",
            "uptime_s": 12,
            "chains": [
                { "coin": "BTC", "height": 101, "nodes": [{ "url": "http://a", "healthy": true }] },
                { "coin": "LTC", "height": 7 },
            ],
            "shares": { "accepted": 5, "rejected": 0 },
        });
        assert_eq!(
            table(&status),
            "name      Otedama\nuptime_s  12\n\nchains\ncoin  height\nBTC   101\nLTC   7\n\nchains[0].nodes\n\
             healthy  url\ntrue     http://a\n\nshares\naccepted  5\nrejected  0\n"
        );
    }

    #[test]
    fn a_terminal_is_not_steered() {
        assert_eq!(word(&serde_json::json!("a\u{1b}[2Jb")), "a[2Jb");
    }

    proptest::proptest! {
        #[test]
        fn no_json_panics(text in "[\\[\\]{}\"a,:1]{0,30}") {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let _ = table(&value);
            }
        }
    }
}
