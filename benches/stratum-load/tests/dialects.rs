//! The program against small pools of every dialect whose shares are slow.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a pool in a test has threads and may panic"
)]

mod scripted;

use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use scripted::{Pool, Speech};
use serde_json::Value;

fn load(args: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_stratum-load"))
        .args(["-u", "miner", "--warmup", "0.2", "--settle", "0.1", "--json"])
        .args(args)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every share of a short load verifies, is new, and is answered; the tool says what it can do.
fn shares_are_valid(speech: Speech, dialect: &str, rate: &str) {
    let (pool, address) = Pool::start(speech, true, 0);
    let report = load(&[&address, "--dialect", dialect, "-c", "7", "-r", rate, "-t", "1"]);
    pool.assert_no_faults();
    let book = pool.book.lock().unwrap();
    assert!(book.refused.is_empty(), "{:?}", book.refused);
    assert!(
        book.logins.iter().any(|login| login == "miner.w6"),
        "{:?}",
        book.logins
    );
    let shares = &report["shares"];
    let accepted = shares["accepted"].as_u64().unwrap();
    assert!(accepted > 0 && accepted <= book.accepted.into(), "{report:#}");
    assert_eq!((&shares["unanswered"], &shares["unsent"]), (&0.into(), &0.into()));
    assert_eq!(shares["rejected"], serde_json::json!({}));
    assert_eq!(report["latency"]["count"], accepted);
    assert_eq!(report["connects"]["ready"], 7);
    assert_eq!(report["dialect"], dialect);
    let minting = &report["minting"];
    assert!(minting["shares_per_s"].as_f64().unwrap() > 0.0, "{minting:#}");
    assert_eq!(
        (&minting["stocked_in_full"], &minting["starved"]),
        (&true.into(), &0.into())
    );
}

#[test]
fn kawpow_shares_are_valid() {
    shares_are_valid(Speech::Kawpow, "kawpow", "60");
}

#[test]
fn ethereum1_shares_are_valid() {
    shares_are_valid(Speech::Ethereum1, "ethereum1", "200");
}

#[test]
fn ethereum2_shares_are_valid() {
    shares_are_valid(Speech::Ethereum2, "ethereum2", "200");
}

#[test]
fn ethproxy_shares_are_valid() {
    shares_are_valid(Speech::Ethproxy, "ethproxy", "200");
}

#[cfg(feature = "randomx")]
#[test]
fn cryptonote_shares_are_valid() {
    shares_are_valid(Speech::Cryptonote, "cryptonote", "10");
}

#[cfg(not(feature = "randomx"))]
#[test]
fn without_randomx_it_says_what_to_build() {
    let output = Command::new(env!("CARGO_BIN_EXE_stratum-load"))
        .args(["127.0.0.1:9", "-u", "miner", "--dialect", "cryptonote"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("--features randomx"), "{error}");
}

#[test]
fn a_flood_of_invented_cryptonote_shares_is_counted_by_its_refusals_and_bans() {
    let (pool, address) = Pool::start(Speech::Cryptonote, false, 20);
    let args = ["--dialect", "cryptonote", "-c", "4", "-r", "400", "-t", "1"];
    let report = load(&[&[&*address, "--bad-shares", "100", "--retry", "0.05"], &args[..]].concat());
    pool.assert_no_faults();
    let book = pool.book.lock().unwrap();
    // Every one of them claims to meet the target.
    assert_eq!(book.refused.keys().collect::<Vec<_>>(), [&"invalid"]);
    let invented = &report["invented"];
    assert_eq!(invented["accepted"], 0);
    assert!(
        invented["rejected"]["-1 invalid"].as_u64().unwrap() > 100,
        "{report:#}"
    );
    assert_eq!(
        (&report["shares"]["sent"], &report["latency"]["count"]),
        (&0.into(), &0.into())
    );
    let connects = &report["connects"];
    assert!(connects["retries"].as_u64().unwrap() > 4, "{connects:#}");
    assert!(
        connects["errors"]["closed by the pool"].as_u64().unwrap() > 4,
        "{connects:#}"
    );
}

#[test]
fn invented_mixes_claim_to_meet_the_target_and_valid_shares_go_on() {
    let (pool, address) = Pool::start(Speech::Ethproxy, true, 0);
    let args = ["--dialect", "ethproxy", "-c", "5", "-r", "200", "-t", "1"];
    let report = load(&[&[&*address, "--bad-shares", "30%"], &args[..]].concat());
    pool.assert_no_faults();
    let (sent, bad) = (
        report["shares"]["accepted"].as_u64().unwrap(),
        report["invented"]["rejected"]["23 invalid"].as_u64().unwrap(),
    );
    // A fifth to two fifths of what was sent, far beyond chance.
    assert!((sent + bad..2 * (sent + bad)).contains(&(5 * bad)), "{report:#}");
    assert_eq!(report["shares"]["rejected"], serde_json::json!({}));
}

#[test]
fn a_new_block_empties_the_stock_and_is_timed() {
    for (speech, dialect) in [(Speech::Ethereum2, "ethereum2"), (Speech::Ethproxy, "ethproxy")] {
        let (pool, address) = Pool::start(speech, true, 0);
        let miner = Arc::clone(&pool);
        // In the middle of the load.
        thread::spawn(move || {
            while miner.book.lock().unwrap().accepted < 100 {
                thread::sleep(Duration::from_millis(5));
            }
            miner.new_block();
        });
        let report = load(&[&address, "--dialect", dialect, "-c", "5", "-r", "100", "-t", "6"]);
        pool.assert_no_faults();
        let blocks = report["blocks"].as_array().unwrap();
        assert_eq!(blocks.len(), 1, "{report:#}");
        assert_eq!(
            (&blocks[0]["expected"], &blocks[0]["received"]),
            (&5.into(), &5.into())
        );
        let shares = &report["shares"];
        let accepted = shares["accepted"].as_u64().unwrap();
        // Stale ones crossed the new job on their way.
        let stale: u64 = shares["rejected"]
            .as_object()
            .unwrap()
            .values()
            .map(|n| n.as_u64().unwrap())
            .sum();
        assert!(accepted > 100 && stale < 20, "{report:#}");
        let minting = &report["minting"];
        assert!(
            minting["shares"].as_u64() > minting["stocked"].as_u64(),
            "{minting:#}"
        );
    }
}

#[test]
fn targets_are_loaded_side_by_side_and_told_apart() {
    let (kawpow, kawpow_address) = Pool::start(Speech::Kawpow, true, 0);
    let (ethereum, ethereum_address) = Pool::start(Speech::Ethereum1, true, 0);
    let report = load(&[
        "--target",
        &format!("kawpow@{kawpow_address}=3,30,user=raven"),
        "--target",
        &format!("ethereum1@{ethereum_address}=6,100,user=classic,bad=50"),
        "-t",
        "1",
    ]);
    kawpow.assert_no_faults();
    ethereum.assert_no_faults();
    let targets = report["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 2);
    assert_eq!(
        (&targets[0]["dialect"], &targets[1]["dialect"]),
        (&"kawpow".into(), &"ethereum1".into())
    );
    assert_eq!(
        (&targets[0]["connects"]["ready"], &targets[1]["connects"]["ready"]),
        (&3.into(), &6.into())
    );
    assert!(targets[0]["invented"].is_null());
    assert!(targets[1]["invented"]["sent"].as_u64().unwrap() > 10);
    assert!(targets[0]["shares"]["accepted"].as_u64() < targets[1]["shares"]["accepted"].as_u64());
    assert!(
        kawpow
            .book
            .lock()
            .unwrap()
            .logins
            .iter()
            .all(|l| l.starts_with("raven.w"))
    );
    assert!(
        ethereum
            .book
            .lock()
            .unwrap()
            .logins
            .iter()
            .all(|l| l.starts_with("classic.w"))
    );
}
