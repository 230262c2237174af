//! What an Ethereum node posts: work, or a whole header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otedama_chain::family::ethereum::{EXTRA_MAX, Header, Seal, Solution, Work};
use otedama_chain::node::geth;
use otedama_hash::ethash::Schedule;

const SCHEDULES: [Schedule; 3] = [Schedule::CLASSIC, Schedule::MORDOR, Schedule::ETHASH];

// The first byte chooses the chain's epochs.
fuzz_target!(|data: &[u8]| {
    let [schedule, body @ ..] = data else {
        return;
    };
    let schedule = SCHEDULES[usize::from(*schedule) % SCHEDULES.len()];
    if let Ok(work) = Work::of_notification(body, schedule) {
        assert!(!work.network_target.to_u256().is_zero());
        let solution = Solution {
            seal_hash: work.seal_hash,
            seal: Seal::default(),
        };
        assert_eq!(Solution::from_bytes(&solution.to_bytes()), Some(solution));
        let call = geth::submit_work(&solution);
        assert!(call.ends_with(&format!("{}\"]}}", "0".repeat(64))));
    }
    let Ok(header) = Header::parse(body) else {
        return;
    };
    assert!(header.extra.len() <= EXTRA_MAX);
    if let Ok(work) = Work::of_header(&header, schedule) {
        assert_eq!(work.seal_hash, header.seal_hash());
        assert_eq!(work.height, header.number);
    }
    let mut other = header.clone();
    other.seal.nonce ^= 1;
    assert_eq!(other.seal_hash(), header.seal_hash());
    assert_ne!(other.hash(), header.hash());
});
