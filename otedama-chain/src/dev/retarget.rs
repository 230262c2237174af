//! The development chain's difficulty: a moving average that follows at every block.

use otedama_hash::{Target, U256};

/// Blocks over which the average runs.
pub(super) const WINDOW: usize = 16;
/// The average may be off by this factor before it counts as being off by exactly that.
const CLAMP: i64 = 4;
/// The easiest target, as in Bitcoin's regression test mode.
const LIMIT_BITS: u32 = 0x207f_ffff;

/// What the rule looks at in a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past {
    pub(super) time_s: u32,
    pub(super) target: Target,
}

/// Compact target of the block after `recent`, which are the last `WINDOW + 1` blocks, oldest
/// first, without the first block of the chain, whose time may lie far back.
///
/// Blocks that are missing from a full window count as having come on time at `initial`.
pub(super) fn next_bits(initial: Target, interval_s: u32, recent: &[Past]) -> u32 {
    let (Some(first), Some(last)) = (recent.first(), recent.last()) else {
        return initial.to_compact();
    };
    let intervals = (recent.len() - 1).min(WINDOW);
    let missing = WINDOW - intervals;
    let interval_s = i64::from(interval_s.max(1));
    let expected_s = WINDOW as i64 * interval_s;
    let observed_s = i64::from(last.time_s) - i64::from(first.time_s);
    let actual_s = (observed_s + missing as i64 * interval_s).clamp(expected_s / CLAMP, expected_s * CLAMP);

    let window = U256::from(WINDOW);
    let observed = recent[1..].iter().fold(U256::ZERO, |sum, past| {
        sum.saturating_add(past.target.to_u256() / window)
    });
    let average = observed.saturating_add(initial.to_u256() / window * U256::from(missing));
    let scaled =
        (average / U256::from(expected_s.unsigned_abs())).saturating_mul(U256::from(actual_s.unsigned_abs()));
    let limit = Target::from_compact(LIMIT_BITS).expect("a constant with 23 bits of precision");
    Target::from_u256(scaled.max(U256::from(1)).min(limit.to_u256())).to_compact()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mines blocks at `hashes_per_s` with solve times of `1 / 4` to `7 / 4` of the mean; returns
    /// the mean interval of the last 200 blocks.
    fn settle(initial_bits: u32, interval_s: u32, hashes_per_s: f64, blocks: usize) -> f64 {
        let initial = Target::from_compact(initial_bits).expect("valid");
        let mut past = vec![];
        let mut time_s = 1_700_000_000.0_f64;
        let mut times = vec![];
        for i in 0..blocks {
            let recent = &past[past.len().saturating_sub(WINDOW + 1)..];
            let target = Target::from_compact(next_bits(initial, interval_s, recent)).expect("valid");
            let mean = target.work().get() as f64 / hashes_per_s;
            time_s += mean * [0.25, 1.75, 1.0, 0.5, 1.5][i % 5];
            past.push(Past {
                time_s: time_s as u32,
                target,
            });
            times.push(time_s);
        }
        (times[blocks - 1] - times[blocks - 201]) / 200.0
    }

    #[test]
    fn settles_at_the_interval_from_far_too_easy_and_far_too_hard() {
        for (initial_bits, hashes_per_s) in [
            (0x207f_ffff, 1e6),
            (0x207f_ffff, 1e12),
            (0x1d00_ffff, 1e4),
            (0x1e00_ffff, 1e6),
        ] {
            for interval_s in [5, 30, 600] {
                let mean = settle(initial_bits, interval_s, hashes_per_s, 1200);
                let ratio = mean / f64::from(interval_s);
                assert!(
                    (0.8..1.25).contains(&ratio),
                    "{initial_bits:#x} {hashes_per_s} {interval_s}: {ratio}"
                );
            }
        }
    }

    #[test]
    fn starts_at_the_initial_target_and_stays_in_bounds() {
        let initial = Target::from_compact(0x1e00_ffff).expect("valid");
        assert_eq!(next_bits(initial, 30, &[]), 0x1e00_ffff);
        let past = |time_s| Past {
            time_s,
            target: initial,
        };
        assert_eq!(next_bits(initial, 30, &[past(7)]) >> 8, 0x1e00_ffff >> 8);
        // Times that run backwards, and a window of the hardest and easiest targets.
        let backwards: Vec<_> = (0..17).map(|i| past(u32::MAX - i)).collect();
        let bits = next_bits(initial, u32::MAX, &backwards);
        assert!(Target::from_compact(bits).expect("valid") < initial);
        for target in [Target::MAX, Target::from_u256(U256::from(1))] {
            let extreme: Vec<_> = (0..17)
                .map(|i| Past {
                    time_s: i * 100_000_000,
                    target,
                })
                .collect();
            assert!(Target::from_compact(next_bits(target, 1, &extreme)).is_ok());
        }
    }
}
