use proptest::prelude::*;

use super::*;
use crate::{Account, Credit};

fn share(account: &str, work: u128, time_s: u64) -> ShareRecord {
    ShareRecord {
        account: account.into(),
        work,
        time_s,
    }
}

fn block(reward: u64, network_work: u128, time_s: u64) -> BlockReward {
    BlockReward {
        reward,
        network_work,
        time_s,
        finder: Some("finder".into()),
    }
}

fn amounts(distribution: &Distribution) -> Vec<(&str, u64)> {
    distribution
        .credits
        .iter()
        .map(|credit| (&*credit.account, credit.amount))
        .collect()
}

#[test]
fn a_time_window_forgets_what_is_older() {
    let mut pplns = Pplns::new(Window::Time { seconds: 7200 }, Fee::ZERO);
    assert_eq!(pplns.slot_s(), 10);
    pplns.credit(&share("old", 1000, 999));
    pplns.credit(&share("edge", 1, 1000));
    pplns.credit(&share("new", 3, 8199));
    assert_eq!(
        amounts(&pplns.distribute(&block(400, 1, 8199))),
        [("edge", 100), ("new", 300)]
    );
    assert_eq!(amounts(&pplns.distribute(&block(400, 1, 8200))), [("new", 400)]);
    assert_eq!(
        pplns.snapshot().count(),
        2,
        "the oldest is out of every window to come"
    );
}

#[test]
fn slots_are_as_coarse_as_the_store() {
    let hours = Window::Time { seconds: 7200 };
    assert_eq!(Pplns::with_granularity(hours, Fee::ZERO, 60).slot_s(), 60);
    assert_eq!(Pplns::with_granularity(hours, Fee::ZERO, 7).slot_s(), 14);
    assert_eq!(
        Pplns::with_granularity(Window::Work { multiple_ppm: 1 }, Fee::ZERO, 60).slot_s(),
        60
    );
    assert_eq!(Pplns::new(Window::Time { seconds: 721 }, Fee::ZERO).slot_s(), 2);
}

#[test]
fn shares_after_the_block_do_not_count() {
    for window in [
        Window::Time { seconds: 60 },
        Window::Work {
            multiple_ppm: 2_000_000,
        },
    ] {
        let mut pplns = Pplns::new(window, Fee::ZERO);
        pplns.credit(&share("before", 1, 100));
        pplns.credit(&share("after", 1, 101));
        assert_eq!(amounts(&pplns.distribute(&block(8, 10, 100))), [("before", 8)]);
    }
}

#[test]
fn a_work_window_counts_its_oldest_slot_in_part() {
    let mut pplns = Pplns::new(
        Window::Work {
            multiple_ppm: 2_000_000,
        },
        Fee::ZERO,
    );
    pplns.credit(&share("gone", 1_000_000, 1));
    pplns.credit(&share("a", 30, 2));
    pplns.credit(&share("b", 90, 2));
    pplns.credit(&share("c", 140, 3));
    // The window is 200: all 140 of c and half of the 120 in the slot before it.
    assert_eq!(
        amounts(&pplns.distribute(&block(400, 100, 9))),
        [("a", 30), ("b", 90), ("c", 280)]
    );
}

#[test]
fn the_order_of_credits_does_not_decide_who_has_the_odd_unit() {
    let window = Window::Work {
        multiple_ppm: 1_000_000,
    };
    let one_way = Pplns::restore(window, Fee::ZERO, [share("a", 1, 5), share("b", 1, 5)]);
    let other_way = Pplns::restore(window, Fee::ZERO, [share("b", 1, 5), share("a", 1, 5)]);
    assert_eq!(
        one_way.distribute(&block(100, 1, 5)),
        other_way.distribute(&block(100, 1, 5))
    );
}

#[test]
fn without_work_the_finder_is_paid() {
    let fee = Fee::from_ppm(10_000).unwrap();
    let pplns = Pplns::new(Window::Time { seconds: 60 }, fee);
    assert_eq!(
        pplns.distribute(&block(1000, 1, 0)),
        Distribution {
            credits: vec![Credit {
                account: "finder".into(),
                amount: 990
            }],
            fee: 10
        }
    );
    let nobody = BlockReward {
        finder: None,
        ..block(1000, 1, 0)
    };
    assert_eq!(
        pplns.distribute(&nobody),
        Distribution {
            credits: vec![],
            fee: 1000
        }
    );
}

