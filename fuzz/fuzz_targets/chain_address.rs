//! Addresses of every chain, as miners type them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otedama_chain::{coins, family};

fuzz_target!(|address: &str| {
    for spec in coins::all() {
        if let Ok(script) = family(spec).payout_script(spec, address) {
            assert!((4..=42).contains(&script.len()));
        }
    }
});
