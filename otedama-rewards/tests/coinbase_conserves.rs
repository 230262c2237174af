//! Blocks are planned, settled and orphaned at random; nobody gains or loses a unit.

use std::collections::BTreeMap;

use otedama_rewards::coinbase::{CarryBook, Limits, plan};
use otedama_rewards::{Account, Credit, Distribution};
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Block {
    credits: Vec<(u8, u64)>,
    fee: u64,
    max_outputs: usize,
    other_tier: usize,
    orphaned: bool,
}

fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![1u64..1_000, 1u64..100_000, 1u64..2_100_000_000_000_000]
}

fn block() -> impl Strategy<Value = Block> {
    let credits = prop::collection::vec((0u8..40, amount()), 0..40);
    let fee = prop_oneof![Just(0), 0u64..1_000, amount()];
    (credits, fee, 0usize..45, 0usize..45, any::<bool>()).prop_map(
        |(credits, fee, max_outputs, other_tier, orphaned)| Block {
            credits,
            fee,
            max_outputs,
            other_tier,
            orphaned,
        },
    )
}

fn name(number: u8) -> Account {
    if number == 0 {
        "pool".into()
    } else {
        format!("account {number}").into()
    }
}

fn distribution(block: &Block) -> Distribution {
    let mut credits = BTreeMap::new();
    for (number, amount) in &block.credits {
        *credits.entry(name(*number)).or_insert(0) += amount;
    }
    let credits = credits
        .into_iter()
        .map(|(account, amount)| Credit { account, amount });
    Distribution {
        credits: credits.collect(),
        fee: block.fee,
    }
}

proptest! {
    #[test]
    fn paid_and_owed_are_what_was_earned(blocks in prop::collection::vec(block(), 1..12), dust in 0u64..2_000) {
        let pool = Account::from("pool");
        let mut book = CarryBook::new();
        let mut earned = BTreeMap::<Account, i128>::new();
        let mut paid = BTreeMap::<Account, i128>::new();
        for block in &blocks {
            let distribution = distribution(block);
            for max_outputs in [block.other_tier, block.max_outputs] {
                let plan = plan(&distribution, &pool, &book, Limits { max_outputs, dust });
                let sum: u64 = plan.outputs.iter().map(|(_, amount)| amount).sum();
                prop_assert_eq!(sum, distribution.reward());
                prop_assert!(plan.outputs.len() <= max_outputs.max(1));
                let tiny = distribution.reward() < dust;
                for (account, amount) in &plan.outputs {
                    prop_assert!(*amount >= dust.max(1) || (tiny && *account == pool));
                }
                let mut accounts: Vec<_> = plan.outputs.iter().map(|(account, _)| account).collect();
                accounts.sort();
                accounts.dedup();
                prop_assert_eq!(accounts.len(), plan.outputs.len(), "one output per account");
                let before = book.clone();
                book.settle(&plan);
                prop_assert!(book.balances().all(|(_, balance)| balance > 0), "nobody is paid more than is due");
                if max_outputs != block.max_outputs || block.orphaned {
                    book.reverse(&plan);
                    prop_assert_eq!(&book, &before);
                    continue;
                }
                for (account, amount) in plan.outputs {
                    *paid.entry(account).or_default() += i128::from(amount);
                }
                for credit in &distribution.credits {
                    *earned.entry(credit.account.clone()).or_default() += i128::from(credit.amount);
                }
                *earned.entry(pool.clone()).or_default() += i128::from(distribution.fee);
                break;
            }
        }
        for (account, earned) in &earned {
            // What the pool was paid on others' behalf is what it owes them.
            let owed = if *account == pool { -book.total() } else { book.balance(account) };
            prop_assert_eq!(paid.get(account).copied().unwrap_or(0) + owed, *earned, "{}", account);
        }
        prop_assert!(paid.keys().all(|account| earned.contains_key(account)));
    }

    #[test]
    fn a_small_miner_is_paid_in_time(dust in 1u64..500, max_outputs in 2usize..5) {
        // Ten equal miners, room for fewer: all of them are paid again and again.
        let credits = (1..=10).map(|number| (number, 1_000)).collect();
        let block = Block { credits, fee: 100, max_outputs, other_tier: 0, orphaned: false };
        let (distribution, pool) = (distribution(&block), Account::from("pool"));
        let mut book = CarryBook::new();
        for _ in 0..200 {
            book.settle(&plan(&distribution, &pool, &book, Limits { max_outputs, dust }));
            prop_assert!(book.balances().all(|(_, balance)| balance <= 20_000), "{:?}", book);
        }
    }
}