#[test]
fn sums_of_work_never_overflow() {
    let mut pplns = Pplns::new(Window::Time { seconds: 60 }, Fee::ZERO);
    for account in ["a", "b", "c"] {
        pplns.credit(&share(account, u128::MAX / 2, 1));
    }
    assert_eq!(
        pplns.distribute(&block(u64::MAX, u128::MAX, 1)).reward(),
        u64::MAX
    );
}

#[test]
fn a_year_of_a_small_pool_stays_small() {
    let mut pplns = Pplns::new(
        Window::Work {
            multiple_ppm: 2_000_000,
        },
        Fee::ZERO,
    );
    let start = 1_800_000_000;
    for hour in 0..365 * 24 {
        for second in [0, 1, 600, 1800] {
            pplns.credit(&share("a", 7, start + hour * 3600 + second));
        }
    }
    assert!(
        pplns.snapshot().count() < 6_000,
        "{} slots",
        pplns.snapshot().count()
    );
    assert_eq!(
        pplns.snapshot().map(|record| record.work).sum::<u128>(),
        7 * 4 * 365 * 24
    );
}

#[test]
fn forgetting_keeps_the_window_and_frees_accounts() {
    let mut pplns = Pplns::new(
        Window::Work {
            multiple_ppm: 1_000_000,
        },
        Fee::ZERO,
    );
    for time_s in 0..1000 {
        pplns.credit(&share(&format!("account {time_s}"), 10, time_s));
        pplns.observe_network(50);
    }
    assert_eq!(pplns.snapshot().count(), 20, "four windows of 50");
    assert!(pplns.accounts.ids_end() <= 21);
    assert_eq!(amounts(&pplns.distribute(&block(5, 50, 999))).len(), 5);
    pplns.observe_network(u128::MAX);
    assert_eq!(pplns.snapshot().count(), 20);
}

fn windows() -> impl Strategy<Value = Window> {
    prop_oneof![
        (1u64..20_000).prop_map(|seconds| Window::Time { seconds }),
        (1u64..5_000_000).prop_map(|multiple_ppm| Window::Work { multiple_ppm }),
    ]
}

fn shares() -> impl Strategy<Value = Vec<ShareRecord>> {
    // Mostly close together, now and then far apart, and a few out of order.
    let gap = prop_oneof![8 => 0u64..3, 2 => 0u64..2_000, 1 => 0u64..1_000_000];
    let one = (0u8..9, 1u128..1 << 100, gap, 0u64..40);
    prop::collection::vec(one, 0..300).prop_map(|steps| {
        let mut now = 1_800_000_000;
        let record = |(account, work, gap, late): (u8, u128, u64, u64)| {
            now += gap;
            let late = if late < 5 { late * 100 } else { 0 };
            share(&format!("account {account}"), work, now - late)
        };
        steps.into_iter().map(record).collect()
    })
}

fn roll_up(shares: &[ShareRecord], slot_s: u64) -> Vec<ShareRecord> {
    let mut rows = std::collections::BTreeMap::<(Account, u64), u128>::new();
    for share in shares {
        *rows
            .entry((share.account.clone(), share.time_s / slot_s * slot_s))
            .or_default() += share.work;
    }
    rows.into_iter()
        .map(|((account, time_s), work)| ShareRecord {
            account,
            work,
            time_s,
        })
        .collect()
}

/// The number of times at which `snapshot` has work, each of which is one slot.
fn slot_count(pplns: &Pplns) -> usize {
    let mut times: Vec<_> = pplns.snapshot().map(|record| record.time_s).collect();
    times.dedup();
    times.len()
}

