//! Five chains of as many algorithms in one process, with miners of every dialect and everything that can go wrong.

use std::time::Duration;

use otedama_sim::{SimConfig, run_five};

#[test]
fn one_hour_of_five_chains_through_faults_and_after() {
    let config = SimConfig {
        seed: 2026,
        miners: 30,
        duration: Duration::from_secs(3600),
        ..SimConfig::default()
    };
    let summary = run_five(&config).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(summary.chains.len(), 5);
    let deaths = summary.chains[0].summary.counts.deaths;
    for part in &summary.chains {
        let (chain, counts) = (part.chain, part.summary.counts);
        assert!(counts.accepted > 10_000, "{chain}\n{summary}");
        assert!(counts.blocks > 20, "{chain}\n{summary}");
        assert!(deaths > 0 && counts.deaths == deaths, "{chain}\n{summary}");
        let [low, median, high] = part.summary.share_rates;
        assert!(
            low > 0.6 && (0.85..1.2).contains(&median) && high < 1.7,
            "{chain}\n{summary}"
        );
    }
    for part in &summary.chains[2..] {
        let (chain, counts) = (part.chain, part.summary.counts);
        assert!(counts.epochs > 0, "{chain}: no epoch ended\n{summary}");
        // Floods came, filled the queue, were cut off, and cost a few batches each.
        assert!(counts.bans > 1000 && counts.held > 0, "{chain}\n{summary}");
        assert!(counts.hashed_for_nothing < 25 * counts.bans, "{chain}\n{summary}");
        assert!(counts.longest_wait_ms < 3000, "{chain}\n{summary}");
    }
    let borrowed: u64 = summary.chains.iter().map(|p| p.summary.counts.borrowed).sum();
    assert!(borrowed > 20, "{summary}");
}

/// A few seeds more, shorter.
#[test]
fn three_seeds_of_five_chains() {
    for seed in 1..=3 {
        let config = SimConfig {
            seed,
            miners: 12,
            duration: Duration::from_secs(1200),
            ..SimConfig::default()
        };
        let summary = run_five(&config).unwrap_or_else(|failure| panic!("{failure}"));
        for part in &summary.chains {
            assert!(
                part.summary.counts.accepted > 1000,
                "seed {seed}, {}\n{summary}",
                part.chain
            );
        }
    }
}
