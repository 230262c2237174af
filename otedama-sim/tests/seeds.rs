//! Fifty seeds, each with its own faults and then a phase in which progress is required.

use std::time::Duration;

use otedama_sim::{SimConfig, run};

/// Five seeds from `5 * group + 1` on.
fn five_seeds(group: u64) {
    for seed in 5 * group + 1..=5 * group + 5 {
        let config = SimConfig {
            seed,
            miners: 40 + 10 * (seed as usize % 4),
            duration: Duration::from_secs(1800),
            ..SimConfig::default()
        };
        let summary = run(config).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(summary.counts.accepted > 1_000, "seed {seed}: {summary}");
        assert!(summary.counts.blocks > 0, "seed {seed}: {summary}");
    }
}

macro_rules! groups {
    ($($name:ident = $group:literal),+) => {
        $(
            #[test]
            fn $name() {
                five_seeds($group);
            }
        )+
    };
}

groups!(
    seeds_1_to_5 = 0,
    seeds_6_to_10 = 1,
    seeds_11_to_15 = 2,
    seeds_16_to_20 = 3,
    seeds_21_to_25 = 4,
    seeds_26_to_30 = 5,
    seeds_31_to_35 = 6,
    seeds_36_to_40 = 7,
    seeds_41_to_45 = 8,
    seeds_46_to_50 = 9
);