proptest! {
    #[test]
    fn distributions_sum_to_the_reward(
        window in windows(),
        shares in shares(),
        reward in 0u64..2_100_000_000_000_000,
        network_work in 1u128..1 << 103,
        fee_ppm in 0u32..=1_000_000,
        age in 0u64..10_000,
    ) {
        let fee = Fee::from_ppm(fee_ppm).unwrap();
        let pplns = Pplns::restore(window, fee, shares.iter().cloned());
        let time_s = shares.iter().map(|share| share.time_s).max().unwrap_or(0) + age;
        let distribution = pplns.distribute(&block(reward, network_work, time_s));
        let credited: u64 = distribution.credits.iter().map(|credit| credit.amount).sum();
        prop_assert_eq!(credited + distribution.fee, reward);
        prop_assert_eq!(distribution.fee, fee.of(reward));
        prop_assert!(distribution.credits.is_sorted_by(|a, b| a.account < b.account));
        prop_assert!(distribution.credits.iter().all(|credit| credit.amount > 0));
    }

    #[test]
    fn replayed_roll_ups_and_snapshots_distribute_alike(
        window in windows(),
        shares in shares(),
        network_work in 1u128..1 << 103,
        age in 0u64..10_000,
        granularity_s in 1u64..100,
    ) {
        let credited = |records: &[ShareRecord]| {
            let mut pplns = Pplns::with_granularity(window, Fee::ZERO, granularity_s);
            for record in records {
                pplns.credit(record);
            }
            pplns
        };
        let live = credited(&shares);
        let rows = roll_up(&shares, live.slot_s());
        let from_rows = credited(&rows);
        let from_backwards = credited(&rows.into_iter().rev().collect::<Vec<_>>());
        let snapshot: Vec<_> = live.snapshot().collect();
        let from_snapshot = credited(&snapshot);
        let time_s = shares.iter().map(|share| share.time_s).max().unwrap_or(0) + age;
        let block = block(5_000_000_000, network_work, time_s);
        for other in [&from_rows, &from_snapshot, &from_backwards] {
            prop_assert_eq!(other.distribute(&block), live.distribute(&block));
            prop_assert_eq!(&other.snapshot().collect::<Vec<_>>(), &snapshot);
        }
    }

    #[test]
    fn a_time_window_is_exactly_proportional_to_work(shares in shares(), seconds in 1u64..20_000) {
        let pplns = Pplns::restore(Window::Time { seconds }, Fee::ZERO, shares.iter().cloned());
        prop_assert!(slot_count(&pplns) <= 720);
        let Some(now) = shares.iter().map(|share| share.time_s).max() else { return Ok(()) };
        let first_slot = (now / pplns.slot_s() + 1).saturating_sub(seconds.div_ceil(pplns.slot_s()));
        let inside = |share: &&ShareRecord| share.time_s / pplns.slot_s() >= first_slot;
        let total: u128 = shares.iter().filter(inside).map(|share| share.work).sum();
        for credit in pplns.distribute(&block(1 << 50, 1, now)).credits {
            let own: u128 = shares.iter().filter(inside).filter(|s| s.account == credit.account).map(|s| s.work).sum();
            let exact = mul_div(own, 1 << 50, total) as u64;
            prop_assert!(credit.amount == exact || credit.amount == exact + 1);
        }
    }

    #[test]
    fn merged_slots_are_fine_for_their_age(shares in shares()) {
        let pplns = Pplns::restore(Window::Work { multiple_ppm: 1 }, Fee::ZERO, shares.iter().cloned());
        let total: u128 = shares.iter().map(|share| share.work).sum();
        prop_assert_eq!(pplns.snapshot().map(|record| record.work).sum::<u128>(), total);
        let Some(now) = shares.iter().map(|share| share.time_s).max() else { return Ok(()) };
        let mut starts: Vec<_> = pplns.snapshot().map(|record| record.time_s).collect();
        starts.dedup();
        for share in &shares {
            let start = *starts.iter().rfind(|start| **start <= share.time_s).unwrap();
            prop_assert!((share.time_s - start) * 256 <= now - share.time_s, "{} in {}", share.time_s, start);
        }
    }

    #[test]
    fn both_ways_to_sum_slots_agree(
        window in windows(),
        shares in shares(),
        ends in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
    ) {
        prop_assume!(!shares.is_empty());
        let mut pplns = Pplns::restore(window, Fee::ZERO, shares.iter().cloned());
        pplns.observe_network(1 << 100);
        let index = |at: prop::sample::Index| at.get(&shares).time_s / pplns.slot_s();
        let range = index(ends.0).min(index(ends.1))..=index(ends.0).max(index(ends.1));
        let sums = pplns.slots.sum(&range);
        let inside: Vec<_> = pplns.snapshot().filter(|r| range.contains(&(r.time_s / pplns.slot_s()))).collect();
        for (name, id) in pplns.accounts.by_name() {
            let own: u128 = inside.iter().filter(|record| record.account == *name).map(|record| record.work).sum();
            prop_assert_eq!(sums[id as usize], own);
        }
        prop_assert_eq!(sums.iter().sum::<u128>(), inside.iter().map(|record| record.work).sum::<u128>());
    }

    #[test]
    fn a_work_window_counts_exactly_its_work(shares in shares(), network_work in 1u128..1 << 103) {
        let pplns = Pplns::restore(Window::Work { multiple_ppm: 2_000_000 }, Fee::ZERO, shares.iter().cloned());
        let total: u128 = shares.iter().map(|share| share.work).sum();
        let (per_account, counted) = pplns.counted(&block(1, network_work, u64::MAX));
        prop_assert_eq!(counted, total.min(network_work * 2));
        prop_assert_eq!(per_account.iter().sum::<u128>(), counted);
    }
}
