//! Blocks pay what was planned, plans follow the scheme, and every node is offered every block.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use otedama_chain::Template;
use otedama_hash::{Hash256, Monotonic};
use otedama_pool::{Candidate, ShareRow};
use otedama_rewards::{CoinbasePlan, Distribution, Window};

use crate::coin::Coin;
use crate::coinbase::outputs;
use crate::config::NODES;
use crate::process::{Planned, fee};

/// How far the scheme may be from a count over single shares, in parts of the reward: it works in slots of time.
const SLOT_TOLERANCE: f64 = 0.08;
/// Plans that are remembered.
const PLANS_KEPT: u64 = 1000;

/// What was planned, what was found.
#[derive(Debug)]
pub(crate) struct Blocks {
    coin: &'static Coin,
    window: Window,
    /// Credited shares, oldest first.
    recent: VecDeque<(u64, Arc<str>, u128)>,
    plans: BTreeMap<u64, Plan>,
    candidates: BTreeMap<Hash256, Offered>,
}

#[derive(Debug)]
struct Plan {
    reward: u64,
    distribution: Arc<Distribution>,
    plan: Arc<CoinbasePlan>,
    outputs: Vec<(Vec<u8>, u64)>,
}

#[derive(Debug)]
struct Offered {
    at: Monotonic,
    nodes: [bool; NODES],
    plan: u64,
}

impl Blocks {
    pub(super) fn new(coin: &'static Coin, window: Window) -> Self {
        Self {
            coin,
            window,
            recent: VecDeque::new(),
            plans: BTreeMap::new(),
            candidates: BTreeMap::new(),
        }
    }

    pub(super) fn credited(&mut self, row: &ShareRow, unix_s: u64) {
        while self.recent.front().is_some_and(|(at, ..)| at + 7200 < unix_s) {
            self.recent.pop_front();
        }
        self.recent
            .push_back((row.unix_s, row.account.clone(), row.work.get()));
    }

    pub(super) fn planned(
        &mut self,
        planned: &Planned,
        template: &Template,
        unix_s: u64,
    ) -> Result<(), String> {
        let reward = template.reward;
        if planned.distribution.reward() != reward {
            return Err(format!(
                "{} of the reward of {reward} are shared out",
                planned.distribution.reward()
            ));
        }
        self.follows_scheme(&planned.distribution, template, unix_s)?;
        let distribution = Arc::new(planned.distribution.clone());
        for ((id, plan), payout) in planned.plans.iter().zip(&planned.payouts) {
            carries_exactly(&distribution, plan, &self.coin.pool_address())?;
            let outputs = payout
                .outputs
                .iter()
                .map(|o| (o.script.clone(), o.amount))
                .collect();
            let plan = Plan {
                reward,
                distribution: distribution.clone(),
                plan: plan.clone(),
                outputs,
            };
            self.plans.insert(*id, plan);
        }
        let newest = planned.plans.first().map_or(0, |(id, _)| *id);
        let candidates = &self.candidates;
        self.plans
            .retain(|id, _| id + PLANS_KEPT > newest || candidates.values().any(|c| c.plan == *id));
        Ok(())
    }

    /// Compares a distribution with one that is counted share by share.
    fn follows_scheme(
        &self,
        distribution: &Distribution,
        template: &Template,
        unix_s: u64,
    ) -> Result<(), String> {
        let mut by_account: BTreeMap<&str, u128> = BTreeMap::new();
        let mut total = 0_u128;
        for (at, account, work) in self.recent.iter().rev() {
            let part = match self.window {
                Window::Work { multiple_ppm } => {
                    let whole = template.network_target.work().get() * u128::from(multiple_ppm) / 1_000_000;
                    (*work).min(whole.saturating_sub(total))
                }
                Window::Time { seconds } if at + seconds > unix_s => *work,
                Window::Time { .. } => 0,
            };
            *by_account.entry(account).or_default() += part;
            total += part;
        }
        let left = (template.reward - fee().of(template.reward)) as f64;
        let mut credited: BTreeMap<&str, u64> = BTreeMap::new();
        for credit in &distribution.credits {
            if credited.insert(&credit.account, credit.amount).is_some() {
                return Err(format!("{} is credited twice", credit.account));
            }
        }
        if total == 0 {
            return Ok(());
        }
        for (account, work) in &by_account {
            let due = left * (*work as f64 / total as f64);
            let amount = credited.get(account).copied().unwrap_or(0) as f64;
            if (amount - due).abs() > SLOT_TOLERANCE * left {
                return Err(format!(
                    "{account} gets {amount} of {left} where its shares are worth {due}"
                ));
            }
        }
        match credited.keys().find(|account| !by_account.contains_key(*account)) {
            Some(stranger) => Err(format!("{stranger} is paid without a share")),
            None => Ok(()),
        }
    }

