//! A thousand miners, with everything that can go wrong.

use std::time::Duration;

use otedama_sim::{SimConfig, run};

#[test]
fn a_thousand_miners_through_faults_and_after() {
    let config = SimConfig {
        seed: 2026,
        miners: 1000,
        duration: Duration::from_secs(1800),
        ..SimConfig::default()
    };
    let summary = run(config).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(summary.counts.accepted > 100_000, "{summary}");
    assert!(
        summary.counts.blocks > 5 && summary.counts.deaths > 0,
        "{summary}"
    );
}
