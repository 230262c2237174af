//! What a pool speaks, and what it mines.

use otedama_chain::coins;
use otedama_hash::{Algorithm, Target};
use otedama_stratum::client::{ClientJob, ClientWork, HeaderWork, Language};
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

/// What a job shows of the algorithm that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// It is this one.
    Only(Algorithm),
    /// It is one of these two.
    Either(Algorithm, Algorithm),
    /// It is one that this program doesn't know.
    Unknown,
}

/// What a job of a pool that speaks `language` is for, as far as it shows.
pub(super) fn of_job(language: Language, job: &ClientJob) -> Shown {
    match (&job.work, language) {
        (ClientWork::Blob(work), Language::CryptoNote) => {
            let named = work.algorithm.as_deref().unwrap_or("rx/0");
            let is_known = |name: &String| name.eq_ignore_ascii_case(named);
            if wire_names(Algorithm::RANDOMX).iter().any(is_known) {
                Shown::Only(Algorithm::RANDOMX)
            } else {
                Shown::Unknown
            }
        }
        (ClientWork::Blob(_), Language::KawPow) => Shown::Only(Algorithm::KAWPOW),
        // Ethereum itself is mined no more.
        (ClientWork::Blob(_), Language::Ethereum(_)) => Shown::Only(Algorithm::ETCHASH),
        (ClientWork::Headers(work), Language::Bitcoin) => of_headers(work),
        _ => Shown::Unknown,
    }
}

/// Leading zero bits that a hash has by chance once in four billion: one that has them was searched for.
const SEARCHED_FOR: usize = 32;
/// Zero bits by which the previous block may have needed less than the next; no chain moves so far at once.
const EASED: usize = 8;

/// SHA-256d and Scrypt have jobs of the same form. But where the proof of work is SHA-256d, the previous block's hash is
/// that proof and begins with zeros, and under Scrypt it is as random as any. Chains that ask for next to no work, as in
/// regression tests, show nothing.
fn of_headers(work: &HeaderWork) -> Shown {
    let zeros = |target: Target| target.to_u256().leading_zeros();
    let found = zeros(Target::from_le_bytes(work.prev_hash.to_le_bytes()));
    let asked = Target::from_compact(work.bits).map_or(0, zeros);
    if found >= SEARCHED_FOR {
        Shown::Only(Algorithm::SHA256D)
    } else if asked >= SEARCHED_FOR && asked >= found + EASED {
        Shown::Only(Algorithm::SCRYPT)
    } else {
        Shown::Either(Algorithm::SHA256D, Algorithm::SCRYPT)
    }
}

#[cfg(test)]
mod tests {
    use otedama_hash::Hash256;
    use otedama_stratum::v1::ExtranonceBytes;

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
            (
                "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",
                Some(Algorithm::SCRYPT),
            ),
            ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa.rig", Some(Algorithm::SHA256D)),
            ("worker.1", None),
            // A form that Litecoin once shared with Bitcoin.
            ("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", None),
            // Test networks of three coins share this kind.
            ("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", None),
        ] {
            assert_eq!(of_user(user), algorithm, "{user}");
        }
    }

    #[test]
    fn a_previous_block_tells_sha256d_from_scrypt() {
        let either = Shown::Either(Algorithm::SHA256D, Algorithm::SCRYPT);
        let (bitcoin, litecoin) = (&coins::btc::MAINNET, &coins::ltc::MAINNET);
        let regtest = &coins::btc::REGTEST;
        for (prev, bits, shown) in [
            (
                bitcoin.genesis_hashes[0],
                0x1d00_ffff,
                Shown::Only(Algorithm::SHA256D),
            ),
            (
                bitcoin.genesis_hashes[0],
                0x1702_3333,
                Shown::Only(Algorithm::SHA256D),
            ),
            (
                litecoin.genesis_hashes[0],
                0x1929_f1f5,
                Shown::Only(Algorithm::SCRYPT),
            ),
            (litecoin.genesis_hashes[0], 0x1e0f_fff0, either),
            (regtest.genesis_hashes[0], 0x207f_ffff, either),
            // A chain whose blocks just begin to need that much.
            (
                "00000005f5e0ff00000000000000000000000000000000000000000000000000",
                0x1d00_ffff,
                either,
            ),
        ] {
            let work = HeaderWork {
                prev_hash: Hash256::from_display_hex(prev).unwrap(),
                coinbase1: [].into(),
                coinbase2: [].into(),
                merkle_branch: [].into(),
                version: 1,
                bits,
                ntime: 0,
                extranonce1: ExtranonceBytes::default(),
                extranonce2_len: 4,
                version_mask: 0,
            };
            assert_eq!(of_headers(&work), shown, "{prev} {bits:08x}");
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
