//! Every checker finds the fault that is planted for it.

use std::time::Duration;

use otedama_sim::{Sabotage, SimConfig, run};

/// The checks that broke, over a few seeds.
fn broken(sabotage: Sabotage) -> Vec<&'static str> {
    let check = |seed| {
        let config = SimConfig {
            seed,
            miners: 40,
            duration: Duration::from_secs(1500),
            sabotage: Some(sabotage),
            ..SimConfig::default()
        };
        run(config).err().map(|failure| failure.check)
    };
    (1..=2).filter_map(check).collect()
}

fn assert_found(sabotage: Sabotage, by: &[&str]) {
    let found = broken(sabotage);
    assert!(!found.is_empty(), "{sabotage:?} was not found");
    for check in found {
        assert!(by.contains(&check), "{sabotage:?} was found by \"{check}\"");
    }
}

#[test]
fn an_answer_before_the_share_is_durable() {
    assert_found(Sabotage::AnswerBeforeDurable, &["durable before accepted"]);
}

#[test]
fn a_row_that_the_store_loses() {
    assert_found(Sabotage::DropRow, &["durable before accepted"]);
}

#[test]
fn a_row_that_the_store_writes_twice() {
    assert_found(Sabotage::StoreTwice, &["credit"]);
}

#[test]
fn work_that_nobody_did() {
    assert_found(Sabotage::InflateWork, &["credit"]);
}

#[test]
fn a_block_that_one_node_never_sees() {
    assert_found(Sabotage::WithholdCandidate, &["candidate"]);
}

#[test]
fn a_block_that_waits_behind_its_share() {
    assert_found(Sabotage::LateCandidate, &["candidate first"]);
}

#[test]
fn an_extranonce_that_comes_back_after_a_restart() {
    assert_found(Sabotage::ReuseExtranonce, &["extranonce"]);
}

#[test]
fn a_reply_that_is_lost() {
    assert_found(Sabotage::SwallowReply, &["one reply per request"]);
}

#[test]
fn a_debt_that_is_forgotten() {
    assert_found(Sabotage::ForgetCarry, &["carry"]);
}

#[test]
fn time_that_does_not_pass() {
    assert_found(Sabotage::WithholdTicks, &["bounds"]);
}

#[test]
fn shares_at_another_rate_than_wanted() {
    assert_found(Sabotage::WrongShareRate, &["vardiff"]);
}

#[test]
fn a_ban_of_an_honest_miner() {
    assert_found(Sabotage::BanTheHonest, &["ban"]);
}
