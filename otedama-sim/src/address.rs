//! Payout addresses on the development chain.

use bech32::{Hrp, segwit};
use otedama_chain::{ChainSpec, coins};

use crate::random::derive;

/// The chain that is simulated.
pub(crate) const SPEC: &ChainSpec = &coins::dev::REGTEST;

/// The address with this number.
pub(crate) fn of(number: u64) -> String {
    let program = derive(number, "address");
    let hrp = Hrp::parse(
        SPEC.bitcoin()
            .and_then(|rules| rules.addresses.bech32_hrp)
            .unwrap_or_default(),
    )
    .expect("the chain's own prefix is valid");
    segwit::encode_v0(hrp, &program[..20]).expect("20 bytes are a witness program of version 0")
}

/// The pool's own.
pub(crate) fn of_pool() -> String {
    of(u64::MAX)
}

/// That of everybody who mines elsewhere.
pub(crate) fn of_strangers() -> String {
    of(u64::MAX - 1)
}
