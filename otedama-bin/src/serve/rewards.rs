//! Who is paid by the next block: the reward scheme, what is carried, and the plans under way.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use otedama_chain::{AddressError, ChainSpec, Family, PayoutOutput, PayoutPlan, Template};
use otedama_pool::{Payouts, ShareRow};
use otedama_rewards::coinbase::{hold, plan};
use otedama_rewards::{
    Account, BlockReward, CarryBook, CoinbasePlan, Distribution, Fee, Limits, Pplns, RewardScheme,
    ShareRecord, Solo, Window,
};
use tracing::error;

use crate::config;
use crate::store::SLOT_S;

/// Outputs that fit the coinbases of common firmware, besides the configured number.
const SIZE_CLASSES: [usize; 6] = [180, 60, 15, 8, 2, 1];

/// Plans that a block under way may still pay.
const PLANS_KEPT: u64 = 1024;

/// Scripts of addresses that are remembered.
const SCRIPTS_KEPT: usize = 100_000;

/// How accounts change when a block counts.
pub type CarryDelta = Vec<(Account, i128)>;

/// The reward side of one chain.
pub struct Rewards {
    spec: &'static ChainSpec,
    family: Arc<dyn Family>,
    scheme: Box<dyn RewardScheme>,
    solo: bool,
    fee: Fee,
    pool_account: Account,
    limits: Limits,
    book: CarryBook,
    next_id: u64,
    /// Plans by the id that their blocks carry, the newest last.
    plans: BTreeMap<u64, Planned>,
    scripts: HashMap<Account, Vec<u8>>,
}

/// What a block that carries a plan's id means for the book.
struct Planned {
    plan: CoinbasePlan,
    /// What the finder is owed on top, where the block itself can't pay.
    finder: u64,
}

/// What the reward side of a chain is made of.
pub struct RewardsConfig<'a> {
    /// The coin.
    pub spec: &'static ChainSpec,
    /// Its code.
    pub family: Arc<dyn Family>,
    /// The scheme.
    pub rewards: &'a config::Rewards,
    /// The pool's part, in parts per million.
    pub fee_ppm: u32,
    /// Where the pool's part goes.
    pub pool_address: &'a str,
    /// Outputs that a coinbase has at most.
    pub max_outputs: usize,
    /// Least amount of an output.
    pub dust: u64,
    /// What the pool owes from earlier blocks.
    pub carry: CarryBook,
}

impl Rewards {
    /// A scheme without any work yet.
    ///
    /// # Errors
    /// When the pool's address can't be paid to.
    pub fn new(config: RewardsConfig<'_>) -> Result<Self, AddressError> {
        config.family.payout_script(config.spec, config.pool_address)?;
        let fee = Fee::from_ppm(config.fee_ppm.min(1_000_000)).unwrap_or(Fee::ZERO);
        let solo = config.rewards.system == config::System::Solo;
        let scheme: Box<dyn RewardScheme> = if solo {
            Box::new(Solo::new(fee))
        } else {
            Box::new(Pplns::with_granularity(
                window(config.rewards.window),
                fee,
                SLOT_S,
            ))
        };
        Ok(Self {
            spec: config.spec,
            family: config.family,
            scheme,
            solo,
            fee,
            pool_account: Account::from(config.pool_address),
            limits: Limits {
                max_outputs: config.max_outputs.max(1),
                dust: config.dust,
            },
            book: config.carry,
            next_id: 1,
            plans: BTreeMap::new(),
            scripts: HashMap::new(),
        })
    }

    /// Whether work is counted at all.
    pub fn counts_work(&self) -> bool {
        !self.solo
    }

    /// Counts work that is in the journal. Times are cut to the minute, so that a restart, which reads
    /// sums by the minute, comes to the same result.
    pub fn credit(&mut self, account: &Account, work: u128, unix_s: u64) {
        if !self.solo {
            let share = ShareRecord {
                account: Arc::clone(account),
                work,
                time_s: unix_s - unix_s % SLOT_S,
            };
            self.scheme.credit(&share);
        }
    }

    /// Counts shares that are in the journal.
    pub fn credit_rows(&mut self, rows: &[ShareRow]) {
        for row in rows {
            self.credit(&row.account, row.work.get(), row.unix_s);
        }
    }

    /// Whom a block made from `template` pays.
    pub fn payouts(&mut self, template: &Template, unix_s: u64) -> Payouts {
        let network_work = template.network_target.work().get();
        self.scheme.observe_network(network_work);
        let block = BlockReward {
            reward: template.reward,
            network_work,
            time_s: unix_s,
            finder: None,
        };
        let distribution = self.scheme.distribute(&block);
        if !self.spec.block_pays_miners() {
            return self.held(&distribution, template.reward);
        }
        if distribution.credits.is_empty() {
            return self.finder_takes(template.reward);
        }
        let mut plans = Vec::new();
        let most = self.limits.max_outputs;
        let classes = SIZE_CLASSES.into_iter().filter(|n| *n < most);
        for max_outputs in std::iter::once(most).chain(classes) {
            // Whoever takes so many outputs can have the plan before.
            if plans
                .last()
                .is_some_and(|last: &Arc<PayoutPlan>| last.outputs.len() <= max_outputs)
            {
                continue;
            }
            let limits = Limits {
                max_outputs,
                ..self.limits
            };
            let plan = plan(&distribution, &self.pool_account, &self.book, limits);
            plans.push(Arc::new(self.register(plan, 0)));
        }
        Payouts::Shared(plans)
    }

