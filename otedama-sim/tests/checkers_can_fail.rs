//! Every checker finds the fault that is planted for it.

use std::time::Duration;

use otedama_sim::{Sabotage, SimConfig, run, run_five};

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
fn a_block_that_is_submitted_before_it_is_noted() {
    assert_found(Sabotage::SubmitUnnoted, &["carry"]);
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

/// As [`assert_found`], with five chains; on one of these.
fn assert_found_among_five(sabotage: Sabotage, by: &[&str], on: &[&str]) {
    let config = SimConfig {
        seed: 1,
        miners: 12,
        duration: Duration::from_secs(1500),
        sabotage: Some(sabotage),
        ..SimConfig::default()
    };
    let failure = run_five(&config).expect_err("the fault is found");
    let is_it = by.contains(&failure.check) && (on.is_empty() || on.contains(&failure.chain));
    assert!(is_it, "{sabotage:?}: {failure}");
}

const WITH_WORKERS: [&str; 3] = ["Monero", "Ravencoin", "Ethereum Classic"];

#[test]
fn proofs_that_are_hashed_under_an_old_key() {
    assert_found_among_five(Sabotage::VerifyUnderOldKey, &["proof", "verdict"], &WITH_WORKERS);
}

#[test]
fn a_queue_of_proofs_that_grows() {
    assert_found_among_five(Sabotage::ReadOnWhenFull, &["bounds"], &WITH_WORKERS);
}

#[test]
fn a_proof_whose_turn_never_comes() {
    assert_found_among_five(Sabotage::ForgetProof, &["turns"], &WITH_WORKERS);
}

#[test]
fn work_that_is_credited_to_another() {
    assert_found_among_five(Sabotage::CreditAnother, &["credit"], &[]);
}

#[test]
fn one_proof_in_two_pools() {
    assert_found_among_five(Sabotage::SplitSameWork, &["credit"], &["Ethereum Classic"]);
}

#[test]
fn shares_that_are_remembered_for_ever() {
    assert_found_among_five(Sabotage::WithholdTemplates, &["bounds"], &[]);
}
