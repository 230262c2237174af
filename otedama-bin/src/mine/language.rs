//! What a pool speaks, and what it mines.

use otedama_chain::coins;
use otedama_hash::Algorithm;
use otedama_stratum::client::{ClientJob, ClientWork, Language};
use otedama_stratum::v1::dialect::ethereum::Protocol;
use otedama_stratum::v1::user;

/// In this order Ethash's protocols are tried where the pool's address names none.
const PROTOCOLS: [Protocol; 3] = [Protocol::V1, Protocol::Proxy, Protocol::V2];

/// In this order languages are tried where nothing is known about a pool.
pub(super) const ALL: [Language; 6] = [
    Language::Bitcoin,
    Language::CryptoNote,
    Language::KawPow,
    Language::Ethereum(Protocol::V1),
    Language::Ethereum(Protocol::Proxy),
    Language::Ethereum(Protocol::V2),
];

/// What pools of an algorithm speak. `attempt` counts those that led to nothing, for algorithms that have several
/// languages.
pub(super) fn of(algorithm: Algorithm, protocol: Option<Protocol>, attempt: u32) -> Language {
    match algorithm {
        Algorithm::RANDOMX => Language::CryptoNote,
        Algorithm::KAWPOW => Language::KawPow,
        Algorithm::ETHASH | Algorithm::ETCHASH => {
            let next = PROTOCOLS[attempt as usize % PROTOCOLS.len()];
            Language::Ethereum(protocol.unwrap_or(next))
        }
        _ => Language::Bitcoin,
    }
}

/// Whether an algorithm hashes in a dataset that has to be built first.
pub(super) fn needs_memory(algorithm: Algorithm) -> bool {
    has_choice(algorithm) || [Algorithm::RANDOMX, Algorithm::KAWPOW].contains(&algorithm)
}

/// Whether pools of an algorithm speak one of several languages.
pub(super) fn has_choice(algorithm: Algorithm) -> bool {
    [Algorithm::ETHASH, Algorithm::ETCHASH].contains(&algorithm)
}

/// The names under which pools know an algorithm, where they ask for them.
pub(super) fn wire_names(algorithm: Algorithm) -> Vec<String> {
    if algorithm == Algorithm::RANDOMX {
        vec!["rx/0".to_owned()]
    } else {
        Vec::new()
    }
}

/// The algorithm that is mined for an address: that of all coins that know it, if they have one in common.
pub(super) fn of_user(name: &str) -> Option<Algorithm> {
    let (address, _) = user::split(name);
    let mut known = coins::all()
        .iter()
        .filter(|spec| otedama_chain::family(spec).payout_script(spec, address).is_ok())
        .map(|spec| spec.algorithm);
    let first = known.next()?;
    known.all(|other| other == first).then_some(first)
}

/// The algorithm that a job is for, as far as it shows; `None` if it is one that this program doesn't know.
pub(super) fn of_job(language: Language, job: &ClientJob) -> Option<Algorithm> {
    match (&job.work, language) {
        (ClientWork::Blob(work), Language::CryptoNote) => {
            let named = work.algorithm.as_deref().unwrap_or("rx/0");
            let is_known = |name: &String| name.eq_ignore_ascii_case(named);
            wire_names(Algorithm::RANDOMX)
                .iter()
                .any(is_known)
                .then_some(Algorithm::RANDOMX)
        }
        (ClientWork::Blob(_), Language::KawPow) => Some(Algorithm::KAWPOW),
        // Ethereum itself is mined no more.
        (ClientWork::Blob(_), Language::Ethereum(_)) => Some(Algorithm::ETCHASH),
        // Scrypt's jobs look the same.
        (ClientWork::Headers(_), Language::Bitcoin) => Some(Algorithm::SHA256D),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_tell_what_is_mined_for_them() {
        for (user, algorithm) in [
            (
                "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4.rig",
                Some(Algorithm::SHA256D),
            ),
            (
                "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
                Some(Algorithm::SHA256D),
            ),
            (
                "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed.rig",
                Some(Algorithm::ETCHASH),
            ),
            (
                "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A+20000.rig",
                Some(Algorithm::RANDOMX),
            ),
            ("worker.1", None),
            // Test networks of three coins share this kind.
            ("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", None),
        ] {
            assert_eq!(of_user(user), algorithm, "{user}");
        }
    }

    #[test]
    fn ethash_s_protocols_take_turns_unless_one_is_named() {
        let at = |protocol, attempt| of(Algorithm::ETCHASH, protocol, attempt);
        assert_eq!(at(None, 0), Language::Ethereum(Protocol::V1));
        assert_eq!(at(None, 1), Language::Ethereum(Protocol::Proxy));
        assert_eq!(at(None, 5), Language::Ethereum(Protocol::V2));
        assert_eq!(at(Some(Protocol::V2), 1), Language::Ethereum(Protocol::V2));
        assert_eq!(of(Algorithm::RANDOMX, None, 1), Language::CryptoNote);
        assert_eq!(of(Algorithm::SCRYPT, None, 1), Language::Bitcoin);
    }
}