    /// The block pays the pool, which owes the miners from then on.
    fn held(&mut self, distribution: &Distribution, reward: u64) -> Payouts {
        let (plan, finder) = if distribution.credits.is_empty() {
            let plan = CoinbasePlan {
                outputs: vec![(Arc::clone(&self.pool_account), reward)],
                carry_delta: Vec::new(),
            };
            (plan, reward - self.fee.of(reward))
        } else {
            (hold(distribution, &self.pool_account), 0)
        };
        Payouts::Shared(vec![Arc::new(self.register(plan, finder))])
    }

    /// Nobody has worked yet, or everybody works alone: whoever finds the block gets it.
    fn finder_takes(&mut self, reward: u64) -> Payouts {
        let fee = self.fee.of(reward);
        // An output below dust could never be spent; the finder has it.
        let fee = if fee < self.limits.dust { 0 } else { fee };
        let pool = Arc::clone(&self.pool_account);
        let others = (fee > 0)
            .then(|| {
                self.script(&pool)
                    .map(|script| PayoutOutput { script, amount: fee })
            })
            .flatten();
        Payouts::Finder {
            finder_amount: reward - others.as_ref().map_or(0, |o| o.amount),
            others: others.into_iter().collect(),
        }
    }

    /// Remembers a plan and turns its accounts into scripts.
    fn register(&mut self, plan: CoinbasePlan, finder: u64) -> PayoutPlan {
        let id = self.next_id;
        self.next_id += 1;
        let mut outputs: Vec<PayoutOutput> = Vec::with_capacity(plan.outputs.len());
        for (account, amount) in &plan.outputs {
            // Only addresses that had a script were let in, so this is about a broken journal.
            let script = self.script(account).or_else(|| {
                error!(%account, amount, "no script for a credited address; the pool's output has its part");
                let pool = Arc::clone(&self.pool_account);
                self.script(&pool)
            });
            outputs.push(PayoutOutput {
                script: script.unwrap_or_default(),
                amount: *amount,
            });
        }
        self.plans.insert(id, Planned { plan, finder });
        while self.plans.len() as u64 > PLANS_KEPT {
            self.plans.pop_first();
        }
        PayoutPlan { id, outputs }
    }

    fn script(&mut self, account: &Account) -> Option<Vec<u8>> {
        if let Some(script) = self.scripts.get(account) {
            return Some(script.clone());
        }
        let script = self.family.payout_script(self.spec, account).ok()?;
        if self.scripts.len() >= SCRIPTS_KEPT {
            self.scripts.clear();
        }
        self.scripts.insert(Arc::clone(account), script.clone());
        Some(script)
    }

    /// What a block that pays the plan with this id, found by `finder`, leaves owed.
    pub fn carry_delta(&self, plan_id: u64, finder: &Account) -> CarryDelta {
        let Some(planned) = self.plans.get(&plan_id) else {
            return Vec::new();
        };
        let mut delta = planned.plan.carry_delta.clone();
        if planned.finder > 0 && *finder != self.pool_account {
            delta.push((Arc::clone(finder), planned.finder.into()));
        }
        delta
    }

    /// A block counts, or (`counts` is false) no longer does: it left the best chain.
    pub fn settle(&mut self, delta: CarryDelta, counts: bool) {
        let plan = CoinbasePlan {
            outputs: Vec::new(),
            carry_delta: delta,
        };
        if counts {
            self.book.settle(&plan);
        } else {
            self.book.reverse(&plan);
        }
    }

    /// The sum of what the pool owes.
    pub fn owed(&self) -> i128 {
        self.book.total()
    }
}

fn window(window: config::Window) -> Window {
    match window {
        config::Window::Time(time) => Window::Time {
            seconds: time.as_secs().max(1),
        },
        #[expect(clippy::cast_sign_loss, reason = "validated to be above zero")]
        config::Window::Work(multiple) => Window::Work {
            multiple_ppm: ((multiple * 1e6).round() as u64).max(1),
        },
    }
}

#[cfg(test)]
mod tests {
    use otedama_chain::coins;
    use otedama_chain::dev::{DevChain, DevConfig};
    use otedama_hash::{Hash256, Work};

    use super::*;

    const POOL: &str = "bcrt1qy9thk2k9r88c7rj0f3qu9dyhvwp8kvrnez9jg3";
    const NOW: u64 = 1_700_000_100;

