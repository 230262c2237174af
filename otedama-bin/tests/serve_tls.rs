//! The encrypted port: the same pool behind it, and nobody who doesn't shake hands.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of real processes in real time"
)]

mod support;

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use support::program::{Pool, Setup};

const ADDRESS: &str = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn";

struct Scene {
    dir: tempfile::TempDir,
    pool: Pool,
    port: SocketAddr,
    certificate: CertificateDer<'static>,
}

fn start() -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["pool.test".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut setup = Setup::development(dir.path().join("pool.db"));
    setup.pool = format!(
        "tls: {{ enable: true, address: \"127.0.0.1:0\", cert_file: \"{}\", key_file: \"{}\" }}\n",
        cert.display(),
        key.display()
    );
    let pool = Pool::start(dir.path(), &setup);
    let ready: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("ready.json")).unwrap()).unwrap();
    let port = ready["stratum_tls"].as_str().unwrap().parse().unwrap();
    Scene {
        dir,
        pool,
        port,
        certificate: made.cert.der().clone(),
    }
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn connect(scene: &Scene) -> Stream {
    let mut roots = RootCertStore::empty();
    roots.add(scene.certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("pool.test").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(scene.port).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    StreamOwned::new(session, socket)
}

fn answer_to(reader: &mut BufReader<Stream>, id: u64) -> Value {
    let mut line = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let message: Value = serde_json::from_str(&line).unwrap();
        if message["id"] == id {
            return message;
        }
    }
}

#[test]
fn miners_log_in_over_tls() {
    let scene = start();
    let mut reader = BufReader::new(connect(&scene));
    for (id, request) in [
        (
            1,
            json!({"id": 1, "method": "mining.subscribe", "params": ["test/1"]}),
        ),
        (
            2,
            json!({"id": 2, "method": "mining.authorize", "params": [format!("{ADDRESS}.rig"), "x"]}),
        ),
    ] {
        reader
            .get_mut()
            .write_all(format!("{request}\n").as_bytes())
            .unwrap();
        let answer = answer_to(&mut reader, id);
        assert!(
            answer["error"].is_null() && !answer["result"].is_null(),
            "{answer}"
        );
    }
    let mut line = String::new();
    while !line.contains("mining.notify") {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0);
    }
    // Many requests in one go, and their answers, which are longer than one record.
    let many = format!(
        "{}\n",
        json!({"id": 9, "method": "client.get_version", "params": []})
    )
    .repeat(2000);
    let (mut written, mut answers) = (0, 0);
    while answers < 2000 {
        if written < many.len() {
            written += reader.get_mut().write(&many.as_bytes()[written..]).unwrap();
        }
        line.clear();
        assert!(
            reader.read_line(&mut line).unwrap() > 0,
            "closed after {answers} answers"
        );
        answers += usize::from(line.contains("\"id\":9"));
    }
    scene.pool.stop();
}

#[test]
fn who_does_not_shake_hands_is_closed() {
    let scene = start();
    let mut garbage = TcpStream::connect(scene.port).unwrap();
    garbage
        .write_all(b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n")
        .unwrap();
    let mut silent = TcpStream::connect(scene.port).unwrap();
    let start = Instant::now();
    for (stream, limit) in [(&mut garbage, 5), (&mut silent, 15)] {
        stream.set_read_timeout(Some(Duration::from_secs(limit))).unwrap();
        let mut rest = Vec::new();
        match stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert_ne!(
                error.kind(),
                ErrorKind::WouldBlock,
                "still open after {:?}",
                start.elapsed()
            ),
        }
    }
    assert!(
        start.elapsed() >= Duration::from_secs(8),
        "silence is borne for a while"
    );
    scene.pool.stop();
    drop(scene.dir);
}