    pub(super) fn candidate(&mut self, now: Monotonic, candidate: &Candidate) -> Result<(), String> {
        let offered = Offered {
            at: now,
            nodes: [false; NODES],
            plan: candidate.plan.id,
        };
        if self.candidates.insert(candidate.hash, offered).is_some() {
            return Err(format!("the block {} was found twice", candidate.hash));
        }
        let Some(plan) = self.plans.get(&candidate.plan.id) else {
            return Err(format!("nobody planned {}", candidate.plan.id));
        };
        if candidate.reward != plan.reward {
            return Err(format!(
                "the block brings {}, the template {}",
                candidate.reward, plan.reward
            ));
        }
        let Some(header_len) = self.coin.header_len() else {
            // The node wrote whom the block pays.
            return Ok(());
        };
        let paid = outputs(&candidate.bytes, header_len).ok_or("the block's coinbase can't be read")?;
        let paid: Vec<(Vec<u8>, u64)> = paid.into_iter().filter(|(_, amount)| *amount > 0).collect();
        let sum: u64 = paid.iter().map(|(_, amount)| amount).sum();
        if sum != plan.reward || sum != candidate.reward {
            return Err(format!("the coinbase pays {sum}, the reward is {}", plan.reward));
        }
        if paid != plan.outputs {
            return Err("the coinbase pays other outputs than planned".to_owned());
        }
        Ok(())
    }

    pub(super) fn offered(&mut self, hash: &Hash256, node: usize) {
        if let Some(candidate) = self.candidates.get_mut(hash) {
            candidate.nodes[node] = true;
        }
    }

    /// The process died before the journal had a block, and nothing on the chain says what it leaves owed.
    pub(crate) fn lost(&mut self, hash: &Hash256) {
        self.candidates.remove(hash);
    }

    /// A block that a node was not offered for a second.
    pub(crate) fn withheld(&self, now: Monotonic) -> Option<Hash256> {
        let late = |c: &Offered| now.since(c.at) > Duration::from_secs(1) && c.nodes.contains(&false);
        self.candidates
            .iter()
            .find(|(_, c)| late(c))
            .map(|(hash, _)| *hash)
    }

    /// Blocks that were found in this span.
    pub(crate) fn found_between(&self, from: Monotonic, to: Monotonic) -> impl Iterator<Item = &Hash256> {
        self.candidates
            .iter()
            .filter(move |(_, c)| from < c.at && c.at < to)
            .map(|(hash, _)| hash)
    }

    /// What each account earned by the blocks of a chain, less what they paid it: what the book has to say.
    pub(crate) fn owed(&self, chain: impl Iterator<Item = Hash256>) -> BTreeMap<Arc<str>, i128> {
        let mut owed = BTreeMap::new();
        for hash in chain {
            let Some(plan) = self.candidates.get(&hash).and_then(|c| self.plans.get(&c.plan)) else {
                continue;
            };
            for credit in &plan.distribution.credits {
                *owed.entry(credit.account.clone()).or_default() += i128::from(credit.amount);
            }
            for (account, amount) in &plan.plan.outputs {
                *owed.entry(account.clone()).or_default() -= i128::from(*amount);
            }
        }
        owed.retain(|_, amount| *amount != 0);
        owed
    }
}

/// Per account, what it is credited is what it is paid and what is carried.
fn carries_exactly(distribution: &Distribution, plan: &CoinbasePlan, pool: &str) -> Result<(), String> {
    let paid: u64 = plan.outputs.iter().map(|(_, amount)| amount).sum();
    if paid != distribution.reward() {
        return Err(format!("a plan pays {paid} of {}", distribution.reward()));
    }
    let mut left: BTreeMap<&str, i128> = BTreeMap::new();
    for credit in &distribution.credits {
        *left.entry(&credit.account).or_default() += i128::from(credit.amount);
    }
    for (account, amount) in &plan.outputs {
        *left.entry(account).or_default() -= i128::from(*amount);
    }
    for (account, delta) in &plan.carry_delta {
        *left.entry(account).or_default() -= delta;
    }
    left.remove(pool);
    match left.iter().find(|(_, amount)| **amount != 0) {
        Some((account, amount)) => Err(format!("{amount} of {account} are neither paid nor carried")),
        None => Ok(()),
    }
}