    fn rewards(system: config::System, max_outputs: usize) -> Rewards {
        let spec = &coins::dev::REGTEST;
        Rewards::new(RewardsConfig {
            spec,
            family: otedama_chain::family(spec),
            rewards: &config::Rewards {
                system,
                ..config::Rewards::default()
            },
            fee_ppm: 10_000,
            pool_address: POOL,
            max_outputs,
            dust: 546,
            carry: CarryBook::new(),
        })
        .unwrap()
    }

    fn template() -> Template {
        let spec = &coins::dev::REGTEST;
        let chain = DevChain::new(DevConfig {
            spec,
            ..DevConfig::default()
        })
        .unwrap();
        otedama_chain::family(spec)
            .parse_template(spec, chain.template_json(NOW).as_bytes())
            .unwrap()
    }

    fn accounts() -> [Account; 3] {
        [
            "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
            "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
            "bcrt1qxt427gjcdasetaxhmfg6n3kkkfp7k0kdcqx3mc",
        ]
        .map(Account::from)
    }

    fn row(account: &Account, work: u128) -> ShareRow {
        ShareRow {
            seq: 1,
            unix_s: NOW,
            account: Arc::clone(account),
            worker: "w".into(),
            work: Work::new(work),
            hash: Hash256::ZERO,
            height: 1,
            extranonce1: 0,
            is_block: false,
        }
    }

    #[test]
    fn every_size_class_pays_the_whole_reward() {
        let mut rewards = rewards(config::System::Pplns, 100);
        for (account, work) in accounts().iter().zip([600, 300, 100]) {
            rewards.credit_rows(&[row(account, work)]);
        }
        let template = template();
        let Payouts::Shared(plans) = rewards.payouts(&template, NOW) else {
            panic!("work was counted")
        };
        let outputs: Vec<usize> = plans.iter().map(|plan| plan.outputs.len()).collect();
        assert_eq!(outputs, [4, 2, 1], "most outputs first, no size twice");
        for plan in &plans {
            assert_eq!(plan.total(), Some(template.reward));
        }
        let ids: std::collections::HashSet<u64> = plans.iter().map(|plan| plan.id).collect();
        assert_eq!(ids.len(), plans.len());
    }

    #[test]
    fn without_work_or_alone_the_finder_takes_it_less_the_fee() {
        let template = template();
        for system in [config::System::Pplns, config::System::Solo] {
            let mut rewards = rewards(system, 100);
            if system == config::System::Solo {
                rewards.credit_rows(&[row(&accounts()[0], 5)]);
                assert!(!rewards.counts_work());
            }
            let Payouts::Finder {
                finder_amount,
                others,
            } = rewards.payouts(&template, NOW)
            else {
                panic!("nobody else is paid")
            };
            assert_eq!(others.len(), 1);
            assert_eq!(others[0].amount, template.reward / 100);
            assert_eq!(finder_amount + others[0].amount, template.reward);
        }
    }

    #[test]
    fn what_a_small_coinbase_leaves_out_is_owed_until_it_is_orphaned() {
        let mut rewards = rewards(config::System::Pplns, 1);
        for account in accounts() {
            rewards.credit_rows(&[row(&account, 100)]);
        }
        let template = template();
        let Payouts::Shared(plans) = rewards.payouts(&template, NOW) else {
            panic!("work was counted")
        };
        let delta = rewards.carry_delta(plans[0].id, &accounts()[0]);
        assert_eq!(
            rewards.owed(),
            0,
            "nothing is owed for a block that does not count yet"
        );
        rewards.settle(delta.clone(), true);
        assert!(rewards.owed() > 0);
        assert_eq!(rewards.owed(), delta.iter().map(|(_, owed)| owed).sum::<i128>());
        rewards.settle(delta.clone(), false);
        assert_eq!(rewards.owed(), 0);
        rewards.settle(delta, true);
        assert!(rewards.owed() > 0);
        assert!(
            rewards.carry_delta(9999, &accounts()[0]).is_empty(),
            "an unknown plan changes nothing"
        );
    }

    #[test]
    fn a_replay_by_the_minute_comes_to_the_same() {
        let (mut live, mut replayed) = (
            rewards(config::System::Pplns, 100),
            rewards(config::System::Pplns, 100),
        );
        let accounts = accounts();
        let mut sums: BTreeMap<(u64, usize), u128> = BTreeMap::new();
        for i in 0..5000_u64 {
            let (who, work, unix_s) = ((i % 3) as usize, u128::from(i % 7 + 1), NOW - 7300 + i * 73 / 50);
            live.credit(&accounts[who], work, unix_s);
            *sums.entry((unix_s - unix_s % SLOT_S, who)).or_default() += work;
        }
        for ((slot, who), work) in sums {
            replayed.credit(&accounts[who], work, slot);
        }
        let template = template();
        let plans = [live.payouts(&template, NOW), replayed.payouts(&template, NOW)];
        let [Payouts::Shared(a), Payouts::Shared(b)] = plans else {
            panic!("work was counted")
        };
        assert_eq!(a, b);
    }
}
