use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::{Account, Distribution};

use super::CarryBook;

/// What the outputs of a coinbase must keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most outputs that pay somebody, the pool's own among them; at least 1 is taken.
    pub max_outputs: usize,
    /// Least amount of an output, in the coin's smallest unit; at least 1 is taken.
    pub dust: u64,
}

/// The outputs of one coinbase and what they leave owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoinbasePlan {
    /// Whom it pays and how much, largest amount first and the pool's own output last; sums to the reward.
    pub outputs: Vec<(Account, u64)>,
    /// How each account's balance changes when a block that pays this is accepted; never the pool's, never zero, in
    /// ascending order of the account's text.
    pub carry_delta: Vec<(Account, i128)>,
}

/// Plans a coinbase that pays `distribution` and, as far as the pool's own part allows, old balances from `book`.
///
/// Whoever is owed most comes first, so that a small miner's balance grows until there is room for it. The pool's output
/// has everything that goes to nobody else: the fee, credits to `pool_account`, and what is carried. It is left out
/// where that is nothing, and it is never below dust unless the whole reward is. Several plans with different limits may
/// be made from one distribution; only the one that a block pays is settled.
pub fn plan(
    distribution: &Distribution,
    pool_account: &Account,
    book: &CarryBook,
    limits: Limits,
) -> CoinbasePlan {
    let due = Due::new(distribution, pool_account, book);
    let dust = limits.dust.max(1);
    let candidates = due.candidates(dust);
    let most = limits.max_outputs.max(1);
    let mut draft = Draft::new(&candidates, due.reward, most, dust);
    if draft.pool > 0 && draft.payments.len() == most {
        draft = Draft::new(&candidates, due.reward, most - 1, dust);
    }
    draft.raise_pool_to(dust);
    due.finish(draft, pool_account)
}

/// A block that pays nobody but the pool: what everybody else earned in it is owed.
pub fn hold(distribution: &Distribution, pool_account: &Account) -> CoinbasePlan {
    let nothing_owed = CarryBook::new();
    let due = Due::new(distribution, pool_account, &nothing_owed);
    let draft = Draft {
        payments: Vec::new(),
        pool: due.reward,
    };
    due.finish(draft, pool_account)
}

/// What everybody but the pool is to get.
struct Due<'a> {
    reward: u64,
    by_account: BTreeMap<&'a Account, Claim>,
}

#[derive(Clone, Copy, Default)]
struct Claim {
    /// Earned in this block.
    credit: u64,
    /// Owed from blocks before it; negative when too much was paid.
    balance: i128,
}

impl Claim {
    /// What the account should be paid in this block, if nothing stood in the way.
    fn total(self) -> u64 {
        u64::try_from((i128::from(self.credit) + self.balance).max(0)).unwrap_or(u64::MAX)
    }

    /// The part of it that this block brings itself.
    fn own(self) -> u64 {
        self.credit.min(self.total())
    }
}

impl<'a> Due<'a> {
    fn new(distribution: &'a Distribution, pool_account: &Account, book: &'a CarryBook) -> Self {
        let mut by_account = BTreeMap::<_, Claim>::new();
        for credit in &distribution.credits {
            by_account.entry(&credit.account).or_default().credit += credit.amount;
        }
        for (account, balance) in book.balances() {
            by_account.entry(account).or_default().balance = balance;
        }
        by_account.remove(pool_account);
        Self {
            reward: distribution.reward(),
            by_account,
        }
    }

    /// Who may have an output, the largest claim first.
    fn candidates(&self, dust: u64) -> Vec<(&'a Account, Claim)> {
        let claims = self.by_account.iter().map(|(account, claim)| (*account, *claim));
        let mut candidates: Vec<_> = claims.filter(|(_, claim)| claim.total() >= dust).collect();
        candidates.sort_by_key(|(_, claim)| Reverse(claim.total()));
        candidates
    }

    fn finish(self, draft: Draft<'a>, pool_account: &Account) -> CoinbasePlan {
        let mut deltas: BTreeMap<_, _> = self
            .by_account
            .into_iter()
            .map(|(account, claim)| (account, i128::from(claim.credit)))
            .collect();
        let mut outputs = Vec::with_capacity(draft.payments.len() + 1);
        for (account, amount) in draft.payments {
            *deltas.entry(account).or_default() -= i128::from(amount);
            outputs.push((Account::clone(account), amount));
        }
        if draft.pool > 0 {
            outputs.push((Account::clone(pool_account), draft.pool));
        }
        let carry_delta = deltas
            .into_iter()
            .filter(|(_, delta)| *delta != 0)
            .map(|(account, delta)| (Account::clone(account), delta))
            .collect();
        CoinbasePlan { outputs, carry_delta }
    }
}

