//! What is known about the programs and rigs that speak stratum, as data: one row per family,
//! found by the user agent of `mining.subscribe`.

use otedama_hash::{Algorithm, Difficulty};

/// Which difficulties a firmware takes without rounding them itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifficultyForm {
    /// Any positive number.
    Fractional,
    /// Whole numbers from 1.
    Integer,
    /// 1, 2, 4, 8 and so on.
    PowerOfTwo,
}

/// The difficulties that a client takes for one algorithm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DifficultyRange {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The lowest one.
    pub min: f64,
    /// The highest one.
    pub max: f64,
}

/// What a server has to heed about one family of firmware.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Firmware {
    /// The family's name, for logs.
    pub name: &'static str,
    /// The row applies when the user agent contains one of these, whatever the case.
    pub agents: &'static [&'static str],
    /// Longest coinbase transaction, in bytes, that it hashes right; beyond that it truncates in
    /// silence. `None` where no limit is known.
    pub coinbase_max_bytes: Option<u32>,
    /// How many bytes of extranonce2 it needs, where the server's own choice would not do.
    pub extranonce2_len: Option<u8>,
    /// Which difficulties it takes.
    pub difficulty: DifficultyForm,
    /// Whether a job that follows a new difficulty has to be a clean one.
    pub clean_on_new_difficulty: bool,
    /// Longest silence that it bears, in seconds: a fresh job goes out within that time.
    pub keepalive_s: u16,
    /// The lowest difficulty that it accepts, or the one that its hash rate needs. Bitcoin's dialect only.
    pub min_difficulty: Option<f64>,
    /// The difficulties that it takes in the other dialects; an algorithm that is missing has no limits. See
    /// [`fit_difficulty_for`](Self::fit_difficulty_for).
    pub ranges: &'static [DifficultyRange],
    /// How many bytes of Ethash's and KawPow's nonce the server may fix at the most: the longest extranonce that it
    /// gives to this client.
    pub nonce_prefix_max: u8,
}

impl Firmware {
    /// `wanted`, rounded down to a difficulty that the firmware takes, but not below its minimum nor
    /// below 1 where it has no fractions.
    pub fn fit_difficulty(&self, wanted: Difficulty) -> Difficulty {
        let floor = self.min_difficulty.unwrap_or(f64::MIN_POSITIVE);
        let at_least = wanted.get().max(floor);
        let fitted = match self.difficulty {
            DifficultyForm::Fractional => at_least,
            DifficultyForm::Integer => at_least.floor().max(1.0),
            DifficultyForm::PowerOfTwo => {
                let down = power_of_two_below(at_least).max(1.0);
                if down < floor { down * 2.0 } else { down }
            }
        };
        Difficulty::new(fitted).unwrap_or(wanted)
    }

    /// The lowest difficulty that it accepts for an algorithm.
    pub fn min_difficulty_for(&self, algorithm: Algorithm) -> Option<f64> {
        if speaks_bitcoin(algorithm) {
            return self.min_difficulty;
        }
        self.range(algorithm).map(|range| range.min)
    }

    fn range(&self, algorithm: Algorithm) -> Option<&DifficultyRange> {
        self.ranges.iter().find(|range| range.algorithm == algorithm)
    }

    /// The same as [`fit_difficulty`](Self::fit_difficulty) for any algorithm. What rounds difficulties is the firmware of rigs that speak Bitcoin's dialect:
    /// in the others `wanted` is only moved into the range that the client takes.
    pub fn fit_difficulty_for(&self, algorithm: Algorithm, wanted: Difficulty) -> Difficulty {
        if speaks_bitcoin(algorithm) {
            return self.fit_difficulty(wanted);
        }
        self.range(algorithm)
            .and_then(|range| Difficulty::new(wanted.get().clamp(range.min, range.max)).ok())
            .unwrap_or(wanted)
    }
}

/// Whether miners of an algorithm speak Bitcoin's dialect.
fn speaks_bitcoin(algorithm: Algorithm) -> bool {
    [Algorithm::SHA256D, Algorithm::SCRYPT].contains(&algorithm)
}

/// The greatest power of two that is not above `value`, a positive, normal number.
fn power_of_two_below(value: f64) -> f64 {
    // Clearing the mantissa leaves the power of two.
    f64::from_bits(value.to_bits() & !((1 << 52) - 1))
}

/// The row for a user agent; [`DEFAULT`] if nothing matches. The first match counts.
pub fn for_agent(agent: &str) -> &'static Firmware {
    let contains = |pattern: &&str| {
        agent
            .as_bytes()
            .windows(pattern.len())
            .any(|part| part.eq_ignore_ascii_case(pattern.as_bytes()))
    };
    TABLE
        .iter()
        .find(|row| row.agents.iter().any(contains))
        .unwrap_or(&DEFAULT)
}

