//! Every ethash backend against the portable one.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use otedama_fuzz::Arena;
use otedama_hash::Algorithm;

static ARENA: LazyLock<Arena> = LazyLock::new(|| Arena::new(Algorithm::ETHASH, 32, 24));

fuzz_target!(|data: &[u8]| ARENA.check(data));