/// Payments, largest first, and what is left for the pool; together the reward.
struct Draft<'a> {
    payments: Vec<(&'a Account, u64)>,
    pool: u64,
}

impl<'a> Draft<'a> {
    /// Pays at most `most` candidates. This block's own credits of those who come first are set aside before
    /// anybody's old balance is paid; where that leaves too little for an output, the next in order has its place.
    fn new(candidates: &[(&'a Account, Claim)], reward: u64, most: usize, dust: u64) -> Self {
        let first = most.min(candidates.len());
        let mut pool = reward
            - candidates[..first]
                .iter()
                .map(|(_, claim)| claim.own())
                .sum::<u64>();
        let mut payments = Vec::with_capacity(first);
        for (position, (account, claim)) in candidates.iter().enumerate() {
            if payments.len() == most {
                break;
            }
            let set_aside = if position < first { claim.own() } else { 0 };
            let amount = claim.total().min(set_aside.saturating_add(pool));
            if amount >= dust {
                payments.push((*account, amount));
                pool = pool + set_aside - amount;
            } else {
                pool += set_aside;
            }
        }
        payments.sort_by_key(|(_, amount)| Reverse(*amount));
        Self { payments, pool }
    }

    /// Gives the pool's output at least `dust` if it has any: at the cost of the largest payment where that stays above
    /// dust, else of the smallest payments.
    fn raise_pool_to(&mut self, dust: u64) {
        if self.pool == 0 || self.pool >= dust {
            return;
        }
        let missing = dust - self.pool;
        if let Some((_, largest)) = self.payments.first_mut()
            && largest.saturating_sub(missing) >= dust
        {
            *largest -= missing;
            self.pool = dust;
        } else if let Some((_, smallest)) = self.payments.pop() {
            self.pool += smallest;
        }
        self.payments.sort_by_key(|(_, amount)| Reverse(*amount));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Credit;

    fn distribution(credits: &[(&str, u64)], fee: u64) -> Distribution {
        let credit = |(account, amount): &(&str, u64)| Credit {
            account: (*account).into(),
            amount: *amount,
        };
        Distribution {
            credits: credits.iter().map(credit).collect(),
            fee,
        }
    }

    fn outputs(plan: &CoinbasePlan) -> Vec<(&str, u64)> {
        plan.outputs.iter().map(|(a, amount)| (&**a, *amount)).collect()
    }

    fn deltas(plan: &CoinbasePlan) -> Vec<(&str, i128)> {
        plan.carry_delta.iter().map(|(a, delta)| (&**a, *delta)).collect()
    }

    fn plan_of(distribution: &Distribution, book: &CarryBook, max_outputs: usize) -> CoinbasePlan {
        plan(
            distribution,
            &"pool".into(),
            book,
            Limits {
                max_outputs,
                dust: 100,
            },
        )
    }

    #[test]
    fn everybody_who_fits_is_paid_and_the_pool_comes_last() {
        let plan = plan_of(
            &distribution(&[("a", 300), ("b", 500)], 200),
            &CarryBook::new(),
            10,
        );
        assert_eq!(outputs(&plan), [("b", 500), ("a", 300), ("pool", 200)]);
        assert_eq!(deltas(&plan), []);
    }

    #[test]
    fn dust_and_what_has_no_room_is_carried() {
        let shared = distribution(&[("a", 300), ("b", 500), ("c", 99), ("d", 250)], 1);
        let plan = plan_of(&shared, &CarryBook::new(), 3);
        assert_eq!(outputs(&plan), [("b", 500), ("a", 300), ("pool", 350)]);
        assert_eq!(deltas(&plan), [("c", 99), ("d", 250)]);
    }

    #[test]
    fn one_output_is_the_pools_unless_one_account_has_it_all() {
        let plan = plan_of(&distribution(&[("a", 300), ("b", 500)], 0), &CarryBook::new(), 1);
        assert_eq!(outputs(&plan), [("pool", 800)]);
        let plan = plan_of(&distribution(&[("a", 800)], 0), &CarryBook::new(), 1);
        assert_eq!(outputs(&plan), [("a", 800)]);
        let plan = plan_of(&distribution(&[("a", 300), ("b", 500)], 0), &CarryBook::new(), 2);
        assert_eq!(outputs(&plan), [("b", 500), ("a", 300)]);
    }

    #[test]
    fn old_balances_are_paid_out_of_the_pools_part() {
        let book = [("a".into(), 90), ("gone".into(), 400)].into_iter().collect();
        let plan = plan_of(&distribution(&[("a", 300), ("b", 200)], 490), &book, 10);
        assert_eq!(outputs(&plan), [("gone", 400), ("a", 390), ("b", 200)]);
        assert_eq!(deltas(&plan), [("a", -90), ("gone", -400)]);
    }

    #[test]
    fn an_old_balance_never_takes_from_anothers_credit() {
        let book = [("gone".into(), 10_000)].into_iter().collect();
        let plan = plan_of(&distribution(&[("a", 300), ("b", 200)], 150), &book, 10);
        assert_eq!(outputs(&plan), [("a", 300), ("b", 200), ("gone", 150)]);
        assert_eq!(deltas(&plan), [("gone", -150)]);
    }

    #[test]
    fn a_claim_that_cannot_be_funded_leaves_its_place_to_the_next() {
        let book = [("gone".into(), 10_000)].into_iter().collect();
        let plan = plan_of(&distribution(&[("a", 300), ("b", 200)], 50), &book, 3);
        assert_eq!(outputs(&plan), [("a", 250), ("b", 200), ("pool", 100)]);
        assert_eq!(deltas(&plan), [("a", 50)]);
    }

    #[test]
    fn who_is_carried_for_lack_of_room_pays_who_was_carried_before() {
        let book = [("gone".into(), 10_000)].into_iter().collect();
        let plan = plan_of(&distribution(&[("a", 300), ("b", 200)], 0), &book, 2);
        assert_eq!(outputs(&plan), [("a", 300), ("gone", 200)]);
        assert_eq!(deltas(&plan), [("b", 200), ("gone", -200)]);
    }

    #[test]
    fn a_small_fee_is_raised_to_dust_and_the_difference_carried() {
        let plan = plan_of(
            &distribution(&[("a", 300), ("b", 500)], 30),
            &CarryBook::new(),
            10,
        );
        assert_eq!(outputs(&plan), [("b", 430), ("a", 300), ("pool", 100)]);
        assert_eq!(deltas(&plan), [("b", 70)]);
        let plan = plan_of(
            &distribution(&[("a", 110), ("b", 120)], 30),
            &CarryBook::new(),
            10,
        );
        assert_eq!(outputs(&plan), [("b", 120), ("pool", 140)]);
        assert_eq!(deltas(&plan), [("a", 110)]);
    }

    #[test]
    fn a_reward_below_dust_is_the_pools() {
        let plan = plan_of(&distribution(&[("a", 50)], 1), &CarryBook::new(), 10);
        assert_eq!(outputs(&plan), [("pool", 51)]);
        assert_eq!(deltas(&plan), [("a", 50)]);
        let plan = plan_of(&distribution(&[], 0), &CarryBook::new(), 10);
        assert_eq!(outputs(&plan), []);
    }

    #[test]
    fn the_pools_own_shares_go_to_its_output() {
        let plan = plan_of(
            &distribution(&[("a", 300), ("pool", 500)], 10),
            &CarryBook::new(),
            10,
        );
        assert_eq!(outputs(&plan), [("a", 300), ("pool", 510)]);
        assert_eq!(deltas(&plan), []);
    }

    #[test]
    fn a_debt_paid_twice_is_made_up_for() {
        let mut book: CarryBook = [("a".into(), 400)].into_iter().collect();
        let twice = plan_of(&distribution(&[("b", 500)], 500), &book, 10);
        book.settle(&twice);
        book.settle(&twice);
        assert_eq!(book.balance("a"), -400);
        let plan = plan_of(&distribution(&[("a", 600)], 0), &book, 10);
        assert_eq!(outputs(&plan), [("a", 200), ("pool", 400)]);
        book.settle(&plan);
        assert_eq!(book, CarryBook::new());
    }
}