/// Every row but the default one, in the order in which they are tried.
pub fn all() -> &'static [Firmware] {
    &TABLE
}

/// For whoever is not in the table: a coinbase that stock Antminers of the S19 generation can hash,
/// which every known rig but the ones in the table can, and any difficulty.
pub static DEFAULT: Firmware = Firmware {
    name: "unknown",
    agents: &[],
    coinbase_max_bytes: Some(730),
    extranonce2_len: None,
    difficulty: DifficultyForm::Fractional,
    clean_on_new_difficulty: false,
    // cpuminer and old firmware reconnect after 120 s without a job (sv2-apps issue 136).
    keepalive_s: 60,
    min_difficulty: None,
    ranges: &[],
    // EthereumStratum/1.0.0, "Extranonce may be max 3 bytes in size".
    nonce_prefix_max: 3,
};

/// What rental services take for Monero: the longest target of four bytes that is exact enough is that of 4,000,000
/// (p2pool issue 322).
const MAX_RENTAL_RANDOMX: f64 = 4_000_000.0;

static TABLE: [Firmware; 18] = [
    // DATUM Gateway, datum_stratum.c: "NiceHash/" needs a coinbase below that of the S19, about 500
    // bytes; NiceHash's pool verificator wants at least 4 bytes of extranonce2 (Stratehm issue 98)
    // and a difficulty of 500,000 for SHA-256d. For CryptoNote it wanted 400,000 (NiceHashMiner-Archived issue 1325,
    // kept by MoneroOcean's pool), later 262,144 (p2pool issue 236); for Ethash 1 to 100 (miningcore issue 330). Its
    // specification of KawPow allows an extranonce of 0 to 2 bytes, because it adds one of its own.
    Firmware {
        name: "NiceHash",
        agents: &["nicehash"],
        coinbase_max_bytes: Some(500),
        extranonce2_len: Some(8),
        difficulty: DifficultyForm::Integer,
        min_difficulty: Some(500_000.0),
        ranges: &[
            DifficultyRange {
                algorithm: Algorithm::RANDOMX,
                min: 400_000.0,
                max: MAX_RENTAL_RANDOMX,
            },
            DifficultyRange {
                algorithm: Algorithm::ETHASH,
                min: 1.0,
                max: 100.0,
            },
            DifficultyRange {
                algorithm: Algorithm::ETCHASH,
                min: 1.0,
                max: 100.0,
            },
        ],
        nonce_prefix_max: 2,
        ..DEFAULT
    },
    // Agents "MiningRigRentals/..." and "MRR-Hash/...". A proxy in front of any rig, so the smallest
    // coinbase of a rented rig counts.
    Firmware {
        name: "MiningRigRentals",
        agents: &["miningrigrentals", "mrr-hash"],
        difficulty: DifficultyForm::Integer,
        ranges: &[DifficultyRange {
            algorithm: Algorithm::RANDOMX,
            min: 1.0,
            max: MAX_RENTAL_RANDOMX,
        }],
        ..DEFAULT
    },
    // DATUM Gateway: "Antminer S21/" was tested with 2,250 bytes on every version; the S21 Pro was
    // not, so the slash belongs to the pattern. S19 firmware counts a new difficulty in the middle of
    // a job as rejects (Spiral pool issue 10).
    Firmware {
        name: "Antminer S21",
        agents: &["antminer s21/"],
        coinbase_max_bytes: Some(2250),
        difficulty: DifficultyForm::Integer,
        clean_on_new_difficulty: true,
        ..DEFAULT
    },
    // DATUM Gateway's "antmain" class: stock S19 firmware hashes 730 to 750 bytes of coinbase.
    // About a quarter of shares is rejected at fractional difficulties (c2pool issue 773).
    Firmware {
        name: "Antminer stock",
        agents: &["antminer", "bmminer"],
        coinbase_max_bytes: Some(730),
        difficulty: DifficultyForm::Integer,
        clean_on_new_difficulty: true,
        ..DEFAULT
    },
    // DATUM Gateway: "whatsminer/v1" works with about 6.5 kB. At most 8 bytes of extranonce2
    // (SRI issue 1861). btminer is the program inside.
    Firmware {
        name: "Whatsminer",
        agents: &["whatsminer", "btminer"],
        coinbase_max_bytes: Some(6500),
        difficulty: DifficultyForm::Integer,
        ..DEFAULT
    },
    // DATUM Gateway: "PowerPlay-BM/" is ePIC's control board and takes almost any coinbase; tested to
    // 16 KiB. Newer ones say "PowerPlay-BMS/".
    Firmware {
        name: "ePIC",
        agents: &["powerplay-bm", "epic blockminer"],
        coinbase_max_bytes: Some(16 * 1024),
        ..DEFAULT
    },
    // DATUM Gateway: VNish calls itself "xminer-1."; tested to 16 KiB.
    Firmware {
        name: "VNish",
        agents: &["xminer-1.", "vnish"],
        coinbase_max_bytes: Some(16 * 1024),
        ..DEFAULT
    },
    // DATUM Gateway: Braiins OS says "...;bosminer-plus-tuner 0.9.0-..." and gets the S21's size,
    // since larger ones were not tried on every version.
    Firmware {
        name: "Braiins OS",
        agents: &["bosminer", "braiins"],
        coinbase_max_bytes: Some(2250),
        ..DEFAULT
    },
    // NerdMiner cuts the coinbase at 255 bytes (NerdMiner_v2 issue 809), and at some 50 kH/s needs a
    // difficulty of 0.0001 (public-pool issue 152). Agents "NerdMinerV2/..." and "HAN_SOLOminer/...".
    Firmware {
        name: "NerdMiner",
        agents: &["nerdminer", "han_solominer"],
        coinbase_max_bytes: Some(255),
        min_difficulty: Some(0.0001),
        ..DEFAULT
    },
    // DATUM Gateway gives "bitaxe" the Whatsminer's size: larger ones work, but slow the change of
    // work. Some versions truncated at 384 bytes (ESP-Miner issue 1897). A new difficulty followed by
    // a job that is not clean makes duplicates (ESP-Miner issue 1587). The forks carry other names.
    Firmware {
        name: "ESP-Miner",
        agents: &[
            "bitaxe",
            "esp-miner",
            "nerdaxe",
            "nerdqaxe",
            "nerdoctaxe",
            "nerdhaxe",
            "nerdqx",
            "nerdeko",
            "nmaxe",
            "luckyminer",
            "bitforge",
            "zyber",
        ],
        coinbase_max_bytes: Some(384),
        clean_on_new_difficulty: true,
        ..DEFAULT
    },
    // cgminer: the coinbase is allocated to fit, and extranonce1 and 2 hold 16 bytes together;
    // Avalon's firmware goes by the same name, hence the default size. Difficulty is a double.
    Firmware {
        name: "cgminer",
        agents: &["cgminer", "bfgminer", "sgminer"],
        ..DEFAULT
    },
    // xmrig-proxy speaks the CryptoNote dialect, whose jobs carry a blob and no coinbase. In its nicehash mode 256
    // miners share a job by the nonce's last byte, so that has to be free.
    Firmware {
        name: "xmrig-proxy",
        agents: &["xmrig-proxy"],
        coinbase_max_bytes: None,
        ..DEFAULT
    },
    // xmrig speaks the CryptoNote dialect, and KawPow's, where it takes an extranonce of up to 4 bytes
    // (EthStratumClient.cpp).
    Firmware {
        name: "xmrig",
        agents: &["xmrig"],
        coinbase_max_bytes: None,
        nonce_prefix_max: 4,
        ..DEFAULT
    },
    // kawpowminer calls itself "kawpowminer/1.2.4", "kawpowminer-1.2.4" in Ethash's protocols. An extranonce has up to
    // 4 bytes, but not none. It drops the first two digits of a target without "0x", so those have to be zeros
    // (EthStratumClient.cpp).
    Firmware {
        name: "kawpowminer",
        agents: &["kawpowminer"],
        coinbase_max_bytes: None,
        ranges: &[DifficultyRange {
            algorithm: Algorithm::KAWPOW,
            min: 1e-7,
            max: f64::MAX,
        }],
        nonce_prefix_max: 4,
        ..DEFAULT
    },
    // T-Rex splits the user name at the dot and sends the worker in a member of its own (T-Rex issue 75).
    Firmware {
        name: "T-Rex",
        agents: &["t-rex"],
        coinbase_max_bytes: None,
        ..DEFAULT
    },
    // lolMiner calls itself "lolMiner 1.98a"; no quirks are known.
    Firmware {
        name: "lolMiner",
        agents: &["lolminer"],
        coinbase_max_bytes: None,
        ..DEFAULT
    },
    // cpuminer and cpuminer-opt: the coinbase is allocated to fit; difficulty is a double; reconnects
    // after 120 s without a job (sv2-apps issue 136).
    Firmware {
        name: "cpuminer",
        agents: &["cpuminer"],
        coinbase_max_bytes: None,
        ..DEFAULT
    },
    // Otedama's own miner and proxy.
    Firmware {
        name: "Otedama",
        agents: &["otedama"],
        coinbase_max_bytes: None,
        ..DEFAULT
    },
];

