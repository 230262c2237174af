use std::collections::BTreeMap;

use crate::Account;

use super::CoinbasePlan;

/// What the pool owes each account beside what coinbases paid it.
///
/// A balance is negative where two blocks paid the same debt, which happens when one was planned before the other was
/// settled; later credits make up for it. There is one entry per account whose balance is not zero, so the book grows
/// with the number of accounts that earned less than the dust limit and never came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarryBook {
    balances: BTreeMap<Account, i128>,
}

impl CarryBook {
    /// A book in which nothing is owed.
    pub const fn new() -> Self {
        Self {
            balances: BTreeMap::new(),
        }
    }

    /// What the account is owed, in the coin's smallest unit.
    pub fn balance(&self, account: &str) -> i128 {
        self.balances.get(account).copied().unwrap_or(0)
    }

    /// Every balance that is not zero, in ascending order of the account's text.
    pub fn balances(&self) -> impl ExactSizeIterator<Item = (&Account, i128)> {
        self.balances.iter().map(|(account, balance)| (account, *balance))
    }

    /// The sum of all balances: what the pool's own output has received on others' behalf.
    pub fn total(&self) -> i128 {
        self.balances.values().sum()
    }

    /// A block that pays this plan was accepted.
    pub fn settle(&mut self, plan: &CoinbasePlan) {
        self.apply(plan.carry_delta.iter().map(|(account, delta)| (account, *delta)));
    }

    /// A block that was settled is not part of the chain any more.
    pub fn reverse(&mut self, plan: &CoinbasePlan) {
        self.apply(plan.carry_delta.iter().map(|(account, delta)| (account, -delta)));
    }

    fn apply<'a>(&mut self, changes: impl Iterator<Item = (&'a Account, i128)>) {
        for (account, change) in changes {
            let balance = self.balances.entry(Account::clone(account)).or_default();
            *balance += change;
            if *balance == 0 {
                self.balances.remove(account);
            }
        }
    }
}

/// A book with the given balances; those of one account are added up.
impl FromIterator<(Account, i128)> for CarryBook {
    fn from_iter<I: IntoIterator<Item = (Account, i128)>>(balances: I) -> Self {
        let mut book = Self::new();
        for (account, balance) in balances {
            book.apply(core::iter::once((&account, balance)));
        }
        book
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_with(carry_delta: &[(&str, i128)]) -> CoinbasePlan {
        let carry_delta = carry_delta.iter().map(|(a, d)| (Account::from(*a), *d)).collect();
        CoinbasePlan {
            outputs: Vec::new(),
            carry_delta,
        }
    }

    #[test]
    fn an_orphan_leaves_no_trace() {
        let mut book: CarryBook = [("a".into(), 5)].into_iter().collect();
        let before = book.clone();
        let plan = plan_with(&[("a", -5), ("b", 7)]);
        book.settle(&plan);
        assert_eq!((book.balance("a"), book.balance("b"), book.total()), (0, 7, 7));
        assert_eq!(
            book.balances().len(),
            1,
            "no entry for an account that is owed nothing"
        );
        book.reverse(&plan);
        assert_eq!(book, before);
    }

    #[test]
    fn balances_of_one_account_add_up() {
        let book: CarryBook = [("a".into(), 5), ("b".into(), 1), ("a".into(), -5)]
            .into_iter()
            .collect();
        assert_eq!(book, [("b".into(), 1)].into_iter().collect());
    }
}
