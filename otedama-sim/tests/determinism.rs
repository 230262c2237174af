//! The same seed gives the same inputs and outputs, byte for byte.

use std::time::Duration;

use otedama_sim::{SimConfig, run, run_five};

fn config(seed: u64) -> SimConfig {
    SimConfig {
        seed,
        miners: 50,
        duration: Duration::from_secs(900),
        ..SimConfig::default()
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [7, 8] {
        let first = run(config(seed)).expect("every rule holds");
        let second = run(config(seed)).expect("every rule holds");
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn another_seed_gives_another_trace() {
    let [first, second] = [7, 8].map(|seed| run(config(seed)).expect("every rule holds").trace);
    assert_ne!(first, second);
}

#[test]
fn the_same_seed_gives_the_same_five_traces() {
    let short = |seed| SimConfig {
        miners: 12,
        duration: Duration::from_secs(600),
        ..config(seed)
    };
    let [first, second, other] = [7, 7, 8].map(|seed| run_five(&short(seed)).expect("every rule holds"));
    assert_eq!(first, second);
    for (this, other) in first.chains.iter().zip(&other.chains) {
        assert_ne!(this.summary.trace, other.summary.trace, "{}", this.chain);
    }
}