#[cfg(test)]
mod tests {
    use super::DifficultyForm::{Fractional, Integer};
    use super::*;

    fn fitted(firmware: &Firmware, difficulty: f64) -> f64 {
        firmware
            .fit_difficulty(Difficulty::new(difficulty).unwrap())
            .get()
    }

    /// Every row: agents from the field, coinbase limit, form of difficulty, clean jobs, minimum.
    type Row = (
        &'static str,
        &'static [&'static str],
        Option<u32>,
        DifficultyForm,
        bool,
        Option<f64>,
    );
    #[rustfmt::skip]
    const ROWS: [Row; 18] = [
        ("NiceHash", &["NiceHash/1.0.0"], Some(500), Integer, false, Some(500_000.0)),
        ("MiningRigRentals", &["MiningRigRentals/Test/1.0", "MRR-Hash/1.0.0"], Some(730), Integer, false, None),
        ("Antminer S21", &["Antminer S21/Thu Oct  9 17:56:18 CST 2025"], Some(2250), Integer, true, None),
        ("Antminer stock", &["bmminer/2.0", "bmminer/4.11.1 rwglr", "Antminer", "Antminer S21 Pro/Thu", "Antminer S19 Pro"],
            Some(730), Integer, true, None),
        ("Whatsminer", &["whatsminer/v1.0", "btminer/3.4"], Some(6500), Integer, false, None),
        ("ePIC", &["PowerPlay-BM/1.0", "PowerPlay-BMS/1.24.0"], Some(16_384), Fractional, false, None),
        ("VNish", &["xminer-1.0", "xminer-1.2.7"], Some(16_384), Fractional, false, None),
        ("Braiins OS", &["2022-09-27-0-26ba61b9-22.08.1-plus;bosminer-plus-am1-s9 0.9.0-26ba61b9"],
            Some(2250), Fractional, false, None),
        ("NerdMiner", &["NerdMinerV2/V1.8.3", "HAN_SOLOminer/1"], Some(255), Fractional, false, Some(0.0001)),
        ("ESP-Miner", &["bitaxe/BM1370/v2.13.1", "NerdQAxe++/BM1370/v1.0.36", "NMAxe/v3.0.10", "ESP-Miner"],
            Some(384), Fractional, true, None),
        ("cgminer", &["cgminer/4.11.1", "bfgminer/5.5.0"], Some(730), Fractional, false, None),
        ("xmrig-proxy", &["xmrig-proxy/6.24.0 (Linux x86_64)"], None, Fractional, false, None),
        ("xmrig", &["XMRig/6.26.0 (Linux x86_64)"], None, Fractional, false, None),
        ("kawpowminer", &["kawpowminer/1.2.4", "kawpowminer-1.2.4+commit.01a9a3ab"], None, Fractional, false, None),
        ("T-Rex", &["T-Rex/0.26.8"], None, Fractional, false, None),
        ("lolMiner", &["lolMiner 1.98a", "lolMiner/1.96"], None, Fractional, false, None),
        ("cpuminer", &["cpuminer/2.5.1", "cpuminer-opt/26.1"], None, Fractional, false, None),
        ("Otedama", &["otedama/0.1.0"], None, Fractional, false, None),
    ];

    #[test]
    fn every_row_is_found_by_agents_from_the_field() {
        assert_eq!(ROWS.len(), all().len());
        for ((name, agents, coinbase, difficulty, clean, min), row) in ROWS.into_iter().zip(all()) {
            assert_eq!(row.name, name);
            assert_eq!(
                (
                    row.coinbase_max_bytes,
                    row.difficulty,
                    row.clean_on_new_difficulty,
                    row.min_difficulty
                ),
                (coinbase, difficulty, clean, min),
                "{name}"
            );
            assert!(row.keepalive_s <= 60, "{name}");
            for agent in agents {
                assert_eq!(for_agent(agent).name, name, "{agent}");
                assert_eq!(for_agent(&agent.to_uppercase()).name, name, "{agent}");
            }
        }
        assert!(for_agent("NiceHash/1.0.0").extranonce2_len >= Some(4));
    }

    #[test]
    fn whoever_is_unknown_gets_the_default() {
        for agent in ["", "n", "some-new-miner/0.1", "Antmine"] {
            assert_eq!(for_agent(agent), &DEFAULT, "{agent}");
        }
    }

    #[test]
    fn no_pattern_is_hidden_by_an_earlier_row() {
        for row in all() {
            for pattern in row.agents {
                assert_eq!(for_agent(pattern).name, row.name, "{pattern}");
            }
        }
    }

    #[test]
    fn difficulties_are_rounded_down_to_what_the_firmware_takes() {
        let whole = Firmware {
            difficulty: DifficultyForm::Integer,
            ..DEFAULT
        };
        let power = Firmware {
            difficulty: DifficultyForm::PowerOfTwo,
            ..DEFAULT
        };
        for (wanted, as_whole, as_power) in [
            (0.3, 1.0, 1.0),
            (1.0, 1.0, 1.0),
            (3.99, 3.0, 2.0),
            (4.0, 4.0, 4.0),
            (1000.5, 1000.0, 512.0),
        ] {
            assert_eq!(fitted(&DEFAULT, wanted).to_bits(), f64::to_bits(wanted));
            assert_eq!(fitted(&whole, wanted).to_bits(), f64::to_bits(as_whole));
            assert_eq!(fitted(&power, wanted).to_bits(), f64::to_bits(as_power));
        }
    }

    #[test]
    fn no_difficulty_falls_below_the_minimum() {
        assert_eq!(
            fitted(for_agent("NiceHash/1.0.0"), 1.0).to_bits(),
            500_000f64.to_bits()
        );
        assert_eq!(
            fitted(for_agent("NerdMinerV2/1"), 1e-9).to_bits(),
            0.0001f64.to_bits()
        );
        let power = Firmware {
            difficulty: DifficultyForm::PowerOfTwo,
            min_difficulty: Some(500_000.0),
            ..DEFAULT
        };
        assert_eq!(fitted(&power, 1.0).to_bits(), 524_288f64.to_bits());
        assert_eq!(fitted(&power, 600_000.0).to_bits(), 524_288f64.to_bits());
    }
    #[test]
    fn other_dialects_have_ranges_and_no_rounding() {
        let (randomx, ethash, etchash) = (Algorithm::RANDOMX, Algorithm::ETHASH, Algorithm::ETCHASH);
        let kawpow = Algorithm::KAWPOW;
        for (agent, algorithm, wanted, expected) in [
            ("NiceHash/1.0.0", randomx, 1000.0, 400_000.0),
            ("NiceHash/1.0.0", randomx, 1e9, 4e6),
            ("NiceHash/1.0.0", ethash, 0.25, 1.0),
            ("NiceHash/1.0.0", etchash, 1.5, 1.5),
            ("NiceHash/1.0.0", etchash, 1e6, 100.0),
            ("NiceHash/1.0.0", kawpow, 0.25, 0.25),
            ("NiceHash/1.0.0", Algorithm::SHA256D, 1.0, 500_000.0),
            ("MRR-Hash/1.0.0", randomx, 1000.0, 1000.0),
            ("MRR-Hash/1.0.0", randomx, 1e9, 4e6),
            ("kawpowminer/1.2.4", kawpow, 1e-12, 1e-7),
            ("kawpowminer/1.2.4", kawpow, 1e12, 1e12),
            ("kawpowminer/1.2.4", Algorithm::SCRYPT, 0.5, 0.5),
            ("xmrig-proxy/6.24.0", randomx, 1e9, 1e9),
            ("T-Rex/0.26.8", kawpow, 0.05, 0.05),
            ("lolMiner 1.98a", etchash, 0.05, 0.05),
        ] {
            let wanted = Difficulty::new(wanted).unwrap();
            let fitted = for_agent(agent).fit_difficulty_for(algorithm, wanted);
            assert_eq!(fitted, Difficulty::new(expected).unwrap(), "{agent}: {algorithm}");
        }
        for range in all().iter().flat_map(|row| row.ranges) {
            assert!(0.0 < range.min && range.min <= range.max, "{range:?}");
        }
    }

    #[test]
    fn kawpowminer_s_targets_begin_with_two_zeros() {
        let lowest = for_agent("kawpowminer/1.2.4").ranges[0].min;
        let target = Difficulty::new(lowest)
            .unwrap()
            .to_target(Algorithm::KAWPOW.diff1());
        assert!(target.to_string().starts_with("00"), "{target}");
    }

    #[test]
    fn extranonces_are_as_long_as_the_client_takes() {
        for (agent, longest) in [
            ("NiceHash/1.0.0", 2),
            ("XMRig/6.26.0", 4),
            ("kawpowminer/1.2.4", 4),
            ("T-Rex/0.26.8", 3),
            ("lolMiner 1.98a", 3),
            ("", 3),
        ] {
            assert_eq!(for_agent(agent).nonce_prefix_max, longest, "{agent}");
        }
    }
}
