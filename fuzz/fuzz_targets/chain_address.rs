//! Addresses of every chain, as miners type them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otedama_chain::{coins, family};

fuzz_target!(|address: &str| {
    for spec in coins::all() {
        if let Ok(script) = family(spec).payout_script(spec, address) {
            // The longest is a Monero address with a payment id.
            assert!((4..=73).contains(&script.len()));
        }
    }
});
